/*
 * For tests: fetches against the fake client, and a sink that notes what it is given and checks the
 * order it comes in. Ends with everything given back.
 */
#ifndef ORIGIN_FETCH_TESTING_H
#define ORIGIN_FETCH_TESTING_H

#include "origin/cluster_testing.h"
#include "origin/fake_client_testing.h"

enum { OBJECT_SIZE = 10000 };

/* What the sink has seen, and how it is to behave. */
struct test_fetch {
    struct origin_fetch *f; /* NULL once it has ended or was cancelled */
    unsigned heads, pieces, ends, status;
    int err;
    struct buf got, etag;
    char reason[160], server[32];
    unsigned retries, resumes;

    bool cancels_in_head, cancels_in_data;
    bool drops_in_head, drops_in_data;
    bool holds, proceeds_inside;
};

struct fetch_world {
    struct loop *loop;
    struct origin_worker worker;
    struct cluster *cluster;
    struct str names[CLUSTER_MAX_SERVERS];
    struct test_fetch t;
    unsigned changes, retries_told, resumes_told;
};

extern struct fetch_world world;

/* `adjust` may be NULL. */
void world_start(unsigned servers, void (*adjust)(struct cluster_settings *s));
void world_finish(void); /* nothing may be left of anything */

void world_fetch(const struct origin_request *r);
void world_get(void); /* "/a/1.ts" for anybody */

int world_teardown(void **state); /* world_finish(), for cmocka */

/* What world_get() asks for, and an answer to it. */
#define GET "GET /a/1.ts\nAccept-Encoding: identity\n"
#define OK_100 "HTTP/1.1 200 OK\nContent-Length: 100\nETag: \"a\"\n"

/* Plays the whole of OK_100, and finds that it has arrived. */
void deliver(struct client_transfer *t);

/* The object that all servers hold. */
struct str object(size_t from, size_t n);
char object_byte(size_t at);

/* The only transfer under way; fails when there is none, or more. */
struct client_transfer *asked(void);
/* The same, after the pause that must come first. */
struct client_transfer *asked_again(void);
unsigned asked_server(void); /* which one it went to */

#define assert_ended(err_, reason_)                   \
    do {                                              \
        assert_int_equal(world.t.ends, 1);            \
        assert_int_equal(world.t.err, err_);          \
        assert_string_equal(world.t.reason, reason_); \
        assert_int_equal(fake_live(), 0);             \
        assert_false(fake_next_alarm());              \
    } while (0)
#define assert_got(from_, n_)                                          \
    do {                                                               \
        assert_int_equal(world.t.got.n, n_);                           \
        assert_true(str_eq(buf_str(&world.t.got), object(from_, n_))); \
    } while (0)

#endif
