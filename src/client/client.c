/*
 * The client: two lanes of libcurl (lane.c), and what they share. What transfers want done is done
 * at the end of the turn, because libcurl may not be called from its own callbacks.
 *
 * Connections end with their lane's multi handle. libcurl looks for old ones only when a new
 * transfer begins, so when none has been under way for the life of an idle connection, both lanes
 * are closed, and the next transfer opens its lane anew. Names and TLS sessions are kept apart.
 */
#include <pthread.h>

#include "client/client_internal.h"

static void init_libcurl(void)
{
    CURLcode r = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(r == CURLE_OK);
}

static void find_system_ca(struct client *c)
{
    CURL *easy = curl_easy_init();

    assert(easy != NULL);
    curl_easy_getinfo(easy, CURLINFO_CAINFO, &c->ca_file);
    curl_easy_getinfo(easy, CURLINFO_CAPATH, &c->ca_folder);
    curl_easy_cleanup(easy);
}

/* The end of the turn */

static void on_turn(struct loop_task *task)
{
    struct client *c = container_of(task, struct client, turn);
    struct list todo, *link;

    list_init(&todo);
    list_move_all(&todo, &c->todo);
    while ((link = list_take_first(&todo)) != NULL)
        transfer_act(LIST_ENTRY(link, struct client_transfer, todo));
}

void client_todo(struct client *c, struct client_transfer *t)
{
    if (list_is_empty(&t->todo))
        list_append(&c->todo, &t->todo);
    loop_defer(c->loop, &c->turn);
}

/* Idle */

static bool is_busy(const struct client *c)
{
    return !list_is_empty(&c->lanes[LANE_SERIAL].transfers) ||
           !list_is_empty(&c->lanes[LANE_SHARED].transfers);
}

static void on_idle(void *arg)
{
    struct client *c = arg;
    usec_t now = loop_now(c->loop), by = c->idle_since + c->limits.keep_alive;

    c->idle_is_set = false;
    if (is_busy(c))
        return;
    if (now >= by) {
        lane_close(&c->lanes[LANE_SERIAL]);
        lane_close(&c->lanes[LANE_SHARED]);
        return;
    }
    c->idle_is_set = true;
    alarm_set(c->idle, by - now);
}

void client_note_idle(struct client *c)
{
    if (is_busy(c))
        return;
    c->idle_since = loop_now(c->loop);
    if (!c->idle_is_set)
        alarm_set(c->idle, c->limits.keep_alive);
    c->idle_is_set = true;
}

/* Servers without HTTP/2 */

bool client_knows_http1(const struct client *c, uint64_t server)
{
    usec_t now = loop_now(c->loop);

    for (size_t i = 0; i < ARRAY_LEN(c->http1); i++)
        if (c->http1[i].server == server && now < c->http1[i].until)
            return true;
    return false;
}

void client_note_http1(struct client *c, uint64_t server)
{
    if (client_knows_http1(c, server))
        return;
    c->http1[c->http1_next++ % HTTP1_SERVERS] =
        (struct http1_server){server, loop_now(c->loop) + HTTP1_REMEMBERED};
}

/* From first to last */

static void must_share(CURLSHcode r)
{
    assert(r == CURLSHE_OK);
}

struct client *client_new(struct loop *l, const struct client_limits *limits)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct client *c = xzalloc(sizeof *c);

    pthread_once(&once, init_libcurl);
    c->loop = l;
    c->limits = *limits;
    find_system_ca(c);
    c->idle = alarm_new(l, on_idle, c);
    loop_task_init(&c->turn, on_turn);
    list_init(&c->todo);
    list_init(&c->dropped);
    sockets_init(c);
    lane_init(&c->lanes[LANE_SERIAL], c, false);
    lane_init(&c->lanes[LANE_SHARED], c, true);
    c->shared = curl_share_init();
    must_share(curl_share_setopt(c->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS));
    must_share(curl_share_setopt(c->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION));
    return c;
}

void client_free(struct client **c)
{
    struct client *client = TAKE(*c);

    if (client == NULL)
        return;
    drop_cancel_all(client);
    loop_task_cancel(&client->turn);
    on_turn(&client->turn); /* those that were cancelled in this turn */
    assert(client->stats.transfers == 0);
    lane_done(&client->lanes[LANE_SERIAL]);
    lane_done(&client->lanes[LANE_SHARED]);
    sockets_done(client);
    must_share(curl_share_cleanup(client->shared));
    alarm_free(&client->idle);
    xfree_p(&client);
}

void client_stats(const struct client *c, struct client_stats *ret)
{
    *ret = c->stats;
}
