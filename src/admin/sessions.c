/*
 * Sessions: listed, ended. A session's id is what its viewer's cookie holds, so nobody is shown it:
 * what names a session here is a digest of it. To end one, the sessions are looked through for
 * whose digest that is.
 */
#include "admin/endpoints.h"

#include "access/token.h"
#include "admin/caller.h"
#include "admin/input.h"
#include "admin/json.h"
#include "admin/session_name.h"
#include "base/log.h"

enum {
    LIST_DEFAULT = 100,
    LIST_MAX = 1000,
    /* looked through for the one to be ended, or a request could keep the store at work for long;
     * with its uid nobody has so many */
    SEARCH_MAX = 5000,
};

struct str session_name(const char *id, char ret[SESSION_NAME_LEN])
{
    uint8_t digest[32];

    sha256(str_of(id), digest);
    return (struct str){ret, base64url_encode(digest, SESSION_NAME_BYTES, ret)};
}

/* ---- listing ---- */

struct listing {
    struct session_list l;
    struct req *r;
};

static json_t *json_of_session(const struct session_info *s, const struct req *r)
{
    char name[SESSION_NAME_LEN];
    json_t *o = json_object();

    json_put_str(o, "session", session_name(s->id, name));
    json_put_str(o, "uid", s->uid);
    json_put_str(o, "stream_key", s->stream_key);
    json_put(o, "client_ip", json_of_ip(&s->ip));
    json_put(o, "ua_hash", json_of_hex(s->ua_hash, sizeof s->ua_hash));
    json_put_int(o, "started_at", s->started);
    json_put_int(o, "last_seen", s->last);
    json_put_int(o, "idle_seconds", MAX(r->now - s->last, (unix_t)0));
    json_put_int(o, "ends_at", s->ends);
    return o;
}

static const struct step *after_list(struct listing *l, int err)
{
    json_t *answer, *sessions;

    if (err < 0)
        return api_store_failed(l->r, err);
    answer = json_object();
    sessions = json_array();
    json_put_int(answer, "total", (int64_t)l->l.total);
    for (unsigned i = 0; i < l->l.count; i++)
        json_array_append_new(sessions, json_of_session(&l->l.sessions[i], l->r));
    json_put(answer, "sessions", sessions);
    return api_answer(l->r, OUT_OK, answer);
}

static void on_listed(struct op *op, int err)
{
    struct listing *l = container_of(op, struct listing, l.op);

    req_resume(l->r, after_list(l, err));
}

static const struct step *list_sessions(struct req *r)
{
    struct listing *l = ARENA_NEW(&r->arena, struct listing);
    struct input in;
    int n;

    if (l == NULL)
        return req_fail(r, OUT_INTERNAL);
    input_from_query(&in, &r->arena, r->url.query);
    l->r = r;
    l->l = (struct session_list){.arena = &r->arena, .now = r->now};
    l->l.uid = input_uid(&in, INPUT_SAYS_SOMETHING);
    l->l.limit = input_count(&in, "limit", LIST_DEFAULT, LIST_MAX);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    op_init(&l->l.op, on_listed);
    n = store_session_list(r->worker->store, &l->l);
    return n == 0 ? req_wait(r, &l->l.op) : after_list(l, n);
}

/* ---- ending ---- */

struct ending {
    struct session_list search; /* for the one that is named so */
    struct session_end end;
    struct str name; /* STR_NONE: all of the uid */
    struct req *r;
};

static void log_ending(const struct ending *e)
{
    bool is_one = e->name.p != NULL;
    struct str which = log_quote(&e->r->arena, is_one ? e->name : e->end.uid);
    struct str who = caller_words(e->r);

    log_info("%s %.*s: %u sessions ended by %.*s", is_one ? "session" : "uid", STR_FMT(which),
             e->end.ended, STR_FMT(who));
}

static const struct step *after_end(struct ending *e, int err)
{
    json_t *answer;

    if (err < 0)
        return api_store_failed(e->r, err);
    log_ending(e);
    answer = json_object();
    json_put_bool(answer, "success", true);
    json_put_int(answer, "sessions_ended", e->end.ended);
    return api_answer(e->r, OUT_OK, answer);
}

static void on_ended(struct op *op, int err)
{
    struct ending *e = container_of(op, struct ending, end.op);

    req_resume(e->r, after_end(e, err));
}

static const struct step *start_end(struct ending *e)
{
    int n;

    op_init(&e->end.op, on_ended);
    n = store_session_end(e->r->worker->store, &e->end);
    return n == 0 ? req_wait(e->r, &e->end.op) : after_end(e, n);
}

static const struct step *after_search(struct ending *e, int err)
{
    char name[SESSION_NAME_LEN];

    if (err < 0)
        return api_store_failed(e->r, err);
    for (unsigned i = 0; i < e->search.count; i++) {
        const struct session_info *s = &e->search.sessions[i];

        if (!str_eq(session_name(s->id, name), e->name))
            continue;
        e->end.id = str_of(s->id);
        return start_end(e);
    }
    return api_error(e->r, OUT_NOT_FOUND,
                     e->search.count < SEARCH_MAX
                         ? STR("session: no live session is named so")
                         : STR("session: there are too many to look through, give its uid, too"));
}

static void on_searched(struct op *op, int err)
{
    struct ending *e = container_of(op, struct ending, search.op);

    req_resume(e->r, after_search(e, err));
}

static const struct step *start_search(struct ending *e, struct str uid)
{
    int n;

    e->search = (struct session_list){
        .arena = &e->r->arena, .now = e->r->now, .uid = uid, .limit = SEARCH_MAX};
    op_init(&e->search.op, on_searched);
    n = store_session_list(e->r->worker->store, &e->search);
    return n == 0 ? req_wait(e->r, &e->search.op) : after_search(e, n);
}

static const struct step *end_sessions(struct req *r)
{
    AUTO(input_done) struct input in;
    struct ending *e = ARENA_NEW(&r->arena, struct ending);
    struct str uid;

    input_from_json(&in, &r->arena, r->content);
    if (e == NULL)
        return req_fail(r, OUT_INTERNAL);
    uid = input_uid(&in, INPUT_SAYS_SOMETHING);
    e->name = input_str(&in, "session", INPUT_SAYS_SOMETHING, INPUT_WORD_MAX);
    if (uid.p == NULL && e->name.p == NULL && !input_is_wrong(&in))
        in.error = STR("uid or session is needed");
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    e->r = r;
    e->end = (struct session_end){.now = r->now, .uid = e->name.p == NULL ? uid : STR("")};
    return e->name.p == NULL ? start_end(e) : start_search(e, uid.p != NULL ? uid : STR(""));
}

const struct step *run_sessions(struct req *r)
{
    const struct step *refusal;

    if (r->head.method != HTTP_DELETE)
        return list_sessions(r);
    refusal = api_need_scope(r, SCOPE_OPERATOR);
    return refusal != NULL ? refusal : end_sessions(r);
}
