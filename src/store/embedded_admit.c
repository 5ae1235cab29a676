/*
 * Admission: the steps of store.h in their order, each only reading; what has to be written is
 * collected in a plan and written when all have passed, so a refusal spends nothing by
 * construction.
 *
 * It is judged in a read transaction first. When that needs no write, or refuses, it is the answer.
 * Otherwise it is judged again inside the write transaction of this turn, for others may have
 * written meanwhile.
 */
#include <errno.h>

#include "base/panic.h"
#include "store/embedded.h"

enum renewal { RENEWAL_NONE, RENEWAL_NOTED, RENEWAL_WRITTEN };

struct plan {
    struct embedded *e;
    struct db_tx *tx;
    struct admission *a;
    const struct store_rules *rules;
    uint64_t hash; /* of the stream key */
    bool has_session;
    struct session_record session; /* the live one, or the one to begin; borrowed strings */
    bool begins;
    enum renewal renewal;
    struct str grant_uid; /* borrowed */
    bool grant_matched;
    uint32_t use_count;
    unsigned refused_use;
    struct use_plan uses[STORE_MAX_USES];
    bool streams_counted;
    struct stream_plan streams;
};

typedef enum admit_verdict (*judge_fn)(struct plan *p);

/* A session speaks for a token and a grant that have expired since, unless the rules are strict. */
static bool session_carries(const struct plan *p)
{
    return p->has_session && !p->rules->session_strict;
}

static enum admit_verdict judge_session(struct plan *p)
{
    const struct admission *a = p->a;
    struct session_query q = {.viewer = a->viewer,
                              .uid = a->uid,
                              .stream_key = a->stream_key,
                              .hash = p->hash,
                              .id = a->session_id,
                              .now = a->now};

    if ((a->checks & (ADMIT_SESSION | ADMIT_GRANT)) || a->token_expired)
        p->has_session = session_find(p->tx, p->rules, &q, &p->session);
    return ADMITTED;
}

static enum admit_verdict judge_token(struct plan *p)
{
    return p->a->token_expired && !session_carries(p) ? REFUSED_TOKEN_EXPIRED : ADMITTED;
}

static struct grant_query grant_query(const struct plan *p, struct str uid)
{
    const struct admission *a = p->a;

    return (struct grant_query){.ip = &a->ip,
                                .ua_hash = a->ua_hash,
                                .uid = uid,
                                .stream_key = a->stream_key,
                                .hash = p->hash,
                                .now = a->now};
}

static enum admit_verdict judge_grant(struct plan *p)
{
    /* A live session says whose grant it must be, also when the request does not. */
    struct grant_query q = grant_query(p, p->has_session ? p->session.uid : p->a->uid);
    struct str other;

    if (!(p->a->checks & ADMIT_GRANT) || session_carries(p))
        return ADMITTED;
    p->grant_matched = grant_find_key(p->tx, &q, &p->grant_uid);
    if (p->grant_matched)
        return ADMITTED;
    return grant_find_any(p->tx, &q, &other) ? REFUSED_GRANT_KEY : REFUSED_NO_GRANT;
}

static enum admit_verdict judge_grant_ip(struct plan *p)
{
    struct grant_query q = grant_query(p, p->a->uid);

    if (!(p->a->checks & ADMIT_GRANT_IP) || p->grant_matched)
        return ADMITTED;
    p->grant_matched = grant_find_any(p->tx, &q, &p->grant_uid);
    return p->grant_matched ? ADMITTED : REFUSED_NO_GRANT;
}

/* Written now when much of its life has gone, else noted, and not even that when it was written a
 * moment ago. */
static enum renewal renewal(const struct plan *p)
{
    int64_t idle = p->a->now - p->session.last;

    if (idle > 0 && idle >= p->rules->session_ttl / 2)
        return RENEWAL_WRITTEN;
    return idle > 0 && idle >= store_grain(p->rules) ? RENEWAL_NOTED : RENEWAL_NONE;
}

static enum admit_verdict plan_session(struct plan *p)
{
    const struct admission *a = p->a;
    struct str uid = a->uid.n > 0 ? a->uid : p->grant_uid;
    unix_t started = session_free_start(p->tx, p->rules, a->viewer, uid, a->now);

    if (started - a->now > STORE_SESSIONS_AHEAD)
        return REFUSED_TOO_FAST;
    p->begins = true;
    p->session = (struct session_record){.viewer = a->viewer,
                                         .hash = p->hash,
                                         .uid = uid,
                                         .stream_key = a->stream_key,
                                         .started = started,
                                         .last = a->now,
                                         .ends = started + p->rules->session_max,
                                         .ip = a->ip};
    memcpy(p->session.ua_hash, a->ua_hash, STORE_UA_LEN);
    return ADMITTED;
}

static enum admit_verdict judge_session_life(struct plan *p)
{
    if (!(p->a->checks & ADMIT_SESSION))
        return ADMITTED;
    if (p->has_session) {
        p->renewal = renewal(p);
        return ADMITTED;
    }
    if (!p->a->may_begin)
        return REFUSED_NO_SESSION;
    return plan_session(p);
}

/* One that enters is written whole, so that others see it in its place. */
static enum admit_verdict judge_streams(struct plan *p)
{
    enum admit_verdict verdict;

    if (!(p->a->checks & ADMIT_SESSION) || !store_limits_streams(p->rules, p->session.uid))
        return ADMITTED;
    verdict =
        streams_judge(p->tx, p->rules, &p->session, p->a->now, STREAM_BY_REQUEST, &p->streams);
    p->streams_counted = true;
    if (p->streams.enters && p->renewal == RENEWAL_NOTED)
        p->renewal = RENEWAL_WRITTEN;
    return verdict;
}

static enum admit_verdict judge_uses(struct plan *p)
{
    enum admit_verdict verdict = ADMITTED;

    if (!(p->a->checks & ADMIT_USE))
        return ADMITTED;
    for (unsigned i = 0; i < STORE_MAX_USES && verdict == ADMITTED; i++) {
        verdict = use_judge(p->tx, p->a, &p->a->uses[i], &p->uses[i], &p->use_count);
        p->refused_use = i;
    }
    return verdict;
}

static enum admit_verdict judge(struct plan *p)
{
    static const judge_fn steps[] = {judge_session,      judge_token,   judge_grant, judge_grant_ip,
                                     judge_session_life, judge_streams, judge_uses};
    enum admit_verdict verdict = ADMITTED;

    for (size_t i = 0; i < ARRAY_LEN(steps) && verdict == ADMITTED; i++)
        verdict = steps[i](p);
    return verdict;
}

static void plan_init(struct plan *p, struct embedded *e, struct db_tx *tx, struct admission *a)
{
    p->e = e;
    p->tx = tx;
    p->a = a;
    p->rules = store_rules(&e->base);
    p->hash = record_hash(&e->hash_key, a->stream_key);
    p->has_session = p->begins = p->grant_matched = p->streams_counted = p->streams.enters = false;
    p->renewal = RENEWAL_NONE;
    p->grant_uid = STR("");
    p->use_count = 0;
    p->refused_use = 0;
    for (int i = 0; i < STORE_MAX_USES; i++)
        p->uses[i].takes = false;
}

static bool adds_records(const struct plan *p)
{
    bool adds = p->begins || p->streams.enters;

    for (int i = 0; i < STORE_MAX_USES; i++)
        adds |= p->uses[i].takes;
    return adds;
}

static bool needs_write(const struct plan *p)
{
    return adds_records(p) || p->renewal == RENEWAL_WRITTEN;
}

/* What was borrowed from the transaction goes to the arena; the plan then borrows from there. */
static int answer_session(struct plan *p)
{
    struct admission *a = p->a;

    a->has_session = p->has_session || p->begins;
    a->session_is_new = p->begins;
    if (!a->has_session)
        return 0;
    a->session.uid = p->session.uid = arena_copy(a->arena, p->session.uid);
    a->session.started = p->session.started;
    a->session.ends = p->session.ends;
    if (p->has_session)
        session_id_text(p->session.id, a->session.id);
    return a->session.uid.p != NULL ? 0 : -ENOMEM;
}

static int answer(struct plan *p, enum admit_verdict verdict)
{
    struct admission *a = p->a;

    a->verdict = verdict;
    a->has_session = a->session_is_new = false;
    a->session = (struct store_session){.uid = STR("")};
    a->use_count = p->use_count;
    a->refused_use = p->refused_use;
    a->grant_matched = p->grant_matched;
    a->streams_counted = p->streams_counted;
    a->streams = p->streams_counted ? p->streams.others : 0;
    a->streams_ended = p->streams_counted && verdict == ADMITTED ? p->streams.ends : 0;
    a->streams_ended_own = a->streams_ended > 0 && p->streams.own > 0;
    a->grant_uid = STR("");
    if (p->grant_matched)
        a->grant_uid = arena_copy(a->arena, p->grant_uid);
    if (a->grant_uid.p == NULL)
        return -ENOMEM;
    p->begins &= verdict == ADMITTED;
    return answer_session(p);
}

static void carry_out(struct embedded_worker *w, struct plan *p)
{
    struct admission *a = p->a;

    p->session.viewer = a->viewer; /* the same, but not borrowed from a page */
    p->session.stream_key = a->stream_key;
    if (p->streams.enters)
        streams_carry_out(w, p->tx, &p->session, &p->streams);
    if (p->begins) {
        random_bytes(p->session.id, SESSION_RAW_ID_LEN);
        session_id_text(p->session.id, a->session.id);
        session_begin(p->tx, &p->session);
    } else if (p->renewal != RENEWAL_NONE) {
        session_renew(p->tx, &p->session, a->now);
    }
    for (int i = 0; i < STORE_MAX_USES; i++)
        use_take(p->tx, &a->uses[i], &p->uses[i]);
}

static int write_admission(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct plan p;
    enum admit_verdict verdict;
    int r;

    plan_init(&p, w->e, tx, container_of(op, struct admission, op));
    verdict = judge(&p);
    if (verdict == ADMITTED && tx->is_full && adds_records(&p))
        return -ENOSPC;
    r = answer(&p, verdict);
    if (r == 0 && verdict == ADMITTED)
        carry_out(w, &p);
    return r;
}

int embedded_admit(struct store_worker *worker, struct admission *a)
{
    struct embedded_worker *w = embedded_worker(worker);
    struct plan p;
    enum admit_verdict verdict;
    int r = db_begin_read(&w->reader), end;

    if (r < 0)
        return r;
    plan_init(&p, w->e, &w->reader, a);
    verdict = judge(&p);
    if (verdict == ADMITTED && !a->is_dry && needs_write(&p)) {
        end = db_end_read(&w->reader);
        return end < 0 ? end : embedded_write(w, &a->op, write_admission);
    }
    r = answer(&p, verdict);
    if (verdict == ADMITTED && !a->is_dry && p.renewal == RENEWAL_NOTED)
        embedded_note(w, a->viewer, p.hash, p.session.uid, a->now);
    end = db_end_read(&w->reader);
    return end < 0 ? end : r < 0 ? r : 1;
}
