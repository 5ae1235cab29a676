/*
 * A multi handle of libcurl: its sockets are watched in sockets.c, its one timer is an alarm here.
 *
 * There are two. libcurl 7.88 keeps the connections to one server together and takes all of them to
 * be alike: when one of them speaks HTTP/2, it may put a second request on another one that speaks
 * HTTP/1 and is busy, and two answers get mixed up. So the lane that multiplexes has connections of
 * HTTP/2 alone: a request whose connection turns out to speak something else is called back before
 * it is sent (receive.c), and goes to the serial lane, as do those after it. The serial lane
 * carries one request at a time on each connection, whatever it speaks.
 */
#include "client/client_internal.h"

#define MULTI_SET(multi, option, value)                         \
    do {                                                        \
        CURLMcode r_ = curl_multi_setopt(multi, option, value); \
        assert(r_ == CURLM_OK);                                 \
    } while (0)

/* Time */

static int on_timer_wish(CURLM *multi, long msec, void *arg)
{
    struct lane *l = arg;

    if (msec < 0)
        alarm_clear(l->timer);
    else
        alarm_set(l->timer, (usec_t)msec * USEC_PER_MSEC);
    return 0;
}

static void on_timer(void *arg)
{
    lane_act(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* The multi handle */

static CURLM *new_multi(struct lane *l)
{
    CURLM *multi = curl_multi_init();

    assert(multi != NULL);
    MULTI_SET(multi, CURLMOPT_TIMERFUNCTION, on_timer_wish);
    MULTI_SET(multi, CURLMOPT_TIMERDATA, l);
    MULTI_SET(multi, CURLMOPT_SOCKETFUNCTION, sockets_on_wish);
    MULTI_SET(multi, CURLMOPT_SOCKETDATA, l);
    MULTI_SET(multi, CURLMOPT_PIPELINING,
              (long)(l->multiplexes ? CURLPIPE_MULTIPLEX : CURLPIPE_NOTHING));
    /* Of all connections, busy ones too, so it cannot be max_idle: that is for sockets.c. */
    MULTI_SET(multi, CURLMOPT_MAXCONNECTS, (long)l->client->limits.max_connections);
    return multi;
}

/* What the other lane leaves, but one at the least. */
static void set_limit(struct lane *l)
{
    const struct client *c = l->client;
    const struct lane *other = &c->lanes[l == &c->lanes[LANE_SERIAL] ? LANE_SHARED : LANE_SERIAL];
    unsigned max = c->limits.max_connections;

    MULTI_SET(l->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
              other->sockets < max ? (long)(max - other->sockets) : 1L);
}

void lane_add(struct client_transfer *t)
{
    struct lane *l = t->lane;
    CURLMcode r;

    if (l->multi == NULL)
        l->multi = new_multi(l);
    set_limit(l);
    r = curl_multi_add_handle(l->multi, t->easy); /* sets the timer to 0: it begins there */
    assert(r == CURLM_OK);
    list_append(&l->transfers, &t->in_lane);
}

void lane_remove(struct client_transfer *t)
{
    CURLMcode r = curl_multi_remove_handle(t->lane->multi, t->easy);

    assert(r == CURLM_OK);
    list_remove(&t->in_lane);
}

/* One that waits for a connection which another one opens. */
struct client_transfer *lane_find_waiting(const struct lane *l, uint64_t server)
{
    LIST_FOREACH (link, &l->transfers) {
        struct client_transfer *t = LIST_ENTRY(link, struct client_transfer, in_lane);

        if (t->server == server && t->state == TRANSFER_HEAD && !t->was_sent && t->socket == NULL)
            return t;
    }
    return NULL;
}

static void take_messages(struct lane *l)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(l->multi, &left)) != NULL) {
        struct client_transfer *t;

        assert(m->msg == CURLMSG_DONE);
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &t);
        transfer_done(t, m->data.result);
    }
}

void lane_act(struct lane *l, curl_socket_t fd, int events)
{
    int running;
    CURLMcode r = curl_multi_socket_action(l->multi, fd, events, &running);

    assert(r == CURLM_OK);
    take_messages(l);
}

/* From first to last */

void lane_init(struct lane *l, struct client *c, bool multiplexes)
{
    l->client = c;
    l->multiplexes = multiplexes;
    list_init(&l->transfers);
    l->timer = alarm_new(c->loop, on_timer, l);
}

void lane_close(struct lane *l)
{
    assert(list_is_empty(&l->transfers));
    if (l->multi != NULL)
        curl_multi_cleanup(TAKE(l->multi));
    alarm_clear(l->timer);
}

void lane_done(struct lane *l)
{
    lane_close(l);
    alarm_free(&l->timer);
}
