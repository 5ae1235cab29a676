/*
 * One object from a cluster, as one answer: whatever servers it takes. Tries again elsewhere while
 * nothing has been promised to the viewer; resumes a body that breaks off, unseen, or says that it
 * cannot, so that a short or mixed body is never taken for a whole one.
 *
 * Before the head: connect failures, resets, first-byte timeouts, malformed answers, 502, 503 and
 * 504 are tried again, on another server where there is one, with a pause that grows where there
 * is not, until `retries` or the deadline run out. 502, 503, 504 and silence are failures of the
 * server in the sense of cluster.h; so are 500s from a health check, and not a 404.
 *
 * After the head: a body that breaks off or stalls is asked for again from where it stopped, with
 * Range and If-Range (the strong ETag, else Last-Modified; without either it cannot be), and goes
 * on only when the answer is a 206 with the same validator, the bounds asked for and the same
 * total.
 *
 * Answers that nobody asked for are malformed: a 206 without a Range or with other bounds, a 304
 * without a condition, a Content-Encoding, 1xx and other 2xx. Redirects (301, 302, 303, 307, 308)
 * are followed, five times at the most, to servers of this cluster alone.
 *
 * A request carries User-Agent, X-Forwarded-For, "Accept-Encoding: identity", and what of Range,
 * If-Range, If-None-Match and If-Modified-Since is given; nothing else of the viewer's.
 */
#ifndef ORIGIN_FETCH_H
#define ORIGIN_FETCH_H

#include "origin/cluster.h"

/* What all fetches and checks of one worker share. */
struct origin_worker {
    struct loop *loop;
    struct client *client;
    /* Tells of a change of a server's state; on this worker's thread. Set by who makes the worker.
     */
    void (*changed)(struct origin_worker *w, const struct server_change *change);
    /* A fetch tries again: before its head, or for the rest of a body. The same. */
    void (*tried_again)(struct origin_worker *w, bool is_resumption);
    struct list fetches; /* live ones */
};

void origin_worker_init(struct origin_worker *w, struct loop *l, struct client *c);

struct origin_request {
    bool is_head;                                                 /* HEAD instead of GET */
    struct str target;                                            /* "/path?query", encoded */
    struct str stream_key;                                        /* BALANCE_HASH */
    struct str user_agent, forwarded_for;                         /* STR_NONE: not sent */
    struct str range, if_range, if_none_match, if_modified_since; /* the same */
};

struct origin_fetch;

/* As those of client/client.h: none before origin_fetch_start() has returned, none after a cancel.
 */
struct origin_sink {
    /*
     * The answer: 200, 206, 304, 4xx, or a 5xx when no server had better. `a` is borrowed. Once,
     * and only after it comes data(). The sink may be changed in here: origin_fetch_set_sink().
     */
    void (*head)(void *arg, struct origin_fetch *f, const struct http_answer *a);
    bool (*data)(void *arg, struct origin_fetch *f, struct str bytes); /* false: taken, and hold */
    /*
     * 0: whole. Before a head: -EHOSTUNREACH, -ECONNREFUSED, -ECONNRESET (no server could be
     * reached), -EKEYREJECTED, -ETIMEDOUT, -EPROTO (the last answer was malformed), -ELOOP (a
     * redirect that leads out, or on and on). After it: the body broke and cannot be resumed; when
     * it was held for too long over HTTP/2 (client/client.h), -ENOBUFS.
     */
    void (*end)(void *arg, struct origin_fetch *f, int err);
};

/* Copies the request. The cluster must outlive the fetch. After end() the fetch is gone. */
struct origin_fetch *origin_fetch_start(struct origin_worker *w, struct cluster *c,
                                        const struct origin_request *r,
                                        const struct origin_sink *sink, void *arg);
void origin_fetch_set_sink(struct origin_fetch *f, const struct origin_sink *sink, void *arg);
void origin_fetch_proceed(struct origin_fetch *f); /* after a data() that answered false */
void origin_fetch_cancel(struct origin_fetch **f); /* legal inside head() and data() */

/* Nothing more of it is wanted, but its connection may be used again: see client_drop(). Legal
 * wherever a cancel is. */
void origin_fetch_drop(struct origin_fetch **f);

/* Which server answered, and how often it took another try or a resumption: for the log. */
struct str origin_fetch_server(const struct origin_fetch *f);
struct str origin_fetch_reason(const struct origin_fetch *f); /* why it ended; valid in end() */
unsigned origin_fetch_retries(const struct origin_fetch *f);
unsigned origin_fetch_resumes(const struct origin_fetch *f);

#endif
