/*
 * The inside of redis_link.h: what its files need of each other.
 *
 *     redis_encode.c      arguments, and a command as Redis reads it
 *     redis_error.c       what an error means, and what of it may be shown
 *     redis_resolve.c     from "host:port" to addresses, on the pool
 *     redis_conn.c        one connection: bytes, and replies in the order of their commands
 *     redis_lane.c        a connection to the primary that proves itself, then carries scripts
 *     redis_replicas.c    which of its writes the replicas have
 *     redis_call.c        a script under way: sent, sent again, answered
 *     redis_link.c        lanes, the calls that wait for one, the breaker
 *     redis_sentinel.c    which address the Sentinels name
 *     redis_subscriber.c  a connection that listens
 *     redis_follow.c      the two that do: to a Sentinel's +switch-master, to the store's channel
 *
 * Of hiredis the parser of replies is used, not its connections: its asynchronous interface (0.14)
 * ends the process by assert() when a reply comes that nothing has asked for, or a message of
 * another shape than it expects, and that is for Redis to choose. It also allocates for each
 * command what here stands in the ticket anyhow.
 */
#ifndef STORE_REDIS_INTERNAL_H
#define STORE_REDIS_INTERNAL_H

#include "base/buf.h"
#include "net/listener.h"
#include "net/watch.h"
#include "store/redis_shared.h"

enum {
    REDIS_WHY_MAX = STORE_TROUBLE_MAX,
    REDIS_SHA_LEN = 40,
    REDIS_ADDRESSES_MAX = 8,  /* of one name: more are not tried */
    REDIS_OUT_MAX = 64 << 20, /* bytes that wait for the kernel: a Redis that reads nothing fills no
                                 memory */
};

/* ---- redis_encode.c ---- */

/* Appends the command; false, and nothing appended, when `out` is at its cap. */
bool redis_encode(const struct redis_args *a, struct buf *out) MUST_CHECK;

/* ---- redis_error.c ---- */

enum redis_error {
    REDIS_ERROR_NO_SCRIPT, /* it has forgotten the script */
    REDIS_ERROR_UNFIT,     /* nothing was done, nor will be on this connection */
    REDIS_ERROR_FULL,      /* out of memory */
    REDIS_ERROR_OTHER,
};
enum redis_error redis_error_of(struct str said);
/* Its first words, without what it quotes: that may be a viewer's or a password. */
void redis_error_show(struct str said, char ret[REDIS_WHY_MAX]);

static inline struct str redis_str(const redisReply *r)
{
    return (struct str){r->str, (size_t)r->len};
}
/* An array of at least `n` elements. */
static inline bool redis_is_array(const redisReply *r, size_t n)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements >= n;
}
bool redis_is_string(const redisReply *r, struct str is);

/* ---- redis_resolve.c ---- */

/*
 * The addresses of one server. A look-up that takes longer than the caller waits goes on, and the
 * next one of the same text joins it: a name server that answers slowly must not fill the pool.
 */
struct redis_resolve {
    struct loop *loop;
    struct op lookup;
    char text[STORE_SERVER_MAX];
    struct net_address at[REDIS_ADDRESSES_MAX];
    unsigned count, next; /* which is to be tried next: one that was found dead is not the first */
    void (*resolved)(struct redis_resolve *r, int err); /* NULL: nobody waits */
    void *arg;
};
void redis_resolve_init(struct redis_resolve *r, struct loop *l);
void redis_resolve_done(struct redis_resolve *r);
/* 0: `resolved` will come. > 0: at once. -EINVAL: no address. */
int redis_resolve_start(struct redis_resolve *r, struct str text,
                        void (*resolved)(struct redis_resolve *r, int err), void *arg) MUST_CHECK;

/* ---- redis_conn.c ---- */

struct redis_conn;

/* Replies that are owed, embedded by who asked for them. */
struct redis_pending {
    struct list link;         /* in redis_conn.pending; redis_pending_init() */
    unsigned due;             /* how many are to come; REDIS_ENDLESS */
    struct deadline deadline; /* set by the owner in a queue of its own; cleared after the last */
    struct redis_conn *conn;
    /* Freed after it unless taken out of the pointer. NULL: the connection is lost, no more will
     * come. After the last one the pending is free to go. */
    void (*replied)(struct redis_pending *p, redisReply **reply);
};
enum { REDIS_ENDLESS = ~0u };
void redis_pending_init(struct redis_pending *p, unsigned due,
                        void (*replied)(struct redis_pending *p, redisReply **reply));
static inline bool redis_pending_is_under_way(const struct redis_pending *p)
{
    return p->due > 0;
}

enum redis_conn_state { CONN_RESOLVING, CONN_CONNECTING, CONN_OPEN, CONN_BROKEN };

struct redis_conn {
    struct loop *loop;
    enum redis_conn_state state;
    struct redis_resolve *resolve; /* the owner's; outlives the connection */
    unsigned tried;                /* of its addresses */
    int fd;                        /* owned; -1: none */
    struct watch *watch;
    struct buf out;
    redisReader *reader;
    redisReplyObjectFunctions functions; /* of the reader, with a cap on arrays */
    const redisReplyObjectFunctions *of_hiredis;
    size_t partial;      /* bytes that came since the last whole reply */
    struct list pending; /* the oldest first */
    unsigned under_way;  /* how many they are */
    struct loop_task flush, ending;
    char why[REDIS_WHY_MAX];            /* when broken */
    void (*lost)(struct redis_conn *c); /* once, at the end of the turn; may call
                                           redis_conn_done() */
};

/* Commands may follow at once: they leave when it is connected. `r` outlives it. */
void redis_conn_dial(struct redis_conn *c, struct loop *l, struct redis_resolve *r,
                     struct str server, void (*lost)(struct redis_conn *c));
/* Silent: nobody's `replied` is called. Legal at any time but within `replied`. */
void redis_conn_done(struct redis_conn *c);

/* Leaves at the end of the turn, with the others. `p` is owed its replies then. False: too much
 * waits to be sent, or the connection is broken. */
bool redis_conn_send(struct redis_conn *c, const struct redis_args *a) MUST_CHECK;
void redis_conn_expect(struct redis_conn *c, struct redis_pending *p);

/* Closed at once; the pending, then `lost`, are told at the end of the turn. */
void redis_conn_break(struct redis_conn *c, const char *why);

/* ---- redis_lane.c ---- */

enum lane_state { LANE_GREETING, LANE_LOADING, LANE_ASKING, LANE_FIT };

struct redis_lane {
    struct redis_conn conn;
    struct redis_link *link;
    struct list member; /* in redis_link.lanes */
    enum lane_state state;
    char server[STORE_SERVER_MAX];
    struct redis_pending step; /* of its setup, then of ROLE each second */
    unsigned replies;          /* of this step, so far */
    usec_t asked, fit_since;
    bool is_left;                       /* because another is the primary now */
    unsigned evals[REDIS_SCRIPT_COUNT]; /* under way: they load what those behind them need */

    struct redis_pending wait;     /* while it is under way, no script is sent */
    struct loop_task ask_replicas; /* at the end of the turn */
    struct list held; /* of redis_ticket.pending.link: what was changed and not yet acknowledged */
};
struct redis_lane *redis_lane_new(struct redis_link *l, struct redis_resolve *r, struct str server);
void redis_lane_free(struct redis_lane **lane);
void redis_lane_ping(struct redis_lane *lane);
static inline bool redis_lane_is_free(const struct redis_lane *lane) /* to take a script */
{
    return lane->state == LANE_FIT && lane->conn.state == CONN_OPEN &&
           !redis_pending_is_under_way(&lane->wait);
}

/* ---- redis_replicas.c ---- */

void redis_replicas_init(struct redis_lane *lane);
void redis_replicas_done(struct redis_lane *lane); /* the held are dropped */

/* ---- redis_call.c ---- */

struct redis_ticket {
    struct redis_pending pending; /* `link` is in redis_link.waiting before it is sent, in
                                     redis_lane.held after it was answered */
    struct redis_link *link;
    struct redis_lane *lane; /* NULL: not sent */
    struct redis_call *call; /* NULL: cancelled, or answered */
    enum redis_script script;
    unsigned tries;
    bool is_eval;
    usec_t sent;
    redisReply *answer; /* owned; kept while it is held */
};
bool redis_ticket_send(struct redis_ticket *t, struct redis_lane *lane) MUST_CHECK;
/* Answers the call, unless it was cancelled, and frees the ticket. */
void redis_ticket_end(struct redis_ticket *t, int err, const redisReply *reply);
void redis_ticket_drop(struct redis_ticket *t); /* without an answer */
void redis_ticket_expired(struct deadline *d);

/* ---- redis_link.c ---- */

enum link_state {
    LINK_TRYING, /* calls wait */
    LINK_UP,
    LINK_OPEN, /* the breaker: calls are refused */
};
enum attempt_state { ATTEMPT_NONE, ATTEMPT_ASKING, ATTEMPT_CONNECTING, ATTEMPT_RESTING };

struct redis_inquiry;
struct redis_followers;

struct redis_link {
    struct redis_shared *shared;
    struct loop *loop;
    struct redis_link_events events;
    enum link_state state;
    struct list lanes;
    unsigned fit;                /* of them */
    struct redis_lane *newcomer; /* of them: the one that is being connected */
    enum attempt_state attempt;
    struct redis_resolve resolve; /* of the primary */
    struct redis_inquiry *ask;    /* NULL without Sentinels */
    struct alarm *retry;
    usec_t backoff; /* 0: the last connection has proved itself */
    struct ticker *ticker;
    struct deadline_queue *calls, *steps;
    struct list waiting;    /* of redis_ticket.pending.link */
    unsigned under_way;     /* tickets */
    struct alarm *patience; /* of redis_link_drain(), else NULL */
    bool is_drained;        /* its result */
    char sha[REDIS_SCRIPT_COUNT][REDIS_SHA_LEN];
    char server[STORE_SERVER_MAX]; /* of the lanes that are fit; "" = none */
    bool has_trouble;
    char said[STORE_TROUBLE_MAX]; /* in the log, and when */
    usec_t said_at;
    struct redis_followers *followers;
};

void redis_link_lane_fit(struct redis_link *l, struct redis_lane *lane);
void redis_link_lane_lost(struct redis_link *l, struct redis_lane *lane);
void redis_link_lane_proved(struct redis_link *l);
void redis_link_asked(struct redis_link *l, const char *server, const char *why); /* or NULL, why */
/* The primary is at this address from now on. */
void redis_link_switched(struct redis_link *l, const char *server);
void redis_link_ticket_gone(struct redis_link *l);
/* The one that is to take the next script; NULL: none may now. */
struct redis_lane *redis_link_choose(struct redis_link *l);
void redis_link_serve_waiting(struct redis_link *l);
/* What a server said, or what was wrong with it: remembered, and logged, a line a second at most.
 */
void redis_link_trouble(struct redis_link *l, const char *server, const char *what);
void redis_link_well(struct redis_link *l);
usec_t redis_random(usec_t below); /* 0 to below */

static inline void redis_add_text(struct redis_args *a, const char *s)
{
    redis_add(a, str_of(s));
}
/* AUTH, unless both are empty: how many replies it is owed. */
unsigned redis_send_auth(struct redis_conn *c, struct str user, struct str password);

/* ---- redis_sentinel.c ---- */

struct redis_inquiry *redis_inquiry_new(struct redis_link *l);
void redis_inquiry_free(struct redis_inquiry **a);
void redis_inquiry_start(
    struct redis_inquiry *a); /* redis_link_asked() comes, later; begins anew */
/* "host:port", "[v6]:port"; false: it is none. */
bool redis_address_join(struct str host, struct str port, char ret[STORE_SERVER_MAX]);
/* What SENTINEL get-master-addr-by-name answers; false: that it knows none. */
bool redis_address_of_reply(const redisReply *r, char ret[STORE_SERVER_MAX]);

/* ---- redis_subscriber.c ---- */

struct redis_subscriber {
    struct redis_conn conn;
    struct redis_link *link;
    char server[STORE_SERVER_MAX];
    struct redis_pending pending;
    unsigned skipped; /* replies before that of SUBSCRIBE that are still to come */
    bool is_subscribed, pings;
    /* `said`: NULL when it has just subscribed, else a message. */
    void (*heard)(struct redis_subscriber *s, const redisReply *said);
    void (*preceding)(struct redis_subscriber *s, const redisReply *reply); /* may be NULL */
    void (*lost)(struct redis_subscriber *s); /* may call redis_subscriber_done() */
};
struct redis_subscription {
    struct str server, user, password, prefix, channel;
    const struct redis_args *before; /* a command sent before SUBSCRIBE; NULL: none */
};
/* The callbacks are set by the caller, before. */
void redis_subscribe(struct redis_subscriber *s, struct redis_link *l, struct redis_resolve *r,
                     const struct redis_subscription *what);
void redis_subscriber_done(struct redis_subscriber *s);
void redis_subscriber_tick(struct redis_subscriber *s); /* each second: PING, and was it answered */

/* ---- redis_follow.c ---- */

struct redis_followers *redis_followers_new(struct redis_link *l);
void redis_followers_free(struct redis_followers **f);
void redis_followers_listen(struct redis_followers *f, struct str channel, void (*heard)(void *arg),
                            void *arg);
void redis_followers_tick(struct redis_followers *f);
void redis_followers_up(struct redis_followers *f); /* the primary is known, and maybe another */

#endif
