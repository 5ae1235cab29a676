/*
 * A fill lives on the heap until the pool has let go of its bytes. At most one request waits for it
 * (req->fill and fill->req point at each other, or both are NULL).
 */
#include "gate/fill.h"

#include <errno.h>
#include <stdlib.h>

#include "gate/steps.h"
#include "hls/playlist.h"

enum {
    LOAD_TRIES = 3, /* a playlist that changes under every one of so many reads is given up */
};

struct fill {
    struct origin_read read;
    struct list link; /* in worker->fills */
    struct gate_worker *worker;
    struct req *req; /* who waits; NULL: nobody */
    struct cache_version version;
    struct str etag; /* owned */
    struct blob *blob;
    char *key;
    bool is_playlist;
    char *path, *folder, *authority; /* of a playlist */
};

static void fill_free(struct fill **f)
{
    struct fill *old = TAKE(*f);

    list_remove(&old->link);
    if (old->req != NULL)
        old->req->fill = NULL;
    xfree_p(&old->etag.p);
    blob_unref(&old->blob);
    free(old->key);
    free(old->path);
    free(old->folder);
    free(old->authority);
    free(old);
}

static void release_after_cancel(void *arg)
{
    struct fill *f = arg;

    fill_free(&f);
}

void fill_leave(struct fill *f)
{
    f->req->fill = NULL;
    f->req = NULL;
}

void fill_cancel_all(struct gate_worker *w)
{
    LIST_FOREACH_SAFE (link, &w->fills)
        op_cancel(
            &LIST_ENTRY(link, struct fill, link)->read.op); /* freed by release_after_cancel() */
}

static void scanned_free(void *derived)
{
    struct scanned_playlist *s = derived;

    playlist_free(&s->playlist);
    free(s->authority);
    free(s);
}

/* What the bytes of a playlist turned out to be. NULL in `ret` for what is none: it is passed
 * through untouched. */
static enum playlist_error scan(struct fill *f, struct scanned_playlist **ret)
{
    struct playlist *p = NULL;
    enum playlist_error e = playlist_scan(blob_str(f->blob), str_of(f->path), str_of(f->folder),
                                          str_of(f->authority), &p);

    *ret = NULL;
    gate_count(f->worker, e == PLAYLIST_NOT_HLS ? STAT_PLAYLISTS_NOT_HLS : STAT_PLAYLISTS_SCANNED,
               1);
    if (e != PLAYLIST_OK)
        return e;
    *ret = xzalloc(sizeof **ret);
    (*ret)->playlist = p;
    (*ret)->authority = TAKE(f->authority);
    return PLAYLIST_OK;
}

/* NULL: a playlist that cannot be personalised, and must not be served without. */
static struct cache_entry *put(struct fill *f)
{
    struct scanned_playlist *s = NULL;
    size_t bytes = 0;

    if (f->is_playlist && scan(f, &s) == PLAYLIST_TOO_MANY)
        return NULL;
    if (s != NULL)
        bytes = sizeof *s + playlist_footprint(s->playlist);
    return cache_put(f->worker->gate->cache, str_of(f->key), &f->version, f->etag,
                     f->version.mtime_sec, TAKE(f->blob), s, s != NULL ? scanned_free : NULL, bytes,
                     loop_now(f->worker->loop));
}

/* The next step of the request that waited. */
static const struct step *tell(struct req *r, struct cache_entry *e, int err)
{
    r->fill = NULL;
    if (e != NULL) {
        r->entry = e;
        return STEP(rewrite);
    }
    if (err == -EAGAIN && ++r->load_tries < LOAD_TRIES)
        return STEP(locate); /* it changed while it was read: look again */
    return req_fail(r, err == 0 ? OUT_PLAYLIST_TOO_LARGE : OUT_ORIGIN_ERROR);
}

static void on_read(struct op *op, int err)
{
    struct fill *f = container_of(op, struct fill, read.op);
    struct req *r = f->req;
    struct cache_entry *e = NULL;

    if (err == 0)
        e = put(f);
    else
        cache_hot_failed(f->worker->gate->cache, str_of(f->key));
    f->req = NULL;
    fill_free(&f);
    if (r != NULL)
        req_run(r, tell(r, e, err));
    else
        cache_entry_unref(&e);
}

static char *cstr_of(struct str s)
{
    char *p = xmalloc(s.n + 1);

    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
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
    if (f->is_playlist) {
        f->path = cstr_of(r->url.path);
        f->folder = cstr_of(scope_folder(r));
        f->authority = cstr_of(r->head.authority);
    }
    list_append(&r->worker->fills, &f->link);
    return f;
}

bool fill_start(struct req *r, bool is_waiting)
{
    struct blob *blob = blob_new(r->file.size);
    struct fill *f;

    if (blob == NULL)
        return false;
    f = fill_new(r, blob);
    op_init(&f->read.op, on_read);
    f->read.bytes = blob_bytes(blob);
    f->read.release = release_after_cancel;
    f->read.arg = f;
    if (origin_read(r->worker->loop, &r->file, &f->read) < 0) {
        fill_free(&f);
        return false;
    }
    if (is_waiting) {
        origin_file_done(&r->file);
        r->fill = f;
        f->req = r;
    } else {
        gate_count(r->worker, STAT_FILES_LOADED, 1);
    }
    return true;
}
