/*
 * Messages for whoever watches, one after the other, as a body that has no end: the same bytes for
 * all, a reference each. A watcher that is not ready when a message comes misses it, and gets the
 * next one after it has taken the last: who reads slowly costs no memory.
 *
 * A feed is a worker's, on its thread; a message may be shared with other threads.
 */
#ifndef ADMIN_FEED_H
#define ADMIN_FEED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/body.h"
#include "base/list.h"
#include "base/str.h"

struct message;
struct message *message_new(struct str text); /* copied; one reference */
struct message *message_ref(struct message *m);
void message_unref(struct message **m); /* any thread; accepts NULL, clears the pointer */

struct feed {
    struct list watchers;
    unsigned count;
    bool has_ended;
};

/* Embedded by whoever watches, in memory that lives as long as its body. */
struct watcher {
    struct body body;
    struct list link;
    struct feed *feed;
    struct message *message; /* a reference; being sent */
    size_t at;
    bool is_waiting; /* for the next one, by its puller's wish */
    bool is_over;
};

void feed_init(struct feed *f);
/* Begins with `first` (NULL: with the next message). The body is w->body. */
void feed_watch(struct feed *f, struct watcher *w, struct message *first);
/* `goes_on` is asked first about each watcher, ready or not: those for whom it says false are over.
 */
void feed_send(struct feed *f, struct message *m, bool (*goes_on)(const struct watcher *w));
/* Nothing more comes: all bodies end once they have sent what they are at. */
void feed_end(struct feed *f);

#endif
