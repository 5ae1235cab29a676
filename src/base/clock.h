/*
 * Time. Two clocks, never mixed: `usec_t` on the monotonic clock for deadlines, `unix_t` seconds of
 * wall time for what is signed, stored or shown. Tests may set both.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

typedef uint64_t usec_t; /* microseconds, monotonic */
typedef int64_t unix_t;  /* seconds since 1970-01-01 UTC */

#define USEC_PER_SEC ((usec_t)1000000)
#define USEC_PER_MSEC ((usec_t)1000)

usec_t clock_monotonic(void);
unix_t clock_unix(void);
usec_t clock_unix_usec(void);

/* For tests: from now on both clocks answer this. `unix_now` < 0: real time again. */
void clock_set_fake(usec_t monotonic_now, unix_t unix_now);

#endif
