/* Taking facts: copies, no more, as every request pays for them. And the table of which check it is
 * that an outcome is of. */
#include "gate/facts.h"

#include <string.h>

#include "gate/steps.h"

/* ---- taking ---- */

static void take_token(const struct req *r, struct facts *f)
{
    f->is_token_judged = r->is_token_judged;
    f->token_verdict = (uint8_t)r->token_seen;
    f->is_token_set_aside = r->token_verdict != r->token_seen;
    f->token_kind = (uint8_t)r->token.kind;
    f->expires = r->token.expires;
    f->token_uid_n = (uint8_t)str_copy_cut(f->token_uid, sizeof f->token_uid, r->token.uid);
    f->scope_n = (uint8_t)str_copy_cut(f->scope, sizeof f->scope, r->token.scope);
}

static void take_admission(const struct req *r, struct facts *f)
{
    const struct admission *a = &r->admission;

    f->store_error = (int16_t)r->store_error;
    f->is_unchecked = r->is_unchecked;
    f->asked = (uint8_t)a->checks;
    f->admitted = (uint8_t)a->verdict;
    f->has_session = a->has_session;
    f->session_is_new = a->session_is_new;
    f->session_ends = a->has_session ? a->session.ends : 0;
    f->grant_matched = a->grant_matched;
    f->is_dry = a->is_dry;
    f->use_count = a->use_count;
    f->refused_use = (uint8_t)a->refused_use;
    f->streams_counted = a->streams_counted;
    f->streams = (uint8_t)a->streams;
    f->streams_ended = (uint8_t)a->streams_ended;
    f->streams_ended_own = a->streams_ended_own;
    f->max_streams = (uint8_t)r->rules->store.max_streams;
}

static void take_checks(const struct req *r, struct facts *f)
{
    f->class = (uint8_t)r->class;
    f->checks = (uint8_t)r->checks;
    f->is_whitelisted = r->is_whitelisted;
    f->network = r->viewer.net;
    memcpy(f->ua_hash, r->viewer.ua_hash, sizeof f->ua_hash);
    f->stream_key_n = (uint8_t)str_copy_cut(f->stream_key, sizeof f->stream_key, r->stream_key);
    take_token(r, f);
    f->store = (uint8_t)r->store_answer;
    if (r->store_answer >= STORE_ASKED)
        take_admission(r, f);
    f->has_origin = r->route != NULL;
    if (f->has_origin) {
        f->origin_is_http = r->route->cluster != NULL;
        f->prefix_n = (uint8_t)str_copy_cut(f->prefix, sizeof f->prefix, r->route->prefix);
    }
}

void facts_take(const struct req *r, struct facts *ret)
{
    _Static_assert(1u << CHECK_COUNT <= UINT8_MAX + 1u, "checks fit");
    _Static_assert((int)STORE_MAX_STREAMS <= UINT8_MAX, "so do streams");

    *ret = (struct facts){.outcome = (uint8_t)r->outcome,
                          .is_api = r->endpoint != NULL,
                          .is_classified = r->is_classified};
    ret->uid_n = (uint8_t)str_copy_cut(ret->uid, sizeof ret->uid, r->uid);
    if (r->is_classified)
        take_checks(r, ret);
}

/* ---- which check decided, and how ---- */

/* Served requests have no row: nothing decided. */
static const struct {
    uint8_t check, verdict;
} decisions[OUTCOME_COUNT] = {
#define BY(check, verdict)                         \
    {                                              \
        FACT_CHECK_##check, FACT_VERDICT_##verdict \
    }
    [OUT_TOKEN_MISSING] = BY(TOKEN, NONE),
    [OUT_TOKEN_MALFORMED] = BY(TOKEN, MALFORMED),
    [OUT_TOKEN_BAD_SIG] = BY(TOKEN, BAD_SIGNATURE),
    [OUT_GATE_BAD_SIG] = BY(TOKEN, BAD_SIGNATURE),
    [OUT_TOKEN_OUT_OF_SCOPE] = BY(TOKEN, OUT_OF_SCOPE),
    [OUT_TOKEN_EXPIRED] = BY(TOKEN, EXPIRED),
    [OUT_REVOKED] = BY(REVOCATION, REVOKED),
    [OUT_NO_GRANT] = BY(GRANT, NONE),
    [OUT_GRANT_OTHER_STREAM] = BY(GRANT, OTHER_STREAMS),
    [OUT_NO_SESSION] = BY(SESSION, NONE),
    [OUT_SESSION_RATE] = BY(SESSION, TOO_FAST),
    [OUT_NO_CREDENTIAL] = BY(SESSION, NONE),
    [OUT_TOO_MANY_STREAMS] = BY(MAX_STREAMS, REFUSES),
    [OUT_TOKEN_OTHER_VIEWER] = BY(USE_LIMIT, OTHER_VIEWER),
    [OUT_TOKEN_USED_UP] = BY(USE_LIMIT, USED_UP),
    [OUT_BROWSER_LIMIT] = BY(USE_LIMIT, USED_UP_BY_BROWSER),
    [OUT_STORE_DOWN] = BY(STORE, FAILED),
    [OUT_STORE_FULL] = BY(STORE, FULL),
    [OUT_API_KEY_MISSING] = BY(API_KEY, NONE),
    [OUT_API_KEY_WRONG] = BY(API_KEY, UNKNOWN),
    [OUT_API_SIGNATURE] = BY(API_KEY, BAD_SIGNATURE),
    [OUT_API_SCOPE] = BY(API_KEY, OUT_OF_SCOPE),
    [OUT_API_FORGED] = BY(API_KEY, FORGED),
    [OUT_API_NO_LOGIN] = BY(API_KEY, NONE),
    [OUT_FORBIDDEN_FILE] = BY(ORIGIN, FORBIDDEN),
    [OUT_PLAYLIST_TOO_LARGE] = BY(ORIGIN, TOO_LARGE),
    [OUT_ORIGIN_ERROR] = BY(ORIGIN, FAILED),
    [OUT_ORIGIN_DOWN] = BY(ORIGIN, OUT_OF_REACH),
    [OUT_ORIGIN_BAD] = BY(ORIGIN, BAD_ANSWER),
    [OUT_ORIGIN_BROKE] = BY(ORIGIN, BROKE_OFF),
    [OUT_ORIGIN_TIMEOUT] = BY(ORIGIN, TIMED_OUT),
    [OUT_NOT_FOUND] = BY(REQUEST, NOT_FOUND), /* or the origin, where one was asked */
    [OUT_CLIENT_LEFT] = BY(REQUEST, FAILED),
    [OUT_SEND_TIMEOUT] = BY(REQUEST, FAILED),
    [OUT_INTERNAL] = BY(REQUEST, FAILED),
    [OUT_OVERLOADED] = BY(REQUEST, FAILED),
    [OUT_DRAINING] = BY(REQUEST, FAILED),
#undef BY
};
_Static_assert(FACT_CHECK_REQUEST == 0 && FACT_VERDICT_REFUSED == 0, "all others");

enum fact_check facts_check_of(enum outcome o)
{
    return (enum fact_check)decisions[o].check;
}

enum fact_verdict facts_verdict_of(enum outcome o)
{
    return (enum fact_verdict)decisions[o].verdict;
}
