/*
 * What comes from libcurl: lines of heads, which are gathered and parsed by http/, and content.
 * Answering less than the bytes given ends a transfer: libcurl closes its connection (of HTTP/2,
 * its stream), and transfer_done() finds in `err` why.
 *
 * Holding. A transfer that is alone on its connection is paused: libcurl keeps what it has read
 * (RECEIVE_BYTES at the most), and reads the socket no more, so that TCP holds the server back. On
 * a shared connection of HTTP/2 that would stall the others: libcurl 7.88 grants a server 32 MiB
 * for each stream, cannot take that back, and when more has come for a paused stream than its own
 * buffer takes, reads nothing more at all, and turns its caller into a busy loop. So there we keep
 * what comes, up to CLIENT_HELD_MAX, and then end the transfer with -ENOBUFS (client.h).
 */
#include "client/client_internal.h"

#include <errno.h>

/* How a callback tells libcurl that the transfer has failed. */
enum { REFUSED = 0 };

static size_t refuse(struct client_transfer *t, int err, const char *reason)
{
    t->err = err;
    t->reason = reason;
    return REFUSED;
}

/* Heads */

/* The length of the content, when it is said (RFC 9112 6.3). */
static uint64_t length_of(const struct client_transfer *t, const struct http_answer *a)
{
    bool is_bare = t->method == HTTP_HEAD || a->status == 204 || a->status == 304;

    return is_bare ? 0 : a->content_length;
}

static size_t tell_head(struct client_transfer *t, const struct http_answer *a, size_t n)
{
    t->length = length_of(t, a);
    transfer_note_head(t);
    t->sink->head(t->arg, t, a);
    return t->state == TRANSFER_OVER ? REFUSED : n;
}

/* 101 would switch to a protocol that nobody has asked for (RFC 9110 15.2.2). */
static size_t drop_interim(struct client_transfer *t, const struct http_answer *a, size_t n)
{
    if (a->status == 101)
        return refuse(t, -EPROTO, "switches protocols unasked");
    if (++t->interim > INTERIM_MAX)
        return refuse(t, -EPROTO, "too many interim answers");
    buf_clear(&t->head);
    return n;
}

static size_t take_head(struct client_transfer *t, size_t n)
{
    struct http_answer a;
    int r = http_answer_parse(buf_str(&t->head), loop_unix(t->client->loop), &a);

    if (r < 0)
        return refuse(t, r, r == -EMSGSIZE ? "too many fields" : "malformed head");
    if (str_starts(buf_str(&t->head), STR("HTTP/2 ")) != t->is_http2) /* as libcurl spells it */
        return refuse(t, -EPROTO, "another version of HTTP than agreed");
    socket_note_answer(t);
    return a.status < 200 ? drop_interim(t, &a, n) : tell_head(t, &a, n);
}

static size_t take_trailer(struct client_transfer *t, size_t n)
{
    t->trailer_bytes += n;
    return t->trailer_bytes > HTTP_MAX_ANSWER_BYTES ? refuse(t, -EPROTO, "endless trailers") : n;
}

static size_t on_head_line(char *p, size_t size, size_t n, void *arg)
{
    struct client_transfer *t = arg;
    struct str line = {p, size * n};

    if (t->state == TRANSFER_CONTENT)
        return take_trailer(t, line.n);
    if (t->state != TRANSFER_HEAD)
        return REFUSED;
    buf_add(&t->head, line);
    if (t->head.is_full)
        return refuse(t, -EMSGSIZE, "endless head");
    return str_eq(line, STR("\r\n")) || str_eq(line, STR("\n")) ? take_head(t, line.n) : line.n;
}

/* Content */

/* True: go on. */
static bool tell(struct client_transfer *t, struct str bytes)
{
    bool goes_on;

    t->is_telling = true;
    t->has_proceeded = false;
    goes_on = t->sink->data(t->arg, t, bytes);
    t->is_telling = false;
    t->is_held = !goes_on && !t->has_proceeded && t->state != TRANSFER_OVER;
    return t->state != TRANSFER_OVER;
}

static size_t pause_it(struct client_transfer *t)
{
    t->is_paused = true;
    if (t->socket == NULL)
        client_todo(t->client, t); /* libcurl tells nothing of a paused transfer: transfer.c */
    return CURL_WRITEFUNC_PAUSE;   /* libcurl keeps the bytes */
}

static size_t keep(struct client_transfer *t, struct str bytes)
{
    if (!socket_is_shared(t) && !t->is_being_placed)
        return pause_it(t);
    t->got += bytes.n;
    buf_add(&t->rest, bytes);
    return t->rest.is_full ? refuse(t, -ENOBUFS, "held too long on a shared connection") : bytes.n;
}

static size_t on_content(char *p, size_t size, size_t n, void *arg)
{
    struct client_transfer *t = arg;
    struct str bytes = {p, size * n};

    if (t->state != TRANSFER_CONTENT)
        return REFUSED;
    transfer_note_progress(t);
    if (bytes.n > t->length - t->got)
        return refuse(t, -EPROTO, "more content than promised");
    if (t->is_held || t->rest.n > 0)
        return keep(t, bytes);
    t->got += bytes.n;
    return tell(t, bytes) ? bytes.n : REFUSED;
}

void receive_tell_rest(struct client_transfer *t)
{
    struct buf rest = t->rest;

    assert(!t->is_held);
    if (rest.n == 0)
        return;
    buf_init(&t->rest, CLIENT_HELD_MAX);
    tell(t, buf_str(&rest));
    buf_done(&rest);
}

/* libcurl is connected and about to send. The shared lane carries nothing but HTTP/2: lane.c. */
static int on_sending(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct client_transfer *t = arg;

    t->is_http2 = t->has_prior_knowledge || alpn_is_http2(t->easy);
    t->falls_back = t->lane->multiplexes && !t->is_http2;
    t->was_sent = t->was_sent || !t->falls_back;
    socket_note_sending(t);
    return t->falls_back ? CURL_PREREQFUNC_ABORT : CURL_PREREQFUNC_OK;
}

void receive_set(struct client_transfer *t)
{
    OPTION(t->easy, CURLOPT_HEADERFUNCTION, on_head_line);
    OPTION(t->easy, CURLOPT_HEADERDATA, t);
    OPTION(t->easy, CURLOPT_WRITEFUNCTION, on_content);
    OPTION(t->easy, CURLOPT_WRITEDATA, t);
    OPTION(t->easy, CURLOPT_PREREQFUNCTION, on_sending);
    OPTION(t->easy, CURLOPT_PREREQDATA, t);
    OPTION(t->easy, CURLOPT_ERRORBUFFER, t->curl_text);
    OPTION(t->easy, CURLOPT_PRIVATE, t);
}
