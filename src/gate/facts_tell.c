/* Telling facts: a verdict for each check that was made, and what it was judged by. What the
 * request knew is read here as the check itself read it; where the outcome alone says what came of
 * a check, facts_verdict_of() does. */
#include "gate/facts.h"

#include <errno.h>

#include "base/codec.h"
#include "base/panic.h"
#include "store/store.h"

/* ---- telling ---- */

struct telling {
    const struct facts *f;
    struct arena *arena;
    struct fact *told;
    unsigned count;
    bool is_decided; /* its check has been told, or nothing was refused */
    enum fact_check decisive;
    struct str network, ua_hash;
};

static struct fact fact_begin(const struct telling *t, enum fact_check check,
                              enum fact_verdict verdict)
{
    return (struct fact){
        .check = check, .verdict = verdict, .is_decisive = !t->is_decided && check == t->decisive};
}

static void add(struct telling *t, struct fact k)
{
    struct str outcome = outcome_row((enum outcome)t->f->outcome)->text;

    t->is_decided |= k.is_decisive;
    k.text = fact_sentence(&k, t->arena, k.is_decisive ? outcome : STR(""));
    if (k.text.p == NULL)
        return;
    assert(t->count < FACTS_MAX);
    t->told[t->count++] = k;
}

#define FACT_OF(t, check, verdict) fact_begin((t), FACT_CHECK_##check, (verdict))
#define UID_OF(f) ((struct str){(f)->uid, (f)->uid_n})
#define STREAM_KEY_OF(f) ((struct str){(f)->stream_key, (f)->stream_key_n})

/* ---- what was asked for, and by whom ---- */

static void put_checks(struct telling *t, struct fact *k)
{
    struct str *list = arena_alloc(t->arena, CHECK_COUNT * sizeof *list);
    unsigned n = 0;

    for (int bit = 0; list != NULL && bit < CHECK_COUNT; bit++)
        if (t->f->checks & 1u << bit)
            list[n++] = check_word((enum check_bit)bit);
    fact_put_list(k, FACT_INPUT_CHECKS, list, n);
}

static void tell_class(struct telling *t)
{
    const struct facts *f = t->f;
    struct fact k = FACT_OF(t, CLASS, f->checks != 0 ? FACT_VERDICT_PROTECTED : FACT_VERDICT_OPEN);

    fact_put_text(&k, FACT_INPUT_CLASS, class_word((enum path_class)f->class));
    fact_put_text(&k, FACT_INPUT_STREAM_KEY, STREAM_KEY_OF(f));
    put_checks(t, &k);
    add(t, k);
}

static void write_viewer(struct telling *t)
{
    char network[IP_NET_TEXT_MAX], hash[HEX_LEN(UA_HASH_LEN)];
    size_t n = hex_encode(t->f->ua_hash, sizeof t->f->ua_hash, hash);

    t->network = arena_copy(t->arena, ip_net_format(&t->f->network, network));
    t->ua_hash = arena_copy(t->arena, (struct str){hash, n});
}

static void put_viewer(const struct telling *t, struct fact *k)
{
    fact_put_text(k, FACT_INPUT_NETWORK, t->network);
    fact_put_text(k, FACT_INPUT_UA_HASH, t->ua_hash);
}

static void tell_viewer(struct telling *t)
{
    struct fact k = FACT_OF(t, VIEWER, FACT_VERDICT_SEEN);

    write_viewer(t);
    put_viewer(t, &k);
    add(t, k);
    if (t->f->is_whitelisted)
        add(t, FACT_OF(t, WHITELIST, FACT_VERDICT_LISTED));
}

/* ---- what the signature says ---- */

static bool is_gate_token(const struct facts *f)
{
    return f->token_kind == GATE_SCOPE || f->token_kind == GATE_PATH;
}

static bool is_for_folder(const struct facts *f)
{
    return f->token_kind == GATE_SCOPE || f->token_kind == TOKEN_SCOPE;
}

static enum fact_verdict token_verdict(const struct facts *f)
{
    switch ((enum token_verdict)f->token_verdict) {
    case TOKEN_NONE:
        return FACT_VERDICT_NONE;
    case TOKEN_OK: /* a key needs a token of its own */
        return f->class == CLASS_KEY && is_for_folder(f) ? FACT_VERDICT_OUT_OF_SCOPE
                                                         : FACT_VERDICT_OK;
    case TOKEN_EXPIRED:
        return FACT_VERDICT_EXPIRED;
    case TOKEN_MALFORMED:
        return FACT_VERDICT_MALFORMED;
    case TOKEN_BAD_SIG:
        return FACT_VERDICT_BAD_SIGNATURE;
    case TOKEN_OUT_OF_SCOPE:
        return FACT_VERDICT_OUT_OF_SCOPE;
    default:
        WRONG("verdict of a token");
    }
}

/* Looked up where all else of a gate token is right; one that is not revoked goes on to the store,
 * if only to hear that nothing is to be asked. */
static void tell_revocation(struct telling *t)
{
    const struct facts *f = t->f;
    bool is_revoked = f->is_token_set_aside || f->store == STORE_NOT_REACHED;

    if (is_gate_token(f) && !f->is_whitelisted && token_verdict(f) == FACT_VERDICT_OK)
        add(t, FACT_OF(t, REVOCATION, is_revoked ? FACT_VERDICT_REVOKED : FACT_VERDICT_NONE));
}

static void tell_token(struct telling *t)
{
    const struct facts *f = t->f;
    struct fact k = FACT_OF(t, TOKEN, token_verdict(f));

    if (f->token_verdict != TOKEN_NONE) {
        fact_put_text(&k, FACT_INPUT_UID, (struct str){f->token_uid, f->token_uid_n});
        fact_put_time(&k, FACT_INPUT_EXPIRES, f->expires);
        fact_put_text(&k, FACT_INPUT_SCOPE, (struct str){f->scope, f->scope_n});
        fact_put_word(&k, FACT_INPUT_KIND,
                      is_gate_token(f) ? FACT_WORD_GATE_TOKEN : FACT_WORD_TOKEN);
    }
    add(t, k);
    tell_revocation(t);
}

/* ---- what the store says ---- */

static enum fact_verdict grant_verdict(const struct facts *f)
{
    if (f->grant_matched)
        return FACT_VERDICT_MATCHES;
    switch ((enum admit_verdict)f->admitted) {
    case REFUSED_TOKEN_EXPIRED:
        return FACT_VERDICT_NOT_REACHED;
    case REFUSED_GRANT_KEY:
        return FACT_VERDICT_OTHER_STREAMS;
    case REFUSED_NO_GRANT:
        return FACT_VERDICT_NONE;
    default:
        return FACT_VERDICT_NOT_NEEDED;
    }
}

static void tell_grant(struct telling *t)
{
    const struct facts *f = t->f;
    struct fact k = FACT_OF(t, GRANT, grant_verdict(f));
    bool is_missing = k.verdict == FACT_VERDICT_NONE || k.verdict == FACT_VERDICT_OTHER_STREAMS;

    if (is_missing || k.verdict == FACT_VERDICT_MATCHES)
        fact_put_text(&k, FACT_INPUT_UID, UID_OF(f));
    if (is_missing) {
        put_viewer(t, &k);
        if (f->asked & ADMIT_GRANT)
            fact_put_text(&k, FACT_INPUT_STREAM_KEY, STREAM_KEY_OF(f));
    }
    add(t, k);
}

static enum fact_verdict session_verdict(const struct facts *f)
{
    if (f->session_is_new)
        return f->is_dry ? FACT_VERDICT_WOULD_BEGIN : FACT_VERDICT_BEGINS;
    if (f->has_session)
        return FACT_VERDICT_LIVES;
    switch ((enum admit_verdict)f->admitted) {
    case REFUSED_TOO_FAST:
        return FACT_VERDICT_TOO_FAST;
    case REFUSED_TOO_MANY_STREAMS:
    case REFUSED_OTHER_VIEWER:
    case REFUSED_USED_UP: /* it might have begun: a later check refused */
        return FACT_VERDICT_NOT_BEGUN;
    default:
        return FACT_VERDICT_NONE;
    }
}

static void tell_session(struct telling *t)
{
    const struct facts *f = t->f;
    struct fact k = FACT_OF(t, SESSION, session_verdict(f));

    if (f->has_session) {
        fact_put_text(&k, FACT_INPUT_UID, UID_OF(f));
        fact_put_time(&k, FACT_INPUT_ENDS_AT, f->session_ends);
    }
    add(t, k);
}

static enum fact_verdict streams_verdict(const struct facts *f)
{
    if (f->admitted == REFUSED_TOO_MANY_STREAMS)
        return FACT_VERDICT_REFUSES;
    if (f->streams_ended == 0)
        return FACT_VERDICT_ALLOWS;
    return f->streams_ended_own ? FACT_VERDICT_TAKES_OWN_PLACE : FACT_VERDICT_ENDS_OLDEST;
}

static void tell_streams(struct telling *t)
{
    struct fact k = FACT_OF(t, MAX_STREAMS, streams_verdict(t->f));

    fact_put_number(&k, FACT_INPUT_STREAMS, t->f->streams);
    fact_put_number(&k, FACT_INPUT_MAX_STREAMS, t->f->max_streams);
    add(t, k);
}

static enum fact_verdict use_verdict(const struct facts *f)
{
    switch ((enum admit_verdict)f->admitted) {
    case ADMITTED:
        return FACT_VERDICT_ALLOWS;
    case REFUSED_OTHER_VIEWER:
        return FACT_VERDICT_OTHER_VIEWER;
    case REFUSED_USED_UP:
        return f->refused_use == 1 ? FACT_VERDICT_USED_UP_BY_BROWSER : FACT_VERDICT_USED_UP;
    default:
        return FACT_VERDICT_NOT_REACHED;
    }
}

static void tell_use(struct telling *t)
{
    struct fact k = FACT_OF(t, USE_LIMIT, use_verdict(t->f));

    if (k.verdict != FACT_VERDICT_NOT_REACHED)
        fact_put_number(&k, FACT_INPUT_USE_COUNT, t->f->use_count);
    add(t, k);
}

static void tell_admission(struct telling *t)
{
    const struct facts *f = t->f;

    if (f->asked & (ADMIT_GRANT | ADMIT_GRANT_IP))
        tell_grant(t);
    if (f->asked & ADMIT_SESSION)
        tell_session(t);
    if (f->streams_counted)
        tell_streams(t);
    if (f->asked & ADMIT_USE)
        tell_use(t);
}

static enum fact_verdict store_verdict(int error)
{
    switch (error) {
    case -EAGAIN:
        return FACT_VERDICT_OUT_OF_REACH;
    case -ETIMEDOUT:
        return FACT_VERDICT_TIMED_OUT;
    case -ENOSPC:
        return FACT_VERDICT_FULL;
    case -EINVAL:
        return FACT_VERDICT_TOO_LONG;
    default:
        return FACT_VERDICT_BAD_ANSWER;
    }
}

static void tell_failure(struct telling *t)
{
    struct fact k = FACT_OF(t, STORE, store_verdict(t->f->store_error));

    if (t->f->is_unchecked)
        fact_put_word(&k, FACT_INPUT_ON_STORE_FAILURE, FACT_WORD_ALLOW_SIGNED);
    add(t, k);
}

static void tell_store(struct telling *t)
{
    switch ((enum store_answer)t->f->store) {
    case STORE_NOT_REACHED:
        break;
    case STORE_NOT_NEEDED:
        add(t, FACT_OF(t, STORE, FACT_VERDICT_NOT_ASKED));
        break;
    case STORE_ASKED:
        add(t, FACT_OF(t, STORE, FACT_VERDICT_NO_ANSWER));
        break;
    case STORE_ANSWERED:
        tell_admission(t);
        break;
    case STORE_FAILED:
        tell_failure(t);
        break;
    default:
        WRONG("answer of the store");
    }
}

/* ---- all of it ---- */

static void tell_origin(struct telling *t)
{
    const struct facts *f = t->f;
    struct fact k = FACT_OF(t, ORIGIN, FACT_VERDICT_SERVES);

    if (k.is_decisive)
        k.verdict = facts_verdict_of((enum outcome)f->outcome);
    fact_put_text(&k, FACT_INPUT_PREFIX, (struct str){f->prefix, f->prefix_n});
    fact_put_word(&k, FACT_INPUT_KIND, f->origin_is_http ? FACT_WORD_HTTP : FACT_WORD_FILESYSTEM);
    add(t, k);
}

static void tell_gate(struct telling *t)
{
    tell_class(t);
    tell_viewer(t);
    if (t->f->is_token_judged)
        tell_token(t);
    tell_store(t);
    if (t->f->has_origin)
        tell_origin(t);
}

static enum fact_check decisive_check(const struct facts *f)
{
    return f->outcome == OUT_NOT_FOUND && f->has_origin ? FACT_CHECK_ORIGIN
                                                        : facts_check_of((enum outcome)f->outcome);
}

unsigned facts_tell(const struct facts *f, struct arena *a, struct fact ret[FACTS_MAX])
{
    enum outcome o = (enum outcome)f->outcome;
    struct telling t = {.f = f,
                        .arena = a,
                        .told = ret,
                        .is_decided = outcome_row(o)->class == SERVED,
                        .decisive = decisive_check(f)};

    if (f->is_classified)
        tell_gate(&t);
    if (f->is_api)
        add(&t, FACT_OF(&t, API, FACT_VERDICT_ANSWERED));
    if (!t.is_decided)
        add(&t, fact_begin(&t, t.decisive, facts_verdict_of(o)));
    return t.count;
}
