/*
 * A connection that has subscribed to one channel. After its greeting it hears messages only, so
 * that it is alive is found out by a PING each second, answered before the next.
 */
#include <stdio.h>

#include "store/redis_internal.h"

#define SUBSCRIBER(p) container_of(p, struct redis_subscriber, pending)

static void fail(struct redis_subscriber *s, const char *why)
{
    redis_conn_break(&s->conn, why);
}

static bool is_about(const redisReply *r, const char *what, size_t elements)
{
    return redis_is_array(r, elements) && redis_is_string(r->element[0], str_of(what));
}

/* ["subscribe", channel, 1], ["message", channel, text], ["pong", ""] */
static void on_message(struct redis_subscriber *s, const redisReply *r)
{
    s->pings = false;
    if (!s->is_subscribed && is_about(r, "subscribe", 3)) {
        deadline_clear(&s->pending.deadline);
        s->is_subscribed = true;
        s->heard(s, NULL);
    } else if (s->is_subscribed && is_about(r, "message", 3)) {
        s->heard(s, r->element[2]);
    } else if (!s->is_subscribed || !is_about(r, "pong", 2)) {
        fail(s, "answered SUBSCRIBE with nonsense");
    }
}

static void on_reply(struct redis_pending *p, redisReply **reply)
{
    struct redis_subscriber *s = SUBSCRIBER(p);
    char why[REDIS_WHY_MAX];

    if (*reply == NULL)
        return; /* on_lost() comes */
    if ((*reply)->type == REDIS_REPLY_ERROR) {
        redis_error_show(redis_str(*reply), why);
        fail(s, why);
    } else if (s->skipped == 0) {
        on_message(s, *reply);
    } else if (--s->skipped == 0 && s->preceding != NULL) {
        s->preceding(s, *reply);
    }
}

static void on_lost(struct redis_conn *c)
{
    struct redis_subscriber *s = container_of(c, struct redis_subscriber, conn);

    redis_link_trouble(s->link, s->server, c->why);
    s->lost(s);
}

static void send_subscribe(struct redis_subscriber *s, const struct redis_subscription *what)
{
    char channel[STORE_KEY_MAX];
    struct redis_args a;
    int n = snprintf(channel, sizeof channel, "%.*s%.*s", STR_FMT(what->prefix),
                     STR_FMT(what->channel));

    a.count = 0;
    redis_add_text(&a, "SUBSCRIBE");
    redis_add_bytes(&a, channel, MIN((size_t)n, sizeof channel - 1));
    if (!redis_conn_send(&s->conn, &a))
        fail(s, "is no address");
}

void redis_subscribe(struct redis_subscriber *s, struct redis_link *l, struct redis_resolve *r,
                     const struct redis_subscription *what)
{
    s->link = l;
    s->is_subscribed = s->pings = false;
    snprintf(s->server, sizeof s->server, "%.*s", STR_FMT(what->server));
    redis_conn_dial(&s->conn, l->loop, r, what->server, on_lost);
    s->skipped = redis_send_auth(&s->conn, what->user, what->password);
    if (what->before != NULL)
        s->skipped += redis_conn_send(&s->conn, what->before);
    send_subscribe(s, what);
    redis_pending_init(&s->pending, REDIS_ENDLESS, on_reply);
    redis_conn_expect(&s->conn, &s->pending);
    deadline_set(l->steps, &s->pending.deadline);
}

void redis_subscriber_done(struct redis_subscriber *s)
{
    redis_conn_done(&s->conn);
}

void redis_subscriber_tick(struct redis_subscriber *s)
{
    struct redis_args a;

    if (!s->is_subscribed)
        return; /* the deadline of its greeting sees to it */
    if (s->pings) {
        fail(s, "did not answer in time");
        return;
    }
    a.count = 0;
    redis_add_text(&a, "PING");
    s->pings = redis_conn_send(&s->conn, &a);
}
