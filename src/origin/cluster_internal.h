/* A cluster from inside: for the files of origin/ that ask its servers, and their tests. */
#ifndef ORIGIN_CLUSTER_INTERNAL_H
#define ORIGIN_CLUSTER_INTERNAL_H

#include <stdatomic.h>

#include "base/hash.h"
#include "origin/cluster.h"
#include "origin/fetch.h"
#include "origin/health.h"

/* What changes is shared by all workers, so it is atomic; the rest is as cluster_new() left it. */
struct server {
    struct str text;         /* as configured; the snapshot's */
    struct client_peer peer; /* its strings are this server's or the cluster's */
    char *base, *unix_path;  /* owned; NULL: none */
    struct hash_key seed;    /* from the text: the same in every process and on every machine */
    _Atomic uint64_t health; /* health_pack() */
    _Atomic unsigned under_way;
    _Atomic uint64_t requests, failures, ejections;
    _Atomic usec_t first_byte;
};

struct checker;

struct cluster {
    struct cluster_settings settings;
    struct health_rules rules;
    char *host, *ca_file, *certificate, *certificate_key; /* owned; NULL: none */
    _Atomic unsigned turn;   /* whose it is: BALANCE_ROUND_ROBIN, and between equals */
    struct checker *checker; /* the checking worker's; NULL: none runs */
    struct server servers[];
};

/* A set of servers: bit i is server i. */
typedef uint64_t server_set;
_Static_assert(CLUSTER_MAX_SERVERS <= 64, "a set has a bit for each server");

static inline server_set server_bit(unsigned server)
{
    return UINT64_C(1) << server;
}

static inline server_set cluster_all(const struct cluster *c)
{
    return UINT64_MAX >> (64 - c->settings.server_count);
}

/* The one of `among` (not empty) whose turn it is: pure, but for what is under way. */
unsigned balance_choose(const struct cluster *c, server_set among, struct str stream_key,
                        unsigned turn);

/* ---- one request to one server, from the choice to the verdict ---- */

struct server_use {
    struct server *server; /* NULL: none */
    enum use_kind kind;
    bool is_judged; /* what it says of the server's health has been told */
    usec_t began;
};

struct server_wish {
    struct str stream_key;
    server_set tried;  /* rather not those */
    server_set barred; /* never those */
};

/* Is there a server that was neither tried nor barred, and is in as good a state as any other? */
bool cluster_offers_another(const struct cluster *c, const struct server_wish *wish, usec_t now);

/* Chooses, and counts the request in. False: all are barred. */
bool cluster_pick(struct cluster *c, struct origin_worker *w, const struct server_wish *wish,
                  struct server_use *ret) MUST_CHECK;
/* The same with a server that is given. */
void cluster_pick_server(struct cluster *c, struct origin_worker *w, unsigned server,
                         struct server_use *ret);

/* A head has come: 502, 503 and 504 are failures (origin/fetch.h). Decides a trial. */
void server_use_head(struct cluster *c, struct origin_worker *w, struct server_use *u,
                     unsigned status);
/* Counts it out. The verdict counts unless the head has told. */
void server_use_end(struct cluster *c, struct origin_worker *w, struct server_use *u,
                    enum health_event verdict, struct str why);

static inline bool status_is_failure(unsigned status)
{
    return status >= 502 && status <= 504;
}

/* One move of a server's health; tells of a change of state. */
void server_news(struct cluster *c, struct origin_worker *w, struct server *s,
                 enum health_event event, enum use_kind kind, struct str why);

static inline unsigned server_index(const struct cluster *c, const struct server *s)
{
    return (unsigned)(s - c->servers);
}

#endif
