/*
 * Who was delivered most, of up to LIST_SCAN_MAX uids: a heap of where they stand, with the least
 * of them at its root, which is the one to go when a better one comes. Nothing is read or copied
 * but for those that are left: whoever looks at the dashboard must not hold a worker up.
 */
#include <errno.h>
#include <stdlib.h>

#include "store/embedded.h"

/* Borrowed from the pages of the read transaction. */
struct candidate {
    uint64_t bytes;
    struct str key, value;
};

struct search {
    struct candidate *heap; /* in the list's arena */
    unsigned count, limit;
};

static struct str uid_of(const struct candidate *c)
{
    return str_skip(c->key, 1); /* its length */
}

static int compare(const void *x, const void *y)
{
    const struct candidate *a = x, *b = y;

    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return str_cmp(uid_of(a), uid_of(b));
}

static bool comes_before(const struct candidate *a, const struct candidate *b)
{
    return compare(a, b) < 0;
}

static void swap(struct candidate *heap, unsigned a, unsigned b)
{
    struct candidate c = heap[a];

    heap[a] = heap[b];
    heap[b] = c;
}

static void sift_up(struct candidate *heap, unsigned at)
{
    for (; at > 0 && comes_before(&heap[(at - 1) / 2], &heap[at]); at = (at - 1) / 2)
        swap(heap, at, (at - 1) / 2);
}

static void sift_down(struct candidate *heap, unsigned count)
{
    for (unsigned at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && comes_before(&heap[child], &heap[child + 1]))
            child++;
        if (!comes_before(&heap[at], &heap[child]))
            return;
        swap(heap, at, child);
    }
}

static void consider(struct search *s, struct str key, struct str value)
{
    struct candidate c = {.key = key, .value = value};
    unix_t first;

    if (!traffic_peek(value, &first, &c.bytes))
        return;
    if (s->count < s->limit) {
        s->heap[s->count] = c;
        sift_up(s->heap, s->count++);
    } else if (comes_before(&c, &s->heap[0])) {
        s->heap[0] = c;
        sift_down(s->heap, s->count);
    }
}

/* Is there more than could be looked at? */
static bool search(struct db_tx *tx, struct search *s)
{
    struct str key, value;
    bool more = s->limit > 0 && db_seek(tx, DB_TRAFFIC, STR_NONE, &key, &value);

    for (int looked = 0; more && looked < LIST_SCAN_MAX; looked++) {
        consider(s, key, value);
        more = db_next(tx, DB_TRAFFIC, &key, &value);
    }
    qsort(s->heap, s->count, sizeof *s->heap, compare);
    return more;
}

/* What is no record is left out. */
static int read_line(struct traffic_list *l, const struct candidate *c)
{
    struct traffic_line *line = &l->lines[l->count];

    if (!traffic_unpack(c->value, &line->counts))
        return 0;
    line->uid = arena_copy(l->arena, uid_of(c));
    l->count++; /* with it, what it holds is given back */
    return line->uid.p != NULL ? 0 : -ENOMEM;
}

static int list_lines(struct db_tx *tx, struct traffic_list *l)
{
    size_t room = MAX(l->limit, 1u);
    struct search s = {.heap = arena_alloc(l->arena, room * sizeof *s.heap), .limit = l->limit};
    int r = 0;

    l->lines = arena_alloc(l->arena, room * sizeof *l->lines);
    if (s.heap == NULL || l->lines == NULL)
        return -ENOMEM;
    l->is_partial = search(tx, &s);
    for (unsigned i = 0; r == 0 && i < s.count; i++)
        r = read_line(l, &s.heap[i]);
    return r;
}

int embedded_traffic_list(struct store_worker *worker, struct traffic_list *l)
{
    struct embedded_worker *w = embedded_worker(worker);
    struct db_tx *tx = &w->reader;
    int end, r = db_begin_read(tx);

    if (r < 0)
        return r;
    l->count = 0;
    l->uids = db_count(tx, DB_TRAFFIC);
    l->limit = (unsigned)MIN((uint64_t)l->limit, l->uids);
    l->waiting = db_count(tx, DB_REPORTS);
    l->bytes = meta_get(tx, STR("traffic_bytes"));
    l->requests = meta_get(tx, STR("traffic_requests"));
    l->acknowledged = meta_get(tx, STR("traffic_acknowledged"));
    r = list_lines(tx, l);
    end = db_end_read(tx);
    r = end < 0 ? end : r;
    if (r == 0)
        return 1;
    traffic_lines_done(l->lines, l->count);
    l->count = 0;
    return r;
}
