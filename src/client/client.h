/*
 * HTTP requests to other servers on a worker's loop: libcurl's multi interface behind a handful of
 * calls. Fetches from origins and health checks go through it; reports will.
 *
 * One client a worker, used on its thread alone: connections, idle ones among them, and the DNS
 * cache are its own. A transfer is one request and its one answer; nothing is redirected or decoded
 * here, or retried but for this: a GET or HEAD whose connection, kept from an earlier one, turns
 * out closed before a byte of an answer came, gets a new connection.
 *
 * Callbacks come on the loop's thread, never before client_start() has returned, never after
 * client_cancel(), in this order: head() once, data() any number of times, end() exactly once. Or
 * end() alone, when there was no head. After end() the transfer is gone.
 */
#ifndef CLIENT_CLIENT_H
#define CLIENT_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/str.h"
#include "http/answer.h"
#include "net/loop.h"

struct client;

struct client_limits {
    unsigned max_connections; /* open at once; requests beyond wait in line. One more may be, when
                                 HTTP/1 has taken them all and HTTP/2 has none, or vice versa */
    unsigned max_idle;        /* kept open between requests; the one idle longest goes first */
    usec_t keep_alive;        /* life of an idle connection; whole seconds */
    usec_t dns_cache;         /* whole seconds */
};

struct client *client_new(struct loop *l, const struct client_limits *limits);
void client_free(struct client **c); /* no transfer may be under way */

enum client_protocol {
    CLIENT_AUTO,   /* https: HTTP/2 by ALPN, else HTTP/1.1; http: HTTP/1.1 */
    CLIENT_HTTP_1, /* HTTP/1.1 alone */
    CLIENT_HTTP_2, /* https: as AUTO; http: HTTP/2 with prior knowledge, a connection for each
                      request (libcurl 7.88 cannot use such a one twice) */
};

/* A server and how to reach it. Outlives its transfers. Strings are NUL-terminated. */
struct client_peer {
    const char *base;      /* "https://o1.example:8443": scheme, host, port; no path */
    const char *unix_path; /* of its socket; NULL: TCP */
    const char *host; /* Host field, SNI and the name in the certificate; NULL: that of `base` */
    enum client_protocol protocol;
    bool is_unverified;          /* any certificate will do */
    const char *ca_file;         /* PEM; NULL: the system's */
    const char *certificate;     /* PEM, ours; NULL: none */
    const char *certificate_key; /* PEM */
    usec_t connect_timeout;      /* name, TCP and TLS together */
};

/* 0, or -1 with what is wrong with `base` ("https://host[:port]" or "http://..." and no more). */
int client_base_check(struct str base, struct buf *error) MUST_CHECK;

struct client_request {
    const struct client_peer *peer;
    enum http_method method;         /* GET, HEAD, POST */
    struct str target;               /* "/path?query", encoded */
    const struct http_field *fields; /* copied; no control characters but HTAB; Host and framing
                                        are the client's */
    unsigned field_count;
    struct str content;        /* of a POST; copied */
    bool is_alone;             /* shares its connection with nobody: see CLIENT_HELD_MAX */
    usec_t first_byte_timeout; /* from the start to a whole head, waiting in line included */
    usec_t stall_timeout;      /* the longest time without a byte of content; a held transfer does
                                  not count */
};

struct client_transfer;

struct client_sink {
    /* The final head (no 1xx); `a` is borrowed until this returns. Not called for heads that
     * http_answer_parse() refuses: end(-EPROTO). */
    void (*head)(void *arg, struct client_transfer *t, const struct http_answer *a);
    /* The next bytes of content, borrowed. True: go on. False: taken, and hold: no more comes, not
     * even end(), until client_proceed(). */
    bool (*data)(void *arg, struct client_transfer *t, struct str bytes);
    /*
     * 0: whole, to the last byte that its framing promised. Else:
     *
     * -EHOSTUNREACH  no address for the name
     * -ECONNREFUSED  no connection
     * -EKEYREJECTED  TLS failed, or the certificate
     * -ECONNRESET    broke off, before a head or short of its length
     * -ETIMEDOUT     a limit above
     * -EPROTO        not HTTP, or framed ambiguously
     * -EMSGSIZE      head over its limit
     * -ENOBUFS       held for too long on a shared connection: see CLIENT_HELD_MAX
     */
    void (*end)(void *arg, struct client_transfer *t, int err);
};

/*
 * Bytes that a held transfer may have taken from its socket. While nobody else uses its connection
 * it takes fewer, and TCP holds the server back. On a connection of HTTP/2 that it shares with
 * others, pausing it would stall them (libcurl 7.88 grants a server 32 MiB for each stream and
 * cannot take that back). So there the bytes are kept, and when there are too many, the stream is
 * reset and end() says -ENOBUFS, after what was kept has been told. Who wants the rest asks for it
 * with Range and `is_alone`: on a connection that is never shared a hold may last.
 */
enum { CLIENT_HELD_MAX = 1 << 20 };

/* Never fails at once: what goes wrong comes as end(). */
struct client_transfer *client_start(struct client *c, const struct client_request *r,
                                     const struct client_sink *sink, void *arg);
/* Legal inside data(): then it never held. What was held back comes at the end of the turn. */
void client_proceed(struct client_transfer *t);
/* Legal inside head() and data(). A connection of HTTP/1 is not reused. */
void client_cancel(struct client_transfer **t);

/*
 * Nobody wants the rest of its content, but its connection may be used again: the client reads on
 * by itself, and throws away, up to CLIENT_DROP_MAX bytes and CLIENT_DROP_TIME long. Where that
 * would not do, and before a head, it is a cancel. Legal where a cancel is; no callback comes any
 * more.
 */
enum { CLIENT_DROP_MAX = 64 * 1024 };
#define CLIENT_DROP_TIME (5 * USEC_PER_SEC)
void client_drop(struct client_transfer **t);

/* Was the request on its way to a connected server when it ended? False: it may be sent elsewhere
 * without the server having seen it. Valid inside end(). */
bool client_was_sent(const struct client_transfer *t);

/* What libcurl said, for the log: "Connection refused". Valid inside end(). */
struct str client_reason(const struct client_transfer *t);

/* An absolute URL out of a Location field (RFC 9110 10.2.2) and the URL it answered; -1: malformed.
 */
int client_resolve(struct str base_url, struct str location, struct buf *ret) MUST_CHECK;

struct client_stats {
    uint64_t transfers;   /* under way */
    uint64_t connections; /* opened so far */
    uint64_t reused;      /* requests on a connection that was there */
};
void client_stats(const struct client *c, struct client_stats *ret); /* on its thread */

#endif
