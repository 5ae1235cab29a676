/* What is stored of one viewer, check by check: its grant, its session. */
#include "admin/endpoints.h"

#include "admin/json.h"
#include "admin/question.h"
#include "admin/session_name.h"

static json_t *json_of_viewer(const struct question *q)
{
    json_t *o = json_object();

    json_put(o, "ip", json_of_ip(&q->viewer.ip));
    json_put(o, "network", json_of_net(&q->viewer.net));
    json_put(o, "ua_hash", json_of_hex(q->viewer.ua_hash, sizeof q->viewer.ua_hash));
    json_put(o, "viewer", json_of_hex(q->viewer.id, sizeof q->viewer.id));
    json_put_str(o, "uid", q->a.uid);
    json_put_str(o, "stream_key", q->a.stream_key);
    return o;
}

/* What is asked of the store is the caller's to say. False: `ret_refusal` is the answer. */
static bool take(struct req *r, struct question *q, const struct step **ret_refusal)
{
    struct input in;

    q->req = r;
    input_from_query(&in, &r->arena, r->url.query);
    question_take(q, &in);
    if (input_is_wrong(&in))
        *ret_refusal = api_error(r, OUT_API_BAD_REQUEST, in.error);
    return !input_is_wrong(&in);
}

/* ---- GET /debug/ip-whitelist ---- */

static const struct step *answer_grant(struct question *q)
{
    const struct rules *rules = q->req->rules;
    json_t *o = json_of_viewer(q);

    json_put_bool(o, "in_fixed_whitelist", ip_set_contains(&rules->fixed_whitelist, &q->viewer.ip));
    json_put_bool(o, "granted", q->a.verdict == ADMITTED);
    json_put_str(o, "reason", question_verdict(q));
    json_put_str(o, "grant_uid", q->a.grant_uid);
    return api_answer(q->req, OUT_OK, o);
}

const struct step *run_ip_whitelist(struct req *r)
{
    static const uint8_t nobody[VIEWER_ID_LEN]; /* no live session is to speak for the grant */
    struct question *q = ARENA_NEW(&r->arena, struct question);
    const struct step *refusal;

    if (q == NULL)
        return req_fail(r, OUT_INTERNAL);
    if (!take(r, q, &refusal))
        return refusal;
    q->a.viewer = nobody;
    q->a.checks = q->a.stream_key.n > 0 ? ADMIT_GRANT : ADMIT_GRANT_IP;
    q->answer = answer_grant;
    return question_ask(q);
}

/* ---- GET /debug/session ---- */

static json_t *json_of_session(const struct store_session *s)
{
    char name[SESSION_NAME_LEN];
    json_t *o = json_object();

    json_put_str(o, "session", session_name(s->id, name));
    json_put_str(o, "uid", s->uid);
    json_put_int(o, "started_at", s->started);
    json_put_int(o, "ends_at", s->ends);
    return o;
}

static const struct step *answer_session(struct question *q)
{
    bool is_live = q->a.verdict == ADMITTED && q->a.has_session;
    json_t *o = json_of_viewer(q);

    json_put_bool(o, "is_live", is_live);
    json_put_str(o, "reason", is_live ? STR("a live session") : question_verdict(q));
    json_put(o, "session", is_live ? json_of_session(&q->a.session) : json_null());
    return api_answer(q->req, OUT_OK, o);
}

const struct step *run_debug_session(struct req *r)
{
    struct question *q = ARENA_NEW(&r->arena, struct question);
    const struct step *refusal;

    if (q == NULL)
        return req_fail(r, OUT_INTERNAL);
    if (!take(r, q, &refusal))
        return refusal;
    q->a.checks = ADMIT_SESSION;
    q->answer = answer_session;
    return question_ask(q);
}
