/* The client from inside: for the files of client/ only. */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include <curl/curl.h>

#include "base/list.h"
#include "base/map.h"
#include "client/client.h"
#include "net/watch.h"

enum {
    RECEIVE_BYTES = 256 * 1024, /* libcurl's buffer, one a transfer under way */
    INTERIM_MAX = 8,            /* 1xx heads before the final one: floods of them */
    SPARE_MAX = 32,             /* transfers kept for the next requests */
    REQUEST_FIELDS_MAX = 32,
    REQUEST_TEXT_MAX = 64 * 1024,
};

struct client {
    struct loop *loop;
    struct client_limits limits;
    const char *ca_file, *ca_folder; /* the system's; literals of libcurl's */
    CURLM *multi;                    /* NULL: not used for long, see client.c */
    CURLSH *shared;                  /* names and TLS sessions, which outlive `multi` */
    unsigned in_multi;               /* transfers */
    struct alarm *timer;             /* libcurl's only one */

    struct alarm *idle; /* looks at idle_since when it rings, and is set again */
    bool idle_is_set;
    usec_t idle_since; /* when the last transfer left `multi` */

    struct loop_task turn;
    struct list todo;    /* of client_transfer.todo: what the turn's end has to see to */
    struct list spare;   /* of client_transfer.todo, too: those in the state SPARE */
    struct list dropped; /* of client_transfer.dropped: read to their end for nobody */
    unsigned spare_count;

    struct map sockets;       /* of client_socket.node, by descriptor */
    struct list idle_sockets; /* of client_socket.idle, idle longest first */
    unsigned idle_count;

    struct client_stats stats;
};

#define TRANSFER_STATES(X)                                                     \
    X(SPARE, "kept for the next request")                                      \
    X(STARTING, "given to libcurl at the end of the turn")                     \
    X(HEAD, "libcurl's; no whole head yet")                                    \
    X(CONTENT, "libcurl's; the head was told")                                 \
    X(REST, "libcurl is through; held bytes and the end are still to be told") \
    X(OVER, "ended or cancelled: its sink hears nothing more")

enum transfer_state {
#define X(name, text) TRANSFER_##name,
    TRANSFER_STATES(X)
#undef X
};

struct client_transfer {
    struct client *client;
    enum transfer_state state; /* transfer.c moves it */
    struct list todo;          /* in client.todo, or in client.spare */
    struct list dropped;       /* in client.dropped */
    bool is_dropped;
    uint64_t drop_left; /* bytes that are still read */
    CURL *easy;         /* owned */
    bool is_in_multi;
    const struct client_sink *sink;
    void *arg;

    /* The request, as libcurl borrows it. */
    enum http_method method;
    struct buf text; /* of URL, target and fields, NUL-terminated, one after the other */
    struct curl_slist route, fields[REQUEST_FIELDS_MAX + 3];
    unsigned field_count;
    bool may_be_http2;
    bool was_sent;

    /* The answer. */
    struct buf head;  /* of which kind soever, until it is whole */
    unsigned interim; /* 1xx heads so far */
    bool is_http2;
    uint64_t length,
        got; /* of its content: promised (or HTTP_LENGTH_UNKNOWN), taken from libcurl */
    size_t trailer_bytes;

    bool is_telling;    /* inside data() */
    bool has_proceeded; /* client_proceed() came inside data() */
    bool is_held;       /* data() said so */
    bool is_paused;     /* and libcurl was told so: HTTP/1 */
    struct buf rest;    /* what came nevertheless: HTTP/2 */

    struct client_socket *socket; /* what libcurl reads for us; NULL: none, or not told yet */
    struct list same_socket;      /* in client_socket.transfers */

    struct alarm *alarm;
    usec_t rings_at; /* UINT64_MAX: not set */
    usec_t first_byte_by;
    usec_t stall_timeout, progress; /* when there was some, or a hold ended */

    int err;            /* what is told at the end; set before it: we know better than libcurl */
    const char *reason; /* a literal; NULL: libcurl's text */
    CURLcode code;
    char curl_text[CURL_ERROR_SIZE];
};

/* Fails only for options that this libcurl does not know. */
#define OPTION(easy, option, value)                            \
    do {                                                       \
        CURLcode r_ = curl_easy_setopt((easy), option, value); \
        assert(r_ == CURLE_OK);                                \
    } while (0)

/* client.c */
void client_todo(struct client *c,
                 struct client_transfer *t); /* transfer_act() at the turn's end */
void client_add(struct client *c, CURL *easy);
void client_remove(struct client *c, CURL *easy);
void client_act(struct client *c, curl_socket_t fd, int events); /* CURL_CSELECT_IN, _OUT */

/* transfer.c */
void transfer_act(struct client_transfer *t);
void transfer_done(struct client_transfer *t, CURLcode code); /* libcurl says so */
void transfer_note_head(struct client_transfer *t);
void transfer_note_progress(struct client_transfer *t);
void transfer_free(struct client_transfer *t);

/* options.c */
void options_set_fixed(struct client_transfer *t);
void options_set(struct client_transfer *t, const struct client_request *r);

/* receive.c */
void receive_set(struct client_transfer *t);       /* what libcurl calls */
void receive_tell_rest(struct client_transfer *t); /* legal when it is not held */

/* sockets.c */
void sockets_init(struct client *c);
void sockets_done(struct client *c);
void sockets_set(struct client_transfer *t); /* what libcurl calls, but for this: */
int sockets_on_wish(CURL *easy, curl_socket_t fd, int what, void *client, void *unused);
void socket_leave(struct client_transfer *t);
void socket_note_answer(struct client_transfer *t);

/* errors.c */
int client_error(const struct client_transfer *t, CURLcode code);

#endif
