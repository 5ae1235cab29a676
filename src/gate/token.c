/*
 * What the signature in the query says: whose request this is, and whether it may go on. A token
 * that is right but late is not refused here when a session may carry it on: the store knows.
 */
#include "gate/steps.h"

static enum outcome outcome_of_token(const struct req *r, enum token_verdict v)
{
    switch (v) {
    case TOKEN_NONE:
        return req_needs(r, CHECK_TOKEN) ? OUT_TOKEN_MISSING : OUT_OK;
    case TOKEN_OK:
        return OUT_OK;
    case TOKEN_EXPIRED: /* a live session may carry on: the store knows */
        return req_needs(r, CHECK_SESSION | CHECK_CREDENTIAL) && !token_is_gate(&r->token)
                   ? OUT_OK
                   : OUT_TOKEN_EXPIRED;
    case TOKEN_MALFORMED:
        return OUT_TOKEN_MALFORMED;
    case TOKEN_BAD_SIG:
        return token_is_gate(&r->token) ? OUT_GATE_BAD_SIG : OUT_TOKEN_BAD_SIG;
    case TOKEN_OUT_OF_SCOPE:
        return OUT_TOKEN_OUT_OF_SCOPE;
    default:
        WRONG("token verdict without an outcome");
    }
}

/* A signature that is right can still be one that may not be used here. */
static enum outcome further_token_checks(const struct req *r)
{
    const struct token *t = &r->token;

    if (r->class == CLASS_KEY && (t->kind == TOKEN_SCOPE || t->kind == GATE_SCOPE))
        return OUT_TOKEN_OUT_OF_SCOPE; /* a key needs a token of its own */
    if (token_is_gate(t) && store_is_revoked(r->worker->store, r->viewer.id, t->uid, t->expires))
        return OUT_REVOKED;
    return OUT_OK;
}

/*
 * What a scoped gate token says of its request: whose, and of which stream. A rendition's folder is
 * a stream key of its own by the built-in rule; the scope is the folder of the playlist that the
 * session began with.
 */
static void take_token(struct req *r)
{
    r->uid = r->token.uid;
    if (r->token.kind == GATE_SCOPE && r->rules->stream_key == NULL)
        r->stream_key = stream_key_of(NULL, r->token.scope);
}

static void verify(struct req *r, const struct token_params *params)
{
    r->token_verdict = token_verify(r->rules->keyring, r->worker->scratch, params, r->url.path,
                                    &r->viewer, r->now, &r->token);
    r->token_seen = r->token_verdict;
    r->is_token_judged = true;
}

static enum outcome judge_token(struct req *r)
{
    struct token_params params;
    enum outcome o;

    token_params_parse(&r->arena, r->url.query, &params);
    verify(r, &params);
    o = outcome_of_token(r, r->token_verdict);
    if (o == OUT_OK && req_holds_token(r))
        o = further_token_checks(r);
    if (req_holds_token(r))
        take_token(r);
    return o;
}

/*
 * Where no token is asked for, one that we gave out ourselves opens the door all the same: asset
 * lists, thumbnails and whatever else a playlist names carry gate tokens too. What does not verify
 * is not a gate token of ours, and nothing to refuse here: such names may mean something else to
 * the site.
 */
static void accept_gate_token(struct req *r)
{
    struct token_params params;

    if (str_find(r->url.query, STR("gate=")) < 0)
        return;
    token_params_parse(&r->arena, r->url.query, &params);
    if (params.gate.p != NULL)
        verify(r, &params);
    if (r->token_verdict == TOKEN_OK && further_token_checks(r) == OUT_OK)
        take_token(r);
    else
        r->token_verdict = TOKEN_NONE;
}

const struct step *step_token(struct req *r)
{
    bool is_asked_for = req_needs(r, CHECK_TOKEN | CHECK_CREDENTIAL);
    enum outcome o;

    if (!is_asked_for && !r->is_whitelisted && r->checks != 0)
        accept_gate_token(r);
    if (!is_asked_for && !(r->is_whitelisted && r->class == CLASS_PLAYLIST))
        return STEP(admit);
    o = judge_token(r);
    if (o == OUT_OK || r->is_whitelisted)
        return STEP(admit);
    return req_fail(r, o);
}
