/*
 * The thread that writes what the workers have put into their queues, so that no worker ever waits
 * for a disk, a pipe or a daemon. While nothing comes it sleeps, and the first line wakes it; then
 * it gathers for a moment (100 ms, or until a queue is half full) and writes what has come in one
 * piece.
 *
 * Nothing is lost silently: what found no room in a queue (`dropped`) and what the target refused
 * (`lost`) is counted, and said through `tell`, at most once a second.
 */
#ifndef LOGS_WRITER_H
#define LOGS_WRITER_H

#include "logs/queue.h"
#include "logs/target.h"

struct line_writer;

struct line_writer_options {
    unsigned queues; /* one for each worker */
    size_t queue_bytes;
    void (*tell)(const char *sentence); /* on the writer's thread; NULL: to nobody */
};

struct line_writer *line_writer_new(const struct line_writer_options *o);
int line_writer_start(struct line_writer *w) MUST_CHECK; /* -errno: no thread */

/* On the one thread that has this queue. `line` ends in its only line feed; at most LINE_BYTES_MAX.
 */
void line_writer_put(struct line_writer *w, unsigned queue, struct str line);
/* The same without a copy (line_queue_room()). */
char *line_writer_room(const struct line_writer *w, unsigned queue, size_t n);
void line_writer_made(struct line_writer *w, unsigned queue, size_t n);

/*
 * From any thread but the writer's: lines go to `t` from now on, which is taken; NULL: nowhere.
 * What has been written of a batch stays where it is, the rest follows to `t`, whole lines only:
 * none is in both, or in neither. To reopen a file that was renamed, open it again and hand it
 * over.
 */
void line_writer_turn_to(struct line_writer *w, struct line_target *t);

/* Writes what waits, but for no longer than a second when the target takes nothing. No more put()
 * from then on. Nothing when it was not started. */
void line_writer_stop(struct line_writer *w);
void line_writer_free(struct line_writer **w); /* stopped, or never started */

struct line_writer_stats {
    uint64_t accepted; /* lines put into queues */
    uint64_t dropped;  /* lines that found no room */
    uint64_t lost;     /* of those accepted: what the target refused */
};
void line_writer_stats(const struct line_writer *w, struct line_writer_stats *ret);

#endif
