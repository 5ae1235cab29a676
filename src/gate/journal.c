/*
 * Rings behind one lock for each worker. The lock is the worker's own and all but never contended:
 * only a reader of the API's logs ever meets it, and holds it for a copy.
 */
#include "gate/journal.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"

struct ring {
    unsigned capacity, count, next;
    uint64_t told;                  /* of how many since the beginning */
    struct journal_record *records; /* owned */
};

struct journal {
    pthread_mutex_t lock;
    struct ring rings[JOURNAL_COUNT];
};

static const unsigned kept_of[] = {
#define X(name, kept, what) kept,
    JOURNALS(X)
#undef X
};

unsigned journal_kept(enum journal_ring ring)
{
    return kept_of[ring];
}

struct journal *journal_new(void)
{
    struct journal *j = xzalloc(sizeof *j);

    pthread_mutex_init(&j->lock, NULL);
    for (int i = 0; i < JOURNAL_COUNT; i++) {
        j->rings[i].capacity = kept_of[i];
        j->rings[i].records = xcalloc(kept_of[i], sizeof(struct journal_record));
    }
    return j;
}

void journal_free(struct journal **j)
{
    struct journal *old = TAKE(*j);

    if (old == NULL)
        return;
    for (int i = 0; i < JOURNAL_COUNT; i++)
        free(old->rings[i].records);
    pthread_mutex_destroy(&old->lock);
    free(old);
}

void journal_add(struct journal *j, enum journal_ring which, const struct journal_record *r)
{
    struct ring *ring = &j->rings[which];

    pthread_mutex_lock(&j->lock);
    ring->records[ring->next] = *r;
    ring->next = (ring->next + 1) % ring->capacity;
    ring->count = MIN(ring->count + 1, ring->capacity);
    ring->told++;
    pthread_mutex_unlock(&j->lock);
}

uint64_t journal_told(struct journal *j, enum journal_ring which)
{
    uint64_t told;

    pthread_mutex_lock(&j->lock);
    told = j->rings[which].told;
    pthread_mutex_unlock(&j->lock);
    return told;
}

static unsigned copy_ring(struct journal *j, enum journal_ring which, struct journal_record *out)
{
    struct ring *ring = &j->rings[which];
    unsigned n;

    pthread_mutex_lock(&j->lock);
    n = ring->count;
    for (unsigned i = 0; i < n; i++)
        out[i] = ring->records[(ring->next + ring->capacity - 1 - i) % ring->capacity];
    pthread_mutex_unlock(&j->lock);
    return n;
}

static int newest_first(const void *a, const void *b)
{
    usec_t x = ((const struct journal_record *)a)->ended,
           y = ((const struct journal_record *)b)->ended;

    return (x < y) - (x > y);
}

unsigned journal_read(struct journal *const *journals, unsigned count, enum journal_ring which,
                      unsigned limit, struct arena *a, struct journal_record **ret)
{
    struct journal_record *all = xcalloc((size_t)count * kept_of[which], sizeof *all);
    unsigned n = 0;

    for (unsigned i = 0; i < count; i++)
        n += copy_ring(journals[i], which, all + n);
    qsort(all, n, sizeof *all, newest_first);
    n = MIN(n, limit);
    n = MIN(n, kept_of[which]);
    *ret = arena_alloc(a, n * sizeof *all);
    if (*ret == NULL)
        n = 0;
    else if (n > 0)
        memcpy(*ret, all, n * sizeof *all);
    free(all);
    return n;
}
