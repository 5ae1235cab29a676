/* Setting up and taking down what requests share. */
#include "gate/gate.h"

#include <stdlib.h>

#include "base/log.h"
#include "gate/access_log.h"
#include "gate/audience.h"
#include "gate/compress.h"
#include "gate/delay.h"
#include "gate/fill.h"
#include "gate/journal.h"
#include "gate/transfers.h"
#include "gate/metering.h"
#include "gate/viewer_cache.h"

void gate_init(struct gate *g, struct cache *cache, struct disk *disk, struct store *store,
               const struct api *api)
{
    *g = (struct gate){.cache = cache, .disk = disk, .store = store, .api = api};
    g->started = clock_monotonic();
    g->started_unix = clock_unix();
}

void gate_done(struct gate *g)
{
    counter_registry_done(&g->counters);
}

/* ---- servers of origins ---- */

static void on_server_change(struct origin_worker *origins, const struct server_change *c)
{
    struct gate_worker *w = container_of(origins, struct gate_worker, origins);
    bool is_out = c->to == SERVER_EJECTED || c->to == SERVER_DOWN;

    if (is_out)
        gate_count(w, STAT_SERVERS_EJECTED, 1);
    if (c->to == SERVER_UP)
        gate_count(w, STAT_SERVERS_RETURNED, 1);
    log_line(is_out ? LOG_WARN : LOG_INFO, "origin %.*s: server %.*s was %.*s and is %.*s: %.*s",
             STR_FMT(c->cluster), STR_FMT(c->server), STR_FMT(server_state_word(c->from)),
             STR_FMT(server_state_word(c->to)), STR_FMT(c->why));
}

static void on_tried_again(struct origin_worker *origins, bool is_resumption)
{
    struct gate_worker *w = container_of(origins, struct gate_worker, origins);

    gate_count(w, is_resumption ? STAT_FETCH_RESUMES : STAT_FETCH_RETRIES, 1);
}

static void start_checks(struct gate_worker *w, const struct rules *r)
{
    for (unsigned i = 0; w->number == 0 && i < r->route_count; i++)
        if (r->routes[i].cluster != NULL)
            cluster_check_start(r->routes[i].cluster, &w->origins);
}

static void stop_checks(struct gate_worker *w, const struct rules *r)
{
    for (unsigned i = 0; w->number == 0 && i < r->route_count; i++)
        if (r->routes[i].cluster != NULL)
            cluster_check_stop(r->routes[i].cluster);
}

/* ---- the API's part of a worker ---- */

static void on_second(void *arg)
{
    struct gate_worker *w = arg;

    w->gate->api->tick(w);
}

static void begin_api(struct gate_worker *w)
{
    const struct api *api = w->gate->api;

    if (api == NULL || api->worker_new == NULL)
        return;
    w->api_part = api->worker_new(w);
    w->second = ticker_new(w->loop, USEC_PER_SEC, on_second, w);
}

static void end_api(struct gate_worker *w)
{
    ticker_free(&w->second);
    if (w->api_part != NULL)
        w->gate->api->worker_free(&w->api_part);
}

void gate_worker_drain(struct gate_worker *w)
{
    if (w->api_part != NULL)
        w->gate->api->drain(w);
}

/* ---- the worker ---- */

struct gate_worker *gate_worker_new(struct gate *g, struct rules_era *era, struct loop *loop,
                                    struct store_worker *store, struct client *client,
                                    unsigned number)
{
    struct gate_worker *w = xzalloc(sizeof *w);

    w->gate = g;
    w->era = era;
    w->loop = loop;
    w->store = store;
    w->number = number;
    w->scratch = token_scratch_new();
    w->viewers = viewer_cache_new();
    w->journal = journal_new();
    w->access_log = access_log_new(g->lines, number);
    w->compressor = compressor_new();
    w->transfers = transfers_new();
    w->audience = audience_new(loop_now(loop));
    w->delays = delay_queue_new(loop);
    w->counters = counters_new(&g->counters, STAT_COUNT);
    list_init(&w->requests);
    list_init(&w->fills);
    list_init(&w->fetches);
    origin_worker_init(&w->origins, loop, client);
    w->origins.changed = on_server_change;
    w->origins.tried_again = on_tried_again;
    start_checks(w, era->rules);
    if (g->reports != NULL)
        w->meter = metering_begin(w);
    begin_api(w);
    return w;
}

static void end_era(struct rules_era *era)
{
    era->is_past = true;
    if (era->users == 0)
        era->over(era);
}

void gate_worker_change_rules(struct gate_worker *w, struct rules_era *era)
{
    struct rules_era *past = w->era;

    w->era = era;
    stop_checks(w, past->rules);
    start_checks(w, era->rules);
    end_era(past);
}

/* For the last counts. A store that is away must not hold a stop up once for each worker. */
static usec_t patience_left(struct gate *g)
{
    usec_t now = clock_monotonic();

    if (g->patient_until == 0)
        g->patient_until = now + METER_LAST_PATIENCE;
    return g->patient_until > now + METER_LEAST_PATIENCE ? g->patient_until - now
                                                         : METER_LEAST_PATIENCE;
}

void gate_worker_free(struct gate_worker **w)
{
    struct gate_worker *old = TAKE(*w);

    if (old == NULL)
        return;
    assert(list_is_empty(&old->requests) && list_is_empty(&old->fills));
    assert(list_is_empty(&old->fetches));
    end_api(old);
    meter_free(&old->meter, patience_left(old->gate));
    stop_checks(old, old->era->rules);
    end_era(old->era);
    token_scratch_free(&old->scratch);
    viewer_cache_free(&old->viewers);
    journal_free(&old->journal);
    access_log_free(&old->access_log);
    compressor_free(&old->compressor);
    transfers_free(&old->transfers);
    audience_free(&old->audience);
    free(old);
}
