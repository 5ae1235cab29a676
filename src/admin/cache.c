/*
 * The cache from outside: what it holds of playlists, and how to have objects forgotten before
 * their time.
 */
#include "admin/endpoints.h"

#include "access/stream_key.h"
#include "admin/input.h"
#include "admin/json.h"
#include "base/log.h"
#include "gate/purge.h"

/* ---- POST /api/cache/purge ---- */

/* "/a%20b.ts", a whole URL or a path: as the gate decodes it. */
static struct str take_path(struct input *in, const char *name)
{
    struct url url;

    return input_url(in, name, INPUT_SAYS_SOMETHING, &url) ? url.path : STR_NONE;
}

static bool take_purge(struct input *in, struct purge *p)
{
    p->path = take_path(in, "path");
    p->prefix = take_path(in, "prefix");
    p->stream_key = input_str(in, "stream_key", INPUT_SAYS_SOMETHING, INPUT_PATH_MAX);
    if (!input_is_wrong(in) &&
        (p->path.p != NULL) + (p->prefix.p != NULL) + (p->stream_key.p != NULL) != 1)
        in->error = STR("exactly one of path, prefix and stream_key is needed");
    return !input_is_wrong(in);
}

const struct step *run_purge(struct req *r)
{
    struct purge p = {0};
    struct input in;
    unsigned in_memory, on_disk;
    json_t *o;
    bool is_right;

    input_from_json(&in, &r->arena, r->content);
    is_right = take_purge(&in, &p);
    input_done(&in);
    if (!is_right)
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    o = json_object();
    in_memory = cache_purge_by(r->worker, r->rules, &p, &on_disk);
    json_put_bool(o, "success", true);
    json_put_int(o, "purged", in_memory);
    json_put_int(o, "purged_on_disk", on_disk);
    return api_answer(r, OUT_OK, o);
}

/* ---- GET /api/m3u8-cache-stats ---- */

const struct step *run_playlist_stats(struct req *r)
{
    const struct counter_registry *c = &r->worker->gate->counters;
    int64_t hits = counter_sum(c, STAT_PLAYLIST_HIT), misses = counter_sum(c, STAT_PLAYLIST_MISS);
    json_t *o = json_object();

    json_put_int(o, "hits", hits);
    json_put_int(o, "misses", misses);
    json_put_int(o, "total_requests", hits + misses);
    json_put(o, "hit_rate",
             json_real(hits + misses > 0 ? (double)hits / (double)(hits + misses) : 0.0));
    json_put_int(o, "scanned", counter_sum(c, STAT_PLAYLISTS_SCANNED));
    json_put_int(o, "rewritten", counter_sum(c, STAT_PLAYLISTS_REWRITTEN));
    json_put_int(o, "not_hls", counter_sum(c, STAT_PLAYLISTS_NOT_HLS));
    json_put(o, "cache", json_of_cache(r->worker->gate->cache));
    return api_answer(r, OUT_OK, o);
}
