/*
 * What an implementation of the store provides. store.h's calls go through this table; what is the
 * same for every backend (rules, revocations in memory) is in store.c.
 * Backends embed `struct store` and `struct store_worker` as their first member.
 */
#ifndef STORE_BACKEND_H
#define STORE_BACKEND_H

#include <stdatomic.h>

#include "base/list.h"
#include "store/instances.h"
#include "store/revoked.h"
#include "store/store.h"
#include "store/traffic.h"

struct store_backend_ops {
    const char *kind;
    void (*close)(struct store *s); /* frees it; store_done() is for the part that is common */
    void (*stats)(struct store *s, struct store_stats *ret);
    int (*try_out)(struct store *s, struct buf *error); /* may be NULL */

    struct store_worker *(*worker_new)(struct store *s, struct loop *l);
    void (*housekeep)(struct store_worker *w); /* from now on, until it is freed */
    void (*worker_free)(struct store_worker *w);
    int (*admit)(struct store_worker *w, struct admission *a);
    void (*touch)(struct store_worker *w, const uint8_t *viewer, struct str uid,
                  struct str stream_key, unix_t now);
    int (*grant_put)(struct store_worker *w, struct grant_put *g);
    int (*grant_revoke)(struct store_worker *w, struct grant_revoke *g);
    int (*grant_list)(struct store_worker *w, struct grant_list *g);
    int (*session_list)(struct store_worker *w, struct session_list *l);
    int (*session_end)(struct store_worker *w, struct session_end *e);
    int (*traffic_add)(struct store_worker *w, struct traffic_add *a);
    int (*traffic_list)(struct store_worker *w, struct traffic_list *l);
    int (*traffic_take)(struct store_worker *w, struct traffic_take *t);
    int (*report_next)(struct store_worker *w, struct report_next *n);
    int (*report_done)(struct store_worker *w, struct report_done *d);
    int (*traffic_lead)(struct store_worker *w, struct traffic_lead *l);
    int (*instance_beat)(struct store_worker *w, struct instance_beat *b);
};

struct rules_copy { /* immutable; all are kept until the store closes, since any worker may still
                       read one */
    struct rules_copy *older;
    struct store_rules rules;
};

struct store {
    const struct store_backend_ops *ops;
    _Atomic(struct rules_copy *) rules;
    struct revoked *revoked;
};

struct store_worker {
    struct store *store;
    struct loop *loop;
};

void store_init(struct store *s, const struct store_backend_ops *ops,
                const struct store_rules *rules);
void store_done(struct store *s);

/* The rules of this moment: of one step, use one pointer. */
const struct store_rules *store_rules(const struct store *s);

/* A network as it is stored: no longer than the rules' prefix. */
struct ip_net store_widen(const struct store_rules *rules, const struct ip_net *net);
/* Room for so many instances, with its own in the first place. */
int instances_begin(struct instance_beat *b, unsigned room) MUST_CHECK;

/* Seconds of a session's activity that may go unwritten. */
int64_t store_grain(const struct store_rules *rules);
/* How long noted activity may wait before it is written. */
usec_t store_note_age(const struct store_rules *rules);
/* Are streams of this uid counted? */
static inline bool store_limits_streams(const struct store_rules *rules, struct str uid)
{
    return rules->max_streams > 0 && uid.n > 0;
}

#endif
