/*
 * The text is a row of units: the piece up to a splice point with the credential behind it, and the
 * tail after the last point. Rendering walks the units into the window; `unit` and `skip` say where
 * the next byte is, so a window may end, and a Range begin, anywhere inside one.
 *
 * The window is filled only when it is empty: what peek() showed stays in place until it is sent.
 */
#include "hls/playlist.h"

#include <stdlib.h>

#include "base/panic.h"

enum {
    SPLICE_SMALL = 2048, /* up to here the whole copy lives in the arena */
};

struct splice_body {
    struct body body;
    const struct playlist *playlist; /* borrowed, as are the queries */
    struct str scoped;
    const struct str *own;
    char *window; /* the arena's or, when `is_heap`, ours; NULL before the first peek */
    bool is_heap;
    size_t room, at, filled; /* of the window; the part from `at` to `filled` waits to be sent */
    uint32_t unit;           /* what is rendered next */
    size_t skip;             /* bytes of it that are done */
};

/* `query.p` NULL: nothing is inserted, and the joint is not either. */
struct unit {
    struct str piece, query;
    char joint;
};

static struct splice_body *from_body(struct body *b)
{
    return container_of(b, struct splice_body, body);
}

static inline struct str query_of(const struct splice_body *s, const struct splice_point *point)
{
    return point->kind == SPLICE_SCOPED ? s->scoped : s->own[point->target];
}

static inline struct unit unit_get(const struct splice_body *s, uint32_t i)
{
    const struct playlist *p = s->playlist;
    uint32_t begin = i > 0 ? p->points[i - 1].offset : 0;
    const struct splice_point *point = &p->points[i];

    if (i == p->point_count)
        return (struct unit){.piece = {p->text.p + begin, p->text.n - begin}};
    return (struct unit){.piece = {p->text.p + begin, point->offset - begin},
                         .query = query_of(s, point),
                         .joint = point->has_query ? '&' : '?'};
}

static inline size_t unit_length(const struct unit *u)
{
    return u->piece.n + (u->query.p != NULL ? 1 + u->query.n : 0);
}

static inline void unit_write(const struct unit *u, char *to)
{
    memcpy(to, u->piece.p, u->piece.n);
    if (u->query.p == NULL)
        return;
    to += u->piece.n;
    *to = u->joint;
    memcpy(to + 1, u->query.p, u->query.n);
}

/* Copies what of `from` lies in the part of the unit that begins at *skip and still fits in *room.
 */
static char *write_part(char *to, struct str from, size_t *skip, size_t *room)
{
    size_t n;

    if (*skip >= from.n) {
        *skip -= from.n;
        return to;
    }
    n = MIN(from.n - *skip, *room);
    memcpy(to, from.p + *skip, n);
    *skip = 0;
    *room -= n;
    return to + n;
}

static void unit_write_part(const struct unit *u, char *to, size_t skip, size_t room)
{
    to = write_part(to, u->piece, &skip, &room);
    if (u->query.p == NULL)
        return;
    to = write_part(to, (struct str){&u->joint, 1}, &skip, &room);
    write_part(to, u->query, &skip, &room);
}

/* The next `n` bytes of the copy. */
static void render(struct splice_body *s, char *to, size_t n)
{
    while (n > 0) {
        struct unit u = unit_get(s, s->unit);
        size_t length = unit_length(&u) - s->skip, done = MIN(length, n);

        if (s->skip == 0 && length <= n)
            unit_write(&u, to);
        else
            unit_write_part(&u, to, s->skip, n);
        to += done;
        n -= done;
        s->skip = done < length ? s->skip + done : 0;
        s->unit += done == length;
    }
}

static void splice_fill(struct splice_body *s)
{
    if (s->window == NULL) {
        s->room = MIN(s->body.left, (uint64_t)SPLICE_WINDOW);
        s->window = xmalloc(s->room);
        s->is_heap = true;
    }
    s->at = 0;
    s->filled = MIN(s->body.left, (uint64_t)s->room);
    render(s, s->window, s->filled);
}

static int splice_peek(struct body *b, struct body_view *ret_view)
{
    struct splice_body *s = from_body(b);

    if (s->at == s->filled)
        splice_fill(s);
    ret_view->kind = BODY_MEMORY;
    ret_view->iov[0] = (struct iovec){s->window + s->at, s->filled - s->at};
    ret_view->iov_count = 1;
    return 1;
}

static void splice_advance(struct body *b, uint64_t n)
{
    struct splice_body *s = from_body(b);

    assert(n <= s->filled - s->at);
    s->at += n;
}

static void splice_done(struct body *b)
{
    struct splice_body *s = from_body(b);

    if (s->is_heap)
        free(s->window);
    s->window = NULL;
    s->is_heap = false;
}

static const struct body_ops splice_ops = {
    .peek = splice_peek, .advance = splice_advance, .done = splice_done};

static uint64_t whole_length(const struct splice_body *s)
{
    const struct playlist *p = s->playlist;
    uint64_t n = p->text.n;

    if (s->scoped.p != NULL)
        n += p->scoped_count * (uint64_t)(s->scoped.n + 1);
    for (uint32_t i = 0; p->scoped_count < p->point_count && i < p->point_count; i++) {
        const struct splice_point *point = &p->points[i];

        if (point->kind != SPLICE_SCOPED && s->own[point->target].p != NULL)
            n += s->own[point->target].n + 1;
    }
    return n;
}

struct splice_body *splice_body_new(struct arena *a, const struct playlist *p, struct str scoped,
                                    const struct str *own)
{
    struct splice_body *s = ARENA_NEW(a, struct splice_body);

    if (s == NULL)
        return NULL;
    s->body.ops = &splice_ops;
    s->playlist = p;
    s->scoped = scoped;
    s->own = own;
    s->body.left = whole_length(s);
    if (s->body.left > SPLICE_SMALL)
        return s;
    s->room = s->body.left;
    s->window = arena_alloc(a, s->room);
    return s->window != NULL ? s : NULL;
}

struct body *splice_body_get(struct splice_body *s)
{
    return &s->body;
}

void splice_body_seek(struct splice_body *s, uint64_t first, uint64_t length)
{
    assert(s->unit == 0 && s->skip == 0 && s->filled == 0);
    assert(first <= s->body.left && length <= s->body.left - first);
    s->body.left = length;
    while (first > 0) {
        struct unit u = unit_get(s, s->unit);

        if (first < unit_length(&u))
            break;
        first -= unit_length(&u);
        s->unit++;
    }
    s->skip = first;
}
