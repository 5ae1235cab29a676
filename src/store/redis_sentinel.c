/*
 * Which address the Sentinels name. All are asked at once, each on a connection of its own that
 * ends with the answer. More than half of all who are configured decide at once; when no more will
 * answer, or time is up, most of those who did. One Sentinel that is cut off from the others and
 * names a primary of yesterday is outvoted then.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/redis_internal.h"

struct asked {
    struct redis_inquiry *ask;
    struct redis_resolve resolve;
    struct redis_conn conn;
    struct redis_pending pending;
    bool is_open; /* still to answer */
    char answer[STORE_SERVER_MAX];
};

struct redis_inquiry {
    struct redis_link *link;
    struct asked *each;
    unsigned count, open;
    bool is_under_way;
    struct alarm *patience;
    struct loop_task ending; /* no connection is closed from within its own reply */
    char found[STORE_SERVER_MAX];
    char why[STORE_TROUBLE_MAX]; /* what the last of them said that did not answer */
};

/* ---- counting ---- */

static unsigned votes(const struct redis_inquiry *a, const char *server)
{
    unsigned n = 0;

    for (unsigned i = 0; i < a->count; i++)
        n += strcmp(a->each[i].answer, server) == 0;
    return n;
}

static const char *leading(const struct redis_inquiry *a)
{
    const char *best = "";

    for (unsigned i = 0; i < a->count; i++) {
        const char *answer = a->each[i].answer;

        if (answer[0] != '\0' && (best[0] == '\0' || votes(a, answer) > votes(a, best)))
            best = answer;
    }
    return best;
}

static void one_is_through(struct asked *one)
{
    struct redis_inquiry *a = one->ask;
    const char *best = leading(a);

    if (!one->is_open)
        return;
    one->is_open = false;
    a->open--;
    if (a->open == 0 || (best[0] != '\0' && votes(a, best) > a->count / 2))
        loop_defer(a->link->loop, &a->ending);
}

static void close_all(struct redis_inquiry *a)
{
    alarm_clear(a->patience);
    loop_task_cancel(&a->ending);
    for (unsigned i = 0; a->is_under_way && i < a->count; i++)
        redis_conn_done(&a->each[i].conn);
    a->is_under_way = false;
}

static void end(struct redis_inquiry *a)
{
    snprintf(a->found, sizeof a->found, "%s", leading(a));
    close_all(a);
    redis_link_asked(a->link, a->found[0] != '\0' ? a->found : NULL, a->why);
}

static void on_ending(struct loop_task *task)
{
    end(container_of(task, struct redis_inquiry, ending));
}

static void trouble_with(struct asked *one, const char *what)
{
    struct redis_inquiry *a = one->ask;
    char text[sizeof a->why + STORE_SERVER_MAX];

    snprintf(text, sizeof text, "no Sentinel names its address; %s %s", one->resolve.text, what);
    snprintf(a->why, sizeof a->why, "%.*s", (int)sizeof a->why - 1, text);
    redis_link_trouble(a->link, one->resolve.text, what);
}

static void on_time_up(void *arg)
{
    struct redis_inquiry *a = arg;

    for (unsigned i = 0; i < a->count; i++) {
        if (a->each[i].is_open)
            trouble_with(&a->each[i], "did not answer in time");
    }
    end(a);
}

/* ---- asking ---- */

bool redis_address_join(struct str host, struct str port, char ret[STORE_SERVER_MAX])
{
    bool is_v6 = str_find_char(host, ':') >= 0;

    if (host.n == 0 || host.n + port.n + 4 > STORE_SERVER_MAX)
        return false;
    snprintf(ret, STORE_SERVER_MAX, is_v6 ? "[%.*s]:%.*s" : "%.*s:%.*s", STR_FMT(host),
             STR_FMT(port));
    return true;
}

bool redis_address_of_reply(const redisReply *r, char ret[STORE_SERVER_MAX])
{
    if (!redis_is_array(r, 2) || r->element[0]->type != REDIS_REPLY_STRING ||
        r->element[1]->type != REDIS_REPLY_STRING)
        return false;
    return redis_address_join(redis_str(r->element[0]), redis_str(r->element[1]), ret);
}

static void on_reply(struct redis_pending *p, redisReply **reply)
{
    struct asked *one = container_of(p, struct asked, pending);
    char why[REDIS_WHY_MAX];

    if (*reply == NULL)
        return; /* on_lost() comes */
    if ((*reply)->type == REDIS_REPLY_ERROR) {
        redis_error_show(redis_str(*reply), why);
        redis_conn_break(&one->conn, why);
    } else if (!redis_pending_is_under_way(p)) {
        if (!redis_address_of_reply(*reply, one->answer))
            trouble_with(one, "knows no such primary");
        one_is_through(one);
    }
}

static void on_lost(struct redis_conn *c)
{
    struct asked *one = container_of(c, struct asked, conn);

    if (one->is_open)
        trouble_with(one, c->why);
    one_is_through(one);
}

static void ask_one(struct asked *one)
{
    const struct store_redis_options *o = &one->ask->link->shared->o;
    struct redis_args a;
    unsigned due;

    one->answer[0] = '\0';
    one->is_open = true;
    redis_conn_dial(&one->conn, one->ask->link->loop, &one->resolve,
                    o->sentinels[one - one->ask->each], on_lost);
    due = redis_send_auth(&one->conn, o->sentinel_user, o->sentinel_password);
    a.count = 0;
    redis_add_text(&a, "SENTINEL");
    redis_add_text(&a, "get-master-addr-by-name");
    redis_add(&a, o->primary);
    due += redis_conn_send(&one->conn, &a);
    redis_pending_init(&one->pending, due, on_reply);
    redis_conn_expect(&one->conn, &one->pending);
}

void redis_inquiry_start(struct redis_inquiry *a)
{
    close_all(a);
    a->is_under_way = true;
    a->open = a->count;
    a->why[0] = '\0';
    for (unsigned i = 0; i < a->count; i++)
        ask_one(&a->each[i]);
    alarm_set(a->patience, a->link->shared->o.timeout);
}

struct redis_inquiry *redis_inquiry_new(struct redis_link *l)
{
    struct redis_inquiry *a = xzalloc(sizeof *a);

    a->link = l;
    a->count = l->shared->o.sentinel_count;
    a->each = xcalloc(a->count, sizeof *a->each);
    for (unsigned i = 0; i < a->count; i++) {
        a->each[i].ask = a;
        redis_resolve_init(&a->each[i].resolve, l->loop);
    }
    a->patience = alarm_new(l->loop, on_time_up, a);
    loop_task_init(&a->ending, on_ending);
    return a;
}

void redis_inquiry_free(struct redis_inquiry **ask)
{
    struct redis_inquiry *a = TAKE(*ask);

    if (a == NULL)
        return;
    close_all(a);
    for (unsigned i = 0; i < a->count; i++)
        redis_resolve_done(&a->each[i].resolve);
    alarm_free(&a->patience);
    free(a->each);
    xfree_p(&a);
}
