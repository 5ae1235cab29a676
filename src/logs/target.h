/*
 * Where lines go: a file (or a pipe with a name), stdout, the system's log in the form of RFC 3164,
 * or journald in its native protocol. The last two are datagrams to a socket of this machine, one
 * a line: no library is needed for that. Not thread-safe: whoever writes owns it.
 */
#ifndef LOGS_TARGET_H
#define LOGS_TARGET_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/str.h"

enum line_target_kind { LINES_TO_FILE, LINES_TO_STDOUT, LINES_TO_SYSLOG, LINES_TO_JOURNALD };

struct line_target_options {
    enum line_target_kind kind;
    struct str path;   /* of the file; NUL-terminated, as `socket` is */
    struct str socket; /* of syslog or journald; "": where the system has it */
};

struct line_target;

/* -errno, with a sentence in `error`. A file is made when missing (0640), and appended to; a
 * line that somebody has left half done there is ended first. */
int line_target_open(const struct line_target_options *o, struct line_target **ret,
                     struct buf *error) MUST_CHECK;
void line_target_close(struct line_target **t);

/*
 * Writes from the front of `lines`, which end in a line feed each. How many bytes of them are done
 * with; -EAGAIN: it takes nothing now, poll line_target_fd() for room; -errno: it failed. May stop
 * within a line: what is left of it must come first in the next call, unless it is given up. Never
 * blocks.
 */
ssize_t line_target_write(struct line_target *t, struct str lines);
/* The rest of a line that it has begun never comes: it is ended before another begins. */
void line_target_give_up(struct line_target *t);
int line_target_fd(const struct line_target *t);

#endif
