/* Adding to a report, for conf/ alone. */
#ifndef CONF_REPORT_H
#define CONF_REPORT_H

#include <stdarg.h>

#include "conf/conf.h"

/* Everything is copied into the report's arena: a report outlives the snapshot that came to
 * nothing. */
void conf_report_add(struct conf_report *report, struct str file, struct str key, unsigned line,
                     const char *format, ...) PRINTF_LIKE(5, 6);
void conf_report_vadd(struct conf_report *report, struct str file, struct str key, unsigned line,
                      const char *format, va_list args) PRINTF_LIKE(5, 0);

/* "%.*s" of what somebody typed: enough to find it again. */
enum { CONF_QUOTED_MAX = 64 };
#define CONF_QUOTED(s) (int)MIN((s).n, (size_t)CONF_QUOTED_MAX), (s).p

#endif
