/* Admission: one script, store/lua/admit.lua; or a verdict of a moment ago. */
#include <endian.h>
#include <errno.h>

#include "base/codec.h"
#include "base/hash.h"
#include "store/record.h"
#include "store/redis.h"

enum { /* of admit.lua, beside enum admit_check */
       FLAG_TOKEN_EXPIRED = 16,
       FLAG_MAY_BEGIN = 32,
       FLAG_DRY = 64,
       FLAG_STRICT = 128,
       FLAG_LIMITED = 256,
       FLAG_AGAIN = 512,
       AGAIN_LEN = 4 + 3 * 8 + STORE_SESSION_ID_LEN, /* of its answer */
       VERDICT_IDLE_SHARE = 4,
};

static struct admission *admission_of(struct redis_ask *q)
{
    return container_of(q->op, struct admission, op);
}

/*
 * Those that lua/admit_again.lua can answer: see there. With a limit of streams, too: what was
 * active so recently that nothing is due to be written has not lapsed. But whoever explains wants
 * to hear how many there are.
 */
static bool could_be_again(const struct admission *a, const struct store_rules *rules)
{
    bool is_excused = a->token_expired || (a->checks & ADMIT_GRANT) != 0;
    bool is_use = (a->checks & ADMIT_USE) != 0;

    return a->uid.n > 0 && (is_excused || (a->checks & ADMIT_SESSION)) &&
           !(a->checks & ADMIT_GRANT_IP) && !(a->is_dry && rules->max_streams > 0) &&
           !(rules->session_strict && is_excused) &&
           (!is_use || (a->uses[0].mode == USE_BIND && a->uses[1].mode == USE_NONE));
}

static uint16_t flags_of(const struct admission *a, const struct store_rules *rules, bool again)
{
    unsigned checks = a->checks & (ADMIT_GRANT | ADMIT_GRANT_IP | ADMIT_SESSION | ADMIT_USE);

    return (uint16_t)(checks | (a->token_expired ? FLAG_TOKEN_EXPIRED : 0) |
                      (a->may_begin ? FLAG_MAY_BEGIN : 0) | (a->is_dry ? FLAG_DRY : 0) |
                      (rules->session_strict ? FLAG_STRICT : 0) |
                      (rules->max_streams > 0 ? FLAG_LIMITED : 0) | (again ? FLAG_AGAIN : 0));
}

static void add_rules(struct redis_scratch *s, const struct redis_ask *q, const struct admission *a,
                      struct redis_args *args)
{
    const struct store_rules *rules = store_rules(q->w->base.store);
    char *begin = s->at;

    redis_put_number(s, a->now);
    redis_put_u16(s, flags_of(a, rules, q->may_be_again));
    redis_put_number(s, rules->session_ttl);
    redis_put_number(s, store_grain(rules));
    redis_put_number(s, rules->session_max);
    redis_put_u32(s, STORE_SESSIONS_AHEAD);
    if (rules->max_streams > 0)
        redis_put_limit(s, rules);
    redis_add(args, str_range(begin, s->at));
}

static void add_place(struct redis_scratch *s, const struct admission *a, struct str prefix,
                      struct redis_args *args)
{
    char *begin = s->at;

    redis_put_bytes(s, prefix.p, prefix.n);
    redis_put_bytes(s, "p:", 2);
    redis_put_bytes(s, a->viewer, STORE_VIEWER_LEN);
    redis_put_u8(s, (uint8_t)a->uid.n);
    redis_put_bytes(s, a->uid.p, a->uid.n);
    redis_put_bytes(s, a->stream_key.p, a->stream_key.n);
    redis_add(args, str_range(begin, s->at));
}

static void add_client(struct redis_scratch *s, const struct admission *a, struct redis_args *args)
{
    char *begin = s->at;

    redis_put_u8(s, a->ip.family);
    redis_put_bytes(s, a->ip.bytes, sizeof a->ip.bytes);
    redis_put_bytes(s, a->ua_hash, STORE_UA_LEN);
    redis_add(args, str_range(begin, s->at));
}

static void add_use(struct redis_scratch *s, const struct use_limit *u, struct str prefix,
                    struct redis_args *args)
{
    char *key = s->at, *limit;

    redis_put_bytes(s, prefix.p, prefix.n);
    redis_put_bytes(s, "t:", 2);
    redis_put_bytes(s, u->id, sizeof u->id);
    limit = s->at;
    redis_put_u8(s, u->mode);
    redis_put_u32(s, u->max);
    redis_put_number(s, u->expires);
    redis_put_u32(s, u->retry_sec);
    redis_put_u8(s, u->is_continuation);
    redis_add(args, str_range(key, limit));
    redis_add(args, str_range(limit, s->at));
}

/* Up to the last that is one; those before it, too, so that they keep their numbers. */
static unsigned count_uses(const struct admission *a)
{
    unsigned count = a->checks & ADMIT_USE ? STORE_MAX_USES : 0;

    while (count > 0 && a->uses[count - 1].mode == USE_NONE)
        count--;
    return count;
}

/* Once: sent again, it is the same. */
static struct str new_session_id(struct redis_ask *q)
{
    uint8_t raw[SESSION_RAW_ID_LEN];

    if (q->session_id[0] == '\0') {
        random_bytes(raw, sizeof raw);
        q->session_id[base64url_encode(raw, sizeof raw, q->session_id)] = '\0';
    }
    return str_of(q->session_id);
}

static void encode(struct redis_ask *q, struct redis_args *args)
{
    const struct admission *a = admission_of(q);
    struct str prefix = q->w->r->shared.o.prefix;
    struct redis_scratch s = {q->scratch, q->scratch + sizeof q->scratch};
    unsigned uses = count_uses(a);

    redis_add_number(args, a->now);
    q->may_be_again = could_be_again(a, store_rules(q->w->base.store));
    add_rules(&s, q, a, args);
    add_place(&s, a, prefix, args);
    add_client(&s, a, args);
    redis_add(args, a->session_id.n == STORE_SESSION_ID_LEN ? a->session_id : STR(""));
    redis_add(args, a->may_begin ? new_session_id(q) : STR(""));
    for (unsigned i = 0; i < uses; i++)
        add_use(&s, &a->uses[i], prefix, args);
}

static int read_session(struct redis_reader *r, struct admission *a)
{
    struct str id = redis_read_text(r, STORE_SESSION_ID_LEN);
    struct str uid = redis_read_text(r, STORE_UID_MAX);

    a->session = (struct store_session){.uid = arena_copy(a->arena, uid)};
    r->is_bad |= id.n > 0 && !redis_unpack_session_id(id, a->session.id);
    a->session.started = redis_read_number(r, 0, INT64_MAX);
    a->session.ends = redis_read_number(r, 0, INT64_MAX);
    return a->session.uid.p != NULL ? 0 : -ENOMEM;
}

/* admit_again.lua: count of the use; ends, last, started, id. */
static int decode_again(struct admission *a, struct str text)
{
    uint32_t count;
    int64_t last;

    if (text.n != AGAIN_LEN)
        return -EIO;
    memcpy(&count, text.p, sizeof count);
    a->verdict = ADMITTED;
    a->has_session = true;
    a->session_is_new = a->grant_matched = a->streams_counted = false;
    a->streams = a->streams_ended = 0;
    a->streams_ended_own = false;
    a->grant_uid = STR("");
    a->use_count = be32toh(count);
    a->refused_use = 0;
    a->session = (struct store_session){.uid = a->uid};
    return redis_unpack_session_id(str_skip(text, AGAIN_LEN - STORE_SESSION_ID_LEN),
                                   a->session.id) &&
                   redis_unpack_number(text.p + 4, &a->session.ends) &&
                   redis_unpack_number(text.p + 12, &last) &&
                   redis_unpack_number(text.p + 20, &a->session.started)
               ? 0
               : -EIO;
}

/* Could it be the answer to what was asked? Nobody is let in by one that could not. */
static bool is_session_possible(const struct admission *a)
{
    bool is_only_told = a->session_is_new && a->is_dry;

    if (!a->has_session)
        return !a->session_is_new;
    return (a->session.id[0] == '\0') == is_only_told &&
           (a->uid.n == 0 || str_eq(a->uid, a->session.uid)) &&
           (!a->session_is_new || (a->verdict == ADMITTED && a->may_begin));
}

static bool is_possible(const struct admission *a)
{
    unsigned checks = a->checks;

    if (!is_session_possible(a))
        return false;
    if (a->verdict != ADMITTED)
        return true;
    return (a->has_session || !(checks & ADMIT_SESSION)) &&
           (a->grant_matched || !(checks & ADMIT_GRANT_IP)) &&
           (a->grant_matched || a->has_session || !(checks & ADMIT_GRANT));
}

/* Only where there is a limit. The names are in memory before the answer is heard. */
static int read_streams(struct redis_ask *q, struct redis_reader *r, struct admission *a)
{
    a->streams_counted = false;
    a->streams = a->streams_ended = 0;
    a->streams_ended_own = false;
    if (!redis_has_more(r))
        return 0;
    a->streams_counted = redis_read_number(r, 0, 1) != 0;
    a->streams = (unsigned)redis_read_number(r, 0, STORE_MAX_STREAMS);
    a->streams_ended = (unsigned)redis_read_number(r, 0, a->streams);
    a->streams_ended_own = redis_read_number(r, 0, 1) != 0 && a->streams_ended > 0;
    return redis_has_more(r) ? redis_read_revoked(r, q->w->r) : 0;
}

static int decode_all(struct redis_ask *q, struct admission *a, const redisReply *reply)
{
    struct redis_reader r;
    int err;

    redis_read(&r, reply, 12);
    (void)redis_read_number(&r, 0, 1); /* whether it wrote: the link's */
    a->verdict = (enum admit_verdict)redis_read_number(&r, ADMITTED, ADMIT_VERDICT_LAST);
    a->has_session = redis_read_number(&r, 0, 1) != 0;
    a->session_is_new = redis_read_number(&r, 0, 1) != 0;
    a->grant_matched = redis_read_number(&r, 0, 1) != 0;
    a->use_count = (uint32_t)redis_read_number(&r, 0, UINT32_MAX);
    a->refused_use = (unsigned)redis_read_number(&r, 0, STORE_MAX_USES - 1);
    err = read_session(&r, a);
    a->grant_uid = arena_copy(a->arena, redis_read_text(&r, STORE_UID_MAX));
    if (read_streams(q, &r, a) < 0 || r.is_bad)
        return -EIO;
    if (err == 0 && !is_possible(a))
        return -EIO;
    return err < 0 || a->grant_uid.p == NULL ? -ENOMEM : 0;
}

static int decode(struct redis_ask *q, const redisReply *reply)
{
    struct admission *a = admission_of(q);
    int err = reply->type == REDIS_REPLY_STRING && q->may_be_again
                  ? decode_again(a, (struct str){reply->str, (size_t)reply->len})
                  : decode_all(q, a, reply);

    if (err == 0 && q->w->verdicts != NULL)
        verdicts_put(q->w->verdicts, a, q->asked, q->verdicts_version);
    return err;
}

/* With a limit of streams: so that none outlives the stream it was about. It was active at most a
 * grain before it was judged. */
static usec_t verdict_ttl(const struct redis_worker *w, const struct store_rules *rules)
{
    usec_t ttl = w->r->shared.o.verdict_ttl;

    return rules->max_streams > 0
               ? MIN(ttl, (usec_t)rules->streams_idle * USEC_PER_SEC / VERDICT_IDLE_SHARE)
               : ttl;
}

/* None that is older than the last right that was taken away, or than the rules. */
static struct verdicts *fresh_verdicts(struct redis_worker *w)
{
    uint64_t lost = atomic_load_explicit(&w->r->rights_lost, memory_order_acquire);
    const struct store_rules *rules = store_rules(w->base.store);

    if (w->verdicts != NULL && (w->rights_lost != lost || w->rules != rules)) {
        w->rights_lost = lost;
        w->rules = rules;
        verdicts_clear(w->verdicts);
        verdicts_set_ttl(w->verdicts, verdict_ttl(w, rules));
    }
    return w->verdicts;
}

int redis_admit(struct store_worker *worker, struct admission *a)
{
    struct redis_worker *w = redis_worker(worker);
    struct verdicts *v = fresh_verdicts(w);

    if (v != NULL && verdicts_get(v, a, loop_now(worker->loop))) {
        redis_count(&w->r->shared.counters.reused);
        return 1;
    }
    return redis_ask(w, &a->op, SCRIPT_admit, encode, decode);
}
