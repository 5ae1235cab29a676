/* For tests: clusters of servers with short names, and the changes that a worker is told of. */
#ifndef ORIGIN_CLUSTER_TESTING_H
#define ORIGIN_CLUSTER_TESTING_H

#include <stdio.h>

#include "base/test.h"
#include "origin/cluster_internal.h"

/* "http://a", "http://b" ... */
static inline void test_server_names(struct str *ret, unsigned n)
{
    static char text[CLUSTER_MAX_SERVERS][12];

    for (unsigned i = 0; i < n; i++) {
        int length = snprintf(text[i], sizeof text[i], "http://%c%.0d", 'a' + i % 26, (int)i / 26);

        ret[i] = (struct str){text[i], (size_t)length};
    }
}

static inline struct cluster_settings test_settings(const struct str *servers, unsigned n)
{
    return (struct cluster_settings){
        .name = STR("/vod/"),
        .servers = servers,
        .server_count = n,
        .balance = BALANCE_ROUND_ROBIN,
        .connect_timeout = 8 * USEC_PER_SEC,
        .first_byte_timeout = 30 * USEC_PER_SEC,
        .stall_timeout = 30 * USEC_PER_SEC,
        .deadline = 60 * USEC_PER_SEC,
        .retries = 2,
        .resumes = 5,
        .retry_pause = 100 * USEC_PER_MSEC,
        .eject_after = 3,
        .eject_time = USEC_PER_SEC,
        .eject_max = 60 * USEC_PER_SEC,
        .health = {.timeout = 2 * USEC_PER_SEC, .rise = 2, .fall = 3},
    };
}

static inline struct cluster *test_cluster(const struct cluster_settings *s)
{
    struct buf error = {.cap = 1024};
    struct cluster *c = NULL;
    int server;

    if (cluster_new(s, &c, &server, &error) < 0)
        fail_msg("server %d: %.*s", server, STR_FMT(buf_str(&error)));
    return c;
}

static inline enum server_state test_state(const struct cluster *c, unsigned server, struct loop *l)
{
    struct server_view v;

    cluster_view(c, server, loop_now(l), &v);
    return v.state;
}

#endif
