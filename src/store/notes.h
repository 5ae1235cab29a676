/*
 * Activity of sessions that is not written yet: one note for each place (viewer, uid, stream key,
 * in the backend's own bytes), in the order in which they were begun. A place that is noted again
 * keeps its turn: the more there is to write, the more activity one write stands for.
 */
#ifndef STORE_NOTES_H
#define STORE_NOTES_H

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "base/str.h"

enum {
    NOTES_MAX = 1 << 18,   /* of one worker; more are not noted until there is room */
    NOTES_TICK_MSEC = 250, /* how often a backend looks for what is due */
};

struct note {
    struct map_node node;
    struct list link;
    usec_t since; /* when it was first noted */
    unix_t now;   /* latest activity */
    size_t n;
    char place[];
};

struct notes {
    struct map by_place;
    struct list oldest_first; /* struct note */
};

void notes_init(struct notes *n);
void notes_done(struct notes *n);
void notes_add(struct notes *n, struct str place, usec_t since, unix_t now);
void notes_drop(struct notes *n, struct note *note);

/* Has it waited for `age` (store_note_age) at `at`, a time of the loop's clock? */
bool note_is_due(const struct note *note, usec_t at, usec_t age);
struct note *notes_due(const struct notes *n, usec_t at, usec_t age); /* the oldest */

static inline struct str note_place(const struct note *note)
{
    return (struct str){note->place, note->n};
}

#endif
