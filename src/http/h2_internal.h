/*
 * Between h2.c (session), h2_events.c (what comes in), h2_head.c (heads), h2_send.c (output) and
 * h2_budget.c (floods). Every other file of http/ is kept from nghttp2's header.
 */
#ifndef HTTP_H2_INTERNAL_H
#define HTTP_H2_INTERNAL_H

#include <nghttp2/nghttp2.h>

#include "base/list.h"
#include "http/h2.h"
#include "http/head.h"

/* How far a stream's request and response have come; h2_stream_enter() is the only way onward. */
enum h2_stage {
    H2_COMING,    /* its head is on its way: the owner has not heard of it */
    H2_ASKED,     /* `request` was called */
    H2_ANSWERING, /* h2_respond() was called */
    H2_ANSWERED   /* END_STREAM is in a batch */
};

/*
 * One request. Freed when nghttp2 has closed it and `closed` was called; one that h2_reset() gave
 * up stays, forgotten by its owner, until nghttp2 is done with it, too.
 */
struct h2_stream {
    struct h2 *h2;
    void *owner;
    struct list all;     /* h2->streams */
    struct list touched; /* h2->touched: something of it is in the batch */
    struct list ended;   /* h2->ended: closed by nghttp2, `closed` not called yet */
    int32_t id;
    int err; /* for `closed`: why it breaks; 0 while it doesn't */
    enum h2_stage stage;
    bool is_forgotten;
    bool expects_content; /* the request has not ended */
    bool has_urgency;     /* the client has said how urgent it is */
    bool is_reset;        /* by the client */
    bool is_starved;
    bool is_idle;      /* nghttp2 waits for nghttp2_session_resume_data() */
    bool is_head_gone; /* the head is in this batch */

    struct body *body; /* borrowed; NULL: none */
    /* Of this batch: what peek() shows, how far into it frames have got. */
    bool has_view;
    int iov_at;
    size_t iov_taken;
    uint64_t shown, taken;
    struct body_view view;
};

struct h2_budget {
    unsigned left;
    usec_t refilled; /* up to when */
};

enum h2_drain { H2_OPEN, H2_NOTICED, H2_GONE_AWAY };

struct h2 {
    nghttp2_session *session;
    const struct h2_events *events;
    void *owner;
    struct list streams, touched, ended;
    unsigned stream_count; /* those the owner knows */

    struct h2_head_draft *draft; /* the head under way; NULL: none */
    unsigned continuations;      /* of the header block under way */
    int32_t urgent_ids[4];       /* PRIORITY_UPDATE came before its request: see h2.c */
    unsigned urgent_next;

    struct h2_batch *batch; /* during h2_peek() */
    size_t max;

    struct h2_budget budget;
    struct h2_counts counts;
    enum h2_drain drain;
    bool is_blamed;  /* what is wrong with this input is counted */
    bool is_flooded; /* the budget is used up */
    bool is_broken;  /* no more input is taken */
};

void h2_stream_enter(struct h2_stream *s, enum h2_stage stage);

extern const uint8_t h2_drain_ping[8]; /* its ACK ends the grace of h2_drain() */

/* ---- h2_events.c ---- */

void h2_set_callbacks(nghttp2_session_callbacks *callbacks);

/* ---- h2_head.c ---- */

/* A draft for the head under way; it may stand on the thread's desk until h2_draft_settle(). */
struct h2_head_draft *h2_draft_begin(void);
void h2_draft_add(struct h2_head_draft *d, struct str name, struct str value);
/* All fields are in: what they say together. */
void h2_draft_end(struct h2_head_draft *d, bool has_content);
void h2_draft_drop(struct h2_head_draft **d);
/* Before somebody else may need the desk: an unfinished draft moves to memory of its own. */
void h2_draft_settle(struct h2_head_draft **d);
bool h2_draft_has_urgency(const struct h2_head_draft *d);

/* ---- h2_send.c ---- */

ssize_t h2_read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
                     uint32_t *ret_flags, nghttp2_data_source *source, void *user_data);
int h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t length,
                 nghttp2_data_source *source, void *user_data);
/* Something of `s` is in the batch: h2_advance() looks at it. */
void h2_touch(struct h2_stream *s);
/* `closed` for streams that nghttp2 has closed. */
void h2_flush_ended(struct h2 *h);
void h2_stream_free(struct h2_stream *s);

/* ---- h2_budget.c ---- */

void h2_budget_init(struct h2_budget *b, usec_t now);
void h2_budget_refill(struct h2_budget *b, usec_t now);
void h2_budget_give(struct h2_budget *b, unsigned n);
/* 0, or NGHTTP2_ERR_CALLBACK_FAILURE when it is used up: h2_receive() ends the connection. */
int h2_spend(struct h2 *h);
/* What the beginning of a frame costs. */
int h2_spend_for_frame(struct h2 *h, const nghttp2_frame_hd *hd);

#endif
