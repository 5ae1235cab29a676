/* A fetch from inside: fetch.c has its life, fetch_disk.c what it has to do with the disk tier. */
#ifndef GATE_FETCH_INTERNAL_H
#define GATE_FETCH_INTERNAL_H

#include "cache/disk.h"
#include "gate/fetch.h"
#include "gate/lifetime.h"
#include "gate/scanned.h"

struct fetch {
    struct flight_producer producer;
    struct list link; /* in worker->fetches */
    struct gate_worker *worker;
    struct rules_era *era; /* held: the cluster is its */
    const struct origin_route *route;
    struct flight *flight;       /* the reference of flight_produce() */
    struct origin_fetch *origin; /* owned */
    struct disk_load load;       /* before the origin is asked */
    uint64_t disk_purges;        /* when it began */
    struct req *leader;          /* NULL: none, or no more */
    struct cache_entry *stale;   /* reference; NULL: asked for without a condition */
    struct arena arena;          /* of the strings of `request` */
    struct origin_request request;
    bool is_playlist, is_blocking; /* blocking: a playlist reload with _HLS_ directives */
    bool is_sure;                  /* from the head on: its end will tell whether it is whole */
    struct playlist_place place;   /* of a playlist */
    struct lifetime lifetime;      /* from the head on */
    unix_t asked;
};

/* ---- fetch.c ---- */

void fetch_ask_origin(struct fetch *f);
/* May other viewers have it later? */
bool fetch_may_keep(const struct fetch *f);
/* The flight lands with it; the fetch is gone. Takes what `what` owns. */
void fetch_land(struct fetch *f, const struct cache_entry *what);

/* ---- fetch_disk.c ---- */

/* True: the disk has it, and the fetch goes on when it has been read. */
bool fetch_load(struct fetch *f);
/* What has come from the origin, if it is worth it. Before it lands. */
void fetch_store(const struct fetch *f, const struct cache_entry *what);
/* What the disk has of it has been overtaken. */
void fetch_forget_stored(const struct fetch *f);

#endif
