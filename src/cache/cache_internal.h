/*
 * The cache from inside: for the files of cache/ only. entry.c has what is kept, cache.c the index
 * and its account, flight.c what is on its way.
 */
#ifndef CACHE_CACHE_INTERNAL_H
#define CACHE_CACHE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/map.h"
#include "cache/cache.h"
#include "cache/hot.h"
#include "cache/sieve.h"

enum { CACHE_SHARDS = 16, CACHE_LINE = 64 };

struct entry {
    struct cache_entry seen; /* what callers see */
    atomic_uint refs;
    size_t cost;
    struct map_node node;
    struct sieve_node sieve;
    struct str key;
    char bytes[]; /* of key, etag and type */
};

struct shard {
    _Alignas(CACHE_LINE) pthread_mutex_t lock; /* guards all of the shard */
    struct map map;
    struct map flights; /* of flight.node: at most one for a key */
    struct sieve sieve;
    uint64_t files, blobs; /* entries that keep a file open; that hold bytes */
    uint64_t hits, misses, evictions;
};

struct cache {
    size_t limit, max_object;
    atomic_size_t used; /* the account: never above `limit` */
    atomic_ullong rejected;
    atomic_ullong flights; /* gauge */
    struct shard *shards;  /* owned, CACHE_SHARDS of them */
    struct hot_table *hot; /* owned */
};

/* ---- entry.c ---- */

/* One reference, the caller's. Takes what `seen` owns; its etag and type are copied. */
struct entry *entry_new(struct str key, const struct cache_entry *seen);

static inline struct entry *entry_of(struct cache_entry *e)
{
    return container_of(e, struct entry, seen);
}

static inline bool entry_is_file(const struct entry *e)
{
    return e->seen.is_file;
}

/* It says only that the object is not shared. */
static inline bool entry_is_mark(const struct entry *e)
{
    return e->seen.status == 0 && e->seen.blob == NULL && !e->seen.is_file;
}

/* ---- cache.c ---- */

static inline uint64_t cache_hash(struct str key)
{
    return hash_bytes(hash_process_key(), key);
}

static inline size_t shard_index(uint64_t hash)
{
    return hash >> 60; /* the chains of a shard's map use the low bits */
}
_Static_assert(CACHE_SHARDS == 1 << 4, "shard_index() gives 4 bits");

/* With the shard's lock held. */
struct entry *shard_find(struct shard *s, uint64_t hash, struct str key);
struct cache_entry *shard_use(struct entry *e); /* a reference for the caller; SIEVE hears of it */
/* Puts `e` in the place of the version that is there, which is the caller's to let go of once the
 * lock is free. Room for it must have been taken. */
struct entry *shard_replace(struct shard *s, uint64_t hash, struct entry *e);
struct entry *shard_take_out(struct shard *s, uint64_t hash, struct str key);

/* Without any lock. */
bool cache_make_room(struct cache *c, size_t first_shard, size_t cost);
void cache_give_back(struct cache *c, size_t cost); /* room that was taken */
void cache_let_go(struct cache *c,
                  struct entry *e); /* of what came out of the index; accepts NULL */
bool cache_is_too_large(const struct cache *c, const struct entry *e);

/* ---- flight_index.c ---- */

/* What of the shard is on its way and matches leaves the index. How many. Takes the lock. */
unsigned flights_unlist(struct shard *s, cache_match_fn match, void *arg);

#endif
