/*
 * For libraries that do their own I/O on a loop (libcurl): readiness of a descriptor they own, and
 * a timer that rings once.
 */
#ifndef NET_WATCH_H
#define NET_WATCH_H

#include "net/loop.h"

enum { WATCH_READ = 1, WATCH_WRITE = 2 };

/*
 * `fd` stays the library's, which must free the watch before it closes it, or tell at once when the
 * number has come back as another socket (watch_free, watch_new). `ready` gets the events that are
 * there (an error counts as both). watch_free() is legal inside `ready`; nothing is called after
 * it.
 */
struct watch;
typedef void (*watch_fn)(void *arg, int fd, unsigned events);
struct watch *watch_new(struct loop *l, int fd, watch_fn ready, void *arg);
void watch_set(struct watch *w, unsigned events); /* 0: none for now */
void watch_free(struct watch **w);

/*
 * Rings once, `after` from now, in whole milliseconds and never early; set again, it is moved. 0:
 * at the end of this turn as a deferred task would (loop.h), never within alarm_set().
 */
struct alarm;
struct alarm *alarm_new(struct loop *l, void (*ring)(void *arg), void *arg);
void alarm_set(struct alarm *a, usec_t after);
void alarm_clear(struct alarm *a);
void alarm_free(struct alarm **a); /* legal inside `ring` */

#endif
