/*
 * The tier as its callers see it. What they change is changed in memory at once: an object is in
 * the index exactly as long as it may be found. The files follow: the queue of objects to be
 * written and the list of doomed files belong to the thread (disk_thread.c).
 *
 * Whatever removes an object cancels it in the queue first and takes it out of the index then; the
 * thread publishes with the lock of the queue held. So a version that is being written meanwhile
 * either sees that it was cancelled, or is in the index to be taken out.
 */
#include "cache/disk.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/panic.h"
#include "cache/disk_file.h"
#include "cache/disk_internal.h"

/* ---- opening and closing ---- */

/* The process's signals are for its own threads. */
static int start_thread(struct disk *d, struct buf *error)
{
    sigset_t all, before;
    int r;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    r = pthread_create(&d->thread, NULL, disk_thread_main, d);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r != 0)
        buf_printf(error, "cannot start a thread: %s", strerror(r));
    d->has_thread = r == 0;
    return -r;
}

static struct disk *disk_new(const struct disk_settings *s)
{
    struct disk *d = xzalloc(sizeof *d);

    d->settings = *s;
    d->folder.root = d->folder.identity = -1;
    disk_index_init(&d->index);
    disk_removed_init(&d->removed);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->wake, NULL);
    list_init(&d->queue);
    list_init(&d->doomed);
    return d;
}

int disk_open(const struct disk_settings *s, struct disk **ret, struct buf *error)
{
    AUTO(disk_close) struct disk *d = disk_new(s);
    int r = disk_folder_open(s->path, &d->folder, error);

    if (r == 0)
        r = start_thread(d, error);
    if (r == 0)
        *ret = TAKE(d);
    return r;
}

static void stop_thread(struct disk *d)
{
    if (!d->has_thread)
        return;
    pthread_mutex_lock(&d->lock);
    atomic_store(&d->is_stopping, true);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
    pthread_join(d->thread, NULL);
}

void disk_close(struct disk **d)
{
    struct disk *old = TAKE(*d);

    if (old == NULL)
        return;
    assert(atomic_load(&old->loading) == 0);
    stop_thread(old);
    assert(list_is_empty(&old->queue) && list_is_empty(&old->doomed) && old->queued == 0);
    disk_index_done(&old->index);
    disk_removed_done(&old->removed);
    disk_folder_done(&old->folder);
    pthread_cond_destroy(&old->wake);
    pthread_mutex_destroy(&old->lock);
    free(old);
}

/* ---- storing ---- */

static struct str copy_to(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return (struct str){to, s.n};
}

static struct disk_job *job_new(struct disk *d, struct str key, struct str meta, struct blob *blob)
{
    struct disk_job *job = xzalloc(sizeof *job + key.n + meta.n);

    list_init(&job->link);
    job->key = copy_to(job->text, key);
    job->meta = copy_to(job->text + key.n, meta);
    job->blob = blob_ref(blob);
    job->hash = disk_hash(&d->folder, key);
    job->cost = disk_file_cost(key.n, meta.n, blob_str(blob).n);
    return job;
}

void disk_job_free(struct disk_job **job)
{
    struct disk_job *old = TAKE(*job);

    if (old == NULL)
        return;
    blob_unref(&old->blob);
    free(old);
}

/* Takes the job. */
static void enqueue(struct disk *d, struct disk_job *job, uint64_t purges)
{
    bool is_in;

    pthread_mutex_lock(&d->lock);
    is_in = job->cost <= d->settings.max_queue - d->queued && purges == d->purges;
    if (is_in) {
        d->queued += job->cost;
        list_append(&d->queue, &job->link);
        pthread_cond_signal(&d->wake);
    }
    pthread_mutex_unlock(&d->lock);
    if (!is_in) {
        DISK_COUNT(d, dropped);
        disk_job_free(&job);
    }
}

uint64_t disk_purges(struct disk *d)
{
    uint64_t purges;

    pthread_mutex_lock(&d->lock);
    purges = d->purges;
    pthread_mutex_unlock(&d->lock);
    return purges;
}

void disk_store(struct disk *d, struct str key, struct str meta, struct blob *blob, uint64_t purges)
{
    uint64_t n = blob_str(blob).n;

    if (key.n > DISK_MAX_KEY || meta.n > DISK_MAX_META || n > d->settings.max_object ||
        disk_file_cost(key.n, meta.n, n) > d->settings.limit)
        DISK_COUNT(d, dropped);
    else
        enqueue(d, job_new(d, key, meta, blob), purges);
}

/* ---- removing ---- */

/* Dooms all of `entries`. */
static void doom_all(struct disk *d, struct list *entries)
{
    pthread_mutex_lock(&d->lock);
    list_move_all(&d->doomed, entries);
    pthread_cond_signal(&d->wake);
    pthread_mutex_unlock(&d->lock);
}

void disk_doom(struct disk *d, struct disk_entry *e)
{
    struct list one;

    list_init(&one);
    list_append(&one, &e->link);
    doom_all(d, &one);
}

/* With the lock held: moves what is queued and matches to `to`. How many, with the one that is
 * being written. */
static unsigned cancel_jobs(struct disk *d, cache_match_fn match, void *arg, struct list *to)
{
    unsigned count = 0;

    LIST_FOREACH_SAFE (link, &d->queue) {
        struct disk_job *job = LIST_ENTRY(link, struct disk_job, link);

        if (match(job->key, arg)) {
            list_remove(link);
            list_append(to, link);
            d->queued -= job->cost;
            count++;
        }
    }
    if (d->writing != NULL && !d->writing->is_cancelled && match(d->writing->key, arg)) {
        d->writing->is_cancelled = true;
        count++;
    }
    return count;
}

/* With the lock held. NULL: whatever is found from now on. */
static void note_removed(struct disk *d, const uint64_t *hash)
{
    if (atomic_load(&d->is_complete))
        return;
    if (hash != NULL)
        disk_removed_add(&d->removed, *hash);
    else
        d->removed.is_everything = true;
}

static void free_jobs(struct list *jobs)
{
    struct list *link;

    while ((link = list_take_first(jobs)) != NULL) {
        struct disk_job *job = LIST_ENTRY(link, struct disk_job, link);

        disk_job_free(&job);
    }
}

/* What has not come into the index yet. */
static unsigned remove_coming(struct disk *d, cache_match_fn match, void *arg, const uint64_t *hash)
{
    struct list cancelled;
    unsigned count;

    list_init(&cancelled);
    pthread_mutex_lock(&d->lock);
    count = cancel_jobs(d, match, arg, &cancelled);
    note_removed(d, hash);
    d->purges += hash == NULL;
    pthread_mutex_unlock(&d->lock);
    free_jobs(&cancelled);
    return count;
}

static bool is_key(struct str key, void *wanted)
{
    return str_eq(key, *(const struct str *)wanted);
}

void disk_remove(struct disk *d, struct str key)
{
    uint64_t hash = disk_hash(&d->folder, key);
    struct disk_entry *e;

    remove_coming(d, is_key, &key, &hash);
    e = disk_index_take(&d->index, hash, key);
    if (e != NULL)
        disk_doom(d, e);
}

unsigned disk_purge(struct disk *d, cache_match_fn match, void *arg)
{
    struct list taken;
    unsigned count;

    list_init(&taken);
    count = remove_coming(d, match, arg, NULL);
    count += disk_index_purge(&d->index, match, arg, &taken);
    doom_all(d, &taken);
    return count;
}

/* ---- looking ---- */

bool disk_has(struct disk *d, struct str key)
{
    bool is_there = disk_index_has(&d->index, disk_hash(&d->folder, key), key);

    if (!is_there)
        DISK_COUNT(d, misses);
    return is_there;
}

void disk_stats(struct disk *d, struct disk_stats *ret)
{
    *ret = (struct disk_stats){.objects =
                                   atomic_load_explicit(&d->index.objects, memory_order_relaxed),
                               .bytes = atomic_load_explicit(&d->used, memory_order_relaxed),
                               .limit = d->settings.limit,
                               .loading = atomic_load(&d->loading),
                               .is_complete = atomic_load(&d->is_complete),
#define X(name, text) .name = atomic_load_explicit(&d->name, memory_order_relaxed),
                               DISK_COUNTERS(X)
#undef X
    };
    pthread_mutex_lock(&d->lock);
    ret->queued = d->queued;
    pthread_mutex_unlock(&d->lock);
}
