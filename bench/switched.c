/*
 * hlsgate with a switch for metering and the access log, for the benchmark: linked with --wrap of
 * the two, it turns them off and on again and notes what a request costs in each state. So both are
 * measured in one process, with the same connections, a moment apart: on a machine where the same
 * thing costs a fifth more a minute later, two daemons side by side cannot show a few parts in a
 * hundred.
 *
 * BENCH_SWITCHED names a file; a line for each pair of slices: microseconds of CPU for each
 * request, with and without.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "gate/access_log.h"
#include "gate/metering.h"

enum {
    SETTLE_MSEC = 150, /* what was logged before is written by then */
    SLICE_MSEC = 200,
    THREADS_MAX = 64,
    REQUESTS_MIN = 300, /* of a slice; fewer say nothing */
};

void __wrap_meter_request(struct req *r);
void __real_meter_request(struct req *r);
void __wrap_access_log_add(struct access_log *l, const struct req *r, const struct access_times *t);
void __real_access_log_add(struct access_log *l, const struct req *r, const struct access_times *t);

static atomic_bool is_on = true;
static atomic_uint thread_count;
static struct {
    _Alignas(64) _Atomic unsigned long requests;
} of_thread[THREADS_MAX];

static void count_request(void)
{
    static _Thread_local unsigned own; /* 1 and up */

    if (own == 0)
        own = atomic_fetch_add(&thread_count, 1) % THREADS_MAX + 1;
    atomic_fetch_add_explicit(&of_thread[own - 1].requests, 1, memory_order_relaxed);
}

void __wrap_meter_request(struct req *r)
{
    if (atomic_load_explicit(&is_on, memory_order_relaxed))
        __real_meter_request(r);
}

void __wrap_access_log_add(struct access_log *l, const struct req *r, const struct access_times *t)
{
    count_request();
    if (atomic_load_explicit(&is_on, memory_order_relaxed))
        __real_access_log_add(l, r, t);
}

struct moment {
    double cpu; /* microseconds */
    unsigned long requests;
};

static struct moment moment_now(void)
{
    struct moment m = {0};
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    m.cpu = (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
    for (int i = 0; i < THREADS_MAX; i++)
        m.requests += atomic_load(&of_thread[i].requests);
    return m;
}

static void pause_msec(long msec)
{
    nanosleep(&(struct timespec){msec / 1000, msec % 1000 * 1000000}, NULL);
}

/* Negative: too few requests. */
static double cost(bool on)
{
    struct moment before, after;

    atomic_store(&is_on, on);
    pause_msec(SETTLE_MSEC);
    before = moment_now();
    pause_msec(SLICE_MSEC);
    after = moment_now();
    if (after.requests - before.requests < REQUESTS_MIN)
        return -1;
    return (after.cpu - before.cpu) / (double)(after.requests - before.requests);
}

/* On, off, off, on: what grows or falls meanwhile concerns both alike. */
static void *measure(void *file)
{
    for (bool on_first = true;; on_first = !on_first) {
        double first = cost(on_first), second = cost(!on_first);

        if (first > 0 && second > 0)
            fprintf(file, "%.4f %.4f\n", on_first ? first : second, on_first ? second : first);
        fflush(file);
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("BENCH_SWITCHED");
    FILE *file = name != NULL ? fopen(name, "a") : NULL;
    pthread_t thread;

    if (file != NULL)
        pthread_create(&thread, NULL, measure, file);
}
