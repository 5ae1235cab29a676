/* Admission: one script, store/lua/admit.lua; or a verdict of a moment ago. */
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
       GRAIN_SHARE = 64,
       GRAIN_MAX = 30,
};

int64_t redis_grain(const struct store_rules *rules)
{
    return MIN(rules->session_ttl / GRAIN_SHARE, (int64_t)GRAIN_MAX);
}

static struct admission *admission_of(struct redis_ask *q)
{
    return container_of(q->op, struct admission, op);
}

static int64_t flags_of(const struct admission *a, const struct store_rules *rules)
{
    return (int64_t)(a->checks & (ADMIT_GRANT | ADMIT_GRANT_IP | ADMIT_SESSION | ADMIT_USE)) |
           (a->token_expired ? FLAG_TOKEN_EXPIRED : 0) | (a->may_begin ? FLAG_MAY_BEGIN : 0) |
           (a->is_dry ? FLAG_DRY : 0) | (rules->session_strict ? FLAG_STRICT : 0);
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

/* Up to the last that is one; those before it, too, so that they keep their numbers. */
static void add_uses(const struct admission *a, struct redis_args *args)
{
    int count = STORE_MAX_USES;

    while (count > 0 && a->uses[count - 1].mode == USE_NONE)
        count--;
    for (int i = 0; i < count; i++) {
        const struct use_limit *u = &a->uses[i];

        redis_add_number(args, u->mode);
        redis_add_bytes(args, u->id, sizeof u->id);
        redis_add_number(args, u->max);
        redis_add_number(args, u->expires);
        redis_add_number(args, u->retry_sec);
        redis_add_number(args, u->is_continuation);
    }
}

static void encode(struct redis_ask *q, struct redis_args *args)
{
    const struct store_rules *rules = store_rules(q->w->base.store);
    const struct admission *a = admission_of(q);
    bool is_id = a->session_id.n == STORE_SESSION_ID_LEN;

    redis_add_number(args, a->now);
    redis_add_number(args, flags_of(a, rules));
    redis_add_bytes(args, a->viewer, STORE_VIEWER_LEN);
    redis_add_bytes(args, a->ua_hash, STORE_UA_LEN);
    redis_add_number(args, a->ip.family);
    redis_add_bytes(args, a->ip.bytes, sizeof a->ip.bytes);
    redis_add(args, a->uid);
    redis_add(args, a->stream_key);
    redis_add(args, is_id ? a->session_id : STR(""));
    redis_add(args, a->may_begin ? new_session_id(q) : STR(""));
    redis_add_number(args, rules->session_ttl);
    redis_add_number(args, rules->session_max);
    redis_add_number(args, redis_grain(rules));
    redis_add_number(args, STORE_SESSIONS_AHEAD);
    if (a->checks & ADMIT_USE)
        add_uses(a, args);
}

static int read_session(struct redis_reader *r, struct admission *a)
{
    struct str id = redis_read_text(r, STORE_SESSION_ID_LEN);
    struct str uid = redis_read_text(r, STORE_UID_MAX);

    a->session = (struct store_session){.uid = arena_copy(a->arena, uid)};
    memcpy(a->session.id, id.p, id.n);
    a->session.started = redis_read_number(r, 0, INT64_MAX);
    a->session.ends = redis_read_number(r, 0, INT64_MAX);
    return a->session.uid.p != NULL ? 0 : -ENOMEM;
}

static int decode(struct redis_ask *q, const redisReply *reply)
{
    struct admission *a = admission_of(q);
    struct redis_reader r;
    int err;

    redis_read(&r, reply, 12);
    (void)redis_read_number(&r, 0, 1); /* whether it wrote: the link's */
    a->verdict = (enum admit_verdict)redis_read_number(&r, ADMITTED, REFUSED_TOO_FAST);
    a->has_session = redis_read_number(&r, 0, 1) != 0;
    a->session_is_new = redis_read_number(&r, 0, 1) != 0;
    a->grant_matched = redis_read_number(&r, 0, 1) != 0;
    a->use_count = (uint32_t)redis_read_number(&r, 0, UINT32_MAX);
    a->refused_use = (unsigned)redis_read_number(&r, 0, STORE_MAX_USES - 1);
    err = read_session(&r, a);
    a->grant_uid = arena_copy(a->arena, redis_read_text(&r, STORE_UID_MAX));
    if (r.is_bad)
        return -EIO;
    if (err < 0 || a->grant_uid.p == NULL)
        return -ENOMEM;
    if (q->w->verdicts != NULL)
        verdicts_put(q->w->verdicts, a, q->asked, q->verdicts_version);
    return 0;
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
