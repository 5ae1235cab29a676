/*
 * Lines on their way from one worker to the writer: a ring of bytes of fixed size with one thread
 * at each end. No lock, no wait: what finds no room is dropped and counted, so a target that takes
 * nothing costs lines, never a viewer's time.
 */
#ifndef LOGS_QUEUE_H
#define LOGS_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

/* Longest line, its line feed included: whoever makes lines cuts what peers sent before it comes
 * here. */
enum { LINE_BYTES_MAX = 32 * 1024 };

struct line_queue;

/* `bytes` is rounded up to a power of two, and to at least 2 * LINE_BYTES_MAX. */
struct line_queue *line_queue_new(size_t bytes);
void line_queue_free(struct line_queue **q);

/* On the producer's thread. `line` ends in its only line feed. False: no room, dropped. */
bool line_queue_put(struct line_queue *q, struct str line);

/* The same without a copy: where a line of at most `n` bytes may be made, then how long it is,
 * its only line feed at its end included. NULL: not now, put() it. */
char *line_queue_room(const struct line_queue *q, size_t n);
void line_queue_made(struct line_queue *q, size_t n);

/* Is there more in it than its half? On the producer's thread. */
bool line_queue_is_filling(const struct line_queue *q);

/* On the consumer's thread: moves whole lines to `to`, as many as `room` (at least LINE_BYTES_MAX)
 * holds. How many bytes. */
size_t line_queue_take(struct line_queue *q, char *to, size_t room);
bool line_queue_is_empty(const struct line_queue *q);

/* From any thread: lines put in so far, and lines that found no room. */
uint64_t line_queue_accepted(const struct line_queue *q);
uint64_t line_queue_dropped(const struct line_queue *q);

#endif
