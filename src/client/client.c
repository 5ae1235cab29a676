/*
 * The client on libcurl's multi interface: sockets are watched for it in sockets.c, its one timer
 * is an alarm here, and what transfers want done is done at the end of the turn, because libcurl
 * may not be called from its own callbacks.
 *
 * All connections end with the multi handle. libcurl looks for old ones only when a new transfer
 * begins, so when none has been under way for the life of an idle connection, the handle goes as a
 * whole, and the next transfer makes a new one. Names and TLS sessions are kept apart from it.
 */
#include "client/client_internal.h"

#include <pthread.h>

#define MULTI_SET(multi, option, value)                         \
    do {                                                        \
        CURLMcode r_ = curl_multi_setopt(multi, option, value); \
        assert(r_ == CURLM_OK);                                 \
    } while (0)

static void init_libcurl(void)
{
    CURLcode r = curl_global_init(CURL_GLOBAL_DEFAULT);

    assert(r == CURLE_OK);
}

static void must_share(CURLSHcode r)
{
    assert(r == CURLSHE_OK);
}

/* Time */

static int on_timer_wish(CURLM *multi, long msec, void *arg)
{
    struct client *c = arg;

    if (msec < 0)
        alarm_clear(c->timer);
    else
        alarm_set(c->timer, (usec_t)msec * USEC_PER_MSEC);
    return 0;
}

static void on_timer(void *arg)
{
    client_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* The multi handle */

static CURLM *new_multi(struct client *c)
{
    CURLM *multi = curl_multi_init();

    assert(multi != NULL);
    MULTI_SET(multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    MULTI_SET(multi, CURLMOPT_TIMERDATA, c);
    MULTI_SET(multi, CURLMOPT_SOCKETFUNCTION, sockets_on_wish);
    MULTI_SET(multi, CURLMOPT_SOCKETDATA, c);
    MULTI_SET(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    MULTI_SET(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->limits.max_connections);
    /* Of all connections, busy ones too, so it cannot be max_idle: that is for sockets.c. */
    MULTI_SET(multi, CURLMOPT_MAXCONNECTS, (long)c->limits.max_connections);
    return multi;
}

static void free_multi(struct client *c)
{
    assert(c->in_multi == 0);
    if (c->multi != NULL)
        curl_multi_cleanup(TAKE(c->multi));
    alarm_clear(c->timer);
}

/* What the transfers of the todo list wait for: none of it may happen inside a libcurl callback. */
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

void client_add(struct client *c, CURL *easy)
{
    CURLMcode r;

    if (c->multi == NULL)
        c->multi = new_multi(c);
    r = curl_multi_add_handle(c->multi, easy); /* sets the timer to 0: it begins there */
    assert(r == CURLM_OK);
    c->in_multi++;
}

static void on_idle(void *arg)
{
    struct client *c = arg;
    usec_t now = loop_now(c->loop), by = c->idle_since + c->limits.keep_alive;

    c->idle_is_set = false;
    if (c->in_multi > 0)
        return;
    if (now >= by) {
        free_multi(c);
        return;
    }
    c->idle_is_set = true;
    alarm_set(c->idle, by - now);
}

void client_remove(struct client *c, CURL *easy)
{
    CURLMcode r = curl_multi_remove_handle(c->multi, easy);

    assert(r == CURLM_OK);
    if (--c->in_multi > 0)
        return;
    c->idle_since = loop_now(c->loop);
    if (!c->idle_is_set)
        alarm_set(c->idle, c->limits.keep_alive);
    c->idle_is_set = true;
}

static void take_messages(struct client *c)
{
    CURLMsg *m;
    int left;

    while (c->multi != NULL && (m = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct client_transfer *t;

        assert(m->msg == CURLMSG_DONE);
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        transfer_done(t, m->data.result);
    }
}

void client_act(struct client *c, curl_socket_t fd, int events)
{
    int running;
    CURLMcode r = curl_multi_socket_action(c->multi, fd, events, &running);

    assert(r == CURLM_OK);
    take_messages(c);
}

/* From first to last */

static void find_system_ca(struct client *c)
{
    CURL *easy = curl_easy_init();

    assert(easy != NULL);
    curl_easy_getinfo(easy, CURLINFO_CAINFO, &c->ca_file);
    curl_easy_getinfo(easy, CURLINFO_CAPATH, &c->ca_folder);
    curl_easy_cleanup(easy);
}

struct client *client_new(struct loop *l, const struct client_limits *limits)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct client *c = xzalloc(sizeof *c);

    pthread_once(&once, init_libcurl);
    c->loop = l;
    c->limits = *limits;
    c->timer = alarm_new(l, on_timer, c);
    c->idle = alarm_new(l, on_idle, c);
    loop_task_init(&c->turn, on_turn);
    list_init(&c->todo);
    list_init(&c->spare);
    list_init(&c->dropped);
    sockets_init(c);
    find_system_ca(c);
    c->shared = curl_share_init();
    must_share(curl_share_setopt(c->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS));
    must_share(curl_share_setopt(c->shared, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION));
    return c;
}

static void cancel_dropped(struct list *link)
{
    struct client_transfer *t = LIST_ENTRY(link, struct client_transfer, dropped);

    list_remove(link);
    client_cancel(&t);
}

void client_free(struct client **c)
{
    struct client *client = TAKE(*c);
    struct list *link;

    if (client == NULL)
        return;
    while ((link = list_first(&client->dropped)) != NULL)
        cancel_dropped(link);
    loop_task_cancel(&client->turn);
    on_turn(&client->turn); /* those that were cancelled in this turn */
    assert(client->stats.transfers == 0);
    free_multi(client);
    while ((link = list_take_first(&client->spare)) != NULL)
        transfer_free(LIST_ENTRY(link, struct client_transfer, todo));
    sockets_done(client);
    must_share(curl_share_cleanup(client->shared));
    alarm_free(&client->timer);
    alarm_free(&client->idle);
    xfree_p(&client);
}

void client_stats(const struct client *c, struct client_stats *ret)
{
    *ret = c->stats;
}
