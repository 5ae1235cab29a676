/*
 * The process's log: lines to stderr, one write each, from any thread, never blocking it: lines
 * wait in a bounded buffer for a thread that writes them; what does not fit is dropped and counted,
 * and the count is logged. Control characters and bytes that are not UTF-8 are written as \xHH, so
 * no input can forge a line. Only gate, admin and server log; the modules below return, but for the
 * store's connections to Redis, which come and go by themselves and have nobody to tell.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdarg.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Starts the writing thread. Before it, and after log_stop(), lines are written at once. */
void log_start(enum log_level most_verbose);
void log_set_level(enum log_level most_verbose);
bool log_wants(enum log_level level);
void log_stop(void); /* returns when everything is written */

/* "2026-11-22T10:00:00.123Z warn  text". */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* `s` in double quotes, with those inside of it escaped: what a peer sent cannot pretend to be
 * another field. */
struct str log_quote(struct arena *a, struct str s);

unsigned long log_dropped(void);

#endif
