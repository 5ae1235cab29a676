/*
 * A list behind a lock for each worker. To show the first hundred of ten thousand, each is looked
 * at, but only what belongs to the answer is copied: the rows are a heap with the last of them at
 * its root, which is the one to go when a better one comes.
 */
#include "gate/transfers.h"

#include <pthread.h>
#include <stdlib.h>

#include "gate/req.h"

#define SPEED_SPAN USEC_PER_SEC /* looks that follow each other sooner see the same speed */

struct transfers {
    pthread_mutex_t lock;
    struct list running; /* struct transfer */
    unsigned count;
};

struct transfers *transfers_new(void)
{
    struct transfers *t = xzalloc(sizeof *t);

    pthread_mutex_init(&t->lock, NULL);
    list_init(&t->running);
    return t;
}

void transfers_free(struct transfers **t)
{
    struct transfers *old = TAKE(*t);

    if (old == NULL)
        return;
    assert(list_is_empty(&old->running));
    pthread_mutex_destroy(&old->lock);
    free(old);
}

void transfers_add(struct transfers *t, struct req *r)
{
    pthread_mutex_lock(&t->lock);
    list_append(&t->running, &r->transfer.link);
    t->count++;
    pthread_mutex_unlock(&t->lock);
}

void transfers_remove(struct transfers *t, struct req *r)
{
    if (list_is_empty(&r->transfer.link))
        return;
    pthread_mutex_lock(&t->lock);
    list_remove(&r->transfer.link);
    t->count--;
    pthread_mutex_unlock(&t->lock);
}

/* ---- what is shown of one ---- */

/* Bytes a second since somebody looked last, or since the request began. */
static uint64_t speed_of(struct transfer *t, uint64_t sent, usec_t began, usec_t now)
{
    usec_t since = t->seen_at > 0 ? t->seen_at : began;
    usec_t span = now > since ? now - since : 0;

    if (t->seen_at > 0 && span < SPEED_SPAN)
        return t->speed;
    t->speed = (uint64_t)((double)(sent - t->seen_sent) * (double)USEC_PER_SEC /
                          (double)MAX(span, USEC_PER_MSEC));
    if (span >= SPEED_SPAN) {
        t->seen_at = now;
        t->seen_sent = sent;
    }
    return t->speed;
}

/* What the order is made of. The rest is copied only for those who are shown. */
static void measure(struct req *r, usec_t now, struct transfer_view *ret)
{
    usec_t first = atomic_load_explicit(&r->first_byte_at, memory_order_relaxed);

    ret->sent = atomic_load_explicit(&r->sent, memory_order_relaxed);
    ret->total = r->response.content_length;
    ret->speed = speed_of(&r->transfer, ret->sent, r->began, now);
    ret->age = now > r->began ? now - r->began : 0;
    ret->first_byte = first > r->began ? first - r->began : first > 0;
    ret->client = r->client;
    ret->path_n = (uint16_t)str_copy_cut(ret->path, sizeof ret->path, r->url.path);
    ret->uid_n = (uint16_t)str_copy_cut(ret->uid, sizeof ret->uid, r->uid);
}

static void describe(const struct req *r, struct transfer_view *ret)
{
    ret->worker = r->worker->number;
    ret->class = r->class;
    ret->method = r->head.method;
    ret->status = r->response.status;
    ret->http_major = r->head.version_major;
    ret->http_minor = r->head.version_minor;
    ret->is_tls = r->is_tls;
    memcpy(ret->viewer, r->viewer.id, sizeof ret->viewer);
    ret->key_n = (uint16_t)str_copy_cut(ret->stream_key, sizeof ret->stream_key, r->stream_key);
    ret->ua_n = (uint16_t)str_copy_cut(ret->ua, sizeof ret->ua, r->head.known[FIELD_USER_AGENT]);
}

/* ---- order ---- */

enum transfer_sort transfer_sort_parse(struct str word)
{
    static const struct str words[] = {
#define X(name, text, by) STR(text),
        TRANSFER_SORTS(X)
#undef X
    };
    int i = 0;

    while (i < TRANSFER_SORT_COUNT && !str_eq(words[i], word))
        i++;
    return (enum transfer_sort)i;
}

static int compare(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_progress(const struct transfer_view *a, const struct transfer_view *b)
{
    double x = (double)a->sent / (double)a->total, y = (double)b->sent / (double)b->total;

    return (x > y) - (x < y);
}

static int compare_by(enum transfer_sort sort, const struct transfer_view *a,
                      const struct transfer_view *b)
{
    switch (sort) {
    case TRANSFERS_BY_AGE:
        return compare(a->age, b->age);
    case TRANSFERS_BY_SENT:
        return compare(a->sent, b->sent);
    case TRANSFERS_BY_SPEED:
        return compare(a->speed, b->speed);
    case TRANSFERS_BY_PROGRESS: /* an unknown length is a very large one */
        return compare_progress(a, b);
    case TRANSFERS_BY_FIRST_BYTE:
        return compare(a->first_byte, b->first_byte);
    case TRANSFERS_BY_UID:
        return str_cmp((struct str){a->uid, a->uid_n}, (struct str){b->uid, b->uid_n});
    case TRANSFERS_BY_PATH:
        return str_cmp((struct str){a->path, a->path_n}, (struct str){b->path, b->path_n});
    case TRANSFERS_BY_CLIENT:
        return memcmp(&a->client, &b->client, sizeof a->client);
    default:
        WRONG("transfers sorted by nothing");
    }
}

static bool comes_before(const struct transfer_query *q, const struct transfer_view *a,
                         const struct transfer_view *b)
{
    int d = compare_by(q->sort, a, b);

    return q->is_ascending ? d < 0 : d > 0;
}

/* ---- the rows ---- */

struct reading {
    const struct transfer_query *q;
    struct arena *arena;
    struct transfer_list *list;
    usec_t now;
};

static void swap(struct transfer_view **rows, unsigned a, unsigned b)
{
    struct transfer_view *row = rows[a];

    rows[a] = rows[b];
    rows[b] = row;
}

static void sift_up(const struct reading *g, unsigned at)
{
    struct transfer_view **rows = g->list->rows;

    for (; at > 0 && comes_before(g->q, rows[(at - 1) / 2], rows[at]); at = (at - 1) / 2)
        swap(rows, at, (at - 1) / 2);
}

static void sift_down(const struct reading *g, unsigned count)
{
    struct transfer_view **rows = g->list->rows;

    for (unsigned at = 0, child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && comes_before(g->q, rows[child], rows[child + 1]))
            child++;
        if (!comes_before(g->q, rows[at], rows[child]))
            return;
        swap(rows, at, child);
    }
}

static bool put_row(const struct reading *g, const struct transfer_view *row)
{
    struct transfer_list *l = g->list;

    if (l->count == g->q->limit) {
        if (comes_before(g->q, row, l->rows[0])) {
            *l->rows[0] = *row;
            sift_down(g, l->count);
        }
        return true;
    }
    l->rows[l->count] = arena_alloc(g->arena, sizeof *row);
    if (l->rows[l->count] == NULL)
        return false;
    *l->rows[l->count] = *row;
    sift_up(g, l->count++);
    return true;
}

/* From a heap with the last row at its root to rows in order. */
static void put_in_order(const struct reading *g)
{
    for (unsigned n = g->list->count; n > 1; n--) {
        swap(g->list->rows, 0, n - 1);
        sift_down(g, n - 1);
    }
}

static bool matches(const struct transfer_query *q, const struct req *r)
{
    return (q->uid.p == NULL || str_eq(q->uid, r->uid)) &&
           (q->stream_key.p == NULL || str_eq(q->stream_key, r->stream_key));
}

static bool belongs(const struct reading *g, const struct transfer_view *row)
{
    return g->list->count < g->q->limit || comes_before(g->q, row, g->list->rows[0]);
}

static bool look_at(const struct reading *g, struct req *r)
{
    struct transfer_view row;

    if (!matches(g->q, r))
        return true;
    measure(r, g->now, &row);
    g->list->matching++;
    g->list->speed += row.speed;
    if (!belongs(g, &row))
        return true;
    describe(r, &row);
    return put_row(g, &row);
}

static bool look_through(const struct reading *g, struct transfers *t)
{
    bool has_room = true;

    pthread_mutex_lock(&t->lock);
    g->list->running += t->count;
    LIST_FOREACH (link, &t->running)
        has_room = has_room && look_at(g, LIST_ENTRY(link, struct req, transfer.link));
    pthread_mutex_unlock(&t->lock);
    return has_room;
}

bool transfers_read(const struct gate *g, const struct transfer_query *q, struct arena *a,
                    struct transfer_list *ret)
{
    struct reading reading = {q, a, ret, clock_monotonic()};

    assert(q->limit > 0 && q->limit <= TRANSFERS_SHOWN_MAX);
    *ret =
        (struct transfer_list){.rows = arena_alloc(a, q->limit * sizeof(struct transfer_view *))};
    if (ret->rows == NULL)
        return false;
    for (unsigned i = 0; i < g->worker_count; i++)
        if (!look_through(&reading, g->workers[i]->transfers))
            return false;
    put_in_order(&reading);
    return true;
}
