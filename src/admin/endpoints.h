/* What the files of admin/ share: the handlers of the endpoint table, and how each of them answers.
 */
#ifndef ADMIN_ENDPOINTS_H
#define ADMIN_ENDPOINTS_H

#include <jansson.h>

#include "admin/settings.h"
#include "gate/req.h"
#include "gate/transfers.h"

struct board;
struct events;
struct heart;
struct instances;
struct returned_badges;
struct sampler;
struct throttle;
struct token_keyring;

/* struct api.context; all of it is owned, for the life of the process. */
struct admin {
    long arenas_at_start; /* those of the configuration */
    struct throttle *throttle;
    struct returned_badges *returned;
    struct token_keyring *keyring; /* of this process: seals badges where there are no secrets */
    struct sampler *sampler;       /* how it went */
    struct instances *instances;   /* that share the store */
    struct board *board;           /* what the dashboard shows */
};

/* A worker's part (gate_worker.api_part). */
struct admin_worker {
    struct events *events; /* owned */
    struct heart *heart;   /* owned; NULL: another worker has it */
};

static inline const struct admin *admin_of(const struct req *r)
{
    return r->worker->gate->api->context;
}

static inline struct admin_worker *admin_worker_of(const struct gate_worker *w)
{
    return w->api_part;
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
const struct step *run_history(struct req *r);
const struct step *run_events(struct req *r);
const struct step *run_login(struct req *r);
const struct step *run_logout(struct req *r);
const struct step *run_login_state(struct req *r);

/* ---- what several of them, and the dashboard, show ---- */

json_t *json_of_cache(const struct cache *cache);
json_t *json_of_origins(const struct rules *rules);
json_t *json_of_transfers(const struct transfer_list *list);
json_t *json_of_reports(struct reports *r); /* what this process knows of them */
/* What each check saw, in sentences that are made in `a`: of a logged request, and an explained one
 * (debug.c). */
json_t *json_of_checks(const struct facts *f, struct arena *a);

int64_t uptime_seconds(const struct gate *g);

/*
 * What a balancer looks at. Where signatures stand in for a store that is away, viewers are served:
 * all instances at once must not leave it then.
 */
enum health { HEALTHY, DEGRADED, UNHEALTHY };
enum health health_of(const struct rules *rules, const struct store_stats *s);
struct str health_word(enum health h);

/* ---- how they answer ---- */

/* Answers `value`, which is taken. */
const struct step *api_answer(struct req *r, enum outcome o, json_t *value);

/* {"error": text} */
const struct step *api_error(struct req *r, enum outcome o, struct str text);

/*
 * Where a key of this scope is needed, and the table does not say so for the whole endpoint: NULL,
 * or the refusal.
 */
const struct step *api_need_scope(struct req *r, enum api_scope needed);

/* A wrong key's answer, after a while when there were many. */
const struct step *api_refuse_key(struct req *r);
const struct step *api_refuse_scope(struct req *r, enum api_scope needed);

/* When a call of the store went wrong: `err` is its negative errno. */
const struct step *api_store_failed(struct req *r, int err);

#endif
