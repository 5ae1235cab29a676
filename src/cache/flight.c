/*
 * The life of a flight: fed by its producer, ended. Its references: one of the index while it is
 * listed, one of the producer's part until the end, one of each reader, seat and message under way.
 *
 * Bytes on their way are paid for from the cache's account, like those that are kept: all at once
 * when the length is known, else step by step. The entry takes over what the flight has paid.
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

bool flight_is_private(const struct flight *f)
{
    return f->key.p == NULL;
}

struct str flight_key(const struct flight *f)
{
    return f->key;
}

/* ---- references ---- */

struct flight *flight_new(struct cache *c, struct loop *l)
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
    struct cache *c;

    if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) > 1)
        return;
    assert(!gone->is_listed && gone->reserved == 0 && list_is_empty(&gone->seats));
    c = gone->cache;
    pthread_mutex_destroy(&gone->lock);
    cache_entry_unref(&gone->entry);
    blob_unref(&gone->blob);
    blob_unref(&gone->landing);
    xfree_p(&gone->head.etag.p);
    xfree_p(&gone->head.type.p);
    xfree_p(&gone->key.p);
    free(gone);
    atomic_fetch_sub_explicit(&c->flights, 1, memory_order_relaxed); /* the last trace of it */
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

static bool reserve(struct flight *f, size_t n)
{
    if (!cache_make_room(f->cache, shard_index(f->node.hash), n))
        return false;
    f->reserved += n;
    return true;
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
    size_t n = MIN(cap, (uint64_t)RESERVE_STEP);

    if (head->length != BODY_LENGTH_UNKNOWN)
        n = head->length;
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

    if (bytes.n == 0 || bytes.n > room)
        return bytes.n == 0;
    while (filled + bytes.n > f->reserved)
        if (!reserve(f, RESERVE_STEP))
            return false;
    memcpy(to, bytes.p, bytes.n);
    blob_grown(f->blob, bytes.n);
    flight_wake(f);
    return true;
}

/* ---- the ends ---- */

/* What has been reserved goes to the account of `e`. False: it is not to be kept. */
static bool pay_for(struct flight *f, const struct entry *e)
{
    if (cache_is_too_large(f->cache, e) ||
        (e->cost > f->reserved && !reserve(f, e->cost - f->reserved))) {
        atomic_fetch_add_explicit(&f->cache->rejected, 1, memory_order_relaxed);
        return false;
    }
    cache_give_back(f->cache, f->reserved - e->cost);
    f->reserved = 0;
    return true;
}

static void overtake(struct flight *f, struct entry *e)
{
    flight_replace(f, e != NULL && pay_for(f, e) ? e : NULL);
}

/* Once it is out of the index: the room it held is free, its producer is no more. */
static void end(struct flight *f, enum flight_state last)
{
    assert(f->producer != NULL);
    cache_give_back(f->cache, f->reserved);
    f->reserved = 0;
    f->producer = NULL;
    enter(f, last);
    flight_unref(&(struct flight *){f}); /* the producer's */
}

struct blob *flight_seal(struct flight *f)
{
    if (f->landing == NULL) {
        blob_seal(f->blob);
        f->landing = blob_compact(f->blob);
    }
    return f->landing;
}

void flight_land(struct flight *f, const struct cache_entry *what, bool is_kept)
{
    struct cache_entry seen = *what;
    struct entry *e;

    if (f->blob != NULL) {
        seen.blob = blob_ref(flight_seal(f));
        seen.version.size = blob_filled(f->blob);
        assert(f->head.length == BODY_LENGTH_UNKNOWN || f->head.length == seen.version.size);
    }
    e = entry_new(f->key, &seen);
    f->entry = &e->seen;
    overtake(f, is_kept ? e : NULL);
    end(f, FLIGHT_LANDED);
}

void flight_land_same(struct flight *f, struct cache_entry *e)
{
    assert(flight_state(f) == FLIGHT_ASKED); /* else readers would take what they have for whole */
    f->entry = cache_entry_ref(e);
    flight_unlist(f);
    end(f, FLIGHT_LANDED);
}

void flight_lose(struct flight *f, int why)
{
    f->why = why;
    flight_unlist(f);
    end(f, FLIGHT_LOST);
}

/* Remembered, if there is room: without it, the next ones wait in line once more. */
static void mark_alone(struct flight *f, usec_t now, usec_t remember)
{
    struct cache_entry *mark = NULL;

    if (remember > 0)
        mark = &entry_new(f->key, &(struct cache_entry){.fresh_until = now + remember})->seen;
    overtake(f, mark != NULL ? entry_of(mark) : NULL);
    cache_entry_unref(&mark);
}

void flight_send_alone(struct flight *f, usec_t now, usec_t remember)
{
    mark_alone(f, now, remember);
    end(f, FLIGHT_ALONE);
}

void flight_lose_alone(struct flight *f, int why, usec_t now, usec_t remember)
{
    f->why = why;
    mark_alone(f, now, remember);
    end(f, FLIGHT_LOST);
}
