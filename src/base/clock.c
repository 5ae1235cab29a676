/* clock_gettime, unless a test has set the time. */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

static _Atomic usec_t fake_monotonic;
static _Atomic unix_t fake_unix = -1;

static usec_t read_clock(clockid_t id)
{
    struct timespec t;

    clock_gettime(id, &t);
    return (usec_t)t.tv_sec * USEC_PER_SEC + (usec_t)t.tv_nsec / 1000;
}

usec_t clock_monotonic(void)
{
    return fake_unix < 0 ? read_clock(CLOCK_MONOTONIC) : fake_monotonic;
}

usec_t clock_unix_usec(void)
{
    unix_t fake = fake_unix;

    return fake < 0 ? read_clock(CLOCK_REALTIME) : (usec_t)fake * USEC_PER_SEC;
}

unix_t clock_unix(void)
{
    return (unix_t)(clock_unix_usec() / USEC_PER_SEC);
}

void clock_set_fake(usec_t monotonic_now, unix_t unix_now)
{
    fake_monotonic = monotonic_now;
    fake_unix = unix_now;
}
