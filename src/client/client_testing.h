/* For tests: a client on a loop with a scripted server, and a sink that notes what it is told. */
#ifndef CLIENT_CLIENT_TESTING_H
#define CLIENT_CLIENT_TESTING_H

#include <stdio.h>

#include "base/buf.h"
#include "client/client.h"
#include "client/peer_testing.h"
#include "net/loop_testing.h"

enum { SEEN_BODY_MAX = 64 << 20 };

struct seen {
    struct client_transfer *t; /* NULL once it is gone */
    unsigned heads, pieces, ends;
    uint16_t status;
    uint64_t length;
    char etag[32];
    struct buf body;
    int err;
    bool was_sent;
    char reason[256];

    bool holds;            /* each data() */
    bool proceeds_in_data; /* holds, and takes it back at once */
    bool cancels_in_head, cancels_in_data;
    bool drops_in_head, drops_in_data;
    struct client_transfer **cancels_other; /* in data() */
    void (*at_end)(struct seen *s);
    void *arg; /* the test's */
};

extern const struct client_sink seen_sink;

struct world {
    struct loop *loop;
    struct client *client;
    struct peer *peer;
    struct client_peer at; /* the peer, for requests */
    struct client_limits limits;
};

/* cmocka's setup and teardown, with a peer on 127.0.0.1. */
int world_setup(void **state);
int world_teardown(void **state);
void world_set_limits(struct world *w, const struct client_limits *limits); /* a new client */

struct client_request world_request(struct world *w, const char *target);
void world_start(struct world *w, struct seen *s, const struct client_request *r);
void world_get(struct world *w, struct seen *s, const char *target); /* and waits for its end */
void seen_done(struct seen *s);

/* A listener that never accepts, and whose queue is full, drops what comes: nobody answers. */
struct deaf {
    int listening, fill[4];
    char base[64];
};
void deaf_init(struct deaf *d, const char *scheme);
void deaf_done(struct deaf *d);

#define WAIT_FOR_END(w, s) TURN_UNTIL((w)->loop, (s)->ends > 0)

/* It ended well, with this body. */
#define ASSERT_WHOLE(s, text)                                     \
    do {                                                          \
        if ((s)->err != 0)                                        \
            fail_msg("ended with %d: %s", (s)->err, (s)->reason); \
        assert_int_equal((s)->heads, 1);                          \
        assert_int_equal((s)->ends, 1);                           \
        assert_str(buf_str(&(s)->body), text);                    \
    } while (0)

#define ASSERT_ERROR(s, error)                                                                  \
    do {                                                                                        \
        if ((s)->ends != 1 || (s)->err != (error))                                              \
            fail_msg("%u ends, %d instead of %d: %s", (s)->ends, (s)->err, error, (s)->reason); \
    } while (0)

#endif
