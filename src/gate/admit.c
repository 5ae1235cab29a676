/*
 * The decision: grant, session and use limit taken together with what the signature said. What that
 * alone can settle is settled here; the rest is one atomic step in the store, asked only when the
 * policy needs it. A refusal spends nothing.
 */
#include "gate/steps.h"

#include <errno.h>

#include "access/browser.h"
#include "http/cookie.h"
#include "http/range.h"

/* ---- what is asked of the store ---- */

/*
 * A gate token is given only to an admitted viewer, ends with its session, and dies when that is
 * ended or its grant revoked: it stands for grant and session, unless both must hold at every
 * request.
 */
static bool stands_for_session(const struct req *r)
{
    return req_is_by_gate_token(r) && !r->rules->store.session_strict;
}

static struct use_limit token_use(const struct req *r)
{
    const struct use_rule *rule = r->class == CLASS_KEY ? &r->rules->key : &r->rules->replay;
    struct use_limit use = {.mode = USE_NONE};

    if (!req_holds_token(r))
        return use;
    /* A gate token is bound to its viewer by its signature; only counted keys leave something to
     * remember. */
    if (token_is_gate(&r->token) && (r->class != CLASS_KEY || rule->mode == LIMIT_BIND))
        return use;
    use.mode = rule->mode == LIMIT_BIND ? USE_BIND : USE_COUNT;
    memcpy(use.id, r->token.mac, sizeof use.id);
    use.max = rule->max_uses;
    use.expires = r->now + rule->ttl;
    if (use.mode == USE_BIND)
        use.expires = MAX(use.expires, r->token.expires + 1);
    use.retry_sec = rule->retry_sec;
    return use;
}

static struct use_limit browser_use(const struct req *r)
{
    const struct browser_settings *s = &r->rules->browser;
    const struct browser_limit *limits[] = {[BROWSER_MOBILE] = &s->mobile,
                                            [BROWSER_DESKTOP] = &s->desktop,
                                            [BROWSER_TOOL] = &s->tool,
                                            [BROWSER_UNKNOWN] = &s->unknown};
    struct browser b = browser_detect(r->head.known[FIELD_USER_AGENT]);
    const struct browser_limit *limit = limits[b.type];
    uint8_t hash[32];
    char text[VIEWER_ID_LEN + HTTP_MAX_HEAD_BYTES];
    size_t n = MIN(r->url.path.n, (size_t)HTTP_MAX_HEAD_BYTES);

    memcpy(text, r->viewer.id, VIEWER_ID_LEN);
    memcpy(text + VIEWER_ID_LEN, r->url.path.p, n);
    sha256((struct str){text, VIEWER_ID_LEN + n}, hash);

    struct use_limit use = {.mode = USE_COUNT,
                            .expires = r->now + (int64_t)(limit->window / USEC_PER_SEC)};

    memcpy(use.id, hash, sizeof use.id);
    use.max = (uint32_t)(str_eq(b.name, STR("qq")) ? s->qq_max_uses : limit->max_uses);
    return use;
}

static void ask_use_limits(struct req *r, struct admission *a)
{
    a->uses[0] = token_use(r);
    if (r->class == CLASS_PLAYLIST && r->rules->browser.enabled)
        a->uses[1] = browser_use(r);
    for (int i = 0; i < STORE_MAX_USES; i++) {
        a->uses[i].is_continuation = r->head.method == HTTP_HEAD || http_is_continuation(&r->head);
        if (a->uses[i].mode != USE_NONE)
            a->checks |= ADMIT_USE;
    }
}

/* In mode bind a back end's token belongs to its first viewer also where `credential` lets it in
 * alone. */
static bool binds_everywhere(const struct req *r)
{
    return req_needs(r, CHECK_CREDENTIAL) && r->rules->replay.mode == LIMIT_BIND;
}

/*
 * A session begins with a playlist, or where the policy has a token and it verified. A playlist
 * that is opened by a back end's token begins one also when the policy asks for none: the gate
 * tokens in it end with a session, and so can be revoked.
 */
static bool may_begin_session(const struct req *r)
{
    if (r->token_verdict == TOKEN_EXPIRED || req_is_by_gate_token(r))
        return false; /* a gate token that began sessions would let one signed URL play for ever */
    if (r->class == CLASS_PLAYLIST)
        return req_needs(r, CHECK_SESSION) || r->token_verdict == TOKEN_OK;
    return req_needs(r, CHECK_SESSION) && req_needs(r, CHECK_TOKEN) && r->token_verdict == TOKEN_OK;
}

static bool asks_session(const struct req *r)
{
    return req_needs(r, CHECK_SESSION) || may_begin_session(r) ||
           (req_needs(r, CHECK_CREDENTIAL) && r->token_verdict != TOKEN_OK);
}

static void ask_grant_and_session(struct req *r, struct admission *a)
{
    if (req_needs(r, CHECK_GRANT))
        a->checks |= ADMIT_GRANT;
    if (req_needs(r, CHECK_IP))
        a->checks |= ADMIT_GRANT_IP;
    if (asks_session(r))
        a->checks |= ADMIT_SESSION;
    a->may_begin = may_begin_session(r);
}

static struct str presented_session(const struct req *r)
{
    struct str header = r->head.known[FIELD_X_SESSION_ID];

    if (header.n > 0)
        return header;
    return r->rules->cookie.n > 0 ? cookie_get(r->head.known[FIELD_COOKIE], r->rules->cookie)
                                  : STR_NONE;
}

static void ask(struct req *r, struct admission *a)
{
    a->arena = &r->arena;
    a->now = r->now;
    a->ip = r->client;
    a->ua_hash = r->viewer.ua_hash;
    a->viewer = r->viewer.id;
    a->uid = req_holds_token(r) ? r->token.uid : STR("");
    a->stream_key = r->stream_key;
    a->session_id = presented_session(r);
    a->is_dry = r->is_dry ||
                r->head.method == HTTP_HEAD; /* HEAD is judged as GET, and leaves nothing behind */
    a->token_expired = r->token_verdict == TOKEN_EXPIRED;
    if (!stands_for_session(r))
        ask_grant_and_session(r, a);
    if (req_needs(r, CHECK_USE_LIMIT) || binds_everywhere(r))
        ask_use_limits(r, a);
}

/* ---- what the store answered ---- */

static enum outcome outcome_of_admission(const struct req *r)
{
    const struct admission *a = &r->admission;

    switch (a->verdict) {
    case ADMITTED:
        return OUT_OK;
    case REFUSED_TOKEN_EXPIRED:
        return OUT_TOKEN_EXPIRED;
    case REFUSED_NO_GRANT:
        return OUT_NO_GRANT;
    case REFUSED_GRANT_KEY:
        return OUT_GRANT_OTHER_STREAM;
    case REFUSED_NO_SESSION:
        return req_needs(r, CHECK_SESSION) ? OUT_NO_SESSION : OUT_NO_CREDENTIAL;
    case REFUSED_TOO_FAST:
        return OUT_SESSION_RATE;
    case REFUSED_TOO_MANY_STREAMS:
        return OUT_TOO_MANY_STREAMS;
    case REFUSED_OTHER_VIEWER:
        return OUT_TOKEN_OTHER_VIEWER;
    case REFUSED_USED_UP:
        return a->refused_use == 1 ? OUT_BROWSER_LIMIT : OUT_TOKEN_USED_UP;
    default:
        WRONG("admission without an outcome");
    }
}

static enum outcome outcome_of_store(int err)
{
    switch (err) {
    case -EINVAL: /* a stream key longer than can be stored: nothing was ever granted for it */
        return OUT_NOT_FOUND;
    case -ENOSPC:
        return OUT_STORE_FULL;
    default:
        return OUT_STORE_DOWN;
    }
}

/*
 * Could it be answered later, by a store that is itself again? Then a signature may stand in for it
 * (access.on_store_failure).
 */
static bool is_passing_trouble(int err)
{
    return err == -EAGAIN || err == -ETIMEDOUT || err == -EIO || err == -ENOSPC;
}

/*
 * By its signature alone, and in time. What is known in memory still counts: the token step has
 * looked a gate token up itself; a back end's token names no session, so its viewer must have none
 * that was revoked.
 */
static bool is_good_by_itself(const struct req *r)
{
    return r->token_verdict == TOKEN_OK &&
           (token_is_gate(&r->token) ||
            !store_has_revocation(r->worker->store, r->viewer.id, r->token.uid));
}

const struct step *req_do_without_store(struct req *r, int err)
{
    struct admission *a = &r->admission;
    bool is_let_in = r->rules->lets_signed_in && is_passing_trouble(err) && is_good_by_itself(r);

    r->store_answer = STORE_FAILED;
    r->store_error = err;
    if (!is_let_in)
        return req_fail(r, outcome_of_store(err));
    a->has_session = a->session_is_new = false; /* nothing was answered, whatever stands there */
    r->is_unchecked = true;
    if (!r->is_dry)
        gate_count(r->worker, STAT_LET_IN_UNCHECKED, 1);
    return STEP(locate);
}

static void add_session_cookie(struct req *r)
{
    struct cookie c = {.name = r->rules->cookie,
                       .value = str_of(r->admission.session.id),
                       .max_age = (uint64_t)r->rules->store.session_ttl,
                       .is_secure = r->is_tls};

    if (c.name.n > 0)
        req_add_field(r, STR("Set-Cookie"), cookie_write(&r->arena, &c));
}

static const struct step *after_admission(struct req *r, int err)
{
    struct admission *a = &r->admission;
    enum outcome o;

    if (err < 0)
        return req_do_without_store(r, err);
    r->store_answer = STORE_ANSWERED;
    o = outcome_of_admission(r);
    if (o != OUT_OK)
        return req_fail(r, o);
    if (!a->is_dry)
        gate_count(r->worker, STAT_STREAMS_ENDED, a->streams_ended);
    if (r->uid.n == 0)
        r->uid = a->has_session ? a->session.uid : a->grant_uid;
    if (a->session_is_new && !a->is_dry) {
        gate_count(r->worker, STAT_SESSIONS_BEGUN, 1);
        add_session_cookie(r);
    }
    return STEP(locate);
}

static void on_admitted(struct op *op, int err)
{
    struct req *r = container_of(op, struct req, admission.op);

    req_resume(r, after_admission(r, err));
}

/* Nothing to ask: the signature has settled it. The session behind a gate token lives on all the
 * same. */
static const struct step *admit_by_signature(struct req *r)
{
    if (req_is_by_gate_token(r) && !r->is_dry) {
        gate_count(r->worker, STAT_GATE_TOKENS_ADMITTED, 1);
        store_touch(r->worker->store, r->viewer.id, r->token.uid, r->stream_key, r->now);
    }
    r->store_answer = STORE_NOT_NEEDED;
    return STEP(locate);
}

const struct step *step_admit(struct req *r)
{
    int n;

    if (r->is_whitelisted)
        return STEP(locate);
    ask(r, &r->admission);
    if (r->admission.checks == 0)
        return admit_by_signature(r);
    r->store_answer = STORE_ASKED;
    op_init(&r->admission.op, on_admitted);
    n = store_admit(r->worker->store, &r->admission);
    return n == 0 ? req_wait(r, &r->admission.op) : after_admission(r, MIN(n, 0));
}
