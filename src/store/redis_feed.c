/*
 * What the other instances have done. Each has the revocations in memory, so that gate tokens need
 * no store: a message on the channel says that there is something new, and a look twice a second
 * finds what a lost message would have said. A look asks for all since the number that is known;
 * another epoch (an empty database, another one), a number that went back (a fail-over that lost
 * some) or a new connection begins with the first again. What was heard is never unheard: a
 * revocation that the database has lost is still refused by those who knew it, until its gate
 * tokens are over.
 */
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "store/record.h"
#include "store/redis.h"

enum {
    EPOCH_MAX = 64,
    NAMES_A_LOOK = 1000,
    RECORDS_A_SWEEP = 200, /* of each kind: some hundred microseconds of Redis' time */
    LOOKS_A_SECOND = 2,
    EXPIRE_EVERY = 60 * LOOKS_A_SECOND,
    POLICY_MAX = 64,
};

struct redis_feed {
    struct redis_worker *w;
    struct ticker *ticker;
    struct redis_call looking, sweeping;
    bool is_looking, is_sweeping;
    bool must_look; /* again, when the one under way has ended */
    bool is_complete;
    unsigned ticks;
    unix_t sweep_now;
    char epoch[EPOCH_MAX + 1];
    int64_t number; /* of the last revocation known */
    bool has_warned;
};

void redis_right_lost(struct redis *r)
{
    atomic_fetch_add_explicit(&r->rights_lost, 1, memory_order_release);
}

bool redis_revoked(struct redis *r, struct str name)
{
    struct redis_session_name parts;
    struct key k;

    if (!redis_unpack_session_name(name, &parts))
        return false;
    revoked_key(&k, parts.viewer, parts.ends, parts.uid);
    revoked_add(r->base.revoked, key_str(&k));
    return true;
}

/* ---- answers of scripts that take rights away ---- */

int redis_read_taken(struct redis_reader *r, const redisReply *reply, unsigned *ret_count)
{
    int64_t count;

    redis_read(r, reply, 2);
    (void)redis_read_number(r, 0, 1);
    count = redis_read_number(r, -1, UINT32_MAX);
    *ret_count = (unsigned)MAX(count, (int64_t)0);
    return r->is_bad ? -EIO : count < 0 ? -ENOSPC : 0;
}

int redis_read_revoked(struct redis_reader *r, struct redis *redis)
{
    while (redis_has_more(r))
        r->is_bad |= !redis_revoked(redis, redis_read_text(r, SIZE_MAX));
    redis_right_lost(redis);
    return r->is_bad ? -EIO : 0;
}

/* ---- revocations ---- */

static void encode_look(struct redis_call *call, struct redis_args *args)
{
    struct redis_feed *f = container_of(call, struct redis_feed, looking);

    redis_add_number(args, loop_unix(f->w->base.loop));
    redis_add(args, str_of(f->epoch));
    redis_add_number(args, f->number);
    redis_add_number(args, NAMES_A_LOOK);
}

static bool read_epoch(struct redis_feed *f, struct redis_reader *r)
{
    struct str epoch = redis_read_text(r, EPOCH_MAX);

    if (r->is_bad)
        return false;
    memcpy(f->epoch, epoch.p, epoch.n);
    f->epoch[epoch.n] = '\0';
    return true;
}

/* Whether there is more to ask for: 1; -EIO: not what it should be. */
static int take_names(struct redis_feed *f, const redisReply *reply)
{
    struct redis_reader r;
    int64_t number, last;
    int count = 0;

    redis_read(&r, reply, 4);
    (void)redis_read_number(&r, 0, 1);
    if (!read_epoch(f, &r))
        return -EIO;
    number = redis_read_number(&r, 0, INT64_MAX);
    last = redis_read_number(&r, 0, 1) ? 0 : f->number;
    for (; redis_has_more(&r); count++) {
        r.is_bad |= !redis_revoked(f->w->r, redis_read_text(&r, SIZE_MAX));
        last = redis_read_figure(&r);
    }
    if (r.is_bad)
        return -EIO;
    if (f->number != number || count > 0)
        redis_right_lost(f->w->r);
    f->number = count == NAMES_A_LOOK ? last : number;
    return count == NAMES_A_LOOK;
}

static void looked(struct redis_call *call, int err, const redisReply *reply)
{
    struct redis_feed *f = container_of(call, struct redis_feed, looking);
    int more = err == 0 ? take_names(f, reply) : 0;
    bool again = f->must_look || more > 0;

    f->is_looking = f->must_look = false;
    if (more == -EIO)
        redis_count(&f->w->r->shared.counters.errors);
    if (err == 0 && more == 0)
        f->is_complete = true;
    if (err == 0 && again)
        redis_feed_look(f);
}

void redis_feed_look(struct redis_feed *f)
{
    if (f->is_looking) {
        f->must_look = true;
        return;
    }
    f->looking = (struct redis_call){
        .script = SCRIPT_revocations, .encode = encode_look, .answered = looked};
    f->is_looking = redis_link_call(f->w->link, &f->looking) == 0;
}

static void heard(void *arg)
{
    redis_feed_look(arg);
}

bool redis_feed_is_complete(const struct redis_feed *f)
{
    return f->is_complete;
}

bool redis_feed_is_idle(const struct redis_feed *f)
{
    return !f->is_looking && !f->is_sweeping;
}

/* ---- sweeping ---- */

static void encode_sweep(struct redis_call *call, struct redis_args *args)
{
    struct redis_feed *f = container_of(call, struct redis_feed, sweeping);

    redis_add_number(args, f->sweep_now);
    redis_add_number(args, RECORDS_A_SWEEP);
}

/* It would throw out sessions, uses and revocations while they count. */
static void mind_policy(struct redis_feed *f, struct str policy, uint64_t limit)
{
    if (limit == 0 || policy.n == 0 || str_eq(policy, STR("noeviction")) || f->has_warned)
        return;
    f->has_warned = true;
    log_warn(
        "store: Redis has maxmemory-policy %.*s: it may forget who used a token or was revoked; "
        "it should be noeviction",
        STR_FMT(policy));
}

/* Whether there is more to remove: 1; -EIO: not what it should be, and nothing is taken from it. */
static int take_figures(struct redis_feed *f, const redisReply *reply)
{
    struct redis_figures *s = &f->w->r->figures;
    _Atomic uint64_t *records[] = {&s->grants, &s->sessions, &s->uses, &s->revocations};
    _Atomic uint64_t *bytes[] = {&s->bytes_used, &s->bytes_limit};
    struct redis_reader r, trial;
    int more;

    redis_read(&r, reply, 9);
    trial = r;
    for (int i = 0; i < 8; i++)
        (void)redis_read_number(&trial, 0, INT64_MAX);
    (void)redis_read_text(&trial, POLICY_MAX);
    if (trial.is_bad)
        return -EIO;
    (void)redis_read_number(&r, 0, 1);
    for (size_t i = 0; i < ARRAY_LEN(records); i++)
        atomic_store(records[i], (uint64_t)redis_read_number(&r, 0, INT64_MAX));
    more = redis_read_number(&r, 0, 1) != 0;
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
        atomic_store(bytes[i], (uint64_t)redis_read_number(&r, 0, INT64_MAX));
    mind_policy(f, redis_read_text(&r, POLICY_MAX), atomic_load(&s->bytes_limit));
    return more;
}

static void swept(struct redis_call *call, int err, const redisReply *reply)
{
    struct redis_feed *f = container_of(call, struct redis_feed, sweeping);
    int more = err == 0 ? take_figures(f, reply) : 0;

    f->is_sweeping = false;
    if (more == -EIO)
        redis_count(&f->w->r->shared.counters.errors);
    if (more > 0)
        redis_feed_sweep(f, f->sweep_now);
}

void redis_feed_sweep(struct redis_feed *f, unix_t now)
{
    if (f->is_sweeping)
        return;
    f->sweep_now = now;
    f->sweeping =
        (struct redis_call){.script = SCRIPT_sweep, .encode = encode_sweep, .answered = swept};
    f->is_sweeping = redis_link_call(f->w->link, &f->sweeping) == 0;
}

/* ---- life ---- */

static void on_tick(void *arg)
{
    struct redis_feed *f = arg;

    redis_feed_look(f);
    if (f->ticks++ % LOOKS_A_SECOND == 0)
        redis_feed_sweep(f, loop_unix(f->w->base.loop));
    if (f->ticks % EXPIRE_EVERY == 0)
        revoked_expire(f->w->r->base.revoked, loop_unix(f->w->base.loop));
}

void redis_feed_restart(struct redis_feed *f)
{
    f->epoch[0] = '\0';
    redis_feed_look(f);
}

struct redis_feed *redis_feed_new(struct redis_worker *w)
{
    struct redis_feed *f = xzalloc(sizeof *f);

    f->w = w;
    f->ticker = ticker_new(w->base.loop, USEC_PER_SEC / LOOKS_A_SECOND, on_tick, f);
    redis_link_listen(w->link, STR("revoked"), heard, f);
    redis_feed_look(f);
    redis_feed_sweep(f, loop_unix(w->base.loop));
    return f;
}

void redis_feed_free(struct redis_feed **ret)
{
    struct redis_feed *f = TAKE(*ret);

    if (f == NULL)
        return;
    ticker_free(&f->ticker);
    if (f->is_looking)
        redis_call_cancel(&f->looking);
    if (f->is_sweeping)
        redis_call_cancel(&f->sweeping);
    free(f);
}
