/*
 * Several HTTP servers that hold the same files, as one origin: who is asked (balance), who is left
 * out for now (health). Belongs to the configuration snapshot, shared by all workers: the state of
 * a server is a handful of atomics.
 *
 * Passive: `eject_after` failures in a row take a server out for `eject_time`, twice as long each
 * time it fails again right after coming back, at most `eject_max`. What counts as a failure is
 * said in origin/fetch.h. Active, when `health.interval` is set: one worker asks each server for
 * `health.path`; `fall` bad answers in a row take it out, `rise` good ones bring it back. When no
 * server is left, all are: better a try than a refusal.
 */
#ifndef ORIGIN_CLUSTER_H
#define ORIGIN_CLUSTER_H

#include "base/buf.h"
#include "client/client.h"

struct cluster;
struct origin_worker;

enum { CLUSTER_MAX_SERVERS = 64 };

enum cluster_balance {
    BALANCE_ROUND_ROBIN,
    BALANCE_LEAST, /* the fewest requests under way */
    BALANCE_HASH,  /* by stream key, rendezvous: a new server takes over its share and no more */
};

/* Strings outlive the cluster: they are the snapshot's. */
struct cluster_settings {
    struct str name; /* for logs and /health: the path prefix */
    const struct str
        *servers; /* "https://o1.example:8443", "http://127.0.0.1:8080", "unix:/run/o.sock" */
    unsigned server_count; /* 1 to CLUSTER_MAX_SERVERS */
    enum cluster_balance balance;
    struct str host; /* Host field and SNI for all of them; "" = each server's own */
    enum client_protocol protocol;
    bool is_unverified;
    struct str ca_file, certificate, certificate_key; /* "" = none */
    usec_t connect_timeout, first_byte_timeout, stall_timeout;
    usec_t deadline;    /* of a fetch with all its retries, to its head; and of each resumption */
    unsigned retries;   /* further tries after the first one, before the head */
    unsigned resumes;   /* of one body that breaks */
    usec_t retry_pause; /* before the second try of one server; doubled each time, with jitter */
    unsigned eject_after;
    usec_t eject_time, eject_max;
    struct {
        struct str path; /* "" with interval 0 */
        usec_t interval; /* 0: none */
        usec_t timeout;
        unsigned rise, fall;
    } health;
};

/* -1 with what is wrong, and `ret_server` the index of the server it is about (-1: none). */
int cluster_new(const struct cluster_settings *s, struct cluster **ret, int *ret_server,
                struct buf *error) MUST_CHECK;
void cluster_free(struct cluster **c); /* nothing may be under way; accepts NULL */

/* The servers of `old` that are in `c` too, by their text, keep the state they have there. */
void cluster_inherit(struct cluster *c, const struct cluster *old);

/* ---- health ---- */

#define SERVER_STATES(X)                                                                         \
    X(UP, "up")                                                                                  \
    X(EJECTED, "ejected") /* failed too often; asked again when its time is over */              \
    X(TRIAL, "trial")     /* the time is over: the next answer decides; one request at a time */ \
    X(DOWN, "down")       /* the active checks say so */

enum server_state {
#define X(name, word) SERVER_##name,
    SERVER_STATES(X)
#undef X
        SERVER_STATE_COUNT
};

struct str server_state_word(enum server_state s);

/* A move from one state to the next, told on the thread where it happened. */
struct server_change {
    struct str cluster, server; /* as configured */
    enum server_state from, to;
    struct str why;     /* "connection refused", "status 503", "check passed" ...; borrowed */
    usec_t ejected_for; /* EJECTED */
};

struct server_view {
    struct str server;
    enum server_state state;
    unsigned under_way; /* requests */
    uint64_t requests, failures, ejections;
    usec_t first_byte; /* moving average */
};

unsigned cluster_server_count(const struct cluster *c);
void cluster_view(const struct cluster *c, unsigned server, usec_t now, struct server_view *ret);

/* Active checks run on the calling worker from now on. Nothing when none are configured. */
void cluster_check_start(struct cluster *c, struct origin_worker *w);
void cluster_check_stop(struct cluster *c); /* on the same worker, before cluster_free() */

#endif
