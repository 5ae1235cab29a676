/*
 * The disk tier: objects in a folder, up to a limit, that outlive the process. One file is one
 * version of one object, written under another name and then renamed, and never changed; what a
 * killed process leaves behind is swept at the next start. Head and bytes carry checksums, looked
 * at by every load: a damaged file is deleted and is a miss.
 *
 *     <folder>/hlsgate-cache            the lock, and the key of all hashes in here
 *     <folder>/a/bc/<hash>-<number>     one file; a and bc: the first digits of the hash
 *     <folder>/new                      the one that is being written
 *
 * A thread of the tier's own writes, deletes and, after the start, looks through the folder: in
 * order, and so that a slow disk takes no thread from the pool, which opens files for viewers.
 * Loads run on the pool. Until the folder has been looked through, what is found serves already and
 * what is stored waits in the queue.
 *
 * A disk that is full, read-only or gone is a counter, never an error of a request: objects are
 * then not kept, and that is all. When a write finds no space, as much as it needs is evicted and
 * it is tried once more: a disk that is smaller than the limit is a limit too.
 *
 * All functions but disk_open() and disk_close() may be called on any thread.
 */
#ifndef CACHE_DISK_H
#define CACHE_DISK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/blob.h"
#include "cache/cache.h"
#include "net/loop.h"

enum {
    DISK_MAX_KEY = 16 * 1024,
    DISK_MAX_META = 64 * 1024,
    DISK_MAX_QUEUE = 128 << 20, /* a disk that is slower than the origins */
    DISK_MAX_INDEX = 256 << 20, /* a million objects and more; small ones with long keys */
};

struct disk;

struct disk_settings {
    const char *path;    /* the folder; made when it is not there, its parent must be */
    uint64_t limit;      /* bytes of all files, in whole blocks */
    uint64_t max_object; /* bytes of the largest blob that is kept */
    uint64_t max_queue;  /* bytes of memory that wait to be written: DISK_MAX_QUEUE */
    uint64_t max_index;  /* bytes of memory for what is known of the files: DISK_MAX_INDEX */
};

/*
 * Takes the folder for this process alone and begins to look through it. -errno with a sentence in
 * `error`: -EBUSY when another process has it.
 */
int disk_open(const struct disk_settings *s, struct disk **ret, struct buf *error) MUST_CHECK;

/*
 * Writes what is queued, unless the folder has not been looked through yet, and deletes what was
 * removed. No load may be under way. Accepts NULL.
 */
void disk_close(struct disk **d);

/* In memory alone. Counts a miss when it is not there. */
bool disk_has(struct disk *d, struct str key);

/*
 * Reads an object: its bytes, and what was stored beside them. -ENOENT at once, or later when it
 * went meanwhile; -EBADMSG, -EIO: it was damaged; or what the system is short of. `key` is copied.
 * The struct must be zeroed but for its op. disk_load_done() gives back what the caller has not
 * taken out of it; it and op_cancel() may come at any time, and the struct may go right after.
 */
struct disk_load {
    struct op op;      /* op_init() by the caller */
    struct blob *blob; /* owned; for the caller to TAKE() */
    struct str meta;   /* valid until disk_load_done() */
    char *head;        /* owned: behind `meta` */
};
int disk_load(struct disk *d, struct loop *l, struct str key, struct disk_load *load) MUST_CHECK;
void disk_load_done(struct disk_load *load);

/*
 * Keeps a version of an object instead of the one before. `key` and `meta` are copied, `blob` must
 * be whole and gets a reference. What is too large or does not fit into the queue is dropped and
 * counted.
 *
 * `purges`: disk_purges() of before the object was asked for. When something has been purged since,
 * it is dropped too: it may have been this, and must not come back.
 */
void disk_store(struct disk *d, struct str key, struct str meta, struct blob *blob,
                uint64_t purges);
uint64_t disk_purges(struct disk *d);

/* From here on it is not found. */
void disk_remove(struct disk *d, struct str key);

/*
 * The same for all that match: how many they were. While the folder is still being looked through,
 * what has not been found yet goes too, uncounted: its keys are not known. `match` is called with
 * locks held.
 */
unsigned disk_purge(struct disk *d, cache_match_fn match, void *arg);

/*        name      what it counts */
#define DISK_COUNTERS(X)                                                         \
    X(hits, "objects that were read")                                            \
    X(misses, "objects that were not there")                                     \
    X(stored, "objects that were written")                                       \
    X(evicted, "objects that made room for others")                              \
    X(dropped, "objects that were too large, too late, or found the queue full") \
    X(damaged, "files that did not hold what was written; they are deleted")     \
    X(failed, "writes and deletions that the file system refused")

struct disk_stats {
    uint64_t objects, bytes, limit; /* bytes <= limit, always, as far as files have been found */
    uint64_t queued;                /* bytes that wait to be written */
    unsigned loading;               /* loads under way, cancelled ones too until the pool lets go */
    bool is_complete;               /* the folder has been looked through */
#define X(name, text) uint64_t name;
    DISK_COUNTERS(X)
#undef X
};
void disk_stats(struct disk *d, struct disk_stats *ret);

#endif
