/* Taking facts: copies, no more, as every request pays for them. Telling: a sentence for each check
 * that was made, in words that the manual of refusals uses too. */
#include "gate/facts.h"

#include <string.h>

#include "base/codec.h"
#include "base/panic.h"
#include "gate/steps.h"

/* ---- taking ---- */

static void take_token(const struct req *r, struct facts *f)
{
    f->is_token_judged = r->is_token_judged;
    f->token_verdict = (uint8_t)r->token_seen;
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

/* ---- which check decided ---- */

struct str facts_check_of(enum outcome o)
{
    switch (o) {
    case OUT_TOKEN_MISSING:
    case OUT_TOKEN_MALFORMED:
    case OUT_TOKEN_BAD_SIG:
    case OUT_GATE_BAD_SIG:
    case OUT_TOKEN_OUT_OF_SCOPE:
    case OUT_TOKEN_EXPIRED:
        return STR("token");
    case OUT_REVOKED:
        return STR("revocation");
    case OUT_NO_GRANT:
    case OUT_GRANT_OTHER_STREAM:
        return STR("grant");
    case OUT_NO_SESSION:
    case OUT_SESSION_RATE:
    case OUT_NO_CREDENTIAL:
        return STR("session");
    case OUT_TOKEN_OTHER_VIEWER:
    case OUT_TOKEN_USED_UP:
    case OUT_BROWSER_LIMIT:
        return STR("use_limit");
    case OUT_TOO_MANY_STREAMS:
        return STR("max_streams");
    case OUT_STORE_DOWN:
    case OUT_STORE_FULL:
        return STR("store");
    case OUT_API_KEY_MISSING:
    case OUT_API_KEY_WRONG:
    case OUT_API_SIGNATURE:
    case OUT_API_SCOPE:
    case OUT_API_FORGED:
    case OUT_API_NO_LOGIN:
        return STR("api_key");
    case OUT_FORBIDDEN_FILE:
    case OUT_PLAYLIST_TOO_LARGE:
    case OUT_ORIGIN_ERROR:
    case OUT_ORIGIN_DOWN:
    case OUT_ORIGIN_BAD:
    case OUT_ORIGIN_BROKE:
    case OUT_ORIGIN_TIMEOUT:
        return STR("origin");
    default:
        return STR("request");
    }
}

/* ---- telling ---- */

struct telling {
    const struct facts *f;
    struct arena *arena;
    struct fact *told;
    unsigned count;
    const struct outcome_row *row;
    struct str decisive; /* the check; "" = it has been told, or nothing was refused */
};

static void add(struct telling *t, struct str check, struct str text)
{
    bool is_decisive = t->decisive.n > 0 && str_eq(check, t->decisive);
    struct str pieces[] = {text, STR(": "), t->row->text};

    if (is_decisive) {
        t->decisive = STR("");
        text = text.n > 0 ? arena_join(t->arena, pieces, ARRAY_LEN(pieces)) : t->row->text;
    }
    if (text.p == NULL)
        return;
    assert(t->count < FACTS_MAX);
    t->told[t->count++] = (struct fact){check, text, is_decisive};
}

#define TELL(t, check, ...) add((t), STR(check), arena_printf((t)->arena, __VA_ARGS__))

static struct str checks_text(const struct telling *t)
{
    struct str pieces[2 * CHECK_COUNT];
    unsigned n = 0;

    for (int bit = 0; bit < CHECK_COUNT; bit++) {
        if (!(t->f->checks & 1u << bit))
            continue;
        pieces[n] = n == 0 ? STR("checks ") : STR(", ");
        pieces[n + 1] = check_word((enum check_bit)bit);
        n += 2;
    }
    return n > 0 ? arena_join(t->arena, pieces, n) : STR("no checks");
}

static void tell_class(struct telling *t)
{
    const struct facts *f = t->f;
    struct str stream_key = {f->stream_key, f->stream_key_n}, checks = checks_text(t);
    char network[IP_NET_TEXT_MAX], hash[HEX_LEN(UA_HASH_LEN)];
    struct str net = ip_net_format(&f->network, network);

    TELL(t, "class", "%.*s; stream key '%.*s'; %.*s",
         STR_FMT(class_word((enum path_class)f->class)), STR_FMT(stream_key), STR_FMT(checks));
    TELL(t, "viewer", "network %.*s, User-Agent %.*s", STR_FMT(net),
         (int)hex_encode(f->ua_hash, sizeof f->ua_hash, hash), hash);
    if (f->is_whitelisted)
        add(t, STR("fixed_whitelist"), STR("the address is listed: every check passes"));
}

static const char *verdict_text(enum token_verdict v)
{
    static const char *const texts[] = {
        [TOKEN_NONE] = "none",
        [TOKEN_OK] = "verifies",
        [TOKEN_EXPIRED] = "expired",
        [TOKEN_MALFORMED] = "malformed",
        [TOKEN_BAD_SIG] = "bad signature",
        [TOKEN_OUT_OF_SCOPE] = "out of scope",
    };

    return texts[v];
}

static void tell_token(struct telling *t)
{
    const struct facts *f = t->f;
    const char *verdict = verdict_text((enum token_verdict)f->token_verdict);
    struct str uid = {f->token_uid, f->token_uid_n}, scope = {f->scope, f->scope_n};
    bool is_gate = f->token_kind == GATE_SCOPE || f->token_kind == GATE_PATH;

    if (f->token_verdict == TOKEN_NONE)
        TELL(t, "token", "%s", verdict);
    else
        TELL(t, "token", "%s; uid '%.*s', expires %lld%s%.*s%s%s", verdict, STR_FMT(uid),
             (long long)f->expires, scope.n > 0 ? ", scope '" : "", STR_FMT(scope),
             scope.n > 0 ? "'" : "", is_gate ? ", a gate token" : "");
}

static const char *grant_text(const struct facts *f)
{
    if (f->grant_matched)
        return "matches";
    switch (f->admitted) {
    case REFUSED_TOKEN_EXPIRED:
        return "not reached";
    case REFUSED_GRANT_KEY:
        return "of other streams";
    default:
        return f->has_session ? "not needed: a session lives" : "none";
    }
}

static const char *use_text(const struct facts *f)
{
    switch (f->admitted) {
    case ADMITTED:
        return "allows";
    case REFUSED_OTHER_VIEWER:
        return "refuses; another viewer used it first";
    case REFUSED_USED_UP:
        return f->refused_use == 1 ? "refuses; used up by this kind of browser"
                                   : "refuses; used up";
    default:
        return "not reached";
    }
}

static void tell_session(struct telling *t)
{
    const struct facts *f = t->f;

    if (f->session_is_new)
        TELL(t, "session", "%s", f->is_dry ? "would begin" : "begins");
    else if (f->has_session)
        TELL(t, "session", "lives; its gate tokens end at %lld", (long long)f->session_ends);
    else
        TELL(t, "session", "none");
}

static const char *streams_text(const struct facts *f)
{
    if (f->admitted == REFUSED_TOO_MANY_STREAMS)
        return "refuses";
    if (f->streams_ended == 0)
        return "allows";
    return f->streams_ended_own ? "takes the place of this viewer's own"
                                : "ends the one idle for longest";
}

static void tell_streams(struct telling *t)
{
    const struct facts *f = t->f;

    if (f->streams_counted)
        TELL(t, "max_streams", "%s; streams of this uid beside this one: %u, max_streams: %u",
             streams_text(f), f->streams, f->max_streams);
}

static void tell_admission(struct telling *t)
{
    const struct facts *f = t->f;
    struct str uid = {f->uid, f->uid_n};

    if (f->asked & (ADMIT_GRANT | ADMIT_GRANT_IP))
        TELL(t, "grant", "%s%s%.*s%s", grant_text(f), f->grant_matched ? "; uid '" : "",
             f->grant_matched ? (int)uid.n : 0, uid.p, f->grant_matched ? "'" : "");
    if (f->asked & ADMIT_SESSION)
        tell_session(t);
    tell_streams(t);
    if (f->asked & ADMIT_USE)
        TELL(t, "use_limit", "%s; use number %u", use_text(f), f->use_count);
}

static void tell_store(struct telling *t)
{
    const struct facts *f = t->f;

    switch (f->store) {
    case STORE_NOT_REACHED:
        break;
    case STORE_NOT_NEEDED:
        add(t, STR("store"), STR("not asked: nothing in this policy needs it"));
        break;
    case STORE_ASKED:
        add(t, STR("store"), STR("asked; no answer came"));
        break;
    case STORE_ANSWERED:
        tell_admission(t);
        break;
    case STORE_FAILED:
        TELL(t, "store", "did not answer (%s)%s", strerror(-f->store_error),
             f->is_unchecked ? ": let in by the signature" : "");
        break;
    default:
        WRONG("answer of the store");
    }
}

static void tell_gate(struct telling *t)
{
    const struct facts *f = t->f;
    struct str prefix = {f->prefix, f->prefix_n};

    tell_class(t);
    if (f->is_token_judged)
        tell_token(t);
    tell_store(t);
    if (f->has_origin)
        TELL(t, "origin", "prefix %.*s, %s", STR_FMT(prefix),
             f->origin_is_http ? "http" : "filesystem");
}

unsigned facts_tell(const struct facts *f, struct arena *a, struct fact ret[FACTS_MAX])
{
    struct telling t = {f, a, ret, 0, outcome_row((enum outcome)f->outcome), STR("")};

    if (t.row->class != SERVED)
        t.decisive = f->outcome == OUT_NOT_FOUND && f->has_origin
                         ? STR("origin")
                         : facts_check_of((enum outcome)f->outcome);
    if (f->is_classified)
        tell_gate(&t);
    if (f->is_api)
        add(&t, STR("api"), STR("answered by the API, not by the gate"));
    if (t.decisive.n > 0)
        add(&t, t.decisive, STR(""));
    return t.count;
}
