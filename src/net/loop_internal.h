/* The loop from inside: for the files of net/ only. */
#ifndef NET_LOOP_INTERNAL_H
#define NET_LOOP_INTERNAL_H

#include <stdatomic.h>

#include "net/libuv.h"
#include "net/loop.h"

struct loop {
    uv_loop_t uv;
    uv_async_t wake;          /* there are messages */
    uv_prepare_t end_of_turn; /* runs the deferred tasks: the last thing before the loop sleeps */
    uv_idle_t stay_awake;     /* active while tasks wait for the next turn */
    uv_timer_t deadline_tick; /* active while a deadline is set */

    struct loop_message *_Atomic inbox; /* the newest first */
    struct list tasks;                  /* of loop_task.link */
    struct list deadline_queues;        /* owned; of deadline_queue.link */
    struct lender *lender;              /* owned; lend.c; NULL until somebody lends */
    struct sealer *sealer;              /* owned; tls_send.c; NULL until one has TLS */
    unsigned under_way; /* work on the pool and handles that close: each still calls back */

    bool has_time; /* false until somebody asks in this turn */
    usec_t now;
    unix_t unix_now;
};

/* lend.c */
void lender_free(struct lender **l); /* accepts NULL */

/* tls_send.c */
void sealer_free(struct sealer **s); /* accepts NULL */

/* deadlines.c */
void deadlines_init(struct loop *l);
void deadlines_done(struct loop *l); /* the handle is closed by the next run of the loop */

#endif
