/*
 * Hit ratios of eviction: traces of requests for objects of known sizes, and policies that say what
 * goes when there is no room. All of it follows from fixed seeds.
 */
#ifndef BENCH_EVICTION_H
#define BENCH_EVICTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace {
    const char *name;
    uint32_t *requests; /* owned; numbers of objects, in order of time */
    size_t request_count;
    uint32_t *sizes; /* owned; by number */
    size_t object_count;
};

/* eviction_traces.c */
void trace_zipf(struct trace *ret, const char *name, double alpha);
void trace_live(struct trace *ret, const char *name, bool with_scan);
void trace_done(struct trace *t);

/* eviction_policies.c. Shards and nodes come zeroed; a node is of one shard for ever. */
struct policy {
    const char *name;
    size_t shard_size, node_size;
    void (*init)(void *shard, uint64_t limit);
    void (*add)(void *shard, void *node, uint32_t size);
    void (*hit)(void *shard, void *node);
    void *(*evict)(void *shard); /* the node that goes; NULL: there is none */
};

extern const struct policy policies[];
extern const size_t policy_count;

#endif
