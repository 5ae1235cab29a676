/*
 * The gate: what all requests share. `struct gate` is the process's, `struct gate_worker` one
 * worker's; both are made by server/. The gate has no sockets: bytes reach it through struct
 * transport (req.h), time through the loop.
 */
#ifndef GATE_GATE_H
#define GATE_GATE_H

#include <stdatomic.h>

#include "access/token.h"
#include "base/counter.h"
#include "base/list.h"
#include "cache/cache.h"
#include "cache/disk.h"
#include "gate/outcome.h"
#include "gate/rules.h"
#include "gate/stats.h"
#include "http/request.h"
#include "origin/fetch.h"
#include "store/store.h"
#include "traffic/meter.h"
#include "traffic/reports.h"

struct req;
struct gate_worker;
struct step;
struct access_log;
struct audience;
struct journal;
struct line_writer;
struct viewer_cache;
struct compressor;
struct transfers;

/* One path of the API. The table and what stands behind it are admin's. */
struct endpoint {
    struct str path;  /* exact */
    unsigned methods; /* 1 << HTTP_GET | ... ; HEAD comes with GET, OPTIONS with all */
    int scope;        /* enum api_scope: what the key must at least allow */
    const struct step *(*run)(struct req *r);
    bool asks_origin;  /* it waits for an origin, where others wait for the store */
    bool is_for_pages; /* other sites' pages ask it, with what their browsers keep */
};

struct api {
    const struct endpoint *endpoints; /* by path, as str_cmp() orders them */
    unsigned count;
    /* Checks the key, before any content is taken: STEP(content), or a refusal. */
    const struct step *(*authorize)(struct req *r);
    const void *context; /* of who stands behind it */
    /* What a worker has for it, made and freed with the worker. All four on the worker's thread;
     * NULL: nothing. */
    void *(*worker_new)(struct gate_worker *w);
    void (*worker_free)(void **part);
    /* Once a second. */
    void (*tick)(struct gate_worker *w);
    /* The worker is to end: answers that have no end of their own end now. */
    void (*drain)(struct gate_worker *w);
};

struct gate {
    struct cache *cache;       /* not owned */
    struct disk *disk;         /* not owned; NULL: no disk tier */
    struct store *store;       /* not owned */
    const struct api *api;     /* not owned; NULL: no API */
    struct line_writer *lines; /* of the access log, a queue for each worker; not owned; NULL: none.
                                  Set before the workers are made */
    unsigned max_connections;  /* that the process lets in at once; for those who watch */
    struct reports *reports;   /* not owned; NULL: none, nothing is metered */
    atomic_uint purges;        /* so far (purge.h) */
    struct counter_registry counters;
    struct gate_worker *
        *workers; /* all of them: set before the first request, for the logs of the API */
    unsigned worker_count;
    usec_t patient_until; /* of the stop: by then the last counts are written, or lost; 0: it has
                             not come to that. Workers are freed one after the other */
    usec_t started;
    unix_t started_unix;
};

/*
 * How long some rules are in force at one worker: from when they are given to it until the next
 * ones are, and then until the last request that began under them is over. Requests never see their
 * rules change.
 */
struct rules_era {
    const struct rules *rules;
    unsigned users; /* live requests and fetches that began in it */
    bool is_past;
    void (*over)(struct rules_era
                     *era); /* nothing of this worker uses the rules any more; may free the era */
};

struct gate_worker {
    struct gate *gate;
    struct rules_era *era; /* of the rules in force; borrowed */
    struct loop *loop;
    struct store_worker *store;
    struct token_scratch *scratch;
    struct viewer_cache *viewers;
    struct journal *journal;
    struct access_log *access_log;
    struct compressor *compressor;
    struct transfers *transfers;   /* answers on their way (transfers.h) */
    struct audience *audience;     /* who watches what (audience.h) */
    struct deadline_queue *delays; /* the loop's (delay.h) */
    struct meter *meter;           /* owned; NULL: nothing is metered */
    void *api_part;                /* the API's (struct api); NULL: none */
    struct ticker *second;         /* owned; calls the API; NULL: it wants nothing */
    struct counters *counters;     /* enum gate_stat */
    struct list requests;          /* live ones */
    struct origin_worker origins;
    struct list fetches; /* objects on their way from HTTP origins (fetch.h) */
    struct list fills;   /* files on their way into the cache */
    uint64_t fill_bytes; /* of them */
    unsigned number;
};

void gate_init(struct gate *g, struct cache *cache, struct disk *disk, struct store *store,
               const struct api *api);
void gate_done(struct gate *g);

/* On the worker's thread. Takes none of its arguments. Worker 0 does the active checks of origins.
 */
struct gate_worker *gate_worker_new(struct gate *g, struct rules_era *era, struct loop *loop,
                                    struct store_worker *store, struct client *client,
                                    unsigned number);
/* From the next request on. On the worker's thread. */
void gate_worker_change_rules(struct gate_worker *w, struct rules_era *era);

/* It is to end: what would not end by itself does. */
void gate_worker_drain(struct gate_worker *w);

/* No request, fill or fetch may live; its thread has ended. */
void gate_worker_free(struct gate_worker **w);

static inline void era_hold(struct rules_era *era)
{
    era->users++;
}

static inline void era_let_go(struct rules_era *era)
{
    if (--era->users == 0 && era->is_past)
        era->over(era);
}

static inline void gate_count(struct gate_worker *w, enum gate_stat s, int64_t by)
{
    counter_add(w->counters, s, by);
}

#endif
