/*
 * What all workers have noted, together. The rows of one kind are added up by their hashes, in a
 * table of the reader's; then only those that are shown are looked up again for their texts and
 * viewers. Between the two looks a key may have lost all its places: then it is not shown.
 */
#include "gate/audience_internal.h"

#include <stdlib.h>

#include "gate/gate.h"

static struct audience *audience_of(const struct gate *g, unsigned worker)
{
    return g->workers[worker]->audience;
}

/* ---- counts ---- */

struct distinct {
    struct sketch viewers, keys[AUDIENCE_KINDS];
};

static void add_minute(struct distinct *d, const struct audience_minute *m)
{
    if (m == NULL)
        return;
    sketch_merge(&d->viewers, &m->viewers);
    for (int k = 0; k < AUDIENCE_KINDS; k++)
        sketch_merge(&d->keys[k], &m->tables[k].keys);
}

void audience_count(const struct gate *g, usec_t now, struct audience_counts *ret)
{
    uint64_t number = now / AUDIENCE_WINDOW;
    struct distinct d = {0};

    for (unsigned i = 0; i < g->worker_count; i++) {
        struct audience *a = audience_of(g, i);

        pthread_mutex_lock(&a->lock);
        add_minute(&d, audience_minute(a, number));
        add_minute(&d, audience_minute(a, number - 1));
        pthread_mutex_unlock(&a->lock);
    }
    ret->viewers = sketch_count(&d.viewers);
    sketch_done(&d.viewers);
    for (int k = 0; k < AUDIENCE_KINDS; k++) {
        ret->keys[k] = sketch_count(&d.keys[k]);
        sketch_done(&d.keys[k]);
    }
}

unsigned audience_seconds(const struct gate *g, usec_t now)
{
    usec_t minute = now / AUDIENCE_WINDOW * AUDIENCE_WINDOW;
    usec_t since = minute > 0 ? minute - AUDIENCE_WINDOW : 0, began = now;

    for (unsigned i = 0; i < g->worker_count; i++)
        began = MIN(began, audience_of(g, i)->began);
    return (unsigned)MAX((now - MAX(since, began)) / USEC_PER_SEC, (usec_t)1);
}

/* ---- rows ---- */

struct sum {
    uint64_t tag, bytes, requests; /* tag 0: free */
};

struct sums {
    struct sum *table; /* owned; open addressing, at most half full */
    size_t mask;
};

static void sums_init(struct sums *s, unsigned workers)
{
    size_t most = (size_t)workers * AUDIENCE_MINUTES * AUDIENCE_PLACES, room = 1;

    while (room < 2 * most)
        room *= 2;
    s->table = xcalloc(room, sizeof *s->table);
    s->mask = room - 1;
}

static struct sum *sum_of(struct sums *s, uint64_t tag)
{
    size_t i = (tag >> 32) & s->mask;

    while (s->table[i].tag != 0 && s->table[i].tag != tag)
        i = (i + 1) & s->mask;
    s->table[i].tag = tag;
    return &s->table[i];
}

static void add_set(struct sums *s, const struct audience_set *set,
                    const struct audience_place places[AUDIENCE_WAYS])
{
    for (int w = 0; w < AUDIENCE_WAYS; w++)
        if (set->tags[w] != 0) {
            struct sum *sum = sum_of(s, set->tags[w]);

            sum->bytes += set->weights[w] - places[w].inherited;
            sum->requests += set->requests[w];
        }
}

static void add_table(struct sums *s, const struct audience_table *t)
{
    for (int i = 0; i < AUDIENCE_SETS; i++)
        add_set(s, &t->sets[i], t->places[i]);
}

static bool comes_before(const struct sum *a, const struct sum *b)
{
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes;
    return a->requests != b->requests ? a->requests > b->requests : a->tag < b->tag;
}

/* Into the first `count`, which are in order. Returns how many there are then. */
static unsigned insert(struct sum *top, unsigned count, const struct sum *s)
{
    unsigned at = count;

    while (at > 0 && comes_before(s, &top[at - 1]))
        at--;
    if (at == AUDIENCE_TOP_MAX)
        return count;
    count = MIN(count + 1, (unsigned)AUDIENCE_TOP_MAX);
    memmove(top + at + 1, top + at, (count - at - 1) * sizeof *top);
    top[at] = *s;
    return count;
}

static unsigned pick(const struct sums *s, struct sum top[AUDIENCE_TOP_MAX])
{
    unsigned count = 0;

    for (size_t i = 0; i <= s->mask; i++)
        if (s->table[i].tag != 0)
            count = insert(top, count, &s->table[i]);
    return count;
}

static unsigned find_top(const struct gate *g, uint64_t number, enum audience_kind kind,
                         struct sum top[AUDIENCE_TOP_MAX])
{
    struct sums sums;
    unsigned count;

    sums_init(&sums, g->worker_count);
    for (unsigned i = 0; i < g->worker_count; i++) {
        struct audience *a = audience_of(g, i);

        pthread_mutex_lock(&a->lock);
        for (int back = 0; back < AUDIENCE_MINUTES; back++) {
            const struct audience_minute *m = audience_minute(a, number - (uint64_t)back);

            if (m != NULL)
                add_table(&sums, &m->tables[kind]);
        }
        pthread_mutex_unlock(&a->lock);
    }
    count = pick(&sums, top);
    free(sums.table);
    return count;
}

/* ---- what is shown of them ---- */

/* NULL: none. */
static const struct audience_place *find(const struct audience_table *t, uint64_t tag)
{
    unsigned set = audience_set_of(tag);
    int w = audience_way(&t->sets[set], tag);

    return w < AUDIENCE_WAYS ? &t->places[set][w] : NULL;
}

static void describe(const struct audience_minute *m, enum audience_kind kind, uint64_t tag,
                     struct audience_row *row, struct sketch *viewers)
{
    const struct audience_place *p = m != NULL ? find(&m->tables[kind], tag) : NULL;

    if (p == NULL)
        return;
    row->key_n = p->key_n;
    memcpy(row->key, p->key, p->key_n);
    sketch_merge(viewers, &p->viewers);
}

static void describe_all(const struct gate *g, uint64_t number, enum audience_kind kind,
                         const struct sum *top, struct audience_top *rows, struct sketch *viewers)
{
    for (unsigned i = 0; i < g->worker_count; i++) {
        struct audience *a = audience_of(g, i);

        pthread_mutex_lock(&a->lock);
        for (unsigned n = 0; n < rows->count; n++)
            for (int back = 0; back < AUDIENCE_MINUTES; back++)
                describe(audience_minute(a, number - (uint64_t)back), kind, top[n].tag,
                         &rows->rows[n], &viewers[n]);
        pthread_mutex_unlock(&a->lock);
    }
}

void audience_read(const struct gate *g, usec_t now, enum audience_kind kind,
                   struct audience_top *ret)
{
    uint64_t number = now / AUDIENCE_WINDOW;
    struct sketch viewers[AUDIENCE_TOP_MAX] = {0};
    struct sum top[AUDIENCE_TOP_MAX];
    unsigned found = find_top(g, number, kind, top);

    memset(ret, 0, sizeof *ret);
    ret->count = found;
    describe_all(g, number, kind, top, ret, viewers);
    ret->count = 0;
    for (unsigned n = 0; n < found; n++) {
        struct audience_row row = ret->rows[n];

        row.bytes = top[n].bytes;
        row.requests = top[n].requests;
        row.viewers = sketch_count(&viewers[n]);
        sketch_done(&viewers[n]);
        if (row.key_n > 0)
            ret->rows[ret->count++] = row;
    }
}
