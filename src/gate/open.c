/*
 * Objects of a folder: in memory, if somebody asked before and the file has not changed since; else
 * on disk.
 */
#include "gate/steps.h"

#include <errno.h>

#include "gate/compress.h"
#include "gate/fill.h"
#include "hls/playlist.h"

struct cache_version file_version(const struct origin_file *f)
{
    return (struct cache_version){f->inode, f->size, f->mtime_sec, f->mtime_nsec};
}

static enum outcome outcome_of_open(int err)
{
    switch (err) {
    case -ENOENT:
    case -ENAMETOOLONG:
        return OUT_NOT_FOUND;
    case -EACCES:
        return OUT_FORBIDDEN_FILE;
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return OUT_OVERLOADED;
    default:
        return OUT_ORIGIN_ERROR;
    }
}

/* A large file stays open: the page cache is its memory, and sending from there costs no copy. */
static void keep_open(struct req *r)
{
    struct cache_version version = file_version(&r->file);
    struct str etag = origin_file_etag(&r->arena, &r->file);

    r->entry = cache_put(r->worker->gate->cache, r->cache_key,
                         &(struct cache_entry){.fd = origin_file_take(&r->file),
                                               .is_file = true,
                                               .version = version,
                                               .etag = etag,
                                               .last_modified = version.mtime_sec,
                                               .status = 200,
                                               .checked_at = loop_now(r->worker->loop)});
}

static bool belongs_in_memory(const struct req *r)
{
    const struct rules *rules = r->rules;

    return r->file.size <= (r->wants_memory ? rules->cache.max_object : rules->max_in_memory);
}

/* A file that is asked for again and again: large ones stay open, small ones go into memory, behind
 * the back of this request. */
static void warm_up(struct req *r, bool was_cached)
{
    struct cache *c = r->worker->gate->cache;

    if (r->class == CLASS_KEY || r->file.size == 0)
        return; /* keys are never kept */
    if (!was_cached &&
        !cache_turns_hot(c, r->cache_key, r->rules->hot_after, loop_now(r->worker->loop)))
        return;
    if (!belongs_in_memory(r))
        keep_open(r);
    else if (!fill_start(r, false))
        cache_hot_failed(c, r->cache_key);
}

/* A file that stayed open for those who send it as it is, and now others ask for it. */
static void move_into_memory(struct req *r)
{
    if (r->entry->is_file && belongs_in_memory(r))
        (void)fill_start(r, false); /* no room: it stays as it is */
}

/* Gone, or not ours to read: so is what we kept of it. Anything else may pass: what we kept is
 * served meanwhile. */
static const struct step *after_failed_open(struct req *r, int err)
{
    if (err == -ENOENT || err == -EACCES)
        cache_drop(r->worker->gate->cache, r->cache_key);
    else if (r->entry != NULL)
        return STEP(rewrite);
    return req_fail(r, outcome_of_open(err));
}

/* What is compressed must be in memory, whole and for all. */
static bool is_to_be_coded(const struct req *r)
{
    return compress_wants(r, STR_NONE, r->file.size);
}

static const struct step *after_open(struct req *r, int err)
{
    bool was_cached = r->entry != NULL;

    if (err < 0)
        return after_failed_open(r, err);
    gate_count(r->worker, STAT_FILES_OPENED, 1);
    if (was_cached) {
        struct cache_version now = file_version(&r->file);

        if (cache_version_eq(&r->entry->version, &now)) {
            move_into_memory(r);
            origin_file_done(&r->file);
            return STEP(rewrite);
        }
        cache_entry_unref(&r->entry);
    }
    if (r->class == CLASS_PLAYLIST || is_to_be_coded(r))
        return STEP(load);
    warm_up(r, was_cached);
    return STEP(respond);
}

static void on_opened(struct op *op, int err)
{
    struct req *r = container_of(op, struct req, file.op);

    req_resume(r, after_open(r, err));
}

/* A file that is kept open is not in memory, where it could be compressed. */
static bool is_entry_enough(const struct req *r)
{
    return !r->entry->is_file || !compress_wants(r, STR_NONE, r->entry->version.size);
}

const struct step *step_open(struct req *r)
{
    struct gate_worker *w = r->worker;

    cache_entry_unref(&r->entry); /* of a load that has to be done again */
    r->entry = cache_get(w->gate->cache, r->cache_key);
    if (r->entry != NULL && !is_entry_enough(r))
        cache_entry_unref(&r->entry);
    if (r->entry != NULL && !cache_claim_check(r->entry, loop_now(w->loop), r->rules->file_check))
        return STEP(rewrite);
    r->file = (struct origin_file){0};
    op_init(&r->file.op, on_opened);
    origin_open(r->route->folder, w->loop, r->url.path, &r->file);
    return req_wait(r, &r->file.op);
}

/* Another request may have loaded this very version while ours was being opened. */
static bool take_loaded(struct req *r)
{
    struct cache_version version = file_version(&r->file);

    r->entry = cache_get(r->worker->gate->cache, r->cache_key);
    if (r->entry != NULL && !r->entry->is_file && cache_version_eq(&r->entry->version, &version))
        return true;
    cache_entry_unref(&r->entry);
    return false;
}

const struct step *step_load(struct req *r)
{
    bool is_playlist = r->class == CLASS_PLAYLIST;

    if (is_playlist && r->file.size > r->rules->max_playlist)
        return req_fail(r, OUT_PLAYLIST_TOO_LARGE);
    if (take_loaded(r)) {
        origin_file_done(&r->file);
        return STEP(rewrite);
    }
    if (fill_start(r, true))
        return STEP(WAIT);
    return is_playlist ? req_fail(r, OUT_OVERLOADED) : STEP(respond);
}
