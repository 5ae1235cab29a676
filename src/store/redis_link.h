/*
 * One worker's way to the primary: finding it, a few pipelined connections, deadlines, a circuit
 * breaker. Knows nothing of grants and sessions: it carries scripts and their replies. hiredis is
 * used here and in redis_*.c alone.
 *
 * A connection is fit for use when it has said AUTH and SELECT, ROLE has answered "master", all
 * scripts are loaded, and `hello` (below) had no objection. ROLE is asked again every second: it
 * measures the round trip too. A connection that answers READONLY, LOADING, MASTERDOWN, NOAUTH or
 * BUSY, whose ROLE is another, that leaves a call unanswered past its deadline, says what nothing
 * has asked for or sends more than REDIS_REPLY_MAX of one reply is closed; its calls fail.
 *
 * The breaker: closed while a connection is fit for use. When the last one is lost a new one is
 * begun within 20 ms, and calls that come meanwhile wait for it within their own deadline; when
 * that has failed too it is open, and calls are answered -EAGAIN at once, until one of the attempts
 * that go on in the background succeeds: REDIS_RETRY_MIN apart, doubling to REDIS_RETRY_MAX, up to
 * half of each left to chance, so that a thousand workers do not come back in one moment. A
 * connection that is lost in its first second counts as an attempt that has failed: what has closed
 * it would close the next, too.
 *
 * With Sentinels: before each attempt all are asked at once; the address that more than half of
 * them name is taken, or, when their time is up, the one that most of those who answered name.
 * +switch-master, heard from one of them, drops connections to another address at once.
 */
#ifndef STORE_REDIS_LINK_H
#define STORE_REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "store/redis_script.h"
#include "store/store.h"

#define REDIS_RETRY_MIN (50 * USEC_PER_MSEC)
#define REDIS_RETRY_MAX (2 * USEC_PER_SEC)

enum {
    REDIS_ARGS_MAX = 128,
    REDIS_REPLY_MAX =
        16 << 20, /* bytes of input that make no whole reply: no peer may fill memory */
    REDIS_UNDER_WAY_MAX = 65536, /* calls of one worker; more are refused with -EAGAIN */
};

struct redis_shared; /* what all links of a process count and say: redis.h */
struct redis_link;

/* The arguments of a script. Strings are borrowed until the call that fills it returns. */
struct redis_args {
    int count;
    const char *at[REDIS_ARGS_MAX];
    size_t len[REDIS_ARGS_MAX];
    char numbers[REDIS_ARGS_MAX][24];
};
void redis_add(struct redis_args *a, struct str s);
void redis_add_bytes(struct redis_args *a, const void *p, size_t n);
void redis_add_number(struct redis_args *a, int64_t n);

/*
 * A script under way, embedded by the caller. `encode` adds its arguments (the prefix of all keys
 * goes before them by itself); it is called when the script is sent, which may be later and, after
 * NOSCRIPT, once more. `answered` comes exactly once, never before redis_link_call() has returned,
 * never after redis_call_cancel():
 *
 *     err 0           `reply`, borrowed, is of any type but an error
 *     -ETIMEDOUT      no answer in time, or the connection broke after it was sent: whether it was
 *                     done nobody knows
 *     -EAGAIN         not done: there was no connection in time, or what there was is not fit for
 *                     use any longer (READONLY, LOADING and the like)
 *     -ENOSPC, -EIO   Redis said OOM, or another error
 *
 * A script that changed something answers an array whose first element is 1 (else 0); with
 * wait_replicas it is then answered only when WAIT has counted enough replicas, else -ETIMEDOUT.
 * While one WAIT is under way on a connection, the calls that come wait for it and share the next.
 */
struct redis_call {
    enum redis_script script;
    void (*encode)(struct redis_call *c, struct redis_args *args);
    void (*answered)(struct redis_call *c, int err, const redisReply *reply);

    struct redis_ticket *ticket; /* the link's, while under way */
};

/* 0, or -EAGAIN at once. */
int redis_link_call(struct redis_link *l, struct redis_call *c) MUST_CHECK;
void redis_call_cancel(struct redis_call *c); /* harmless when nothing is under way */

struct redis_link_events {
    bool is_quiet; /* nothing goes to the log: whoever tries it out says what came of it */
    /* A connection became fit for use and there was none before: what was known of the state may
     * have gone. May be NULL. */
    void (*up)(void *arg);
    void *arg;
};

struct redis_link *redis_link_new(struct redis_shared *shared, struct loop *l,
                                  const struct redis_link_events *events);
/* What is under way is dropped without an answer. */
void redis_link_free(struct redis_link **l);

/* Blocks until nothing is under way, or for `most`: at a stop, and in a test of the connection. */
void redis_link_drain(struct redis_link *l, usec_t most);

bool redis_link_is_up(const struct redis_link *l); /* a connection is fit for use */

/*
 * A connection of its own subscribes to `channel` (the prefix goes before it by itself) on the
 * primary. `heard` comes for every message, and each time it has subscribed anew: something may
 * have been missed. Once a link.
 */
void redis_link_listen(struct redis_link *l, struct str channel, void (*heard)(void *arg),
                       void *arg);

#endif
