/*
 * An object on its way into the cache: one producer, on the worker whose request came first, and
 * any number of readers on any worker, who are fed while it arrives and woken by messages to their
 * loops. So however many ask for one missing object, its origin is asked once.
 *
 *     ASKED ──► GROWING ──► LANDED    whole: flight_entry(); kept in the index, if it may be
 *       ├──────────┴──────► LOST      the producer has given up: flight_why()
 *       └─────────────────► ALONE     not to be shared: every reader asks for itself
 *
 * Producers call the functions of their part on their own thread; readers theirs on the loop they
 * joined with. Everybody holds a reference. The cache must outlive its flights.
 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include "cache/cache.h"
#include "net/loop.h"

struct flight;

enum flight_state { FLIGHT_ASKED, FLIGHT_GROWING, FLIGHT_LANDED, FLIGHT_LOST, FLIGHT_ALONE };

/* One who waits for a flight; embedded by its owner, zeroed but for `changed` before it joins. */
struct flight_reader {
    struct flight *flight; /* a reference; NULL: in none */
    struct flight_seat *seat;
    struct list link; /* in the seat */
    bool is_waiting;
    enum flight_state seen; /* while it waits: what it knows */
    size_t filled;
    /* On the reader's loop, once after each flight_wait() that was true. */
    void (*changed)(struct flight_reader *r);
    struct body *body; /* that it is fed through, once there is one */
};

/* ---- looking up ---- */

enum cache_found {
    CACHE_FRESH,  /* `entry`; with status 0: not to be shared, the caller asks for itself */
    CACHE_STALE,  /* `entry`, to be used meanwhile; if there is a `flight`, the caller refreshes it:
                     one at a time, and none before retry_at */
    CACHE_JOINED, /* somebody asks for it already: the reader has joined; `entry` as below */
    CACHE_BEGUN,  /* the caller asks for it: produces `flight`, which the reader has joined; `entry`
                     is the stale version that may prove to be right still, or NULL */
};

struct cache_lookup {
    struct cache_entry *entry; /* a reference, or NULL */
    struct flight *flight;     /* a reference for the producer, or NULL */
};

/* Index and flights are looked at in one step: between two who miss, exactly one has CACHE_BEGUN.
 */
enum cache_found cache_look_up(struct cache *c, struct str key, usec_t now, struct loop *l,
                               struct flight_reader *r, struct cache_lookup *ret);

/* A flight that nobody else can join, and that is not kept: for what is not to be shared. */
struct flight *flight_new_private(struct cache *c, struct loop *l, struct flight_reader *r);

bool flight_is_private(const struct flight *f);
struct str flight_key(const struct flight *f); /* STR_NONE: private */

struct flight *flight_ref(struct flight *f);
void flight_unref(struct flight **f); /* any thread; accepts NULL */

/* ---- for readers ---- */

/* What is known before the object is whole. Valid from GROWING on; empty when it never grew. */
struct flight_head {
    uint64_t length; /* BODY_LENGTH_UNKNOWN: until it is whole */
    struct str etag, type;
    unix_t last_modified;
};

enum flight_state flight_state(const struct flight *f);
const struct flight_head *flight_head(const struct flight *f);
struct cache_entry *flight_entry(const struct flight *f); /* LANDED; borrowed */
int flight_why(const struct flight *f);                   /* LOST: the producer's word */

/*
 * True: changed() will be called once, when the state is no longer `seen` (ASKED or GROWING:
 * nothing follows an end), or more than `filled` bytes are there. False: that is so already.
 * FLIGHT_ANY_BYTES: the reader looks at the state alone.
 */
#define FLIGHT_ANY_BYTES SIZE_MAX
bool flight_wait(struct flight_reader *r, enum flight_state seen, size_t filled) MUST_CHECK;
void flight_leave(struct flight_reader *r); /* no more calls; harmless when in none */

/*
 * A range of it as a body, while it arrives; from GROWING on, when there are bytes. It must lie
 * within the length of the head; with BODY_LENGTH_UNKNOWN it is all from `first` on. The reader
 * must stay where it is, serves the body alone from now on, and leaves with it. -EIO when the
 * flight is lost, or when it lands with a length nobody knew and has no such range. NULL when the
 * arena is full.
 */
struct body *flight_body_new(struct arena *a, struct flight_reader *r, uint64_t first,
                             uint64_t length);

/* ---- for the producer ---- */

struct flight_producer {
    /* On the producer's loop: nobody reads any more. It may go on, or flight_lose() after
     * flight_close_deserted(). */
    void (*deserted)(struct flight_producer *p);
};

/* Must be called in the turn that the flight was begun in. Takes a reference of its own, held until
 * it is LANDED, LOST or ALONE. */
void flight_produce(struct flight *f, struct flight_producer *p);

/* True: still nobody reads, and nobody can join any more. */
bool flight_close_deserted(struct flight *f);
bool flight_has_readers(const struct flight *f);

/*
 * ASKED to GROWING. Bytes go into a blob that the flight makes: of exactly head->length, or, when
 * that is unknown, of up to `cap`. False: there is no room in the cache, or it is over `cap`;
 * nothing has changed. The strings of `head` are copied.
 */
bool flight_begin(struct flight *f, const struct flight_head *head, uint64_t cap) MUST_CHECK;
/* Copies the next bytes in and wakes. False: more than its length or cap, or no room left. */
bool flight_add(struct flight *f, struct str bytes) MUST_CHECK;
struct blob *flight_blob(const struct flight *f); /* borrowed; NULL before flight_begin() */

/* No more bytes come. The blob of the entry that will land, for a producer who makes something of
 * its bytes first; borrowed. */
struct blob *flight_seal(struct flight *f);

/*
 * ASKED: a version from elsewhere, while the origin is asked about it: goes into the index as by
 * cache_put(), for those who may use it stale, but only if the flight is in there still. What has
 * been purged must not come back by the way of a slow disk. A reference for the caller.
 */
struct cache_entry *flight_put(struct flight *f, const struct cache_entry *what);

/*
 * The ends. Each wakes all readers, and takes the flight out of the index. flight_land(): `what` is
 * taken as by cache_put(), but for its blob, which is the flight's. `is_kept`: goes into the index,
 * if the flight is in it still and there is room. With flight_land() and flight_send_alone() the
 * version that is in the index has been overtaken and goes, whether anything takes its place or
 * not; with the other two it stays.
 */
void flight_land(struct flight *f, const struct cache_entry *what, bool is_kept);
/* ASKED: the stale version is right. */
void flight_land_same(struct flight *f, struct cache_entry *e);
void flight_lose(struct flight *f, int why);
/* ASKED: remembers for so long that this object is not shared (0: does not). */
void flight_send_alone(struct flight *f, usec_t now, usec_t remember);
/* GROWING, and grown too large: lost, and the same is remembered. */
void flight_lose_alone(struct flight *f, int why, usec_t now, usec_t remember);
/* The index lets go of it: from now on nobody joins, and it is not kept. */
void flight_unlist(struct flight *f);

#endif
