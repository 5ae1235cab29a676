/*
 * Runs every trace through every policy at several sizes and writes tables in Markdown. Room is
 * made as src/cache/cache.c makes it: objects are spread over shards by a hash, all shards share
 * one limit, the shard of the newcomer gives up one first, then each of the others in turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "eviction.h"

#define GB UINT64_C(1000000000)

/* A cache under test. */
struct run {
    const struct policy *policy;
    const struct trace *trace;
    unsigned shard_count;
    uint64_t left;
    char *shards, *nodes; /* owned */
    bool *is_in;          /* owned; by object */
};

static void run_init(struct run *r, const struct policy *p, const struct trace *t, uint64_t limit,
                     unsigned shard_count)
{
    *r = (struct run){.policy = p,
                      .trace = t,
                      .shard_count = shard_count,
                      .left = limit,
                      .shards = xcalloc(shard_count, p->shard_size),
                      .nodes = xcalloc(t->object_count, p->node_size),
                      .is_in = xcalloc(t->object_count, sizeof(bool))};
    for (unsigned i = 0; i < shard_count; i++)
        p->init(r->shards + i * p->shard_size, limit / shard_count);
}

static void run_done(struct run *r)
{
    free(r->shards);
    free(r->nodes);
    free(r->is_in);
}

static unsigned shard_of(const struct run *r, uint32_t object)
{
    uint64_t hash = (object + 1) * UINT64_C(0x9e3779b97f4a7c15);

    hash = (hash ^ hash >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unsigned)(hash >> 32) % r->shard_count;
}

static void *shard_at(const struct run *r, unsigned i)
{
    return r->shards + i % r->shard_count * r->policy->shard_size;
}

static void evict(struct run *r, unsigned shard)
{
    char *node = r->policy->evict(shard_at(r, shard));
    size_t object;

    if (node == NULL)
        return;
    object = (size_t)(node - r->nodes) / r->policy->node_size;
    r->is_in[object] = false;
    r->left += r->trace->sizes[object];
}

/* Is it there? When it is not, it is taken in. */
static bool ask(struct run *r, uint32_t object)
{
    unsigned shard = shard_of(r, object);
    void *node = r->nodes + object * r->policy->node_size;
    uint32_t size = r->trace->sizes[object];

    if (r->is_in[object]) {
        r->policy->hit(shard_at(r, shard), node);
        return true;
    }
    for (unsigned at = shard; r->left < size; at++)
        evict(r, at);
    r->policy->add(shard_at(r, shard), node, size);
    r->left -= size;
    r->is_in[object] = true;
    return false;
}

/* Both in percent, without the first fifth of the trace, in which caches fill. */
struct ratio {
    double objects, bytes;
};

static struct ratio measure(const struct policy *p, const struct trace *t, uint64_t limit,
                            unsigned shard_count)
{
    size_t first = t->request_count / 5;
    uint64_t bytes = 0, hits = 0, hit_bytes = 0;
    struct run r;

    run_init(&r, p, t, limit, shard_count);
    for (size_t i = 0; i < t->request_count; i++) {
        uint32_t size = t->sizes[t->requests[i]];
        bool is_hit = ask(&r, t->requests[i]);

        if (i < first)
            continue;
        bytes += size;
        hits += is_hit;
        hit_bytes += is_hit ? size : 0;
    }
    run_done(&r);
    return (struct ratio){100.0 * (double)hits / (double)(t->request_count - first),
                          100.0 * (double)hit_bytes / (double)bytes};
}

static void print_row(const struct trace *t, const char *memory, uint64_t limit,
                      unsigned shard_count)
{
    printf("| %s | %s |", t->name, memory);
    for (size_t i = 0; i < policy_count; i++) {
        struct ratio r = measure(&policies[i], t, limit, shard_count);

        printf(" %.1f / %.1f |", r.objects, r.bytes);
    }
    printf("\n");
}

/* `sizes`: tenths of GB, up to a 0. */
static void print_rows(const struct trace *t, const uint64_t *sizes, unsigned shard_count)
{
    for (; *sizes > 0; sizes++) {
        char memory[32];

        snprintf(memory, sizeof memory, "%g GB", (double)*sizes / 10);
        print_row(t, memory, *sizes * GB / 10, shard_count);
    }
    print_row(t, "no limit", UINT64_MAX, shard_count);
}

static void print_head(unsigned shard_count)
{
    printf("\n%u %s:\n\n| trace | memory |", shard_count, shard_count == 1 ? "shard" : "shards");
    for (size_t i = 0; i < policy_count; i++)
        printf(" %s |", policies[i].name);
    printf("\n| --- | --- |");
    for (size_t i = 0; i < policy_count; i++)
        printf(" --- |");
    printf("\n");
}

static void print_table(unsigned shard_count)
{
    static const uint64_t zipf_sizes[] = {20, 100, 200, 500, 0};
    static const uint64_t live_sizes[] = {5, 10, 20, 50, 100, 0};
    struct trace t;

    print_head(shard_count);
    trace_zipf(&t, "Zipf, α = 0.8", 0.8);
    print_rows(&t, zipf_sizes, shard_count);
    trace_done(&t);
    trace_zipf(&t, "Zipf, α = 1.0", 1.0);
    print_rows(&t, zipf_sizes, shard_count);
    trace_done(&t);
    trace_live(&t, "live", false);
    print_rows(&t, live_sizes, shard_count);
    trace_done(&t);
    trace_live(&t, "live and a scan", true);
    print_rows(&t, live_sizes, shard_count);
    trace_done(&t);
}

int main(void)
{
    print_table(16);
    print_table(1);
    printf("\n");
    return 0;
}
