/* Start, work, drain, stop. The order to drain or stop comes by message, so no lock is taken for
 * it. */
#include "server/worker.h"

#include <stdlib.h>

#include "gate/fetch.h"
#include "gate/fill.h"
#include "server/conn.h"

#define ENDING_CHECK (20 * USEC_PER_MSEC)

static bool is_idle(const struct worker *w)
{
    return list_is_empty(&w->connections) && list_is_empty(&w->gate->requests) &&
           list_is_empty(&w->gate->fills);
}

/* Viewers of other workers may still be fed by our fetches. */
static void check_end(void *arg)
{
    struct worker *w = arg;

    if (!is_idle(w))
        return;
    fetch_cancel_deserted(w->gate);
    if (list_is_empty(&w->gate->fetches))
        loop_stop(w->loop);
}

static void stop_now(struct worker *w)
{
    w->state = WORKER_STOPPING;
    fill_cancel_all(w->gate);
    fetch_cancel_all(w->gate);
    conn_abort_all(w);
}

static void on_drain_timeout(struct deadline *d)
{
    stop_now(container_of(d, struct worker, drained));
}

static void drain(struct worker *w)
{
    w->state = WORKER_DRAINING;
    for (unsigned i = 0; i < w->listening_count; i++)
        listener_free(&w->listening[i].listener);
    conn_drain_all(w);
    gate_worker_drain(w->gate);
    deadline_set(w->drain, &w->drained);
    w->ending = ticker_new(w->loop, ENDING_CHECK, check_end, w);
}

static void on_drain_order(struct loop_message *m)
{
    struct worker *w = container_of(m, struct worker, drain_order);

    if (w->state == WORKER_SERVING)
        drain(w);
}

static void on_stop_order(struct loop_message *m)
{
    struct worker *w = container_of(m, struct worker, stop_order);

    if (w->state == WORKER_DRAINING)
        stop_now(w);
}

/* ---- configurations ---- */

/* A snapshot's time at one worker, and its reference to it. */
struct era {
    struct rules_era rules;
    struct snapshot *snapshot; /* a reference */
};

static void on_era_over(struct rules_era *rules)
{
    struct era *era = container_of(rules, struct era, rules);

    snapshot_unref(&era->snapshot);
    free(era);
}

static struct rules_era *era_new(struct snapshot *s)
{
    struct era *era = xzalloc(sizeof *era);

    era->snapshot = snapshot_ref(s);
    era->rules.rules = s->rules;
    era->rules.over = on_era_over;
    return &era->rules;
}

static const struct snapshot *snapshot_of(struct rules_era *rules)
{
    return container_of(rules, struct era, rules)->snapshot;
}

/* An address that the new configuration has no more is listened on until a restart, as it was. */
static void change_entrances(struct worker *w, const struct snapshot *s)
{
    for (unsigned i = 0; i < w->listening_count; i++) {
        struct listening *l = &w->listening[i];
        struct entrance *next = snapshot_entrance(s, &l->entrance->address);

        if (next == NULL)
            continue;
        entrance_unref(&l->entrance);
        l->entrance = entrance_ref(next);
    }
}

/* Carries the next configuration to a worker. */
struct reload {
    struct loop_message message;
    struct worker *worker;
    struct rules_era *era;
};

static void on_reload(struct loop_message *m)
{
    struct reload *r = container_of(m, struct reload, message);

    gate_worker_change_rules(r->worker->gate, r->era);
    change_entrances(r->worker, snapshot_of(r->era));
    free(r);
}

void worker_reload(struct worker *w, struct snapshot *s)
{
    struct reload *r = xzalloc(sizeof *r);

    r->message.run = on_reload;
    r->worker = w;
    r->era = era_new(s);
    loop_post(w->loop, &r->message);
}

/* ---- orders ---- */

void worker_drain(struct worker *w)
{
    loop_post(w->loop, &w->drain_order);
}

void worker_stop(struct worker *w)
{
    loop_post(w->loop, &w->stop_order);
}

void worker_connection_closed(struct worker *w)
{
    atomic_fetch_sub(&w->limit->count, 1);
    gate_count(w->gate, STAT_CONNECTIONS, -1);
}

static void on_accepted(void *arg, int fd, const struct net_address *peer)
{
    struct listening *l = arg;

    conn_accept(l->worker, fd, peer, l->entrance);
}

static void on_limit(struct deadline *d)
{
    struct time_limit *l = container_of(d, struct time_limit, deadline);

    l->expired(l);
}

void time_limit_init(struct time_limit *l, void (*expired)(struct time_limit *l))
{
    deadline_init(&l->deadline);
    l->expired = expired;
}

static void make_deadlines(struct worker *w, const struct http_settings *s)
{
    w->handshake = deadline_queue_new(w->loop, s->handshake_timeout, on_limit);
    w->idle = deadline_queue_new(w->loop, s->idle_timeout, on_limit);
    w->head = deadline_queue_new(w->loop, s->head_timeout, on_limit);
    w->work = deadline_queue_new(w->loop, s->work_timeout, on_limit);
    w->content = deadline_queue_new(w->loop, s->content_timeout, on_limit);
    w->send = deadline_queue_new(w->loop, s->send_timeout, on_limit);
    w->linger = deadline_queue_new(w->loop, CONN_LINGER_TIME, on_limit);
    w->drain = deadline_queue_new(w->loop, s->drain_timeout, on_drain_timeout);
    deadline_init(&w->drained);
}

/* Each worker has its share of what the process may have. */
static struct client *make_client(struct loop *l, const struct pool_settings *s, unsigned workers)
{
    struct client_limits limits = {
        .max_connections = (unsigned)((s->max_connections + workers - 1) / workers),
        .max_idle = (unsigned)((s->max_idle + workers - 1) / workers),
        .keep_alive = s->keep_alive,
        .dns_cache = s->dns_cache,
    };

    return client_new(l, &limits);
}

/* What one worker does for all. */
static void take_office(struct worker *w, struct reports *reports)
{
    struct client_limits limits = REPORTS_CLIENT_LIMITS;

    store_housekeep(w->store);
    w->receiver = client_new(w->loop, &limits);
    w->reporter = reporter_new(reports, w->loop, w->store, w->receiver, NULL, NULL);
}

static void listen_on(struct worker *w, struct entrance *e, int fd)
{
    struct listening *l = &w->listening[w->listening_count++];

    l->worker = w;
    l->entrance = entrance_ref(e);
    l->listener = listener_new(w->loop, fd, on_accepted, l);
}

struct worker *worker_new(struct gate *gate, struct store *store, struct snapshot *snapshot,
                          unsigned number, unsigned count, struct connection_limit *limit,
                          const int *fds)
{
    struct worker *w = xzalloc(sizeof *w);

    w->number = number;
    w->limit = limit;
    w->loop = loop_new();
    w->store = store_worker_new(store, w->loop);
    w->client = make_client(w->loop, &snapshot->settings.gate.pool, count);
    w->gate = gate_worker_new(gate, era_new(snapshot), w->loop, w->store, w->client, number);
    w->drain_order.run = on_drain_order;
    w->stop_order.run = on_stop_order;
    list_init(&w->connections);
    make_deadlines(w, &snapshot->settings.http);
    w->batch = xmalloc(sizeof *w->batch);
    w->max_streams = (unsigned)snapshot->settings.http.max_streams;
    for (unsigned i = 0; i < snapshot->entrance_count; i++)
        listen_on(w, snapshot->entrances[i], fds[i]);
    if (number == 0)
        take_office(w, gate->reports);
    return w;
}

void worker_free(struct worker **w)
{
    struct worker *old = TAKE(*w);

    if (old == NULL)
        return;
    for (unsigned i = 0; i < old->listening_count; i++) {
        listener_free(&old->listening[i].listener);
        entrance_unref(&old->listening[i].entrance);
    }
    ticker_free(&old->ending);
    deadline_clear(&old->drained);
    reporter_free(&old->reporter);
    client_free(&old->receiver);
    gate_worker_free(&old->gate);
    client_free(&old->client);
    store_worker_free(&old->store);
    loop_free(&old->loop);
    free(old->batch);
    free(old);
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;

    loop_run(w->loop);
    w->state = WORKER_ENDED;
    return NULL;
}

int worker_start(struct worker *w)
{
    return -pthread_create(&w->thread, NULL, thread_main, w);
}

void worker_join(struct worker *w)
{
    pthread_join(w->thread, NULL);
}
