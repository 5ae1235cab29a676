/*
 * Pieces of a line, written one behind the other: each function writes at `to` and returns where
 * the next piece goes. Room is the caller's to count: texts take at most LINE_GROWTH bytes for each
 * of theirs, numbers LINE_NUMBER_MAX.
 *
 * Whatever bytes a peer sent, a text stays where it was put: it ends neither its string nor its
 * line, a terminal that shows it obeys nothing of it, and no character in it reorders what stands
 * around it.
 */
#ifndef LOGS_ESCAPE_H
#define LOGS_ESCAPE_H

#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"

enum { LINE_GROWTH = 6, LINE_NUMBER_MAX = 24 };

/* Between the quotes of a JSON string (RFC 8259 7): always UTF-8. Bytes that are part of no
 * character come out as \\xHH, as in the API's answers; what cannot be seen as \uXXXX. */
char *line_json(char *to, struct str s);

/* Between quotes, in the way of Apache and nginx: everything but printable ASCII is \xHH. */
char *line_quoted(char *to, struct str s);

/* A field without quotes: what may not stand in a path is percent-encoded (RFC 3986 3.3); "" is
 * "-". */
char *line_bare(char *to, struct str s);

/* Of our own making: a line has thirty of them, most of them literals, which are copied by moves.
 */
static inline char *line_raw(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

char *line_u64(char *to, uint64_t n);
char *line_fraction(char *to, usec_t at); /* ".045": the milliseconds of its second */
char *line_msec(char *to, usec_t usec);   /* "0.123" */
char *line_sec(char *to, usec_t usec);    /* "0.000123" */

#endif
