/*
 * The index is CACHE_SHARDS maps, each with its SIEVE list under one mutex that is held for a
 * look-up or a change of pointers, never while memory is freed. The bytes of all shards are one
 * account: room is taken from it before an entry goes in and given back after one has come out, so
 * the limit holds at every moment and for any number of writers. Room is made in the shard the new
 * entry goes to, then, one entry from each, round the others.
 *
 * Invariants: an entry in the index carries one reference of the index's, its cost is in the
 * account, it is in exactly one map and the SIEVE list beside it. What eviction took out lives on
 * for those who hold it, outside the account.
 */
#include "cache/cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/panic.h"
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
    char bytes[]; /* of key and etag */
};

struct shard {
    _Alignas(CACHE_LINE) pthread_mutex_t lock; /* guards all of the shard */
    struct map map;
    struct sieve sieve;
    uint64_t files; /* entries without a blob */
    uint64_t hits, misses, evictions;
};

struct cache {
    size_t limit, max_object;
    atomic_size_t used; /* the account: never above `limit` */
    atomic_ullong rejected;
    struct shard *shards;  /* owned, CACHE_SHARDS of them */
    struct hot_table *hot; /* owned */
};

/* ---- entries ---- */

static struct entry *entry_of(struct cache_entry *e)
{
    return container_of(e, struct entry, seen);
}

static struct str copy_to(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return (struct str){to, s.n};
}

/* One reference, the caller's. Takes what `seen` owns; its etag is copied. */
static struct entry *entry_new(struct str key, const struct cache_entry *seen)
{
    size_t size = sizeof(struct entry) + key.n + seen->etag.n;
    struct entry *e = xzalloc(size);

    e->seen = *seen;
    atomic_init(&e->refs, 1);
    e->key = copy_to(e->bytes, key);
    e->seen.etag = copy_to(e->bytes + key.n, seen->etag);
    e->cost = size + seen->derived_bytes;
    if (seen->blob != NULL)
        e->cost += blob_footprint(seen->blob);
    return e;
}

static void entry_free(struct entry *e)
{
    if (e->seen.derived != NULL && e->seen.derived_free != NULL)
        e->seen.derived_free(e->seen.derived);
    if (e->seen.blob == NULL)
        close(e->seen.fd);
    blob_unref(&e->seen.blob);
    free(e);
}

struct cache_entry *cache_entry_ref(struct cache_entry *e)
{
    unsigned before = atomic_fetch_add_explicit(&entry_of(e)->refs, 1, memory_order_relaxed);

    assert(before > 0);
    return e;
}

void cache_entry_unref(struct cache_entry **e)
{
    struct cache_entry *gone = TAKE(*e);

    if (gone != NULL &&
        atomic_fetch_sub_explicit(&entry_of(gone)->refs, 1, memory_order_acq_rel) == 1)
        entry_free(entry_of(gone));
}

bool cache_claim_check(struct cache_entry *e, usec_t now, usec_t interval)
{
    usec_t last = atomic_load_explicit(&e->checked_at, memory_order_relaxed);

    if (now < last ||
        now - last < interval) /* `last` may come from a worker whose clock is ahead */
        return false;
    return atomic_compare_exchange_strong_explicit(&e->checked_at, &last, now, memory_order_relaxed,
                                                   memory_order_relaxed);
}

/* ---- shards: these are called with the lock held ---- */

static uint64_t hash_of(struct str key)
{
    return hash_bytes(hash_process_key(), key);
}

static size_t shard_index(uint64_t hash)
{
    return hash >> 60; /* the chains of a shard's map use the low bits */
}
_Static_assert(CACHE_SHARDS == 1 << 4, "shard_index() gives 4 bits");

static bool entry_matches(const struct map_node *node, const void *key)
{
    return str_eq(MAP_ENTRY(node, const struct entry, node)->key, *(const struct str *)key);
}

static struct entry *shard_find(struct shard *s, uint64_t hash, struct str key)
{
    struct map_node *node = map_get(&s->map, hash, entry_matches, &key);

    return node != NULL ? MAP_ENTRY(node, struct entry, node) : NULL;
}

static void shard_insert(struct shard *s, uint64_t hash, struct entry *e)
{
    cache_entry_ref(&e->seen);
    map_put(&s->map, &e->node, hash);
    sieve_add(&s->sieve, &e->sieve);
    s->files += e->seen.blob == NULL;
}

static void shard_forget(struct shard *s, struct entry *e)
{
    map_remove(&s->map, &e->node);
    s->files -= e->seen.blob == NULL;
}

/* The index's reference and the room in the account are the caller's now. */
static struct entry *shard_take_out(struct shard *s, uint64_t hash, struct str key)
{
    struct entry *e = shard_find(s, hash, key);

    if (e == NULL)
        return NULL;
    shard_forget(s, e);
    sieve_remove(&s->sieve, &e->sieve);
    return e;
}

/* As shard_take_out(), for the one SIEVE gives up. */
static struct entry *shard_take_victim(struct shard *s)
{
    struct sieve_node *victim = sieve_evict(&s->sieve);
    struct entry *e;

    if (victim == NULL)
        return NULL;
    e = container_of(victim, struct entry, sieve);
    shard_forget(s, e);
    s->evictions++;
    return e;
}

/* ---- the account ---- */

static bool account_take(struct cache *c, size_t cost)
{
    size_t used = atomic_load_explicit(&c->used, memory_order_relaxed);

    do {
        if (cost > c->limit - used)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&c->used, &used, used + cost,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

/* Lets go of what came out of the index; no lock may be held, big blobs are unmapped here. */
static void let_go(struct cache *c, struct entry *e)
{
    struct cache_entry *seen = &e->seen;

    atomic_fetch_sub_explicit(&c->used, e->cost, memory_order_relaxed);
    cache_entry_unref(&seen);
}

static bool evict_one(struct cache *c, struct shard *s)
{
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_take_victim(s);
    pthread_mutex_unlock(&s->lock);
    if (e != NULL)
        let_go(c, e);
    return e != NULL;
}

/* False when all shards are empty and there is no room still: other writers hold it for what they
 * are about to insert. */
static bool make_room(struct cache *c, size_t first_shard, size_t cost)
{
    unsigned empty = 0;

    for (size_t at = first_shard; !account_take(c, cost); at++) {
        empty = evict_one(c, &c->shards[at % CACHE_SHARDS]) ? 0 : empty + 1;
        if (empty == CACHE_SHARDS)
            return false;
    }
    return true;
}

/* ---- the cache ---- */

static void shard_init(struct shard *s)
{
    *s = (struct shard){0};
    pthread_mutex_init(&s->lock, NULL);
    map_init(&s->map);
    sieve_init(&s->sieve);
}

static void shard_done(struct shard *s)
{
    map_done(&s->map);
    pthread_mutex_destroy(&s->lock);
}

struct cache *cache_new(size_t memory_limit, size_t max_object)
{
    struct cache *c = xzalloc(sizeof *c);

    c->limit = memory_limit;
    c->max_object = max_object;
    c->hot = xzalloc(sizeof *c->hot);
    c->shards = aligned_alloc(CACHE_LINE, CACHE_SHARDS * sizeof *c->shards);
    assert(c->shards != NULL);
    for (int i = 0; i < CACHE_SHARDS; i++)
        shard_init(&c->shards[i]);
    return c;
}

void cache_free(struct cache **c)
{
    struct cache *gone = TAKE(*c);

    if (gone == NULL)
        return;
    for (int i = 0; i < CACHE_SHARDS; i++) {
        while (evict_one(gone, &gone->shards[i]))
            ;
        shard_done(&gone->shards[i]);
    }
    assert(atomic_load_explicit(&gone->used, memory_order_relaxed) == 0);
    free(gone->shards);
    free(gone->hot);
    free(gone);
}

struct cache_entry *cache_get(struct cache *c, struct str key)
{
    uint64_t hash = hash_of(key);
    struct shard *s = &c->shards[shard_index(hash)];
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_find(s, hash, key);
    if (e != NULL) {
        s->hits++;
        sieve_hit(&e->sieve);
        cache_entry_ref(&e->seen);
    } else {
        s->misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return e != NULL ? &e->seen : NULL;
}

/* The one step in which a version takes the place of another: nobody finds the key missing in
 * between. */
static void replace(struct cache *c, struct shard *s, uint64_t hash, struct entry *e)
{
    struct entry *old;

    pthread_mutex_lock(&s->lock);
    old = shard_take_out(s, hash, e->key);
    shard_insert(s, hash, e);
    pthread_mutex_unlock(&s->lock);
    if (old != NULL)
        let_go(c, old);
}

static bool is_too_large(const struct cache *c, const struct entry *e)
{
    return (e->seen.blob != NULL && blob_str(e->seen.blob).n > c->max_object) || e->cost > c->limit;
}

/* Into the index, if there is room for it; the caller's reference stays in every case. */
static struct cache_entry *insert(struct cache *c, struct entry *e)
{
    uint64_t hash = hash_of(e->key);
    size_t at = shard_index(hash);

    if (!is_too_large(c, e) && make_room(c, at, e->cost)) {
        replace(c, &c->shards[at], hash, e);
    } else {
        atomic_fetch_add_explicit(&c->rejected, 1, memory_order_relaxed);
        cache_drop(c, e->key); /* the version that is there has been overtaken */
    }
    return &e->seen;
}

struct cache_entry *cache_put(struct cache *c, struct str key, const struct cache_version *version,
                              struct str etag, unix_t last_modified, struct blob *blob,
                              void *derived, void (*derived_free)(void *), size_t derived_bytes,
                              usec_t now)
{
    assert(blob != NULL);
    return insert(c, entry_new(key, &(struct cache_entry){.blob = blob,
                                                          .fd = -1,
                                                          .version = *version,
                                                          .etag = etag,
                                                          .last_modified = last_modified,
                                                          .derived = derived,
                                                          .derived_free = derived_free,
                                                          .derived_bytes = derived_bytes,
                                                          .checked_at = now}));
}

struct cache_entry *cache_put_file(struct cache *c, struct str key,
                                   const struct cache_version *version, struct str etag,
                                   unix_t last_modified, int fd, usec_t now)
{
    struct entry *e = entry_new(key, &(struct cache_entry){.fd = fd,
                                                           .version = *version,
                                                           .etag = etag,
                                                           .last_modified = last_modified,
                                                           .checked_at = now});

    e->cost += c->limit / CACHE_MAX_FILES;
    return insert(c, e);
}

static void release_entry(void *owner)
{
    struct cache_entry *e = owner;

    cache_entry_unref(&e);
}

struct body *cache_body_new(struct arena *a, struct cache_entry *e, uint64_t first, uint64_t length)
{
    struct file_body *f;

    if (e->blob != NULL)
        return blob_body_new(a, e->blob, first, length);
    assert(first <= e->version.size && length <= e->version.size - first);
    f = ARENA_NEW(a, struct file_body);
    if (f == NULL)
        return NULL;
    file_body_init(f, e->fd, first, length, release_entry, cache_entry_ref(e));
    return &f->body;
}

void cache_drop(struct cache *c, struct str key)
{
    uint64_t hash = hash_of(key);
    struct shard *s = &c->shards[shard_index(hash)];
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_take_out(s, hash, key);
    pthread_mutex_unlock(&s->lock);
    if (e != NULL)
        let_go(c, e);
}

bool cache_turns_hot(struct cache *c, struct str key, unsigned threshold, usec_t now)
{
    return hot_count(c->hot, hash_of(key), threshold, now);
}

void cache_hot_failed(struct cache *c, struct str key)
{
    hot_forget(c->hot, hash_of(key));
}

void cache_stats(const struct cache *c, struct cache_stats *ret)
{
    *ret =
        (struct cache_stats){.limit = c->limit,
                             .bytes = atomic_load_explicit(&c->used, memory_order_relaxed),
                             .rejected = atomic_load_explicit(&c->rejected, memory_order_relaxed)};
    for (int i = 0; i < CACHE_SHARDS; i++) {
        struct shard *s = &c->shards[i];

        pthread_mutex_lock(&s->lock);
        ret->entries += s->map.count;
        ret->files += s->files;
        ret->hits += s->hits;
        ret->misses += s->misses;
        ret->evictions += s->evictions;
        pthread_mutex_unlock(&s->lock);
    }
}
