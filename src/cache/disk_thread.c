/*
 * The one thread that writes and deletes. It alone changes the account, in the order that keeps it
 * true: room is taken before a file is begun, and given back when a file is gone.
 *
 * First it looks through the folder. Until that is done nothing is written: without all sizes there
 * is no account, and without all numbers a new file could be older than an old one.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "cache/disk_file.h"
#include "cache/disk_internal.h"

/* ---- the account ---- */

static void give_back(struct disk *d, uint64_t cost)
{
    atomic_fetch_sub_explicit(&d->used, cost, memory_order_relaxed);
}

/* Takes `e`. A file that cannot be deleted is out of the account all the same: it will be found
 * again at the next start. */
static void unlink_entry(struct disk *d, struct disk_entry *e)
{
    if (disk_folder_unlink(&d->folder, e->node.hash, e->number) < 0)
        DISK_COUNT(d, failed);
    give_back(d, e->cost);
    disk_entry_free(&e);
}

static bool evict(struct disk *d)
{
    struct disk_entry *e = disk_index_evict(&d->index);

    if (e == NULL)
        return false;
    unlink_entry(d, e);
    DISK_COUNT(d, evicted);
    return true;
}

static bool is_full(struct disk *d, const struct disk_entry *e)
{
    uint64_t used = atomic_load_explicit(&d->used, memory_order_relaxed);
    uint64_t memory = atomic_load_explicit(&d->index.memory, memory_order_relaxed);

    return e->cost > d->settings.limit - used ||
           memory + disk_entry_memory(e) > d->settings.max_index;
}

/* Room for one more. False: there is none even without all others. */
static bool make_room(struct disk *d, const struct disk_entry *e)
{
    while (is_full(d, e))
        if (!evict(d))
            return false;
    atomic_fetch_add_explicit(&d->used, e->cost, memory_order_relaxed);
    return true;
}

static void unlink_doomed(struct disk *d)
{
    struct list doomed, *link;

    list_init(&doomed);
    pthread_mutex_lock(&d->lock);
    list_move_all(&doomed, &d->doomed);
    pthread_mutex_unlock(&d->lock);
    while ((link = list_take_first(&doomed)) != NULL)
        unlink_entry(d, LIST_ENTRY(link, struct disk_entry, link));
}

/* ---- looking through the folder ---- */

static int read_head(struct disk *d, uint64_t hash, uint64_t number, struct disk_object *ret)
{
    int fd = disk_folder_read(&d->folder, hash, number);
    int r;

    if (fd < 0)
        return fd;
    r = disk_file_read_head(fd, &d->folder.key, d->settings.max_object, ret);
    close(fd);
    if (r == 0 && disk_hash(&d->folder, ret->key) != hash)
        r = -EBADMSG;
    return r;
}

static void add_found(struct disk *d, uint64_t hash, uint64_t number, const struct disk_object *o)
{
    uint64_t cost = disk_file_cost(o->key.n, o->meta.n, o->length);
    struct disk_entry *e = disk_entry_new(o->key, hash, number, cost), *loser = e;

    if (!make_room(d, e)) {
        DISK_COUNT(d, evicted);
        (void)disk_folder_unlink(&d->folder, hash, number);
        disk_entry_free(&e);
        return;
    }
    pthread_mutex_lock(&d->lock);
    if (!disk_removed_has(&d->removed, hash))
        loser = disk_index_put(&d->index, e);
    pthread_mutex_unlock(&d->lock);
    if (loser != NULL)
        unlink_entry(d, loser);
}

static void look_at(struct disk *d, uint64_t hash, uint64_t number)
{
    struct disk_object o = {0};
    int r = read_head(d, hash, number, &o);

    if (r == 0) {
        add_found(d, hash, number, &o);
    } else if (!disk_is_short_of(r)) {
        r == -EFBIG ? DISK_COUNT(d, evicted) : DISK_COUNT(d, damaged);
        (void)disk_folder_unlink(&d->folder, hash, number);
    }
    disk_object_done(&o);
}

static bool was_removed(struct disk *d, uint64_t hash)
{
    bool was;

    pthread_mutex_lock(&d->lock);
    was = disk_removed_has(&d->removed, hash);
    pthread_mutex_unlock(&d->lock);
    return was;
}

/* A stop waits until what was removed is gone, for which names are enough. */
static bool may_stop(struct disk *d)
{
    bool is_owing;

    if (!atomic_load(&d->is_stopping))
        return false;
    pthread_mutex_lock(&d->lock);
    is_owing = d->removed.hashes.count > 0 || d->removed.is_everything;
    pthread_mutex_unlock(&d->lock);
    return !is_owing;
}

static bool visit(void *arg, uint64_t hash, uint64_t number)
{
    struct disk *d = arg;

    d->was_cut_short = atomic_load(&d->is_stopping);
    if (may_stop(d))
        return false;
    d->last_number = MAX(d->last_number, number);
    unlink_doomed(d);
    if (was_removed(d, hash))
        (void)disk_folder_unlink(&d->folder, hash, number);
    else if (!d->was_cut_short)
        look_at(d, hash, number);
    return true;
}

/* ---- writing ---- */

/* Deletes others' files of that many bytes at least. */
static bool evict_bytes(struct disk *d, uint64_t cost)
{
    uint64_t before = atomic_load_explicit(&d->used, memory_order_relaxed);

    while (before - atomic_load_explicit(&d->used, memory_order_relaxed) < cost)
        if (!evict(d))
            return false;
    return true;
}

static int write_job(struct disk *d, const struct disk_job *job, uint64_t number)
{
    struct str bytes = blob_str(job->blob);
    int r = disk_folder_write(&d->folder, job->hash, number, job->key, job->meta, bytes);

    if ((r == -ENOSPC || r == -EDQUOT) && evict_bytes(d, job->cost))
        r = disk_folder_write(&d->folder, job->hash, number, job->key, job->meta, bytes);
    return r;
}

/* Takes `e`: into the index, unless it was cancelled on the way. */
static void publish(struct disk *d, const struct disk_job *job, struct disk_entry *e)
{
    struct disk_entry *loser = e;

    pthread_mutex_lock(&d->lock);
    if (!job->is_cancelled)
        loser = disk_index_put(&d->index, e);
    d->writing = NULL;
    pthread_mutex_unlock(&d->lock);
    if (loser != e)
        DISK_COUNT(d, stored);
    if (loser != NULL)
        unlink_entry(d, loser);
}

static void store(struct disk *d, const struct disk_job *job)
{
    struct disk_entry *e = disk_entry_new(job->key, job->hash, ++d->last_number, job->cost);

    if (!make_room(d, e)) {
        DISK_COUNT(d, dropped);
        disk_entry_free(&e);
    } else if (write_job(d, job, e->number) < 0) {
        DISK_COUNT(d, failed);
        give_back(d, e->cost);
        disk_entry_free(&e);
    } else {
        publish(d, job, e);
    }
}

/* ---- the thread ---- */

static void begin(struct disk *d)
{
    int r = disk_folder_visit(&d->folder, visit, d);

    if (r < 0 && r != -ECANCELED)
        DISK_COUNT(d, failed);
    pthread_mutex_lock(&d->lock);
    atomic_store(&d->is_complete, !d->was_cut_short);
    pthread_mutex_unlock(&d->lock);
}

/* Waits for something to do: a job, or none and doomed files. False: that was all. */
static bool next(struct disk *d, struct disk_job **ret)
{
    struct list *link;
    bool is_more;

    pthread_mutex_lock(&d->lock);
    while (list_is_empty(&d->queue) && list_is_empty(&d->doomed) && !atomic_load(&d->is_stopping))
        pthread_cond_wait(&d->wake, &d->lock);
    link = list_take_first(&d->queue);
    d->writing = *ret = link != NULL ? LIST_ENTRY(link, struct disk_job, link) : NULL;
    is_more = link != NULL || !list_is_empty(&d->doomed);
    pthread_mutex_unlock(&d->lock);
    return is_more;
}

static void end_job(struct disk *d, struct disk_job *job)
{
    pthread_mutex_lock(&d->lock);
    d->writing = NULL;
    d->queued -= job->cost;
    pthread_mutex_unlock(&d->lock);
    disk_job_free(&job);
}

void *disk_thread_main(void *disk)
{
    struct disk *d = disk;
    struct disk_job *job;

    begin(d);
    while (next(d, &job)) {
        unlink_doomed(d);
        if (job == NULL)
            continue;
        if (atomic_load(&d->is_complete))
            store(d, job);
        else /* stopped before there was an account */
            DISK_COUNT(d, dropped);
        end_job(d, job);
    }
    return NULL;
}
