/* What the files of admin/ share: the handlers of the endpoint table, and how each of them answers.
 */
#ifndef ADMIN_ENDPOINTS_H
#define ADMIN_ENDPOINTS_H

#include <jansson.h>

#include "admin/settings.h"
#include "gate/req.h"

struct throttle;

/* struct api.context */
struct admin {
    long arenas_at_start;      /* those of the configuration */
    struct throttle *throttle; /* owned, for the life of the process */
};

static inline const struct admin *admin_of(const struct req *r)
{
    return r->worker->gate->api->context;
}

const struct step *run_whitelist(struct req *r); /* POST and DELETE */
const struct step *run_static_whitelist(struct req *r);
const struct step *run_whitelist_info(struct req *r);
const struct step *run_health(struct req *r);
const struct step *run_stats(struct req *r);
const struct step *run_metrics(struct req *r);
const struct step *run_traffic(struct req *r);
const struct step *run_denied_log(struct req *r);
const struct step *run_recent_log(struct req *r);
const struct step *run_replay_log(struct req *r);
const struct step *run_key_log(struct req *r);
const struct step *run_log_summary(struct req *r);
const struct step *run_purge(struct req *r);
const struct step *run_playlist_stats(struct req *r);
const struct step *run_explain(struct req *r);
const struct step *run_browser(struct req *r);
const struct step *run_cidr(struct req *r);
const struct step *run_ip_whitelist(struct req *r);
const struct step *run_debug_session(struct req *r);
const struct step *run_transfers(struct req *r);
const struct step *run_sessions(struct req *r); /* GET and DELETE */
const struct step *run_file_check(struct req *r);
const struct step *run_file_batch(struct req *r);
const struct step *run_probe(struct req *r);
const struct step *run_js_whitelist(struct req *r); /* GET and POST */
const struct step *run_js_check(struct req *r);
const struct step *run_js_stats(struct req *r);
const struct step *run_openapi(struct req *r);

/* What each check saw, in sentences that are made in `a`: of a logged request, and an explained one
 * (debug.c). */
json_t *json_of_checks(const struct facts *f, struct arena *a);
json_t *json_of_cache(const struct cache *cache); /* in /stats, and beside the playlists' figures */

/* Answers `value`, which is taken. */
const struct step *api_answer(struct req *r, enum outcome o, json_t *value);

/* {"error": text} */
const struct step *api_error(struct req *r, enum outcome o, struct str text);

/*
 * Where a key of this scope is needed, and the table does not say so for the whole endpoint: NULL,
 * or the refusal.
 */
const struct step *api_need_scope(struct req *r, enum api_scope needed);

/* When a call of the store went wrong: `err` is its negative errno. */
const struct step *api_store_failed(struct req *r, int err);

#endif
