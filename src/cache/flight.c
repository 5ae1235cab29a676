/*
 * The life of a flight: looked up or begun, fed by its producer, ended. A listed flight stands in the
 * index beside the entries, under the same lock, so that a look-up sees either the entry, or the
 * flight that will bring it, or is the one to begin it; landing swaps one for the other.
 *
 * Bytes on their way are paid for from the cache's account, like those that are kept: all at once
 * when the length is known, else step by step.
 */
#include "cache/flight.h"

#include <stdlib.h>

#include "base/panic.h"
#include "cache/flight_internal.h"

enum { RESERVE_STEP = 256 * 1024 };

/* ---- state ---- */

enum flight_state flight_state(const struct flight *f)
{
    return (enum flight_state)atomic_load_explicit(&f->state, memory_order_acquire);
}

static void enter(struct flight *f, enum flight_state next)
{
    static const unsigned char may_follow[] = {
        [FLIGHT_ASKED] =
            1 << FLIGHT_GROWING | 1 << FLIGHT_LANDED | 1 << FLIGHT_LOST | 1 << FLIGHT_ALONE,
        [FLIGHT_GROWING] = 1 << FLIGHT_LANDED | 1 << FLIGHT_LOST,
        [FLIGHT_LANDED] = 0,
        [FLIGHT_LOST] = 0,
        [FLIGHT_ALONE] = 0,
    };

    assert(may_follow[flight_state(f)] & 1 << next);
    atomic_store_explicit(&f->state, (unsigned char)next, memory_order_release);
    flight_wake(f);
}

const struct flight_head *flight_head(const struct flight *f)
{
    assert(flight_state(f) >= FLIGHT_GROWING);
    return &f->head;
}

struct cache_entry *flight_entry(const struct flight *f)
{
    assert(flight_state(f) == FLIGHT_LANDED);
    return f->entry;
}

int flight_why(const struct flight *f)
{
    assert(flight_state(f) == FLIGHT_LOST);
    return f->why;
}

struct blob *flight_blob(const struct flight *f)
{
    return f->blob;
}

/* ---- references ---- */

static struct flight *flight_new(struct cache *c, struct loop *l)
{
    struct flight *f = xzalloc(sizeof *f);

    atomic_init(&f->refs, 1);
    atomic_init(&f->state, FLIGHT_ASKED);
    f->cache = c;
    f->loop = l;
    pthread_mutex_init(&f->lock, NULL);
    list_init(&f->seats);
    atomic_fetch_add_explicit(&c->flights, 1, memory_order_relaxed);
    return f;
}

struct flight *flight_ref(struct flight *f)
{
    unsigned before = atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);

    assert(before > 0);
    return f;
}

void flight_unref(struct flight **f)
{
    struct flight *gone = TAKE(*f);

    if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) > 1)
        return;
    assert(!gone->is_listed && gone->reserved == 0 && list_is_empty(&gone->seats));
    atomic_fetch_sub_explicit(&gone->cache->flights, 1, memory_order_relaxed);
    pthread_mutex_destroy(&gone->lock);
    cache_entry_unref(&gone->entry);
    blob_unref(&gone->blob);
    xfree_p(&gone->head.etag.p);
    xfree_p(&gone->head.type.p);
    free(gone->key);
    free(gone);
}

/* ---- the index ---- */

static bool flight_matches(const struct map_node *node, const void *key)
{
    return str_eq(str_of(MAP_ENTRY(node, const struct flight, node)->key),
                  *(const struct str *)key);
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

/* With the shard's lock held, as the next two. */
static struct flight *list_new(struct cache *c, struct shard *s, uint64_t hash, struct str key,
                               struct loop *l)
{
    struct flight *f = flight_new(c, l);

    f->key = xmalloc(key.n + 1);
    memcpy(f->key, key.p, key.n);
    f->key[key.n] = '\0';
    map_put(&s->flights, &f->node, hash);
    f->is_listed = true;
    return f;
}

static void unlist(struct shard *s, struct flight *f)
{
    if (f->is_listed)
        map_remove(&s->flights, &f->node);
    f->is_listed = false;
}

static enum cache_found look_up(struct cache *c, struct shard *s, uint64_t hash, struct str key,
                                usec_t now, struct loop *l, struct cache_lookup *ret)
{
    struct entry *e = shard_find(s, hash, key);
    struct flight *f;

    if (e != NULL) {
        ret->entry = shard_hit(s, e);
        if (now < atomic_load_explicit(&e->seen.fresh_until, memory_order_relaxed))
            return CACHE_FRESH;
    } else {
        s->misses++;
    }
    f = find(s, hash, key);
    if (e != NULL && now < atomic_load_explicit(&e->seen.stale_until, memory_order_relaxed)) {
        ret->flight = f == NULL ? flight_ref(list_new(c, s, hash, key, l)) : NULL;
        return CACHE_STALE;
    }
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

void flight_unlist(struct flight *f)
{
    struct shard *s = shard_of(f);
    bool was_listed;

    pthread_mutex_lock(&s->lock);
    was_listed = f->is_listed;
    unlist(s, f);
    pthread_mutex_unlock(&s->lock);
    if (was_listed)
        flight_unref(&(struct flight *){f}); /* the index's */
}

unsigned flights_doom(struct shard *s, cache_match_fn match, void *arg)
{
    unsigned count = 0;

    pthread_mutex_lock(&s->lock);
    MAP_FOREACH (node, &s->flights) {
        struct flight *f = MAP_ENTRY(node, struct flight, node);

        if (f->is_doomed || !match(str_of(f->key), arg))
            continue;
        f->is_doomed = true;
        count++;
    }
    pthread_mutex_unlock(&s->lock);
    return count;
}

/* ---- the producer ---- */

void flight_produce(struct flight *f, struct flight_producer *p)
{
    assert(f->producer == NULL);
    f->producer = p;
    (void)flight_ref(f);
}

bool flight_has_readers(const struct flight *f)
{
    struct flight *here = (struct flight *)f; /* the lock alone is touched */
    bool has;

    pthread_mutex_lock(&here->lock);
    has = here->readers > 0;
    pthread_mutex_unlock(&here->lock);
    return has;
}

/* Who joins holds the shard's lock: nobody does between the look and the unlisting. */
bool flight_close_deserted(struct flight *f)
{
    struct shard *s = shard_of(f);
    bool is_deserted, was_listed;

    pthread_mutex_lock(&s->lock);
    is_deserted = !flight_has_readers(f);
    was_listed = is_deserted && f->is_listed;
    if (was_listed)
        unlist(s, f);
    pthread_mutex_unlock(&s->lock);
    if (was_listed)
        flight_unref(&(struct flight *){f});
    return is_deserted;
}

static bool reserve(struct flight *f, size_t n)
{
    if (!cache_make_room(f->cache, shard_index(f->node.hash), n))
        return false;
    f->reserved += n;
    return true;
}

static void give_back(struct flight *f)
{
    cache_give_back(f->cache, f->reserved);
    f->reserved = 0;
}

static struct str copy(struct str s)
{
    return (struct str){s.n > 0 ? xmemdup(s.p, s.n) : NULL, s.n};
}

static struct blob *blob_for(const struct flight_head *head, uint64_t cap)
{
    if (head->length == BODY_LENGTH_UNKNOWN)
        return blob_new_unbounded(cap);
    return head->length <= cap ? blob_new_growing(head->length) : NULL;
}

bool flight_begin(struct flight *f, const struct flight_head *head, uint64_t cap)
{
    struct blob *b = blob_for(head, cap);
    size_t n = head->length != BODY_LENGTH_UNKNOWN ? head->length : RESERVE_STEP;

    if (b == NULL || !reserve(f, n)) {
        blob_unref(&b);
        return false;
    }
    f->blob = b;
    f->head = *head;
    f->head.etag = copy(head->etag);
    f->head.type = copy(head->type);
    enter(f, FLIGHT_GROWING);
    return true;
}

bool flight_add(struct flight *f, struct str bytes)
{
    size_t room, filled = blob_filled(f->blob);
    char *to = blob_room(f->blob, &room);

    if (bytes.n > room)
        return false;
    while (filled + bytes.n > f->reserved)
        if (!reserve(f, RESERVE_STEP))
            return false;
    memcpy(to, bytes.p, bytes.n);
    blob_grown(f->blob, bytes.n);
    flight_wake(f);
    return true;
}

/* Out of the index; the room it held is free; its producer is no more. */
static void end(struct flight *f, enum flight_state last)
{
    flight_unlist(f);
    give_back(f);
    f->producer = NULL;
    enter(f, last);
    flight_unref(&(struct flight *){f}); /* the producer's */
}

/* Puts the entry in the flight's place. False: it was not to be kept. */
static bool swap_in(struct flight *f, struct entry *e)
{
    struct cache *c = f->cache;
    struct shard *s = shard_of(f);
    struct entry *old = NULL;
    bool is_kept;

    give_back(f); /* the entry takes the room over */
    if (cache_is_too_large(c, e) || !cache_make_room(c, shard_index(f->node.hash), e->cost))
        return false;
    pthread_mutex_lock(&s->lock);
    is_kept = f->is_listed && !f->is_doomed;
    if (is_kept)
        old = shard_replace(s, f->node.hash, e);
    pthread_mutex_unlock(&s->lock);
    if (!is_kept)
        cache_give_back(c, e->cost);
    cache_let_go(c, old);
    return is_kept;
}

void flight_land(struct flight *f, const struct cache_entry *what, bool is_kept)
{
    struct cache_entry seen = *what;
    struct str key = f->key != NULL ? str_of(f->key) : STR("");
    struct entry *e;

    if (f->blob != NULL) {
        blob_seal(f->blob);
        seen.blob = blob_ref(f->blob);
        seen.version.size = blob_filled(f->blob);
        assert(f->head.length == BODY_LENGTH_UNKNOWN || f->head.length == seen.version.size);
    }
    e = entry_new(key, &seen);
    f->entry = &e->seen;
    if (is_kept && !swap_in(f, e))
        atomic_fetch_add_explicit(&f->cache->rejected, 1, memory_order_relaxed);
    end(f, FLIGHT_LANDED);
}

void flight_land_same(struct flight *f, struct cache_entry *e)
{
    f->entry = cache_entry_ref(e);
    end(f, FLIGHT_LANDED);
}

void flight_lose(struct flight *f, int why)
{
    f->why = why;
    end(f, FLIGHT_LOST);
}

void flight_send_alone(struct flight *f, usec_t now, usec_t remember)
{
    struct cache_entry mark = {.fresh_until = now + remember};
    struct cache_entry *e;

    if (remember > 0 && f->key != NULL) {
        struct entry *made = entry_new(str_of(f->key), &mark);

        e = &made->seen;
        (void)swap_in(f, made);
        cache_entry_unref(&e);
    }
    end(f, FLIGHT_ALONE);
}
