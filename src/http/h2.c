/*
 * The session: made, fed, drained and freed. nghttp2 knows the protocol; what it says while it is
 * fed is taken in h2_events.c.
 */
#include "http/h2_internal.h"

#include <errno.h>
#include <pthread.h>

#include "base/stock.h"

const uint8_t h2_drain_ping[8] = "hlsgate"; /* its ACK ends the grace of h2_drain() */

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static void make_callbacks(void)
{
    if (nghttp2_session_callbacks_new(&callbacks) < 0 || nghttp2_option_new(&options) < 0)
        WRONG("no memory for nghttp2");
    h2_set_callbacks(callbacks);
    nghttp2_option_set_builtin_recv_extension_type(options, NGHTTP2_PRIORITY_UPDATE);
    /*
     * Ours decide (h2_budget.c). nghttp2 counts resets by a clock of its own, and a CONTINUATION's
     * header once for every piece it comes in.
     */
    nghttp2_option_set_stream_reset_rate_limit(options, UINT64_MAX, UINT64_MAX);
    nghttp2_option_set_max_continuations(options, 9 * H2_BUDGET);
    nghttp2_option_set_max_outbound_ack(options, H2_BUDGET);
}

/* Nothing is left of a request after its end, in nghttp2 either: the next one takes its place. */
static void *take(size_t n, void *unused)
{
    return stock_alloc(n);
}

static void *take_zeroed(size_t count, size_t size, void *unused)
{
    assert(size == 0 || count <= SIZE_MAX / size);
    return stock_zalloc(count * size);
}

static void *resize(void *p, size_t n, void *unused)
{
    return stock_realloc(p, n);
}

static void give_back(void *p, void *unused)
{
    stock_free(p);
}

static nghttp2_mem memory = {NULL, take, give_back, take_zeroed, resize};

static void submit_settings(struct h2 *h, unsigned max_streams)
{
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CONTENT_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_MAX_HEAD_BYTES},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };

    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, ARRAY_LEN(entries)) < 0)
        WRONG("settings that nghttp2 does not take");
}

struct h2 *h2_new(const struct h2_events *events, void *owner, unsigned max_streams, usec_t now)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct h2 *h = xzalloc(sizeof *h);

    pthread_once(&once, make_callbacks);
    h->events = events;
    h->owner = owner;
    list_init(&h->streams);
    list_init(&h->touched);
    list_init(&h->ended);
    h2_budget_init(&h->budget, now);
    if (nghttp2_session_server_new3(&h->session, callbacks, h, options, &memory) < 0)
        WRONG("no memory for nghttp2");
    submit_settings(h, max_streams);
    return h;
}

void h2_free(struct h2 **hp)
{
    struct h2 *h = TAKE(*hp);

    if (h == NULL)
        return;
    h->is_broken = true;
    LIST_FOREACH (link, &h->streams) {
        struct h2_stream *s = LIST_ENTRY(link, struct h2_stream, all);

        if (list_is_empty(&s->ended)) {
            s->err = s->err != 0 ? s->err : -ECONNRESET;
            list_append(&h->ended, &s->ended);
        }
    }
    h2_flush_ended(h);
    h2_draft_drop(&h->draft);
    nghttp2_session_del(h->session);
    free(h);
}

static int break_down(struct h2 *h, int error)
{
    uint32_t code = NGHTTP2_INTERNAL_ERROR;

    if (h->is_flooded || error == NGHTTP2_ERR_FLOODED)
        code = NGHTTP2_ENHANCE_YOUR_CALM;
    else if (error == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
        code = NGHTTP2_PROTOCOL_ERROR;
    h->counts.floods |= error == NGHTTP2_ERR_FLOODED;
    nghttp2_session_terminate_session(h->session, code);
    h->is_broken = true;
    h2_draft_drop(&h->draft);
    return -EPROTO;
}

int h2_receive(struct h2 *h, struct str bytes, usec_t now)
{
    ssize_t n;

    if (h->is_broken)
        return -EPROTO;
    h2_budget_refill(&h->budget, now);
    h->is_blamed = false;
    n = nghttp2_session_mem_recv(h->session, (const uint8_t *)bytes.p, bytes.n);
    if (h->draft != NULL)
        h2_draft_settle(&h->draft);
    h2_flush_ended(h);
    return n < 0 || h->is_flooded ? break_down(h, (int)n) : 0;
}

void h2_drain(struct h2 *h)
{
    if (h->drain != H2_OPEN || h->is_broken)
        return;
    nghttp2_submit_shutdown_notice(h->session);
    nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, h2_drain_ping);
    h->drain = H2_NOTICED;
}

void h2_go_away(struct h2 *h)
{
    if (h->drain == H2_GONE_AWAY || h->is_broken)
        return;
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
    h->drain = H2_GONE_AWAY;
}

bool h2_is_over(const struct h2 *h)
{
    return h->is_broken || !nghttp2_session_want_read(h->session);
}

unsigned h2_stream_count(const struct h2 *h)
{
    return h->stream_count;
}

struct h2_counts *h2_get_counts(struct h2 *h)
{
    return &h->counts;
}

bool h2_stream_has_window(const struct h2_stream *s)
{
    return nghttp2_session_get_stream_remote_window_size(s->h2->session, s->id) > 0;
}

void h2_stream_set_owner(struct h2_stream *s, void *owner)
{
    s->owner = owner;
}

void *h2_stream_owner(const struct h2_stream *s)
{
    return s->owner;
}
