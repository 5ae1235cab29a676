/* The world of the client's tests. */
#include "client/client_testing.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/mem.h"

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a)
{
    struct seen *s = arg;

    assert_ptr_equal(t, s->t);
    assert_int_equal(s->heads++ + s->pieces + s->ends, 0);
    s->status = a->status;
    s->length = a->content_length;
    snprintf(s->etag, sizeof s->etag, "%.*s", STR_FMT(a->etag));
    if (s->cancels_in_head)
        client_cancel(&s->t);
    if (s->drops_in_head)
        client_drop(&s->t);
}

static bool on_data(void *arg, struct client_transfer *t, struct str bytes)
{
    struct seen *s = arg;

    assert_ptr_equal(t, s->t);
    assert_int_equal(s->heads, 1);
    assert_int_equal(s->ends, 0);
    assert_true(bytes.n > 0);
    s->pieces++;
    buf_add(&s->body, bytes);
    assert_false(s->body.is_full);
    if (s->cancels_in_data)
        client_cancel(&s->t);
    if (s->drops_in_data)
        client_drop(&s->t);
    if (s->cancels_other != NULL)
        client_cancel(s->cancels_other);
    if (s->proceeds_in_data)
        client_proceed(t);
    return !s->holds && !s->proceeds_in_data;
}

static void on_end(void *arg, struct client_transfer *t, int err)
{
    struct seen *s = arg;

    assert_ptr_equal(t, s->t);
    assert_int_equal(s->ends++, 0);
    s->err = err;
    s->was_sent = client_was_sent(t);
    snprintf(s->reason, sizeof s->reason, "%.*s", STR_FMT(client_reason(t)));
    s->t = NULL;
    if (s->at_end != NULL)
        s->at_end(s);
}

const struct client_sink seen_sink = {on_head, on_data, on_end};

void seen_done(struct seen *s)
{
    buf_done(&s->body);
}

int world_setup(void **state)
{
    static struct world w;

    w = (struct world){
        .loop = loop_new(),
        .peer = peer_new("127.0.0.1"),
        .limits = {.max_connections = 100,
                   .max_idle = 30,
                   .keep_alive = 30 * USEC_PER_SEC,
                   .dns_cache = 500 * USEC_PER_SEC},
    };
    w.client = client_new(w.loop, &w.limits);
    w.at = (struct client_peer){.base = peer_base(w.peer), .connect_timeout = 8 * USEC_PER_SEC};
    *state = &w;
    return 0;
}

/* The client first: it closes its connections, which the scripts wait for. */
int world_teardown(void **state)
{
    struct world *w = *state;

    client_free(&w->client);
    loop_free(&w->loop);
    peer_free(&w->peer);
    return 0;
}

void world_set_limits(struct world *w, const struct client_limits *limits)
{
    client_free(&w->client);
    w->limits = *limits;
    w->client = client_new(w->loop, limits);
}

struct client_request world_request(struct world *w, const char *target)
{
    return (struct client_request){
        .peer = &w->at,
        .target = str_of(target),
        .first_byte_timeout = 20 * USEC_PER_SEC,
        .stall_timeout = 20 * USEC_PER_SEC,
    };
}

void world_start(struct world *w, struct seen *s, const struct client_request *r)
{
    buf_init(&s->body, SEEN_BODY_MAX);
    s->t = client_start(w->client, r, &seen_sink, s);
    assert_int_equal(s->heads + s->pieces + s->ends, 0);
}

void world_get(struct world *w, struct seen *s, const char *target)
{
    struct client_request r = world_request(w, target);

    world_start(w, s, &r);
    WAIT_FOR_END(w, s);
}

void deaf_init(struct deaf *d, const char *scheme)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    d->listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(d->listening, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(d->listening, 0), 0);
    assert_int_equal(getsockname(d->listening, (struct sockaddr *)&a, &n), 0);
    for (size_t i = 0; i < ARRAY_LEN(d->fill); i++) {
        d->fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(d->fill[i], (struct sockaddr *)&a, n);
    }
    snprintf(d->base, sizeof d->base, "%s://127.0.0.1:%u", scheme, ntohs(a.sin_port));
}

void deaf_done(struct deaf *d)
{
    for (size_t i = 0; i < ARRAY_LEN(d->fill); i++)
        close(d->fill[i]);
    close(d->listening);
}
