/*
 * A request on an HTTP/2 connection. It lives in the request's arena. What it waits for has a limit
 * of its own: the request's steps, its content, or room for the response, which the viewer makes in
 * its windows and in the socket.
 *
 * Two ends meet here, in either order: the stream's (`closed`: its frames have gone, or the client
 * has reset it) and the request's (`finished`). Who comes first tells the other.
 */
#include "server/h2_conn.h"

#include <errno.h>

struct stream {
    struct h2_conn *connection;
    struct list link;         /* in connection->streams */
    struct h2_stream *stream; /* NULL: closed */
    struct req *req;          /* owned; this lives in its arena */
    struct time_limit limit;
    uint64_t moved_before; /* connection->moved when `limit` was set for the reader */
    enum { WORKING, CONTENT, SENDING } wait;
    bool has_all_content;
};

static struct stream *stream_of(struct h2_stream *s)
{
    return h2_stream_owner(s);
}

static struct worker *worker_of(const struct stream *s)
{
    return s->connection->conn->worker;
}

static void set_limit(struct stream *s, struct deadline_queue *q)
{
    time_limit_set(q, &s->limit);
}

/* The viewer makes room from here on, in time. */
static void wait_for_reader(struct stream *s)
{
    s->moved_before = s->connection->moved;
    set_limit(s, worker_of(s)->send);
}

/* ---- transport ---- */

static int take_content(struct req *r)
{
    r->content = r->content_buf.n > 0 ? buf_str(&r->content_buf) : STR("");
    return 1;
}

static int on_want_content(struct req *r)
{
    struct stream *s = r->owner;

    if (r->head.content_length > REQ_CONTENT_MAX || r->content_buf.is_full)
        return -EMSGSIZE;
    if (s->has_all_content)
        return take_content(r);
    if (r->head.expects_continue && r->content_buf.n == 0) {
        h2_continue(s->stream);
        h2_conn_will_flush(s->connection);
    }
    s->wait = CONTENT;
    set_limit(s, worker_of(s)->content);
    return 0;
}

/* RFC 9218: what a player cannot go on without, before what it fills its buffer with. */
static enum h2_urgency urgency_of(const struct req *r)
{
    return r->endpoint == NULL && (r->class == CLASS_PLAYLIST || r->class == CLASS_KEY) ? H2_URGENT
                                                                                        : H2_USUAL;
}

static int on_respond(struct req *r)
{
    struct stream *s = r->owner;
    int n = h2_respond(s->stream, &r->response, r->body, urgency_of(r), r->now);

    if (n < 0)
        return n;
    s->wait = SENDING;
    wait_for_reader(s);
    h2_conn_will_flush(s->connection);
    return 0;
}

static void on_finished(struct req *r)
{
    struct stream *s = r->owner;
    struct h2_conn *h = s->connection;

    time_limit_clear(&s->limit);
    list_remove(&s->link);
    if (s->stream != NULL)
        h2_reset(s->stream, r->outcome == OUT_CLIENT_LEFT || r->outcome == OUT_SEND_TIMEOUT
                                ? H2_RESET_CANCEL
                                : H2_RESET_INTERNAL);
    req_free(&r);
    h2_conn_will_flush(h); /* it may have been the last one of a connection that drains */
}

static const struct transport h2_transport = {on_want_content, on_respond, on_finished};

/* ---- limits ---- */

/*
 * Who asks for much at once over a slow line gets it one after the other (RFC 9218 10): a stream
 * that its viewer lets send may have to wait for its turn longer than anybody may read nothing.
 */
static void on_slow_reader(struct stream *s)
{
    struct h2_conn *h = s->connection;
    bool is_moving = h->moved != s->moved_before;

    if (is_moving && h2_stream_has_window(s->stream)) {
        wait_for_reader(s);
        return;
    }
    gate_count(worker_of(s)->gate, STAT_SEND_TIMEOUTS, 1);
    if (h->is_blocked && !is_moving) /* not this stream alone: nothing has left for as long */
        h->conn->protocol->abort(h->conn, OUT_SEND_TIMEOUT);
    else
        req_abort(s->req, OUT_SEND_TIMEOUT);
}

static void on_limit(struct time_limit *l)
{
    struct stream *s = container_of(l, struct stream, limit);

    switch (s->wait) {
    case WORKING:
        req_expire(s->req);
        break;
    case CONTENT:
        s->wait = WORKING;
        req_on_content(s->req, -ETIMEDOUT);
        break;
    case SENDING:
        on_slow_reader(s);
        break;
    default:
        WRONG("stream that waits for nothing");
    }
}

/* ---- events of the codec ---- */

static struct stream *stream_new(struct h2_conn *h, struct h2_stream *hs)
{
    struct req *r = conn_new_request(h->conn, &h2_transport, NULL);
    struct stream *s = ARENA_NEW(&r->arena, struct stream);

    assert(s != NULL); /* the arena is new */
    r->owner = s;
    s->connection = h;
    s->stream = hs;
    s->req = r;
    time_limit_init(&s->limit, on_limit);
    list_append(&h->streams, &s->link);
    h2_stream_set_owner(hs, s);
    return s;
}

static void read_head(struct req *r, const struct h2_head_draft *draft)
{
    struct str copy = arena_copy(&r->arena, h2_draft_bytes(draft));
    size_t count = h2_draft_field_count(draft) + 1;
    struct http_field *fields = arena_alloc(&r->arena, count * sizeof *fields);

    assert(copy.p != NULL && fields != NULL); /* a head is far smaller than an arena's cap */
    h2_head(draft, copy.p, fields, &r->head);
}

static void on_request(void *owner, struct h2_stream *hs, const struct h2_head_draft *draft,
                       bool has_content)
{
    struct h2_conn *h = owner;
    struct stream *s = stream_new(h, hs);
    enum h2_verdict verdict = h2_draft_verdict(draft);

    read_head(s->req, draft);
    s->has_all_content = !has_content;
    set_limit(s, worker_of(s)->work);
    if (verdict == H2_HEAD_OK) {
        req_start(s->req);
        return;
    }
    gate_count(worker_of(s)->gate, STAT_BAD_HEADS, 1);
    req_start_refused(s->req, verdict == H2_HEAD_TOO_LARGE ? OUT_HEAD_TOO_LARGE : OUT_BAD_REQUEST);
}

static void on_content(struct h2_stream *hs, struct str piece)
{
    struct stream *s = stream_of(hs);

    if (s->wait == SENDING)
        return; /* answered without it */
    buf_add(&s->req->content_buf, piece);
    if (s->wait != CONTENT || !s->req->content_buf.is_full)
        return;
    s->wait = WORKING;
    req_on_content(s->req, -EMSGSIZE);
}

static void on_content_end(struct h2_stream *hs)
{
    struct stream *s = stream_of(hs);

    s->has_all_content = true;
    if (s->wait != CONTENT)
        return;
    s->wait = WORKING;
    set_limit(s, worker_of(s)->work);
    take_content(s->req);
    req_on_content(s->req, 0);
}

static void on_moved(struct h2_stream *hs, uint64_t n)
{
    struct stream *s = stream_of(hs);

    req_note_sent(s->req, s->req->sent + n);
    s->connection->moved += n;
    wait_for_reader(s);
}

/* A body that is still arriving is its origin's: whoever feeds it has limits of its own. */
static void on_starved(struct h2_stream *hs, bool is_starved)
{
    struct stream *s = stream_of(hs);

    if (is_starved)
        time_limit_clear(&s->limit);
    else
        wait_for_reader(s);
}

static void on_stream_closed(struct h2_stream *hs, int err)
{
    struct stream *s = stream_of(hs);

    s->stream = NULL;
    if (s->wait == SENDING)
        req_on_sent(s->req, err);
    else
        req_abort(s->req, OUT_CLIENT_LEFT);
}

static void on_wants_to_send(void *owner)
{
    h2_conn_will_flush(owner);
}

const struct h2_events h2_stream_events = {
    .request = on_request,
    .content = on_content,
    .content_end = on_content_end,
    .moved = on_moved,
    .starved = on_starved,
    .closed = on_stream_closed,
    .wants_to_send = on_wants_to_send,
};

void h2_streams_abort(struct h2_conn *h, enum outcome why)
{
    LIST_FOREACH_SAFE (link, &h->streams)
        req_abort(LIST_ENTRY(link, struct stream, link)->req, why);
}
