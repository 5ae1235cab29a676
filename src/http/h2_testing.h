/*
 * A world for tests of h2.h: the server with an owner that notes every event and answers by a plan,
 * and what it sends, as bytes and as a line of text. Frames for it are made by hand (below) or by a
 * client (h2_client_testing.h).
 */
#ifndef HTTP_H2_TESTING_H
#define HTTP_H2_TESTING_H

#include "base/buf.h"
#include "base/test.h"
#include "http/h2.h"

enum { WORLD_ASKED_MAX = 2048 };

/* A body of the pattern, in which something may go wrong. */
struct test_body {
    struct body body;
    uint64_t at, length;
    uint64_t ready;    /* bytes that have come; test_body_more() brings more */
    uint64_t view;     /* at most so much is shown at once; 0: all */
    uint64_t piece;    /* in pieces of so many bytes; 0: in one */
    uint64_t fails_at; /* UINT64_MAX: it doesn't */
    int fd;            /* of a file that holds the pattern; -1: memory */
    unsigned peeks;
    bool is_waiting;
};

enum { PATTERN_BYTES = 4 << 20 };
const char *test_pattern(void); /* PATTERN_BYTES of it */

/* What the owner answers with; the world's, copied for each request. */
struct plan {
    unsigned status; /* 0: it is left unanswered */
    uint64_t length; /* of the body; 0: none */
    bool is_length_unknown;
    uint64_t ready, view, piece, fails_at; /* as above; ready 0: all */
    bool from_file;
    enum h2_urgency urgency;
    bool resets; /* h2_reset() instead of an answer, at once */
};

struct asked {
    struct h2_stream *s; /* NULL: closed, or given up */
    enum h2_verdict verdict;
    char *bytes; /* of the head, owned */
    struct http_field fields[HTTP_MAX_FIELDS];
    struct http_head head;
    struct buf content;
    bool has_ended; /* the content */
    struct test_body body;
    uint64_t moved;
    unsigned moves, closed;
    int err;
    bool is_starved;
};

struct world {
    struct h2 *h2;
    usec_t now;
    unix_t date;
    struct plan plan;
    void (*choose)(struct world *w, struct asked *a); /* may change w->plan; NULL: as it is */
    struct asked *asked[WORLD_ASKED_MAX];
    unsigned count;
    unsigned wants; /* wants_to_send */
    size_t max;     /* of h2_peek() */
    bool is_peeking;
    struct h2_batch batch;
    struct buf sent; /* what h2_peek() has shown and nobody has taken */
    int file;        /* holds the pattern; -1 while nobody needs it */
};

void world_init(struct world *w, unsigned max_streams);
/* Every stream has been closed exactly once, or given up. */
void world_done(struct world *w);

void world_respond(struct world *w, struct asked *a, const struct plan *p);
void world_reset(struct asked *a, enum h2_reset_code code);
struct asked *world_last(struct world *w);

/* The body of `a` has so much more. */
void test_body_more(struct asked *a, uint64_t n);

/* One batch into w->sent, and h2_advance(); false: there is none. */
bool world_send(struct world *w);
void world_send_all(struct world *w);

/* ---- frames by hand ---- */

enum {
    DATA,
    HEADERS,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    PUSH_PROMISE,
    PING,
    GOAWAY,
    WINDOW_UPDATE,
    CONTINUATION,
    PRIORITY_UPDATE = 0x10
};
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8 };

void put_frame(struct buf *b, unsigned type, unsigned flags, uint32_t id, struct str payload);
/* "name: value" lines, as literals that are not indexed. */
void put_fields(struct buf *b, const char *lines);
void put_request(struct buf *b, uint32_t id, unsigned flags, const char *lines);
void put_u32(struct buf *b, uint32_t v);
#define GET_LINES ":method: GET\n:path: /a\n:scheme: https\n:authority: a.example\n"

/* Preface and SETTINGS; what the server says to them is taken. */
void world_open(struct world *w);
/* All at once; then everything is sent. What h2_receive() answered. */
int world_receive(struct world *w, struct buf *b);
/*
 * What was sent since the last time, a word a frame: "headers(1)+end data(1:5) rst(3:1) goaway(1:0)
 * ping+ack settings settings+ack window(0:100)"; borrowed until the next call.
 */
const char *world_said(struct world *w);

/* ---- a world that is open, for each test ---- */

struct fixture {
    struct world w;
    struct buf b; /* what comes next */
};

int setup(void **state);
int teardown(void **state);
/* What was put into f->b comes; the server then says `said`. */
void run(struct fixture *f, const char *said);

#define WITH_A_WORLD(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
