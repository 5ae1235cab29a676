/* Setting up and taking down what requests share. */
#include "gate/gate.h"

#include <stdlib.h>

#include "gate/fill.h"
#include "gate/journal.h"
#include "gate/viewer_cache.h"

void gate_init(struct gate *g, struct cache *cache, struct store *store, const struct api *api)
{
    *g = (struct gate){.cache = cache, .store = store, .api = api};
    g->started = clock_monotonic();
    g->started_unix = clock_unix();
}

void gate_done(struct gate *g)
{
    counter_registry_done(&g->counters);
}

struct gate_worker *gate_worker_new(struct gate *g, struct rules_era *era, struct loop *loop,
                                    struct store_worker *store, unsigned number)
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
    w->counters = counters_new(&g->counters, STAT_COUNT);
    list_init(&w->requests);
    list_init(&w->fills);
    return w;
}

static void end_era(struct rules_era *era)
{
    era->is_past = true;
    if (era->requests == 0)
        era->over(era);
}

void gate_worker_change_rules(struct gate_worker *w, struct rules_era *era)
{
    struct rules_era *past = w->era;

    w->era = era;
    end_era(past);
}

void gate_worker_free(struct gate_worker **w)
{
    struct gate_worker *old = TAKE(*w);

    if (old == NULL)
        return;
    assert(list_is_empty(&old->requests) && list_is_empty(&old->fills));
    end_era(old->era);
    token_scratch_free(&old->scratch);
    viewer_cache_free(&old->viewers);
    journal_free(&old->journal);
    free(old);
}
