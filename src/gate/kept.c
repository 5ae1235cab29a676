#include "gate/kept.h"

#include <string.h>

enum { KEPT_VERSION = 1 };

/* In this machine's byte order: the folder belongs to one machine. */
struct kept {
    uint32_t version;
    uint16_t etag_n, type_n;
    int64_t last_modified;
    int64_t fresh_until, stale_until, error_until; /* unix microseconds */
};

static int64_t to_wall(const _Atomic usec_t *t, usec_t now, unix_t unix_now)
{
    int64_t from_now = (int64_t)(atomic_load_explicit(t, memory_order_relaxed) - now);

    return unix_now * (int64_t)USEC_PER_SEC + from_now;
}

/* What was over before this machine was started is over now: no earlier than the clock's begin. */
static usec_t to_monotonic(int64_t t, usec_t now, unix_t unix_now)
{
    int64_t from_now = t - unix_now * (int64_t)USEC_PER_SEC;

    return from_now > -(int64_t)now ? (usec_t)((int64_t)now + from_now) : 0;
}

void kept_write(const struct cache_entry *e, usec_t now, unix_t unix_now, struct buf *ret)
{
    struct kept k = {.version = KEPT_VERSION,
                     .etag_n = (uint16_t)e->etag.n,
                     .type_n = (uint16_t)e->type.n,
                     .last_modified = e->last_modified,
                     .fresh_until = to_wall(&e->fresh_until, now, unix_now),
                     .stale_until = to_wall(&e->stale_until, now, unix_now),
                     .error_until = to_wall(&e->error_until, now, unix_now)};

    assert(e->etag.n <= UINT16_MAX && e->type.n <= UINT16_MAX);
    buf_add(ret, (struct str){(const char *)&k, sizeof k});
    buf_add(ret, e->etag);
    buf_add(ret, e->type);
}

int kept_read(struct str meta, usec_t now, unix_t unix_now, struct cache_entry *ret)
{
    struct kept k;

    if (meta.n < sizeof k)
        return -1;
    memcpy(&k, meta.p, sizeof k);
    meta = str_skip(meta, sizeof k);
    if (k.version != KEPT_VERSION || meta.n != (size_t)k.etag_n + k.type_n)
        return -1;
    *ret = (struct cache_entry){
        .etag = str_first(meta, k.etag_n),
        .type = str_skip(meta, k.etag_n),
        .last_modified = k.last_modified,
        .status = 200,
        .fresh_until = to_monotonic(k.fresh_until, now, unix_now),
        .stale_until = to_monotonic(k.stale_until, now, unix_now),
        .error_until = to_monotonic(k.error_until, now, unix_now),
    };
    return 0;
}
