/*
 * A request, from the first byte of its head to its line in the log. It lives in its own arena,
 * belongs to one worker, and moves through the steps of steps.c: each returns the next one, waiting
 * is a step too (see STEPS below).
 *
 * The transport (server/: HTTP/1.1, later HTTP/2) makes it with req_new(), fills in `head` and
 * `peer`, and calls req_start(). From then on the request drives itself through `transport`, and
 * the transport answers through the req_on_*() calls. Whatever happens, transport->finished() is
 * called exactly once, last; then req_free() may be called.
 */
#ifndef GATE_REQ_H
#define GATE_REQ_H

#include "access/policy.h"
#include "access/token.h"
#include "access/viewer.h"
#include "base/arena.h"
#include "base/body.h"
#include "base/list.h"
#include "cache/flight.h"
#include "gate/facts.h"
#include "gate/gate.h"
#include "gate/outcome.h"
#include "gate/transfers.h"
#include "http/coding.h"
#include "http/media_type.h"
#include "http/request.h"
#include "http/range.h"
#include "http/response.h"
#include "http/url.h"
#include "origin/origin.h"
#include "store/store.h"

enum {
    REQ_ARENA_CAP =
        4 << 20, /* of one request: credentials of a playlist with thousands of own-path URIs */
    REQ_CONTENT_MAX = 64 * 1024, /* of an API request; more is 413 */
};

struct req;

struct step {
    const char *name;
    const struct step *(*run)(struct req *r);
};

/*
 *    route     who answers: the API, a preflight, the origin; method and path are checked
 *    classify  class, policy, stream key, viewer
 *    token     the signature in the query
 *    admit     grant, session, use limit: one atomic step in the store
 *    locate    which origin
 *    open      of a folder: memory, else the file
 *    load      a playlist or a file turned hot: into memory
 *    ask       of HTTP servers: memory, else a fetch, begun or joined
 *    pass      of HTTP servers, for this request alone
 *    rewrite   a playlist gets the viewer's credentials
 *    respond   conditions, range, fields
 *    authorize the key of an API request
 *    content   an API request's content
 *    api       the API answers
 *    send      to the transport
 *    account   counters, logs
 */
#define STEPS(X) \
    X(route)     \
    X(classify)  \
    X(token)     \
    X(admit)     \
    X(locate)    \
    X(open)      \
    X(load)      \
    X(ask)       \
    X(pass)      \
    X(rewrite)   \
    X(respond)   \
    X(authorize) \
    X(content)   \
    X(api)       \
    X(send)      \
    X(account)

enum step_index {
#define X(name) STEP_INDEX_##name,
    STEPS(X)
#undef X
        STEP_INDEX_WAIT,
    STEP_INDEX_END
};
extern const struct step gate_steps[];
#define STEP(name) (&gate_steps[STEP_INDEX_##name])

struct transport {
    /*
     * Hand over the request's content (all of it, at most REQ_CONTENT_MAX) with req_on_content(). >
     * 0: r->content is there.
     */
    int (*want_content)(struct req *r);
    /* Send r->response and r->body. > 0: all of it is with the kernel; 0: req_on_sent() will come;
     * < 0: -errno, the viewer is gone. */
    int (*respond)(struct req *r);
    /* Over. Never called from within another call of the transport's into the request... but may be
     * from req_start(). */
    void (*finished)(struct req *r);
};

/* What is peculiar to the listener that a request came through. Outlives its requests. */
struct door {
    bool is_redirect;
    struct str
        redirect;    /* is_redirect: "https://name:port", or "" for https and the name asked for */
    struct str hsts; /* Strict-Transport-Security; "": none */
};

/* Where an answer came from: one word for the field X-Cache and the counters. */
enum cache_word {
    CACHE_WORD_NONE,
    CACHE_WORD_HIT,
    CACHE_WORD_MISS,
    CACHE_WORD_JOIN,
    CACHE_WORD_STALE,
    CACHE_WORD_BYPASS
};

/* What a rewritten playlist is made of; borrowed, from the entry or own_scan and the arena. */
struct splicing {
    const struct playlist *playlist;
    struct str scoped;
    const struct str *own;
    struct str etag; /* of this viewer's copy */
};

struct req {
    struct gate_worker *worker;
    struct rules_era *era;
    const struct rules *rules; /* the era's */
    struct arena arena;
    struct list link; /* in worker->requests */
    const struct step *at;
    bool is_running;
    struct op *waiting; /* what a step waits for; cancelled by req_abort() */
    bool is_dry;        /* an explanation: decides, sends nothing, changes nothing */

    /* from the transport */
    const struct transport *transport;
    void *owner; /* the transport's: connection or stream */
    struct http_head head;
    struct ip peer;          /* the socket's address; IP_NONE for a unix socket */
    bool is_tls;             /* from the client to us, or to the proxy that says so */
    const struct door *door; /* NULL: nothing peculiar */
    bool wants_memory; /* its transport seals or frames what it sends: a file's bytes would have
                          to be copied first, each time */
    struct buf content_buf; /* filled by the transport; at most REQ_CONTENT_MAX */
    struct str content;     /* complete */
    usec_t began;
    usec_t answered; /* when its answer's head was handed to the transport; 0: not yet */
    unix_t now;      /* one time for all checks */

    /* route, classify */
    const struct endpoint *endpoint; /* NULL: not the API */
    struct url url;
    enum path_class class;
    checks_t checks;
    struct str stream_key;
    struct ip client; /* behind trusted proxies */
    struct viewer viewer;
    bool is_whitelisted; /* fixed_whitelist */
    bool is_classified;

    /* token, admit */
    enum token_verdict token_verdict;
    bool is_token_judged;
    enum token_verdict token_seen; /* what that said, whatever was made of it */
    struct token token;
    struct admission admission;
    enum store_answer store_answer;
    int store_error;   /* STORE_FAILED: -errno */
    bool is_unchecked; /* let in by its signature, since the store did not answer */
    struct str uid;    /* whom the bytes are counted to; "" = unknown */

    /* locate, open, load, rewrite */
    const struct origin_route *route;
    struct str cache_key;
    struct cache_entry *entry; /* reference */
    enum cache_word cache_word;
    struct origin_file file;
    struct list fill_link; /* while it waits for a fill (fill.h) */
    unsigned load_tries;
    struct splicing splicing;
    struct splice_body *splice; /* a rewritten playlist; in the arena, behind `body` */
    struct playlist *own_scan;  /* owned: a scan for this request's authority alone */

    /* ask, pass */
    struct str origin_query;     /* the query without what is only for the gate; "" = none */
    struct cache_entry *stale;   /* reference: what there is if its origin fails */
    struct flight_reader reader; /* in the flight that feeds it */
    bool is_leader;              /* it has begun the flight */
    struct fetch *leads;         /* the fetch it began, until its head; borrowed */
    struct origin_fetch *alone;  /* owned: its own, until its head has come */
    bool is_passing;             /* ... and feeds `body` */

    /* the response */
    enum outcome outcome;
    bool is_quiet;   /* what the dashboard asks for itself: served, it is not among the recent
                        requests, where it would push out what it is there to show */
    bool is_endless; /* its body goes on until the viewer leaves, which is no failure then */
    struct http_response response;
    struct http_validators validators;
    uint64_t length; /* of the whole representation; BODY_LENGTH_UNKNOWN while it arrives */
    struct str type; /* that its origin gives it; "" = by suffix */
    struct media_type media;
    enum http_coding coding; /* of the content (compress.h) */
    struct blob *coded;    /* reference: the coded bytes; NULL: the plain ones are sent, or none */
    uint64_t plain_length; /* of what became `coded` */
    struct body *body;     /* owned by the request: body_done() at its end; NULL: none */
    struct memory_body small; /* body of errors and the API */
    bool must_close;          /* the connection cannot be used after this */
    /* Written by req_note_sent() alone, read by any thread while it is listed (transfers.h). */
    _Atomic uint64_t sent;        /* body bytes handed to the socket */
    _Atomic usec_t first_byte_at; /* when the first of them was; 0: none yet */
    struct transfer transfer;
    uint64_t metered; /* of them, counted to its uid so far */
    bool is_metered;  /* it has been counted as a request */
};

/* Cap and worker are set; the rest is zero. */
struct req *req_new(struct gate_worker *w, const struct transport *t, void *owner);
void req_free(struct req **r);

/* The head is complete. */
void req_start(struct req *r);
/* The head was not even a request: answered with this outcome, then the connection closes. */
void req_start_refused(struct req *r, enum outcome o);

void req_on_content(struct req *r, int err); /* -EMSGSIZE, -EPROTO, -ETIMEDOUT, -ECONNRESET */
void req_on_sent(struct req *r,
                 int err); /* 0, -ECONNRESET, -ETIMEDOUT (did not read), -EIO (the body broke) */
/* For the transport: of the body, `total` bytes are with the socket now. No atomic is more than a
 * plain store here: nobody else writes. */
static inline void req_note_sent(struct req *r, uint64_t total)
{
    if (total > 0 && atomic_load_explicit(&r->first_byte_at, memory_order_relaxed) == 0)
        atomic_store_explicit(&r->first_byte_at, loop_now(r->worker->loop), memory_order_relaxed);
    atomic_store_explicit(&r->sent, total, memory_order_relaxed);
}
/* The viewer left, or the server stops, at any time before finished(): everything under way is
 * cancelled. */
void req_abort(struct req *r, enum outcome why);
/* Does it wait for an HTTP origin, or for others' fetches from one? Then it ends when its viewer
 * leaves. */
bool req_is_fed_by_origin(const struct req *r);
/* It has waited too long for store or origin: what it waits for is given up, and the viewer is
 * told, or gets what there is. */
void req_expire(struct req *r);

/* ---- for steps and the API ---- */

const struct step *req_fail(struct req *r, enum outcome o); /* the next step: sends the refusal */
const struct step *req_end(struct req *r, enum outcome o);  /* nothing can be sent any more */
void req_run(struct req *r, const struct step *s);

/* The result of a call that follows base/op.h, turned into a step: `next` when answered, WAIT with
 * `op` noted when under way. */
const struct step *req_wait(struct req *r, struct op *op);
void req_resume(struct req *r, const struct step *s); /* from an op's callback */

/* A whole response from memory that lives as long as the arena. Returns the next step. */
const struct step *req_reply(struct req *r, enum outcome o, struct str type, struct str bytes);

void req_add_field(struct req *r, struct str name, struct str value);

/* For panics and the slow-request log: method, path, steps. */
void req_dump(void *req);

#endif
