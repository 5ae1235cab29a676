/*
 * Against floods (RFC 9113 10.5): what costs the server work and brings the client nothing is paid
 * from a budget that refills slowly. A frame is charged when its header has come, so a flood inside
 * one read is met inside that read; what turns out to be honest is given back.
 */
#include "http/h2_internal.h"

enum {
    MAX_CONTINUATIONS = 8, /* of one header block: CONTINUATION flood (CVE-2024-27983 and others) */
    MAX_QUEUED = 2000,     /* frames that wait for a client who makes us answer and does not read */
};

void h2_budget_init(struct h2_budget *b, usec_t now)
{
    *b = (struct h2_budget){.left = H2_BUDGET, .refilled = now};
}

void h2_budget_give(struct h2_budget *b, unsigned n)
{
    b->left = MIN(b->left + n, (unsigned)H2_BUDGET);
}

void h2_budget_refill(struct h2_budget *b, usec_t now)
{
    enum { STEP = 1000000 / H2_BUDGET_PER_SEC };
    usec_t steps = now > b->refilled ? (now - b->refilled) / STEP : 0;

    if (steps == 0)
        return;
    h2_budget_give(b, (unsigned)MIN(steps, (usec_t)H2_BUDGET));
    b->refilled += steps * STEP;
}

static int flooded(struct h2 *h)
{
    h->is_flooded = true;
    h->counts.floods = 1;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

int h2_spend(struct h2 *h)
{
    bool is_queue_full = nghttp2_session_get_outbound_queue_size(h->session) > MAX_QUEUED;

    if (h->budget.left > 0 && !is_queue_full) {
        h->budget.left--;
        return 0;
    }
    return flooded(h);
}

static int spend_for_continuation(struct h2 *h)
{
    return ++h->continuations <= MAX_CONTINUATIONS ? h2_spend(h) : flooded(h);
}

/* DATA without content is charged when it has come whole (padding): here, what nobody waits for. */
static bool is_data_in_vain(struct h2 *h, const nghttp2_frame_hd *hd)
{
    return nghttp2_session_get_stream_user_data(h->session, hd->stream_id) == NULL;
}

int h2_spend_for_frame(struct h2 *h, const nghttp2_frame_hd *hd)
{
    bool is_ack = (hd->flags & NGHTTP2_FLAG_ACK) != 0;

    switch (hd->type) {
    case NGHTTP2_DATA:
        return is_data_in_vain(h, hd) ? h2_spend(h) : 0;
    case NGHTTP2_SETTINGS: /* an ACK that nobody waits for is an error of the connection */
        return is_ack ? 0 : h2_spend(h);
    case NGHTTP2_CONTINUATION:
        return spend_for_continuation(h);
    case NGHTTP2_HEADERS: /* given back when it begins a request */
        h->continuations = 0;
        return h2_spend(h);
    case NGHTTP2_WINDOW_UPDATE: /* given back when it brings something */
    default: /* PING, PRIORITY, RST_STREAM, PRIORITY_UPDATE; unknown ones never come here */
        return h2_spend(h);
    }
}
