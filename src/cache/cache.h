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

struct cache_entry {
    struct blob *blob; /* owned reference; NULL when the file itself is kept open */
    int fd;            /* owned; meaningful without a blob */
    struct cache_version version;
    struct str etag; /* owned */
    unix_t last_modified;
    void *derived; /* owned: what was made from the bytes (a scanned playlist); NULL: nothing */
    void (*derived_free)(void *derived);
    size_t derived_bytes;
    _Atomic usec_t checked_at; /* when the origin last said that this version is right */
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
 * Puts a new version in, evicting others as needed; takes `blob` and `derived` in every case.
 * Returns a reference to the entry for the caller; when it is too large for the cache the entry
 * exists all the same but is not in the index, and neither is the version it overtook.
 */
struct cache_entry *cache_put(struct cache *c, struct str key, const struct cache_version *version,
                              struct str etag, unix_t last_modified, struct blob *blob,
                              void *derived, void (*derived_free)(void *), size_t derived_bytes,
                              usec_t now);

/*
 * The same for a file that is kept open instead of read: the kernel's page cache is its memory.
 * Takes `fd`. A descriptor is charged as such a share of the limit that at most CACHE_MAX_FILES are
 * open.
 */
enum { CACHE_MAX_FILES = 1024 };
struct cache_entry *cache_put_file(struct cache *c, struct str key,
                                   const struct cache_version *version, struct str etag,
                                   unix_t last_modified, int fd, usec_t now);

/* A range of an entry, from its blob or its file; holds a reference until done. NULL when the arena
 * is full. */
struct body *cache_body_new(struct arena *a, struct cache_entry *e, uint64_t first,
                            uint64_t length);

void cache_drop(struct cache *c, struct str key); /* the object is gone at the origin */

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
    uint64_t hits, misses, evictions, rejected;
};
void cache_stats(const struct cache *c, struct cache_stats *ret);

#endif
