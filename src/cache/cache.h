/*
 * Objects in memory, shared by all workers: an index in shards, each with a lock that is held for a
 * look-up only, and one limit for all. Eviction is SIEVE (cache/sieve.h): one bit per entry, no
 * list move on a hit.
 *
 * An entry is immutable but for its atomics; a newer version of an object is a new entry in its
 * place. Whoever looked an entry up holds a reference; eviction only takes it out of the index.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/clock.h"
#include "base/str.h"
#include "cache/blob.h"

struct cache;

/* What tells one version of a file from the next. */
struct cache_version {
    uint64_t inode, size;
    int64_t mtime_sec;
    uint32_t mtime_nsec;
};

static inline bool cache_version_eq(const struct cache_version *a, const struct cache_version *b)
{
    return a->inode == b->inode && a->size == b->size && a->mtime_sec == b->mtime_sec &&
           a->mtime_nsec == b->mtime_nsec;
}

/*
 * Bytes in memory, or a file that is kept open, or neither: an answer without a body that is worth
 * remembering (a 404), or only that this object is never shared (status 0).
 */
struct cache_entry {
    struct blob *blob; /* owned reference, or NULL */
    int fd;            /* owned: a file kept open, when `is_file` */
    bool is_file;
    bool is_from_disk;            /* out of the disk tier, not from its origin */
    struct cache_version version; /* of a file; of others only `size` */
    struct str etag;              /* owned, as is `type`; "" = none */
    struct str type;              /* Content-Type, where the origin's is believed; "" = by suffix */
    unix_t last_modified;         /* 0: unknown */
    uint16_t status;              /* the origin's: 200 but for what is remembered of failures */
    void *derived; /* owned: what was made from the bytes (a scanned playlist); NULL: nothing */
    void (*derived_free)(void *derived);
    size_t derived_bytes;
    _Atomic usec_t checked_at; /* files: when the folder last said that this version is right */
    /* Objects of HTTP origins, monotonic: usable until then without asking; while it is asked for
     * anew; when asking fails. Equal or later, in this order. */
    _Atomic usec_t fresh_until, stale_until, error_until;
    usec_t fresh_for, stale_for,
        error_for;           /* the same, from when the origin said so; its fetches' alone */
    _Atomic usec_t retry_at; /* the origin has failed: until then it is not asked anew */
};

/*
 * `memory_limit` counts everything an entry costs: key, blob, what was derived, the records.
 * `max_object` is the largest blob that is kept. Entries that are still held outlive the cache.
 */
struct cache *cache_new(size_t memory_limit, size_t max_object);
void cache_free(struct cache **c); /* no other thread may be using it */

/* A reference, or NULL. Counts a hit or miss. */
struct cache_entry *cache_get(struct cache *c, struct str key);
struct cache_entry *cache_entry_ref(struct cache_entry *e);
void cache_entry_unref(struct cache_entry **e); /* any thread */

/*
 * Puts a new version in, evicting others as needed. Takes what `what` owns in every case; etag and
 * type are copied. Returns a reference to the entry for the caller; when it is too large for the
 * cache the entry exists all the same but is not in the index, and neither is the version it
 * overtook.
 *
 * The kernel's page cache is the memory of a file that is kept open: it is charged such a share of
 * the limit that at most CACHE_MAX_FILES are open.
 */
enum { CACHE_MAX_FILES = 1024 };
struct cache_entry *cache_put(struct cache *c, struct str key, const struct cache_entry *what);

/* A range of an entry, from its blob or its file; holds a reference until done. NULL when the arena
 * is full. */
struct body *cache_body_new(struct arena *a, struct cache_entry *e, uint64_t first,
                            uint64_t length);

void cache_drop(struct cache *c, struct str key); /* the object is gone at the origin */

/* Takes out all whose key matches. What of them is on its way goes on for those who read it, but
 * nobody joins it from now on, and it is not kept. How many there were, those on their way
 * included. Holds each shard's lock while it looks through it. */
typedef bool (*cache_match_fn)(struct str key, void *arg);
unsigned cache_purge(struct cache *c, cache_match_fn match, void *arg);

/*
 * True for exactly one of those who ask within `interval`: that one must check the origin;
 * checked_at becomes `now` at once, so the others go on with what is there.
 */
bool cache_claim_check(struct cache_entry *e, usec_t now, usec_t interval);

/*
 * Is an object worth memory? Called for each request that found nothing cached: true for exactly
 * one caller, once `key` has been asked for `threshold` times within about a minute. A small table
 * of counters, not a growing one.
 */
bool cache_turns_hot(struct cache *c, struct str key, unsigned threshold, usec_t now);
/* The one for whom it turned hot could not load it after all: another may try, after `threshold`
 * more requests. */
void cache_hot_failed(struct cache *c, struct str key);

struct cache_stats {
    uint64_t entries, files, bytes, limit; /* bytes <= limit, always */
    uint64_t blobs;                        /* entries with bytes in memory */
    uint64_t flights; /* objects on their way, or whole and still read as they came (flight.h) */
    uint64_t hits, misses, evictions, rejected;
};
void cache_stats(const struct cache *c, struct cache_stats *ret);

#endif
