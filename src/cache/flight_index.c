/*
 * Flights in the index. A listed flight stands beside the entries, under the same lock, so that a
 * look-up sees either the entry, or the flight that will bring it, or is the one to begin it;
 * landing swaps one for the other. What is out of the index, by whatever way, nobody joins any
 * more, and nothing of it is kept.
 */
#include "base/panic.h"
#include "cache/flight_internal.h"

static bool flight_matches(const struct map_node *node, const void *key)
{
    return str_eq(MAP_ENTRY(node, const struct flight, node)->key, *(const struct str *)key);
}

static struct flight *find(const struct shard *s, uint64_t hash, struct str key)
{
    struct map_node *node = map_get(&s->flights, hash, flight_matches, &key);

    return node != NULL ? MAP_ENTRY(node, struct flight, node) : NULL;
}

static struct shard *shard_of(const struct flight *f)
{
    return &f->cache->shards[shard_index(f->node.hash)];
}

/* With the shard's lock held, as those up to look_up(). */
static struct flight *list_new(struct cache *c, struct shard *s, uint64_t hash, struct str key,
                               struct loop *l)
{
    struct flight *f = flight_new(c, l);

    f->key = (struct str){xmemdup(key.p, key.n), key.n};
    map_put(&s->flights, &f->node, hash);
    f->is_listed = true;
    return f;
}

/* True: it was there, and the index's reference is the caller's now. */
static bool take_out(struct shard *s, struct flight *f)
{
    bool was_listed = f->is_listed;

    if (was_listed)
        map_remove(&s->flights, &f->node);
    f->is_listed = false;
    return was_listed;
}

/* ---- looking up ---- */

static bool is_before(usec_t now, _Atomic usec_t *end)
{
    return now < atomic_load_explicit(end, memory_order_relaxed);
}

/* A mark that has had its time says nothing any more, and is no version that might prove right. */
static struct entry *find_version(struct shard *s, uint64_t hash, struct str key, usec_t now)
{
    struct entry *e = shard_find(s, hash, key);

    return e != NULL && entry_is_mark(e) && !is_before(now, &e->seen.fresh_until) ? NULL : e;
}

static enum cache_found look_up(struct cache *c, struct shard *s, uint64_t hash, struct str key,
                                usec_t now, struct loop *l, struct cache_lookup *ret)
{
    struct entry *e = find_version(s, hash, key, now);
    struct flight *f;

    ret->entry = e != NULL ? shard_use(e) : NULL;
    if (e != NULL && is_before(now, &e->seen.fresh_until)) {
        s->hits++;
        return CACHE_FRESH;
    }
    f = find(s, hash, key);
    if (e != NULL && is_before(now, &e->seen.stale_until)) {
        s->hits++;
        if (f == NULL && !is_before(now, &e->seen.retry_at))
            ret->flight = flight_ref(list_new(c, s, hash, key, l));
        return CACHE_STALE;
    }
    s->misses++;
    ret->flight = flight_ref(f != NULL ? f : list_new(c, s, hash, key, l));
    return f != NULL ? CACHE_JOINED : CACHE_BEGUN;
}

enum cache_found cache_look_up(struct cache *c, struct str key, usec_t now, struct loop *l,
                               struct flight_reader *r, struct cache_lookup *ret)
{
    uint64_t hash = cache_hash(key);
    struct shard *s = &c->shards[shard_index(hash)];
    enum cache_found found;

    *ret = (struct cache_lookup){0};
    pthread_mutex_lock(&s->lock);
    found = look_up(c, s, hash, key, now, l, ret);
    if (found == CACHE_JOINED || found == CACHE_BEGUN)
        flight_add_reader(ret->flight, l, r); /* before anybody can find it deserted */
    pthread_mutex_unlock(&s->lock);
    if (found == CACHE_JOINED)
        flight_unref(&ret->flight);
    return found;
}

struct flight *flight_new_private(struct cache *c, struct loop *l, struct flight_reader *r)
{
    struct flight *f = flight_new(c, l);

    flight_add_reader(f, l, r);
    return f;
}

/* ---- while it is listed ---- */

static bool put_beside(struct flight *f, struct entry *e)
{
    struct shard *s = shard_of(f);
    struct entry *old = NULL;
    bool is_listed;

    pthread_mutex_lock(&s->lock);
    is_listed = f->is_listed;
    if (is_listed)
        old = shard_replace(s, f->node.hash, e);
    pthread_mutex_unlock(&s->lock);
    cache_let_go(f->cache, old);
    return is_listed;
}

struct cache_entry *flight_put(struct flight *f, const struct cache_entry *what)
{
    struct entry *e = entry_new(f->key, what);
    struct cache *c = f->cache;

    assert(flight_state(f) == FLIGHT_ASKED);
    if (cache_is_too_large(c, e) || !cache_make_room(c, shard_index(f->node.hash), e->cost))
        atomic_fetch_add_explicit(&c->rejected, 1, memory_order_relaxed);
    else if (!put_beside(f, e))
        cache_give_back(c, e->cost);
    return &e->seen;
}

/* ---- leaving ---- */

void flight_unlist(struct flight *f)
{
    struct shard *s = shard_of(f);
    bool was_listed;

    pthread_mutex_lock(&s->lock);
    was_listed = take_out(s, f);
    pthread_mutex_unlock(&s->lock);
    if (was_listed)
        flight_unref(&(struct flight *){f});
}

void flight_replace(struct flight *f, struct entry *e)
{
    struct shard *s = shard_of(f);
    struct entry *old = NULL;
    bool was_listed;

    pthread_mutex_lock(&s->lock);
    was_listed = take_out(s, f);
    if (was_listed)
        old =
            e != NULL ? shard_replace(s, f->node.hash, e) : shard_take_out(s, f->node.hash, f->key);
    pthread_mutex_unlock(&s->lock);
    if (was_listed)
        flight_unref(&(struct flight *){f});
    else if (e != NULL)
        cache_give_back(f->cache, e->cost);
    cache_let_go(f->cache, old);
}

/* Who joins holds the shard's lock: nobody does between the look and the unlisting. */
bool flight_close_deserted(struct flight *f)
{
    struct shard *s = shard_of(f);
    bool is_deserted, was_listed;

    pthread_mutex_lock(&s->lock);
    is_deserted = !flight_has_readers(f);
    was_listed = is_deserted && take_out(s, f);
    pthread_mutex_unlock(&s->lock);
    if (was_listed)
        flight_unref(&(struct flight *){f});
    return is_deserted;
}

unsigned flights_unlist(struct shard *s, cache_match_fn match, void *arg)
{
    struct map_node *taken = NULL; /* threaded through the nodes */
    unsigned count = 0;

    pthread_mutex_lock(&s->lock);
    MAP_FOREACH (node, &s->flights) {
        struct flight *f = MAP_ENTRY(node, struct flight, node);

        if (!match(f->key, arg))
            continue;
        (void)take_out(s, f);
        node->next = taken;
        taken = node;
    }
    pthread_mutex_unlock(&s->lock);
    for (struct map_node *next; taken != NULL; taken = next, count++) {
        next = taken->next;
        flight_unref(&(struct flight *){MAP_ENTRY(taken, struct flight, node)});
    }
    return count;
}
