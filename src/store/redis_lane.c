/*
 * A connection to the primary, from the first byte to its last. It greets (AUTH, SELECT, ROLE) and
 * says no more before it is answered: to whom does not know the password Redis listens for short
 * commands only. Then it loads the scripts, then asks `hello`, the first that may write. From then
 * on ROLE is asked each second.
 */
#include <stdio.h>

#include "base/panic.h"
#include "store/redis_internal.h"

#define LANE(p) container_of(p, struct redis_lane, step)

static void on_reply(struct redis_pending *p, redisReply **reply);

unsigned redis_send_auth(struct redis_conn *c, struct str user, struct str password)
{
    struct redis_args a;

    if (user.n == 0 && password.n == 0)
        return 0;
    a.count = 0;
    redis_add_text(&a, "AUTH");
    if (user.n > 0)
        redis_add(&a, user);
    redis_add(&a, password);
    return redis_conn_send(c, &a);
}

static void fail(struct redis_lane *lane, const char *why)
{
    redis_conn_break(&lane->conn, why);
}

/* A command of up to three words; how many replies that is. */
static unsigned say(struct redis_lane *lane, const char *word, const char *second, struct str third)
{
    struct redis_args a;

    a.count = 0;
    redis_add_text(&a, word);
    if (second != NULL)
        redis_add_text(&a, second);
    if (third.p != NULL)
        redis_add(&a, third);
    return redis_conn_send(&lane->conn, &a);
}

static void expect(struct redis_lane *lane, unsigned replies)
{
    lane->replies = 0;
    lane->asked = loop_now(lane->link->loop);
    redis_pending_init(&lane->step, replies, on_reply);
    redis_conn_expect(&lane->conn, &lane->step);
    deadline_set(lane->link->steps, &lane->step.deadline);
}

/* ---- greeting ---- */

static void greet(struct redis_lane *lane)
{
    const struct store_redis_options *o = &lane->link->shared->o;
    unsigned n = redis_send_auth(&lane->conn, o->user, o->password);
    char database[16];

    snprintf(database, sizeof database, "%u", o->database);
    if (o->database > 0)
        n += say(lane, "SELECT", database, STR_NONE);
    n += say(lane, "CLIENT", "SETNAME", STR("hlsgate"));
    n += say(lane, "ROLE", NULL, STR_NONE);
    lane->state = LANE_GREETING;
    expect(lane, n);
}

static void load(struct redis_lane *lane)
{
    unsigned n = 0;

    for (unsigned i = 0; i < REDIS_SCRIPT_COUNT; i++)
        n += say(lane, "SCRIPT", "LOAD", redis_script_source((enum redis_script)i));
    lane->state = LANE_LOADING;
    expect(lane, n);
}

static void ask_hello(struct redis_lane *lane)
{
    struct redis_args a;

    a.count = 0;
    redis_add_text(&a, "EVALSHA");
    redis_add_bytes(&a, lane->link->sha[SCRIPT_hello], REDIS_SHA_LEN);
    redis_add_text(&a, "0");
    redis_add(&a, lane->link->shared->o.prefix);
    redis_add_number(&a, loop_unix(lane->link->loop));
    lane->state = LANE_ASKING;
    if (redis_conn_send(&lane->conn, &a))
        expect(lane, 1);
}

/* ["master", offset, [replica, ...]], ["slave", ...], ["sentinel", ...] */
static bool is_primary(struct redis_lane *lane, const redisReply *r)
{
    if (!redis_is_array(r, 1) || r->element[0]->type != REDIS_REPLY_STRING) {
        fail(lane, "answered ROLE with nonsense");
        return false;
    }
    if (!redis_is_string(r->element[0], STR("master"))) {
        fail(lane, redis_is_string(r->element[0], STR("slave")) ? "is a replica, not the primary"
                                                                : "is no primary");
        return false;
    }
    if (redis_is_array(r, 3) && r->element[2]->type == REDIS_REPLY_ARRAY)
        atomic_store_explicit(&lane->link->shared->replicas, (unsigned)r->element[2]->elements,
                              memory_order_relaxed);
    return true;
}

static void greeted(struct redis_lane *lane, const redisReply *last)
{
    if (is_primary(lane, last))
        load(lane);
}

static bool is_sha(const redisReply *r)
{
    return r->type == REDIS_REPLY_STRING && r->len == REDIS_SHA_LEN;
}

static void loaded_one(struct redis_lane *lane, const redisReply *r)
{
    if (!is_sha(r)) {
        fail(lane, "answered SCRIPT LOAD with nonsense");
        return;
    }
    memcpy(lane->link->sha[lane->replies - 1], r->str, REDIS_SHA_LEN);
    if (!redis_pending_is_under_way(&lane->step))
        ask_hello(lane);
}

/* [0 or 1, 1]: what lies below the prefix is of our making. */
static void welcomed(struct redis_lane *lane, const redisReply *r)
{
    if (!redis_is_array(r, 2) || r->element[1]->type != REDIS_REPLY_INTEGER ||
        r->element[1]->integer != 1) {
        fail(lane, "answered the script hello with nonsense");
        return;
    }
    lane->state = LANE_FIT;
    lane->fit_since = loop_now(lane->link->loop);
    redis_link_lane_fit(lane->link, lane);
}

/* ---- ROLE each second ---- */

void redis_lane_ping(struct redis_lane *lane)
{
    if (!redis_pending_is_under_way(&lane->step) && say(lane, "ROLE", NULL, STR_NONE) == 1)
        expect(lane, 1);
}

static void on_role(struct redis_lane *lane, const redisReply *r)
{
    usec_t now = loop_now(lane->link->loop);

    if (!is_primary(lane, r))
        return;
    atomic_store_explicit(&lane->link->shared->round_trip, now - lane->asked, memory_order_relaxed);
    if (now - lane->fit_since >= USEC_PER_SEC)
        redis_link_lane_proved(lane->link);
}

/* ---- replies ---- */

/* CLIENT SETNAME, the last but one of the greeting, may be forbidden: it is for whoever looks at
 * CLIENT LIST. */
static bool may_fail(const struct redis_lane *lane)
{
    return lane->state == LANE_GREETING && lane->step.due == 1;
}

static void failed(struct redis_lane *lane, const redisReply *r)
{
    char why[REDIS_WHY_MAX];

    redis_error_show(redis_str(r), why);
    fail(lane, why);
}

static void on_reply(struct redis_pending *p, redisReply **reply)
{
    struct redis_lane *lane = LANE(p);
    const redisReply *r = *reply;

    if (r == NULL)
        return; /* on_lost() comes */
    lane->replies++;
    if (r->type == REDIS_REPLY_ERROR) {
        if (!may_fail(lane))
            failed(lane, r);
        return;
    }
    switch (lane->state) {
    case LANE_GREETING:
        if (!redis_pending_is_under_way(p))
            greeted(lane, r);
        break;
    case LANE_LOADING:
        loaded_one(lane, r);
        break;
    case LANE_ASKING:
        welcomed(lane, r);
        break;
    case LANE_FIT:
        on_role(lane, r);
        break;
    default:
        WRONG("a lane in no state");
    }
}

/* ---- life ---- */

static void on_lost(struct redis_conn *c)
{
    struct redis_lane *lane = container_of(c, struct redis_lane, conn);

    redis_link_lane_lost(lane->link, lane);
}

struct redis_lane *redis_lane_new(struct redis_link *l, struct redis_resolve *r, struct str server)
{
    struct redis_lane *lane = xzalloc(sizeof *lane);

    lane->link = l;
    list_init(&lane->member);
    redis_replicas_init(lane);
    snprintf(lane->server, sizeof lane->server, "%.*s", STR_FMT(server));
    redis_conn_dial(&lane->conn, l->loop, r, server, on_lost);
    greet(lane);
    return lane;
}

void redis_lane_free(struct redis_lane **lane)
{
    struct redis_lane *gone = TAKE(*lane);

    if (gone == NULL)
        return;
    list_remove(&gone->member);
    redis_replicas_done(gone);
    redis_conn_done(&gone->conn);
    xfree_p(&gone);
}
