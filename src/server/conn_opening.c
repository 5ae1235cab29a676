/*
 * What stands before the protocol: the PROXY header, then TLS. Most connections have neither and
 * speak HTTP/1.1 at once; the first bytes of one may turn out to be the preface of HTTP/2
 * (h1_conn.c).
 *
 * The PROXY header is looked at before it is taken, so that TLS gets exactly what follows it. As
 * long as it is incomplete, all there is belongs to it and is taken: a slow sender does not make us
 * spin.
 */
#include "server/conn.h"

#include <stdlib.h>

#include "net/proxy_header.h"
#include "server/h1_conn.h"
#include "server/h2_conn.h"

/* The session until a protocol has one. */
struct opening {
    bool has_header;   /* PROXY's is there, or none is wanted: TLS is next */
    struct buf header; /* of PROXY, as far as it has come */
};

static struct opening *opening_of(struct conn *c)
{
    return c->session;
}

static void opening_free(struct conn *c)
{
    struct opening *o = opening_of(c);

    buf_done(&o->header);
    free(o);
}

/* Only for its end: events come here while the connection is OPENING. */
static const struct protocol opening = {.free = opening_free};

static void refuse(struct conn *c, enum gate_stat why)
{
    gate_count(c->worker->gate, why, 1);
    conn_close(c);
}

/* ---- the protocol ---- */

static void choose_protocol(struct conn *c)
{
    if (c->session != NULL)
        opening_free(c);
    c->session = NULL;
    if (str_eq(sock_alpn(&c->sock), STR("h2")))
        h2_conn_start(c, STR(""));
    else
        h1_conn_start(c);
}

/* ---- TLS ---- */

static void shake_hands(struct conn *c)
{
    unsigned want = SOCK_READ;
    int r = sock_handshake(&c->sock, &want);

    if (r == -EAGAIN) {
        sock_want(&c->sock, want);
        return;
    }
    if (r < 0) {
        refuse(c, STAT_HANDSHAKE_FAILURES);
        return;
    }
    gate_count(c->worker->gate, STAT_HANDSHAKES, 1);
    if (sock_is_resumed(&c->sock))
        gate_count(c->worker->gate, STAT_HANDSHAKES_RESUMED, 1);
    choose_protocol(c);
}

static void start_tls(struct conn *c)
{
    if (c->entrance->tls == NULL) {
        choose_protocol(c);
        return;
    }
    if (sock_start_tls(&c->sock, c->entrance->tls) < 0)
        conn_close(c);
    else
        shake_hands(c); /* what the client has sent may be here already */
}

/* ---- the PROXY header ---- */

/* A header from anybody else than the operator's proxies says nothing. */
static void believe(struct conn *c, const struct proxy_header *h)
{
    if (!ip_set_contains(&c->worker->gate->era->rules->trusted_proxies, &c->peer))
        return;
    if (h->source.family != IP_NONE)
        c->peer = h->source;
    c->is_tls |= h->is_tls;
}

/* How many bytes of the input belong to the header; -1: it is none. `ret_done`: to its end. */
static ssize_t look_at_header(struct conn *c, struct str input, bool *ret_done)
{
    struct opening *o = opening_of(c);
    size_t before = o->header.n, n = 0;
    struct proxy_header header;

    buf_add(&o->header, input);
    if (o->header.is_full)
        return -1;
    switch (proxy_header_parse(buf_str(&o->header), &header, &n)) {
    case PROXY_MORE:
        *ret_done = false;
        return (ssize_t)input.n;
    case PROXY_OK:
        *ret_done = true;
        believe(c, &header);
        return (ssize_t)(n - before);
    default:
        return -1;
    }
}

static void take_header(struct conn *c)
{
    char *input = c->worker->input;
    ssize_t n = sock_peek(&c->sock, input, PROXY_HEADER_MAX);
    bool is_done = false;

    if (n == -EAGAIN)
        return;
    if (n > 0)
        n = look_at_header(c, (struct str){input, (size_t)n}, &is_done);
    if (n <= 0 || sock_recv(&c->sock, input, (size_t)n) != n) {
        refuse(c, STAT_PROXY_HEADERS_BAD);
        return;
    }
    if (!is_done)
        return;
    buf_done(&opening_of(c)->header);
    opening_of(c)->has_header = true;
    start_tls(c);
}

/* ---- from outside ---- */

void conn_open(struct conn *c)
{
    struct opening *o;

    if (!c->entrance->has_proxy_header && c->entrance->tls == NULL) {
        choose_protocol(c);
        return;
    }
    o = xzalloc(sizeof *o);
    o->has_header = !c->entrance->has_proxy_header;
    buf_init(&o->header, 2 * PROXY_HEADER_MAX);
    c->protocol = &opening;
    c->session = o;
    time_limit_set(c->worker->handshake, &c->limit);
    sock_want(&c->sock, SOCK_READ);
    if (o->has_header)
        start_tls(c);
}

void conn_opening_readable(struct conn *c)
{
    if (!opening_of(c)->has_header)
        take_header(c);
    else
        shake_hands(c);
}
