/*
 * The disk tier from inside: for the files of cache/ only. disk_file.h has one file, disk_index.c
 * what is known of all, disk_folder.c the folder itself, disk.c the queue and its thread, and the
 * loads.
 */
#ifndef CACHE_DISK_INTERNAL_H
#define CACHE_DISK_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "cache/disk.h"
#include "cache/sieve.h"

/* ---- what is known: disk_index.c ---- */

/* A file. In the index, or doomed: on its way out, but still in the account. */
struct disk_entry {
    struct map_node node; /* its hash: of the key, with the folder's */
    struct sieve_node sieve;
    struct list link; /* in a list of doomed ones */
    uint64_t number;  /* of no other file: the greater, the newer */
    uint64_t cost;    /* in the account */
    struct str key;
    char key_bytes[];
};

/*
 * One lock, held for a look-up. A purge, which looks at every key, lets go of it between two slices
 * of the map, so that nobody waits for more than one.
 */
enum { DISK_SLICES = 256 };

struct disk_index {
    pthread_mutex_t lock; /* guards the rest */
    struct map slices[DISK_SLICES];
    struct sieve sieve;
    atomic_size_t memory; /* of all entries that are in; read without the lock, as is the next */
    atomic_ullong objects;
};

struct disk_entry *disk_entry_new(struct str key, uint64_t hash, uint64_t number, uint64_t cost);
void disk_entry_free(struct disk_entry **e);
static inline size_t disk_entry_memory(const struct disk_entry *e)
{
    return sizeof *e + e->key.n;
}

void disk_index_init(struct disk_index *ix);
void disk_index_done(struct disk_index *ix); /* frees what is in */

/* Takes `e`. The older of two versions is the caller's to unlink; NULL: there was but one. */
struct disk_entry *disk_index_put(struct disk_index *ix, struct disk_entry *e) MUST_CHECK;
bool disk_index_has(struct disk_index *ix, uint64_t hash, struct str key);
/* The file's number; a hit for SIEVE. False: not there. */
bool disk_index_find(struct disk_index *ix, uint64_t hash, struct str key, uint64_t *ret_number);
/* These take one out: it is the caller's. NULL: not there. */
struct disk_entry *disk_index_take(struct disk_index *ix, uint64_t hash, struct str key) MUST_CHECK;
struct disk_entry *disk_index_take_file(struct disk_index *ix, uint64_t hash,
                                        uint64_t number) MUST_CHECK;
struct disk_entry *disk_index_evict(struct disk_index *ix) MUST_CHECK;
/* Moves all that match to the end of `to`. How many. */
unsigned disk_index_purge(struct disk_index *ix, cache_match_fn match, void *arg, struct list *to);

/* ---- where it is: disk_folder.c ---- */

struct disk_folder {
    int root;     /* owned */
    int identity; /* owned; holds the lock */
    struct hash_key key;
};

int disk_folder_open(const char *path, struct disk_folder *ret, struct buf *error) MUST_CHECK;
void disk_folder_done(struct disk_folder *f);

static inline uint64_t disk_hash(const struct disk_folder *f, struct str key)
{
    return hash_bytes(&f->key, key);
}

/* A descriptor, or -errno. */
int disk_folder_read(const struct disk_folder *f, uint64_t hash, uint64_t number) MUST_CHECK;
/* Makes the file as a whole or not at all. */
int disk_folder_write(const struct disk_folder *f, uint64_t hash, uint64_t number, struct str key,
                      struct str meta, struct str bytes) MUST_CHECK;
int disk_folder_unlink(const struct disk_folder *f, uint64_t hash, uint64_t number);

/* Every file that is named as ours are, in no order. -ECANCELED once `visit` has answered false;
 * -errno at the first folder that cannot be read. */
typedef bool (*disk_visit_fn)(void *arg, uint64_t hash, uint64_t number);
int disk_folder_visit(const struct disk_folder *f, disk_visit_fn visit, void *arg) MUST_CHECK;

/* ---- what may not come in any more: disk_removed.c ---- */

/* Removals in the seconds after a start; with more of them, whatever is found counts as removed. */
enum { DISK_MAX_REMOVED = 64 * 1024 };

struct disk_removed {
    struct map hashes;  /* owned; of bare map_nodes */
    bool is_everything; /* nobody knows what, or too much */
};

void disk_removed_init(struct disk_removed *r);
void disk_removed_done(struct disk_removed *r);
void disk_removed_add(struct disk_removed *r, uint64_t hash);
bool disk_removed_has(const struct disk_removed *r, uint64_t hash);

/* ---- all of it ---- */

/* What waits to be written. */
struct disk_job {
    struct list link;
    struct blob *blob; /* owned reference */
    uint64_t hash, cost;
    struct str key, meta;
    bool is_cancelled; /* removed while it is being written */
    char text[];       /* key and meta */
};

struct disk {
    struct disk_folder folder;
    struct disk_settings settings; /* `path` is not ours to look at after disk_open() */
    struct disk_index index;
    atomic_ullong used;  /* the account: changed by the thread alone, never above the limit */
    atomic_uint loading; /* loads under way */
    atomic_bool is_stopping, is_complete;
#define X(name, text) atomic_ullong name;
    DISK_COUNTERS(X)
#undef X

    pthread_t thread;
    bool has_thread;
    uint64_t last_number; /* the thread's own, as is the next */
    bool was_cut_short;   /* stopped before it had looked at every file */

    pthread_mutex_t lock; /* guards what follows; taken before the index's, never after it */
    pthread_cond_t wake;
    struct list queue;           /* owned; of disk_job.link */
    uint64_t queued;             /* bytes of these and of `writing` */
    uint64_t purges;             /* so far */
    struct disk_job *writing;    /* the thread's; it may be cancelled */
    struct list doomed;          /* owned; of disk_entry.link: to be unlinked */
    struct disk_removed removed; /* while the folder is being looked through */
};

/* What says nothing about the file. */
static inline bool disk_is_short_of(int err)
{
    return err == -ENOMEM || err == -EMFILE || err == -ENFILE;
}

#define DISK_COUNT(d, name) atomic_fetch_add_explicit(&(d)->name, 1, memory_order_relaxed)

/* disk.c */
void disk_job_free(struct disk_job **job);
void disk_doom(struct disk *d, struct disk_entry *e); /* takes it */

/* disk_thread.c: what the thread runs, with the disk as its argument. */
void *disk_thread_main(void *disk);

#endif
