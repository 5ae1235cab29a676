/*
 * For tests: a Redis, or a Sentinel, that answers as the test says, on the loop of the test. What
 * no rule is for is answered as a primary would that has all scripts and echoes the first argument
 * of each: [0, argument].
 *
 *     struct fake *f = fake_new(l, "127.0.0.1:0");
 *
 *     fake_answer(f, "EVALSHA", 1, "-READONLY ...\r\n");   (the next one only)
 *     ... fake_server(f) is "127.0.0.1:34567" ...
 *     assert_int_equal(fake_heard(f, "EVALSHA"), 2);
 *     fake_free(&f);
 */
#ifndef STORE_FAKE_REDIS_TESTING_H
#define STORE_FAKE_REDIS_TESTING_H

#include "net/loop_testing.h"

enum { FAKE_ALWAYS = -1, FAKE_RULES = 16 };

/* Instead of an answer, or behind it. */
#define FAKE_SILENCE                                                                            \
    "\x01"                /* neither this nor anything behind it is answered on this connection \
                           */
#define FAKE_CLOSE "\x02" /* the connection is closed */

struct fake;

struct fake *fake_new(struct loop *l, const char *address); /* port 0: any */
void fake_free(struct fake **f);
const char *fake_server(const struct fake *f);

/* Commands that begin with `command` (words with a space between); the newest rule goes first. */
void fake_answer(struct fake *f, const char *command, int times, const char *answer);
void fake_answer_bytes(struct fake *f, const char *command, int times, struct str answer);
/* Unasked: to those who are connected, to those of them who have subscribed. */
void fake_say_to_all(struct fake *f, struct str bytes);
void fake_say_to_listeners(struct fake *f, struct str bytes);
void fake_publish(struct fake *f, const char *channel, const char *text);

unsigned fake_heard(const struct fake *f, const char *command); /* since the start */
/* The newest command that begins so, its words with a space between. */
const char *fake_last(const struct fake *f, const char *command);
unsigned fake_connections(const struct fake *f); /* ever */
unsigned fake_open(const struct fake *f);        /* now */
unsigned fake_reads(const struct fake *f);       /* pieces that came, of all connections */

void fake_hold(struct fake *f); /* what comes is read when it is let go of */
void fake_let_go(struct fake *f);
void fake_drop(struct fake *f); /* all connections */
void fake_down(struct fake *f); /* and refuses new ones; the port stays its own */
void fake_up(struct fake *f);

#endif
