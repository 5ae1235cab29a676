/*
 * Who watches what, lately: which streams and which users get the most bytes, how many viewers each
 * of them has, and how many viewers, users and streams there are at all. Noted by each worker as
 * requests deliver, merged for whoever looks.
 *
 * "Lately" is this minute and the whole one before: 60 to 120 seconds, and less after the start.
 *
 * Memory is bounded, as users and stream keys may be made up: a worker has AUDIENCE_PLACES for each
 * kind and minute, in sets of AUDIENCE_WAYS where a hash with a secret key puts them. When a set is
 * full, a newcomer takes the place of the one with the least and goes on from its count (Space-
 * Saving, by Metwally and others, 2005, a set at a time). What is shown of a key is what has been
 * noted since it has had its place: never more than was delivered, and less by at most an eighth of
 * what all keys of its set were delivered, which is about 1/512 of all bytes of its worker. With up
 * to some hundred keys nothing is missing. Distinct viewers are exact up to 64, then an estimate
 * (base/sketch.h), of a key since it has had its place.
 *
 * The worker takes a lock of its own for each note, as for its journal: uncontended but for a
 * reader, who holds one worker's at a time for a look through its places (some 20 us). The lock is
 * a tenth of what a note costs: 60 to 100 ns, half of it for two hashes with a secret key; 200
 * where many more users come than there are places. The alternatives were worse: places that are
 * read while they change, or copies twice a second for readers who are not there. Nothing is
 * allocated but for viewers that a key has not had yet.
 */
#ifndef GATE_AUDIENCE_H
#define GATE_AUDIENCE_H

#include "access/viewer.h"
#include "base/clock.h"
#include "base/str.h"

struct gate;
struct audience; /* a worker's */

#define AUDIENCE_WINDOW (60 * USEC_PER_SEC)

enum {
    AUDIENCE_WAYS = 8,
    AUDIENCE_SETS = 64,
    AUDIENCE_PLACES = AUDIENCE_SETS * AUDIENCE_WAYS, /* with sketches at most 2.7 MB a worker */
    AUDIENCE_KEY_MAX = 128, /* of texts that viewers choose: longer ones are shown cut */
    AUDIENCE_TOP_MAX = 20,
};

enum audience_kind { AUDIENCE_STREAMS, AUDIENCE_USERS, AUDIENCE_KINDS };

struct audience *audience_new(usec_t now);
void audience_free(struct audience **a);

/* A request, or more of one that was noted before. */
struct audience_note {
    struct str keys[AUDIENCE_KINDS]; /* "": none, and not counted as one */
    const uint8_t *viewer;           /* VIEWER_ID_LEN */
    uint64_t bytes;
    bool is_first; /* of its request */
};
/* On the worker's thread. `now` does not go back. */
void audience_note(struct audience *a, const struct audience_note *n, usec_t now);

struct audience_counts {
    uint64_t viewers, keys[AUDIENCE_KINDS]; /* distinct */
};

struct audience_row {
    uint64_t bytes, requests, viewers;
    size_t key_n;
    char key[AUDIENCE_KEY_MAX];
};

struct audience_top {
    unsigned count;
    struct audience_row rows[AUDIENCE_TOP_MAX]; /* most bytes first */
};

/* Of all workers, from any thread. `now`: of the same clock as the notes'. */
void audience_count(const struct gate *g, usec_t now, struct audience_counts *ret);
void audience_read(const struct gate *g, usec_t now, enum audience_kind kind,
                   struct audience_top *ret);
/* How long "lately" is, in seconds: what is counted now was delivered in that time. At least 1. */
unsigned audience_seconds(const struct gate *g, usec_t now);

#endif
