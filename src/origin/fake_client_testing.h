/*
 * For tests: a client without a network, and alarms without a clock. Takes the place of client/ and
 * of the alarms of net/watch.h when it is linked in front of them: transfers that are started wait
 * until the test plays their heads, bytes and ends, so every order of events can be had. Dies when
 * it is used in a way that client/client.h does not allow.
 *
 * Time is the fake clock's: it moves only in fake_time_passes(), which rings what is due.
 */
#ifndef ORIGIN_FAKE_CLIENT_TESTING_H
#define ORIGIN_FAKE_CLIENT_TESTING_H

#include "client/client.h"

enum { FAKE_UNIX_START = 1700000000 }; /* Tue, 14 Nov 2023 22:13:20 GMT */

void fake_start(struct loop *l);
void fake_finish(void); /* nothing may be under way or set */

/* Rings the alarms that come due, each at its time; turns the loop after each. */
void fake_time_passes(usec_t time);
/* As much as the next alarm needs; false: none is set. */
bool fake_next_alarm(void);
void fake_late_alarm(usec_t late); /* ... and more */
usec_t fake_now(void);

unsigned fake_live(void);                            /* transfers under way */
unsigned fake_started(void);                         /* since fake_start() */
unsigned fake_cancelled(void);                       /* the same */
unsigned fake_dropped(void);                         /* the same; those are gone, too */
struct client_transfer *fake_transfer(unsigned nth); /* of those under way, the oldest first */

/* What was asked for. */
const char *fake_base(const struct client_transfer *t);
const char *
fake_asked(const struct client_transfer *t); /* "GET /a\nRange: bytes=0-\n", and content */
usec_t fake_patience(const struct client_transfer *t);
bool fake_is_held(const struct client_transfer *t);
bool fake_is_alone(const struct client_transfer *t);

/* Plays. A head is written with "\n" for line ends; one that http_answer_parse() refuses ends the
 * transfer with -EPROTO. False: the transfer is gone. */
bool fake_head(struct client_transfer *t, const char *head);
bool fake_data(struct client_transfer *t, struct str bytes); /* not while it is held */
void fake_end(struct client_transfer *t, int err);           /* the same */
void fake_end_unsent(struct client_transfer *t, int err);    /* client_was_sent() answers false */

#endif
