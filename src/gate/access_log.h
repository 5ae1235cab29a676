/*
 * The access log: one line for each request that is over, as JSON or in the combined format of web
 * servers with what the gate knows behind it. Lines are made once, in memory of the worker's, and
 * go to the queue of a writer that no request ever waits for (logs/writer.h).
 *
 * No line holds what lets anybody in: no query (tokens stand there), no cookie, no Authorization,
 * no Referer, which may be somebody's signed URL.
 */
#ifndef GATE_ACCESS_LOG_H
#define GATE_ACCESS_LOG_H

#include "conf/conf.h"
#include "logs/writer.h"

enum access_log_to { /* the first is that of SPEC's `path` alone */
                     ACCESS_LOG_FILE,
                     ACCESS_LOG_STDOUT,
                     ACCESS_LOG_SYSLOG,
                     ACCESS_LOG_JOURNALD
};

enum access_log_format { ACCESS_LOG_JSON, ACCESS_LOG_COMBINED };

/* `log.access` */
struct access_log_settings {
    int to;          /* enum access_log_to */
    struct str path; /* of the file; "": none, no log */
    struct str socket;
    int format;     /* enum access_log_format */
    uint64_t queue; /* bytes, of each worker */
};

extern const struct conf_field access_log_fields[];

bool access_log_is_on(const struct access_log_settings *s);
/* Where its lines go; borrowed strings. Only when it is on. */
struct line_target_options access_log_target(const struct access_log_settings *s);

struct req;

/* When a request was over, and how long it took. */
struct access_times {
    usec_t at;         /* wall clock, microseconds */
    usec_t first_byte; /* from its beginning to its answer's; ACCESS_NEVER: there was none */
    usec_t total;
};

#define ACCESS_NEVER UINT64_MAX

/* A worker's: memory to make a line in, and the queue it goes to. */
struct access_log;
/* `w` is borrowed; NULL: there is nobody to write, and nothing is ever added. */
struct access_log *access_log_new(struct line_writer *w, unsigned queue);
void access_log_free(struct access_log **l);

/* If the request's rules want a line of it. */
void access_log_add(struct access_log *l, const struct req *r, const struct access_times *t);

/* The line alone, its line feed included, in memory of `l`'s: until the next one. */
struct str access_log_line(struct access_log *l, const struct req *r, const struct access_times *t,
                           enum access_log_format format);

#endif
