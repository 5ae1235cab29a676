/* The Redis backend: opening, workers, state. */
#include "store/redis.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

enum { TRY_STEPS = 8 }; /* of connecting, each with a timeout of its own */

static void redis_close(struct store *s)
{
    struct redis *r = container_of(s, struct redis, base);

    redis_shared_done(&r->shared);
    store_done(&r->base);
    free(r);
}

/* ---- workers ---- */

static void on_up(void *arg)
{
    struct redis_worker *w = arg;

    if (w->verdicts != NULL)
        verdicts_clear(w->verdicts); /* what was written may be lost */
    if (w->feed != NULL)
        redis_feed_restart(w->feed);
}

static struct store_worker *begin_worker(struct store *s, struct loop *l, bool is_quiet)
{
    struct redis_worker *w = xzalloc(sizeof *w);
    struct redis_link_events events = {.is_quiet = is_quiet, .up = on_up, .arg = w};

    w->base = (struct store_worker){.store = s, .loop = l};
    w->r = container_of(s, struct redis, base);
    w->rights_lost = atomic_load(&w->r->rights_lost);
    if (w->r->shared.o.verdict_ttl > 0)
        w->verdicts = verdicts_new(VERDICTS_MAX, w->r->shared.o.verdict_ttl);
    w->link = redis_link_new(&w->r->shared, l, &events);
    redis_touch_begin(w);
    return &w->base;
}

static struct store_worker *worker_new(struct store *s, struct loop *l)
{
    return begin_worker(s, l, false);
}

static void worker_free(struct store_worker *worker)
{
    struct redis_worker *w = redis_worker(worker);

    redis_touch_end(w); /* turns the loop, so all who may hear of something are still there */
    redis_feed_free(&w->feed);
    redis_link_free(&w->link);
    verdicts_free(&w->verdicts);
    free(w);
}

static void housekeep(struct store_worker *worker)
{
    struct redis_worker *w = redis_worker(worker);

    w->feed = redis_feed_new(w);
}

/* ---- trying ---- */

static void say(struct redis_shared *s, struct buf *error)
{
    pthread_mutex_lock(&s->lock);
    if (s->trouble[0] != '\0')
        buf_printf(error, "store: redis %s", s->trouble);
    else
        buf_printf(error, "store: redis%s%s: no answer in time", s->server[0] != '\0' ? " " : "",
                   s->server);
    pthread_mutex_unlock(&s->lock);
}

/* A worker of its own, on a loop of its own: it takes the way that all will take, and brings the
 * revocations into memory before the first viewer is served. */
static int try_out(struct store *s, struct buf *error)
{
    struct redis *r = container_of(s, struct redis, base);
    struct loop *l = loop_new();
    struct store_worker *worker = begin_worker(s, l, true);
    struct redis_worker *w = redis_worker(worker);
    bool is_complete;

    housekeep(worker);
    for (int i = 0; i < TRY_STEPS && !redis_feed_is_idle(w->feed); i++)
        redis_link_drain(w->link, r->shared.o.timeout);
    is_complete = redis_feed_is_complete(w->feed);
    worker_free(worker);
    loop_free(&l);
    if (!is_complete)
        say(&r->shared, error);
    return is_complete ? 0 : -EAGAIN;
}

/* ---- state ---- */

static void stats(struct store *s, struct store_stats *ret)
{
    struct redis *r = container_of(s, struct redis, base);
    struct redis_shared *shared = &r->shared;
    int up = atomic_load(&shared->links_up);

    ret->grants = atomic_load(&r->figures.grants);
    ret->sessions = atomic_load(&r->figures.sessions);
    ret->uses = atomic_load(&r->figures.uses);
    ret->revocations = atomic_load(&r->figures.revocations);
    ret->bytes_used = atomic_load(&r->figures.bytes_used);
    ret->bytes_limit = atomic_load(&r->figures.bytes_limit);
    ret->replicas = atomic_load(&shared->replicas);
    ret->write_usec = atomic_load(&shared->round_trip);
    ret->is_healthy = up > 0 && up == atomic_load(&shared->links);
#define X(name, text) ret->name = atomic_load(&shared->counters.name);
    STORE_COUNTERS(X)
#undef X
    pthread_mutex_lock(&shared->lock);
    memcpy(ret->server, shared->server, sizeof ret->server);
    memcpy(ret->trouble, shared->trouble, sizeof ret->trouble);
    pthread_mutex_unlock(&shared->lock);
}

static const struct store_backend_ops redis_ops = {
    .kind = "redis",
    .close = redis_close,
    .try_out = try_out,
    .stats = stats,
    .worker_new = worker_new,
    .worker_free = worker_free,
    .housekeep = housekeep,
    .admit = redis_admit,
    .touch = redis_touch,
    .grant_put = redis_grant_put,
    .grant_revoke = redis_grant_revoke,
    .grant_list = redis_grant_list,
    .session_list = redis_session_list,
    .session_end = redis_session_end,
    .traffic_add = redis_traffic_add,
    .traffic_list = redis_traffic_list,
    .traffic_take = redis_traffic_take,
    .report_next = redis_report_next,
    .report_done = redis_report_done,
    .traffic_lead = redis_traffic_lead,
    .instance_beat = redis_instance_beat,
};

int store_open_redis(const struct store_redis_options *o, const struct store_rules *rules,
                     struct store **ret, struct buf *error)
{
    struct redis *r;

    if (o->prefix.n > STORE_PREFIX_MAX) { /* keys are packed where there is room for so much */
        buf_printf(error, "store: the prefix of the keys is longer than %d bytes",
                   STORE_PREFIX_MAX);
        return -EINVAL;
    }
    r = xzalloc(sizeof *r);
    store_init(&r->base, &redis_ops, rules);
    redis_shared_init(&r->shared, o);
    *ret = &r->base;
    return 0;
}
