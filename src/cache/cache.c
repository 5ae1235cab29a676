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
#include <stdlib.h>

#include "base/panic.h"
#include "cache/cache_internal.h"

/* ---- shards: these are called with the lock held ---- */

static bool entry_matches(const struct map_node *node, const void *key)
{
    return str_eq(MAP_ENTRY(node, const struct entry, node)->key, *(const struct str *)key);
}

struct entry *shard_find(struct shard *s, uint64_t hash, struct str key)
{
    struct map_node *node = map_get(&s->map, hash, entry_matches, &key);

    return node != NULL ? MAP_ENTRY(node, struct entry, node) : NULL;
}

static void shard_insert(struct shard *s, uint64_t hash, struct entry *e)
{
    cache_entry_ref(&e->seen);
    map_put(&s->map, &e->node, hash);
    sieve_add(&s->sieve, &e->sieve);
    s->files += entry_is_file(e);
    s->blobs += e->seen.blob != NULL;
}

static void shard_forget(struct shard *s, struct entry *e)
{
    map_remove(&s->map, &e->node);
    s->files -= entry_is_file(e);
    s->blobs -= e->seen.blob != NULL;
}

/* The index's reference and the room in the account are the caller's now. */
struct entry *shard_take_out(struct shard *s, uint64_t hash, struct str key)
{
    struct entry *e = shard_find(s, hash, key);

    if (e == NULL)
        return NULL;
    shard_forget(s, e);
    sieve_remove(&s->sieve, &e->sieve);
    return e;
}

/* The one step in which a version takes the place of another: nobody finds the key missing in
 * between. */
struct entry *shard_replace(struct shard *s, uint64_t hash, struct entry *e)
{
    struct entry *old = shard_take_out(s, hash, e->key);

    shard_insert(s, hash, e);
    return old;
}

struct cache_entry *shard_use(struct entry *e)
{
    sieve_hit(&e->sieve);
    return cache_entry_ref(&e->seen);
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

void cache_give_back(struct cache *c, size_t cost)
{
    atomic_fetch_sub_explicit(&c->used, cost, memory_order_relaxed);
}

/* No lock may be held: big blobs are unmapped here. */
void cache_let_go(struct cache *c, struct entry *e)
{
    struct cache_entry *seen;

    if (e == NULL)
        return;
    seen = &e->seen;
    cache_give_back(c, e->cost);
    cache_entry_unref(&seen);
}

static bool evict_one(struct cache *c, struct shard *s)
{
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_take_victim(s);
    pthread_mutex_unlock(&s->lock);
    cache_let_go(c, e);
    return e != NULL;
}

/* False when all shards are empty and there is no room still: it is held for what is under way. */
bool cache_make_room(struct cache *c, size_t first_shard, size_t cost)
{
    unsigned empty = 0;

    if (cost > c->limit) /* nothing is gained by evicting everything */
        return false;
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
    map_init(&s->flights);
    sieve_init(&s->sieve);
}

static void shard_done(struct shard *s)
{
    assert(s->flights.count == 0); /* producers are over before the cache goes */
    map_done(&s->flights);
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
    uint64_t hash = cache_hash(key);
    struct shard *s = &c->shards[shard_index(hash)];
    struct cache_entry *found = NULL;
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_find(s, hash, key);
    if (e != NULL) {
        s->hits++;
        found = shard_use(e);
    } else {
        s->misses++;
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

bool cache_is_too_large(const struct cache *c, const struct entry *e)
{
    return (e->seen.blob != NULL && blob_str(e->seen.blob).n > c->max_object) || e->cost > c->limit;
}

/* Into the index, if there is room for it; the caller's reference stays in every case. */
static struct cache_entry *insert(struct cache *c, struct entry *e)
{
    uint64_t hash = cache_hash(e->key);
    size_t at = shard_index(hash);
    struct shard *s = &c->shards[at];
    struct entry *old;

    if (!cache_is_too_large(c, e) && cache_make_room(c, at, e->cost)) {
        pthread_mutex_lock(&s->lock);
        old = shard_replace(s, hash, e);
        pthread_mutex_unlock(&s->lock);
        cache_let_go(c, old);
    } else {
        atomic_fetch_add_explicit(&c->rejected, 1, memory_order_relaxed);
        cache_drop(c, e->key); /* the version that is there has been overtaken */
    }
    return &e->seen;
}

struct cache_entry *cache_put(struct cache *c, struct str key, const struct cache_entry *what)
{
    struct entry *e = entry_new(key, what);

    if (entry_is_file(e))
        e->cost += c->limit / CACHE_MAX_FILES;
    return insert(c, e);
}

void cache_drop(struct cache *c, struct str key)
{
    uint64_t hash = cache_hash(key);
    struct shard *s = &c->shards[shard_index(hash)];
    struct entry *e;

    pthread_mutex_lock(&s->lock);
    e = shard_take_out(s, hash, key);
    pthread_mutex_unlock(&s->lock);
    cache_let_go(c, e);
}

/* Takes the matching entries of one shard out into a list threaded through their nodes. */
static struct map_node *take_matching(struct shard *s, cache_match_fn match, void *arg)
{
    struct map_node *taken = NULL;

    pthread_mutex_lock(&s->lock);
    MAP_FOREACH (node, &s->map) {
        struct entry *e = MAP_ENTRY(node, struct entry, node);

        if (!match(e->key, arg))
            continue;
        shard_forget(s, e);
        sieve_remove(&s->sieve, &e->sieve);
        node->next = taken;
        taken = node;
    }
    pthread_mutex_unlock(&s->lock);
    return taken;
}

unsigned cache_purge(struct cache *c, cache_match_fn match, void *arg)
{
    unsigned count = 0;

    for (int i = 0; i < CACHE_SHARDS; i++) {
        struct map_node *node;

        count += flights_unlist(&c->shards[i], match, arg);
        node = take_matching(&c->shards[i], match, arg);
        for (struct map_node *next; node != NULL; node = next, count++) {
            next = node->next;
            cache_let_go(c, MAP_ENTRY(node, struct entry, node));
        }
    }
    return count;
}

bool cache_turns_hot(struct cache *c, struct str key, unsigned threshold, usec_t now)
{
    return hot_count(c->hot, cache_hash(key), threshold, now);
}

void cache_hot_failed(struct cache *c, struct str key)
{
    hot_forget(c->hot, cache_hash(key));
}

void cache_stats(const struct cache *c, struct cache_stats *ret)
{
    *ret =
        (struct cache_stats){.limit = c->limit,
                             .bytes = atomic_load_explicit(&c->used, memory_order_relaxed),
                             .flights = atomic_load_explicit(&c->flights, memory_order_relaxed),
                             .rejected = atomic_load_explicit(&c->rejected, memory_order_relaxed)};
    for (int i = 0; i < CACHE_SHARDS; i++) {
        struct shard *s = &c->shards[i];

        pthread_mutex_lock(&s->lock);
        ret->entries += s->map.count;
        ret->files += s->files;
        ret->blobs += s->blobs;
        ret->hits += s->hits;
        ret->misses += s->misses;
        ret->evictions += s->evictions;
        pthread_mutex_unlock(&s->lock);
    }
}
