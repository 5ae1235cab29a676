/*
 * Loads: the index says which file, a thread of the pool reads it whole. What it finds damaged is
 * doomed by its number, so a newer version that has come meanwhile is left alone.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "cache/disk_file.h"
#include "cache/disk_internal.h"

struct loading {
    struct work work;
    struct disk *disk;
    struct disk_load *load; /* the caller's; not looked at after a cancel */
    uint64_t hash, number;
    struct disk_object object;
    struct str key;
    char key_bytes[];
};

static void loading_free(struct loading *g)
{
    disk_object_done(&g->object);
    atomic_fetch_sub(&g->disk->loading, 1);
    free(g);
}

/* ---- on the pool ---- */

static int read_file(struct loading *g, int fd)
{
    const struct disk *d = g->disk;
    int r = disk_file_read_head(fd, &d->folder.key, d->settings.max_object, &g->object);

    if (r == 0 && !str_eq(g->object.key, g->key))
        r = -EBADMSG;
    return r < 0 ? r : disk_file_read_body(fd, &d->folder.key, &g->object);
}

/* An object that was evicted since it was looked up is no damage. */
static void give_up(struct loading *g)
{
    struct disk_entry *e = disk_index_take_file(&g->disk->index, g->hash, g->number);

    if (e == NULL)
        return;
    DISK_COUNT(g->disk, damaged);
    disk_doom(g->disk, e);
}

static int run_loading(struct work *w)
{
    struct loading *g = container_of(w, struct loading, work);
    int fd = disk_folder_read(&g->disk->folder, g->hash, g->number);
    int r = fd;

    if (fd >= 0) {
        r = read_file(g, fd);
        close(fd);
    }
    if (r == 0)
        DISK_COUNT(g->disk, hits);
    else if (r == -ENOENT)
        DISK_COUNT(g->disk, misses);
    if (r < 0 && !disk_is_short_of(r))
        give_up(g);
    return r;
}

/* ---- on the loop ---- */

static void abandon_loading(struct work *w)
{
    loading_free(container_of(w, struct loading, work));
}

static void on_loaded(struct op *work_op, int err)
{
    struct loading *g = container_of(work_op, struct loading, work.op);
    struct disk_load *load = g->load;

    if (err == 0) {
        load->blob = TAKE(g->object.blob);
        load->head = TAKE(g->object.head);
        load->meta = g->object.meta;
    }
    loading_free(g);
    op_finish(&load->op, err);
}

static void cancel_loading(struct op *op)
{
    struct loading *g = op->work;

    op_cancel(&g->work.op);
}

static struct loading *loading_new(struct disk *d, struct str key, uint64_t hash, uint64_t number)
{
    struct loading *g = xzalloc(sizeof *g + key.n);

    g->disk = d;
    g->hash = hash;
    g->number = number;
    g->key = (struct str){g->key_bytes, key.n};
    if (key.n > 0)
        memcpy(g->key_bytes, key.p, key.n);
    g->work.run = run_loading;
    g->work.abandoned = abandon_loading;
    op_init(&g->work.op, on_loaded);
    atomic_fetch_add(&d->loading, 1);
    return g;
}

int disk_load(struct disk *d, struct loop *l, struct str key, struct disk_load *load)
{
    uint64_t hash = disk_hash(&d->folder, key), number;
    struct loading *g;

    if (!disk_index_find(&d->index, hash, key, &number)) {
        DISK_COUNT(d, misses);
        return -ENOENT;
    }
    g = loading_new(d, key, hash, number);
    g->load = load;
    op_begin(&load->op, cancel_loading, g);
    return work_start(l, &g->work);
}

void disk_load_done(struct disk_load *load)
{
    op_cancel(&load->op);
    xfree_p(&load->head);
    blob_unref(&load->blob);
    load->meta = STR_NONE;
}
