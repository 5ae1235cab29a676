/*
 * The disk tier, from a fetch's side: asked before the origin is, given what the origin sent, told
 * what it has said goodbye to. What is read from there lands like an answer of the origin's while
 * it is fresh; else it is the stale version that the origin is asked about.
 */
#include "gate/fetch_internal.h"
#include "gate/kept.h"

enum { META_CAP = 1024 }; /* an ETag and a type of VALUE_MAX each */

static bool is_fresh(const struct cache_entry *e, usec_t now)
{
    return now < atomic_load_explicit(&e->fresh_until, memory_order_relaxed);
}

/* Stands in memory from now on, for those who may use it stale. */
static void ask_about(struct fetch *f, const struct cache_entry *what)
{
    f->stale = flight_put(f->flight, what);
    fetch_ask_origin(f);
}

static void on_loaded(struct op *op, int err)
{
    struct fetch *f = container_of(op, struct fetch, load.op);
    struct gate_worker *w = f->worker;
    usec_t now = loop_now(w->loop);
    struct cache_entry what;

    if (err < 0 || kept_read(f->load.meta, now, loop_unix(w->loop), &what) < 0 ||
        (f->is_playlist && scanned_add(w, blob_str(f->load.blob), &f->place, &what) < 0)) {
        fetch_ask_origin(f);
        return;
    }
    what.blob = TAKE(f->load.blob);
    what.version.size = blob_str(what.blob).n;
    what.is_from_disk = true;
    gate_count(w, STAT_FETCHES_FROM_DISK, 1);
    f->lifetime.may_share = f->is_sure = true;
    if (is_fresh(&what, now))
        fetch_land(f, &what);
    else
        ask_about(f, &what);
}

bool fetch_load(struct fetch *f)
{
    struct disk *d = f->worker->gate->disk;

    if (d == NULL || f->stale != NULL || flight_is_private(f->flight) ||
        !disk_has(d, flight_key(f->flight)))
        return false;
    op_init(&f->load.op, on_loaded);
    return disk_load(d, f->worker->loop, flight_key(f->flight), &f->load) == 0;
}

/* What nobody could use after a restart is not worth the writing: a playlist that still grows. */
static bool is_worth_it(const struct fetch *f, const struct cache_entry *what)
{
    const struct scanned_playlist *s = what->derived;
    bool is_live = s != NULL && s->playlist->kind == PLAYLIST_MEDIA && !s->playlist->has_endlist;
    bool can_be_checked = what->etag.n > 0 || what->last_modified > 0;

    return fetch_may_keep(f) && !is_live && !f->is_blocking &&
           (can_be_checked || is_fresh(what, loop_now(f->worker->loop)));
}

void fetch_store(const struct fetch *f, const struct cache_entry *what)
{
    struct gate_worker *w = f->worker;
    struct buf meta;

    if (w->gate->disk == NULL)
        return;
    if (!is_worth_it(f, what)) {
        fetch_forget_stored(f);
        return;
    }
    buf_init(&meta, META_CAP);
    kept_write(what, loop_now(w->loop), loop_unix(w->loop), &meta);
    disk_store(w->gate->disk, flight_key(f->flight), buf_str(&meta), flight_seal(f->flight),
               f->disk_purges);
    buf_done(&meta);
}

void fetch_forget_stored(const struct fetch *f)
{
    if (f->worker->gate->disk != NULL && !flight_is_private(f->flight))
        disk_remove(f->worker->gate->disk, flight_key(f->flight));
}
