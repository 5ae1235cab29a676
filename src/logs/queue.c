/*
 * `head` and `tail` count bytes since the beginning and never wrap in practice; their difference is
 * what waits. Only whole lines are published, so whatever waits begins and ends with one.
 */
#include "logs/queue.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

enum { CACHE_LINE = 64 };

struct line_queue {
    size_t size; /* a power of two */
    char *bytes; /* owned */
    /* The producer's, and apart from it the consumer's: neither slows the other's writes. */
    _Alignas(CACHE_LINE) _Atomic uint64_t head;
    _Atomic uint64_t accepted, dropped;
    _Alignas(CACHE_LINE) _Atomic uint64_t tail;
};

struct line_queue *line_queue_new(size_t bytes)
{
    struct line_queue *q = aligned_alloc(CACHE_LINE, sizeof *q);

    assert(q != NULL);
    memset(q, 0, sizeof *q);
    q->size = 2 * LINE_BYTES_MAX;
    while (q->size < bytes)
        q->size *= 2;
    q->bytes = xmalloc(q->size); /* pages are taken as they are first written */
    return q;
}

void line_queue_free(struct line_queue **q)
{
    struct line_queue *old = TAKE(*q);

    if (old == NULL)
        return;
    free(old->bytes);
    free(old);
}

static void add(_Atomic uint64_t *own, uint64_t by)
{
    uint64_t now = atomic_load_explicit(own, memory_order_relaxed);

    atomic_store_explicit(own, now + by, memory_order_relaxed);
}

static void copy_in(struct line_queue *q, uint64_t at, struct str line)
{
    size_t offset = at & (q->size - 1), first = MIN(line.n, q->size - offset);

    memcpy(q->bytes + offset, line.p, first);
    memcpy(q->bytes, line.p + first, line.n - first);
}

static uint64_t head_of(const struct line_queue *q) /* on the producer's thread */
{
    return atomic_load_explicit(&q->head, memory_order_relaxed);
}

static size_t free_bytes(const struct line_queue *q)
{
    return q->size - (size_t)(head_of(q) - atomic_load_explicit(&q->tail, memory_order_acquire));
}

char *line_queue_room(const struct line_queue *q, size_t n)
{
    size_t offset = head_of(q) & (q->size - 1);

    return n <= free_bytes(q) && n <= q->size - offset ? q->bytes + offset : NULL;
}

void line_queue_made(struct line_queue *q, size_t n)
{
    add(&q->accepted, 1);
    /* In one order with the writer's falling asleep: see line_writer_put(). */
    atomic_store(&q->head, head_of(q) + n);
}

bool line_queue_put(struct line_queue *q, struct str line)
{
    assert(line.n > 0 && line.n <= LINE_BYTES_MAX && line.p[line.n - 1] == '\n');
    if (line.n > free_bytes(q)) {
        add(&q->dropped, 1);
        return false;
    }
    copy_in(q, head_of(q), line);
    line_queue_made(q, line.n);
    return true;
}

static uint64_t waiting(const struct line_queue *q)
{
    return atomic_load(&q->head) - atomic_load_explicit(&q->tail, memory_order_relaxed);
}

bool line_queue_is_filling(const struct line_queue *q)
{
    return waiting(q) > q->size / 2;
}

bool line_queue_is_empty(const struct line_queue *q)
{
    return waiting(q) == 0;
}

static void copy_out(const struct line_queue *q, uint64_t at, char *to, size_t n)
{
    size_t offset = at & (q->size - 1), first = MIN(n, q->size - offset);

    memcpy(to, q->bytes + offset, first);
    memcpy(to + first, q->bytes, n - first);
}

size_t line_queue_take(struct line_queue *q, char *to, size_t room)
{
    uint64_t tail = atomic_load_explicit(&q->tail, memory_order_relaxed);
    size_t all = (size_t)(atomic_load(&q->head) - tail), n = MIN(all, room);

    assert(room >= LINE_BYTES_MAX);
    copy_out(q, tail, to, n);
    if (n < all)
        n = (size_t)(str_rfind_char((struct str){to, n}, '\n') + 1);
    atomic_store_explicit(&q->tail, tail + n, memory_order_release);
    return n;
}

uint64_t line_queue_accepted(const struct line_queue *q)
{
    return atomic_load_explicit(&q->accepted, memory_order_relaxed);
}

uint64_t line_queue_dropped(const struct line_queue *q)
{
    return atomic_load_explicit(&q->dropped, memory_order_relaxed);
}
