/* The client from inside: for the files of client/ only. */
#ifndef CLIENT_CLIENT_INTERNAL_H
#define CLIENT_CLIENT_INTERNAL_H

#include <curl/curl.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "client/client.h"
#include "net/watch.h"

enum {
    RECEIVE_BYTES = 512 * 1024, /* libcurl's buffer, one a transfer under way; its maximum */
    INTERIM_MAX = 8,            /* 1xx heads before the final one: floods of them */
    REQUEST_FIELDS_MAX = 32,
    REQUEST_TEXT_MAX = 256 * 1024, /* a viewer's head, encoded three times over, and more */
    HTTP1_SERVERS = 64,            /* remembered at once */
};

/* A server without HTTP/2 is not asked for it again for so long. */
#define HTTP1_REMEMBERED (600 * USEC_PER_SEC)

struct http1_server {
    uint64_t server;
    usec_t until;
};

/* lane.c says why there are two. */
enum { LANE_SERIAL, LANE_SHARED, LANE_COUNT };

struct lane {
    struct client *client;
    bool multiplexes;
    CURLM *multi;          /* NULL: not used for long, see client.c */
    struct alarm *timer;   /* libcurl's only one */
    struct list transfers; /* of client_transfer.in_lane */
    unsigned sockets;
};

struct client {
    struct loop *loop;
    struct client_limits limits;
    const char *ca_file, *ca_folder; /* the system's; literals of libcurl's */
    struct lane lanes[LANE_COUNT];
    CURLSH *shared; /* names and TLS sessions, which outlive the lanes' multi handles */
    struct http1_server http1[HTTP1_SERVERS];
    unsigned http1_next;

    struct alarm *idle; /* looks at idle_since when it rings, and is set again */
    bool idle_is_set;
    usec_t idle_since; /* when the last transfer left its lane */

    struct loop_task turn;
    struct list todo;    /* of client_transfer.todo: what the turn's end has to see to */
    struct list dropped; /* of client_transfer.dropped: read to their end for nobody */

    struct map sockets;       /* of client_socket.node, by descriptor */
    struct list idle_sockets; /* of client_socket.idle, idle longest first */
    unsigned idle_count;
    unsigned unplaced; /* transfers that is_unplaced */

    struct client_stats stats;
};

#define TRANSFER_STATES(X)                                                     \
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
    struct list todo;          /* in client.todo */
    struct list dropped;       /* in client.dropped */
    bool is_dropped;
    uint64_t drop_left; /* bytes that are still read */
    CURL *easy;         /* owned */
    struct lane *lane;  /* for which it is meant */
    struct list in_lane;
    const struct client_sink *sink;
    void *arg;

    /* The request, as libcurl borrows it. */
    enum http_method method;
    struct buf text; /* of URL, target and fields, NUL-terminated, one after the other */
    struct curl_slist route, fields[REQUEST_FIELDS_MAX + 3];
    unsigned field_count;
    uint64_t server;                    /* its name, hashed */
    bool has_prior_knowledge, is_http2; /* the latter is known when it is sent */
    bool was_sent;
    bool falls_back; /* called back from the shared lane: the server speaks HTTP/1 */

    /* The answer. */
    struct buf head;  /* of which kind soever, until it is whole */
    unsigned interim; /* 1xx heads so far */
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
    bool is_unplaced;             /* sent on a connection that was idle, and we do not know which */
    bool is_being_placed;         /* what comes now must not pause it */

    struct alarm *alarm;
    usec_t rings_at; /* UINT64_MAX: not set */
    usec_t first_byte_by;
    usec_t stall_timeout,
        progress; /* when there was some, or a hold ended; at first, when it began */

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
void client_note_idle(struct client *c);     /* a transfer has left its lane */
bool client_knows_http1(const struct client *c, uint64_t server);
void client_note_http1(struct client *c, uint64_t server);

/* lane.c */
void lane_init(struct lane *l, struct client *c, bool multiplexes);
void lane_done(struct lane *l);
void lane_close(struct lane *l); /* its connections */
void lane_add(struct client_transfer *t);
void lane_remove(struct client_transfer *t);
struct client_transfer *lane_find_waiting(const struct lane *l, uint64_t server);
void lane_act(struct lane *l, curl_socket_t fd, int events); /* CURL_CSELECT_IN, _OUT */

/* alpn.c */
bool alpn_is_http2(CURL *easy); /* connected, and not in the clear */

/* transfer.c */
void transfer_act(struct client_transfer *t);
void transfer_done(struct client_transfer *t, CURLcode code); /* libcurl says so */
void transfer_note_head(struct client_transfer *t);
void transfer_note_progress(struct client_transfer *t);
void transfer_set_alarm(struct client_transfer *t); /* a time limit has changed */

/* drop.c */
void drop_cancel_all(struct client *c);

/* options.c */
void options_set(struct client_transfer *t, const struct client_request *r);
void options_fall_back(struct client_transfer *t); /* to HTTP/1 on the serial lane */

/* receive.c */
void receive_set(struct client_transfer *t);       /* what libcurl calls */
void receive_tell_rest(struct client_transfer *t); /* legal when it is not held */

/* sockets.c */
void sockets_init(struct client *c);
void sockets_done(struct client *c);
void sockets_set(struct client_transfer *t); /* what libcurl calls, but for this: */
int sockets_on_wish(CURL *easy, curl_socket_t fd, int what, void *lane, void *unused);
bool socket_is_shared(const struct client_transfer *t); /* or may be: others use it too */
void socket_leave(struct client_transfer *t);
/* Is its connection shared, and has nothing come on it since then? Then it has no future. */
void socket_end_if_silent(struct client_transfer *t, usec_t since);
void socket_note_sending(struct client_transfer *t);
void socket_note_answer(struct client_transfer *t);

/* errors.c */
int client_error(const struct client_transfer *t, CURLcode code);

#endif
