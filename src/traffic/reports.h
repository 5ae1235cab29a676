/*
 * Reports: what each user was delivered, sent to the site's back end.
 *
 * `struct reports` is the process's. One worker has the reporter, which takes what has been counted
 * out of the store each interval (store/traffic.h) and sends the reports that wait, one at a time,
 * the oldest first, the same bytes under the same id until the receiver has acknowledged it by a
 * status of 2xx; what fails is sent again REPORTS_RETRY_MIN later, doubling to REPORTS_RETRY_MAX,
 * up to half of it left to chance. Of all processes that share the store only the one that leads
 * does it; when it has gone, another leads within REPORTS_LEAD_SEC.
 *
 * Without a URL nothing is sent; counts are forgotten when they have been looked at for `max_wait`.
 */
#ifndef TRAFFIC_REPORTS_H
#define TRAFFIC_REPORTS_H

#include "client/client.h"
#include "store/traffic.h"
#include "traffic/settings.h"

#define REPORTS_RETRY_MIN (1 * USEC_PER_SEC)
#define REPORTS_RETRY_MAX (300 * USEC_PER_SEC)
#define REPORTS_RENEW (3 * USEC_PER_SEC)
enum { REPORTS_LEAD_SEC = 10, REPORTS_ERROR_MAX = 160 };

/* The client that a reporter is given: its own, so that no origin stands in its way. */
#define REPORTS_CLIENT_LIMITS                                \
    ((struct client_limits){.max_connections = 1,            \
                            .max_idle = 1,                   \
                            .keep_alive = 30 * USEC_PER_SEC, \
                            .dns_cache = 60 * USEC_PER_SEC})

struct reports;

struct reports *reports_new(const struct traffic_settings *s); /* keeps nothing of it */
/* Who logs what happens: trouble when it begins, and when it is over. Called by the thread that
 * reports. Before the first reporter; without one nothing is said. */
void reports_set_voice(struct reports *r, void (*say)(bool is_trouble, const char *text));
void reports_free(struct reports **r); /* after its reporters */

/* Of this process; how many wait is the store's to say. */
struct reports_status {
    bool is_sending;  /* there is a URL */
    bool is_leader;   /* this process reports, for all that share the store */
    bool is_held;     /* the leader's: TRAFFIC_REPORTS_MAX wait, no new one is made */
    uint64_t sent;    /* acknowledged */
    uint64_t failed;  /* tries */
    unix_t last_sent; /* 0: none yet */
    unix_t last_failed;
    char last_error[REPORTS_ERROR_MAX]; /* the leader's; "": the last try was a success */
};
void reports_status(struct reports *r, struct reports_status *ret); /* any thread */

struct reporter;

/* On the worker's loop. All arguments outlive it. `stopped` NULL: until it is freed; else it does
 * what is left to do, once and without trying again, and says so. */
struct reporter *reporter_new(struct reports *r, struct loop *l, struct store_worker *s,
                              struct client *c, void (*stopped)(void *arg), void *arg);
void reporter_free(struct reporter **r);

/* After all workers: takes and sends what is left, for `stop_timeout` at most, and lets others
 * lead. Blocks. */
void reports_finish(struct reports *r, struct store *s);

#endif
