/*
 * A fill lives on the heap until the pool has let go of its bytes. Requests that wait for it stand
 * in its list by their fill_link, and may leave it at any time.
 */
#include "gate/fill.h"

#include <errno.h>
#include <stdlib.h>

#include "gate/scanned.h"
#include "gate/steps.h"

enum {
    LOAD_TRIES = 3, /* a playlist that changes under every one of so many reads is given up */
};

struct fill {
    struct origin_read read;
    struct list link; /* in worker->fills */
    struct gate_worker *worker;
    struct list waiting; /* struct req.fill_link */
    struct cache_version version;
    struct str etag; /* owned */
    struct blob *blob;
    char *key;
    bool is_playlist;
    struct playlist_place place; /* of a playlist */
};

static void fill_free(struct fill **f)
{
    struct fill *old = TAKE(*f);

    list_remove(&old->link);
    assert(list_is_empty(&old->waiting));
    old->worker->fill_bytes -= old->version.size;
    xfree_p(&old->etag.p);
    blob_unref(&old->blob);
    free(old->key);
    playlist_place_done(&old->place);
    free(old);
}

static void release_after_cancel(void *arg)
{
    struct fill *f = arg;

    fill_free(&f);
}

void fill_leave(struct req *r)
{
    list_remove(&r->fill_link);
}

void fill_cancel_all(struct gate_worker *w)
{
    LIST_FOREACH_SAFE (link, &w->fills)
        op_cancel(
            &LIST_ENTRY(link, struct fill, link)->read.op); /* freed by release_after_cancel() */
}

/* NULL: a playlist that cannot be personalised. */
static struct cache_entry *put(struct fill *f)
{
    struct cache_entry what = {.version = f->version,
                               .etag = f->etag,
                               .last_modified = f->version.mtime_sec,
                               .status = 200,
                               .checked_at = loop_now(f->worker->loop)};

    if (f->is_playlist &&
        scanned_add(f->worker, blob_str(f->blob), &f->place, &what) == PLAYLIST_TOO_MANY)
        return NULL;
    what.blob = TAKE(f->blob);
    return cache_put(f->worker->gate->cache, str_of(f->key), &what);
}

/* The next step of a request that waited. */
static const struct step *tell(struct req *r, struct cache_entry *e, int err)
{
    if (e != NULL) {
        r->entry = cache_entry_ref(e);
        req_set_cache_word(r, CACHE_WORD_MISS);
        return STEP(rewrite);
    }
    if (err == -EAGAIN && ++r->load_tries < LOAD_TRIES)
        return STEP(open); /* it changed while it was read: look again */
    return req_fail(r, err == 0 ? OUT_PLAYLIST_TOO_LARGE : OUT_ORIGIN_ERROR);
}

static void on_read(struct op *op, int err)
{
    struct fill *f = container_of(op, struct fill, read.op);
    struct cache_entry *e = NULL;
    struct list waiting, *link;

    list_init(&waiting);
    list_move_all(&waiting, &f->waiting);
    if (err == 0)
        e = put(f);
    else
        cache_hot_failed(f->worker->gate->cache, str_of(f->key));
    fill_free(&f);
    while ((link = list_take_first(&waiting)) != NULL) {
        struct req *r = LIST_ENTRY(link, struct req, fill_link);

        req_run(r, tell(r, e, err));
    }
    cache_entry_unref(&e);
}

static struct fill *find_fill(const struct gate_worker *w, struct str key,
                              const struct cache_version *version)
{
    LIST_FOREACH (link, &w->fills) {
        struct fill *f = LIST_ENTRY(link, struct fill, link);

        if (str_eq(str_of(f->key), key) && cache_version_eq(&f->version, version))
            return f;
    }
    return NULL;
}

static struct fill *fill_new(struct req *r, struct blob *blob)
{
    struct fill *f = xzalloc(sizeof *f);
    struct str etag = origin_file_etag(&r->arena, &r->file);

    f->worker = r->worker;
    f->version = file_version(&r->file);
    f->etag = (struct str){cstr_of(etag), etag.n};
    f->blob = blob;
    f->key = cstr_of(r->cache_key);
    f->is_playlist = r->class == CLASS_PLAYLIST;
    if (f->is_playlist)
        playlist_place_init(&f->place, r);
    list_init(&f->waiting);
    list_append(&r->worker->fills, &f->link);
    r->worker->fill_bytes += r->file.size;
    return f;
}

static struct fill *begin(struct req *r)
{
    struct blob *blob = NULL;
    struct fill *f;

    if (r->file.size <= FILL_BYTES_MAX - r->worker->fill_bytes)
        blob = blob_new(r->file.size);
    if (blob == NULL)
        return NULL;
    f = fill_new(r, blob);
    op_init(&f->read.op, on_read);
    f->read.bytes = blob_bytes(blob);
    f->read.release = release_after_cancel;
    f->read.arg = f;
    if (origin_read(r->worker->loop, &r->file, &f->read) < 0)
        fill_free(&f);
    else if (!f->is_playlist)
        gate_count(r->worker, STAT_FILES_LOADED, 1);
    return f;
}

bool fill_start(struct req *r, bool is_waiting)
{
    struct cache_version version = file_version(&r->file);
    struct fill *f = find_fill(r->worker, r->cache_key, &version);

    if (f == NULL)
        f = begin(r);
    if (f == NULL)
        return false;
    if (is_waiting) {
        origin_file_done(&r->file);
        list_append(&f->waiting, &r->fill_link);
    }
    return true;
}
