#include "http/multipart.h"

#include <errno.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/test.h"

#define TEXT "0123456789"
#define TYPE STR("video/mp2t")

/* A piece of TEXT that is not there at the first look, can break, and counts its ends. */
struct piece {
    struct memory_body memory;
    struct body body;
    bool is_there;
    int error;
    unsigned *done;
};

static struct piece *piece_of(struct body *b)
{
    return container_of(b, struct piece, body);
}

static int peek(struct body *b, struct body_view *v)
{
    struct piece *p = piece_of(b);

    if (p->error < 0)
        return p->error;
    if (p->is_there)
        return body_peek(&p->memory.body, v);
    p->is_there = true;
    return 0;
}

static void advance(struct body *b, uint64_t n)
{
    body_advance(&piece_of(b)->memory.body, n);
}

static void done(struct body *b)
{
    ++*piece_of(b)->done;
}

static struct body *piece_new(struct arena *a, const struct http_byte_range *r, unsigned *ends)
{
    static const struct body_ops ops = {peek, advance, done};
    struct piece *p = ARENA_NEW(a, struct piece);
    uint64_t n = r->last - r->first + 1;

    assert_non_null(p);
    memory_body_init(&p->memory, TEXT + r->first, n);
    p->body = (struct body){.ops = &ops, .left = n};
    p->done = ends;
    return &p->body;
}

static struct multipart_body *make(struct arena *a, const struct http_ranges *ranges,
                                   unsigned *ends)
{
    struct multipart_body *m = multipart_body_new(a, TYPE, strlen(TEXT));

    assert_non_null(m);
    for (unsigned i = 0; i < ranges->count; i++)
        assert_int_equal(multipart_body_add(m, &ranges->of[i], piece_new(a, &ranges->of[i], ends)),
                         0);
    assert_int_equal(multipart_body_close(m), 0);
    return m;
}

/* What RFC 9110 14.6 and RFC 2046 5.1.1 want, written by other means. */
static void expect(const struct multipart_body *m, const struct http_ranges *ranges,
                   struct buf *into)
{
    for (unsigned i = 0; i < ranges->count; i++) {
        const struct http_byte_range *r = &ranges->of[i];

        buf_printf(into, "--%.*s\r\nContent-Type: video/mp2t\r\n", STR_FMT(m->boundary));
        buf_printf(into, "Content-Range: bytes %d-%d/10\r\n\r\n%.*s\r\n", (int)r->first,
                   (int)r->last, (int)(r->last - r->first + 1), TEXT + r->first);
    }
    buf_printf(into, "--%.*s--\r\n", STR_FMT(m->boundary));
}

static unsigned woken;

static void on_more(struct body *b)
{
    woken++;
}

/* Pulls at most `step` bytes at a time; how it ended. */
static int pull(struct body *b, size_t step, struct buf *into)
{
    while (b->left > 0) {
        struct body_view v;
        int r = body_peek(b, &v);
        size_t n;

        if (r < 0)
            return r;
        if (r == 0)
            continue;
        assert_true(v.iov_count == 1 && v.iov[0].iov_len > 0);
        n = MIN(v.iov[0].iov_len, step);
        buf_add(into, (struct str){v.iov[0].iov_base, n});
        body_advance(b, n);
    }
    return 0;
}

static const struct http_ranges sets[] = {
    {2, {{0, 1}, {5, 6}}},
    {2, {{9, 9}, {0, 8}}},
    {3, {{3, 3}, {1, 2}, {4, 9}}},
    {10, {{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 6}, {7, 7}, {8, 8}, {9, 9}}},
};

static void check(const struct http_ranges *ranges, size_t step)
{
    struct arena a;
    struct buf got, want;
    struct multipart_body *m;
    unsigned ends = 0;
    uint64_t length;

    arena_init(&a, 1 << 20);
    buf_init(&got, 1 << 16);
    buf_init(&want, 1 << 16);
    m = make(&a, ranges, &ends);
    expect(m, ranges, &want);
    length = m->body.left;
    assert_int_equal(pull(&m->body, step, &got), 0);
    assert_str(buf_str(&got), arena_copy(&a, buf_str(&want)).p);
    assert_int_equal(got.n, length);
    body_done(&m->body);
    assert_int_equal(ends, ranges->count);
    buf_done(&got);
    buf_done(&want);
    arena_done(&a);
}

static void every_pull_size_gives_the_same(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        for (size_t step = 1; step < 160; step++)
            check(&sets[i], step);
}

static void the_boundary_is_another_each_time(void **state)
{
    struct arena a;
    unsigned ends = 0;
    struct multipart_body *one, *two;

    arena_init(&a, 1 << 20);
    one = make(&a, &sets[0], &ends);
    two = make(&a, &sets[0], &ends);
    assert_int_equal(one->boundary.n, MULTIPART_BOUNDARY_LEN);
    assert_false(str_eq(one->boundary, two->boundary));
    assert_true(str_starts(multipart_type(one), STR("multipart/byteranges; boundary=")));
    assert_true(str_ends(multipart_type(one), one->boundary));
    body_done(&one->body);
    body_done(&two->body);
    arena_done(&a);
}

/* It may be given up at any byte: each content ends once. */
static void given_up_anywhere(void **state)
{
    for (size_t stop = 0; stop < 300; stop++) {
        struct arena a;
        struct multipart_body *m;
        unsigned ends = 0;
        struct body_view v;

        arena_init(&a, 1 << 20);
        m = make(&a, &sets[2], &ends);
        for (size_t n = 0; n < stop && m->body.left > 0; n++)
            if (body_peek(&m->body, &v) == 1)
                body_advance(&m->body, 1);
        body_done(&m->body);
        assert_int_equal(ends, sets[2].count);
        arena_done(&a);
    }
}

static void a_part_that_breaks_breaks_the_whole(void **state)
{
    struct arena a;
    struct buf got;
    struct multipart_body *m;
    unsigned ends = 0;

    arena_init(&a, 1 << 20);
    buf_init(&got, 1 << 16);
    m = make(&a, &sets[0], &ends);
    piece_of(m->parts[1].content)->error = -EIO;
    assert_int_equal(pull(&m->body, 7, &got), -EIO);
    body_done(&m->body);
    assert_int_equal(ends, 2);
    buf_done(&got);
    arena_done(&a);
}

static void news_of_a_part_reaches_the_puller(void **state)
{
    struct arena a;
    struct multipart_body *m;
    struct body_view v;
    unsigned ends = 0;

    arena_init(&a, 1 << 20);
    m = make(&a, &sets[0], &ends);
    m->body.on_more = on_more;
    body_advance(&m->body, m->parts[0].head.n);
    assert_int_equal(body_peek(&m->body, &v), 0);
    woken = 0;
    m->parts[0].content->on_more(m->parts[0].content);
    assert_int_equal(woken, 1);
    body_done(&m->body);
    arena_done(&a);
}

/* At every size: either all of it, or a plain "no" with nothing left behind. */
static void a_full_arena(void **state)
{
    bool was_enough = false;

    for (size_t room = 1; room < 8192 && !was_enough; room += 13) {
        struct arena a, of_pieces;
        struct multipart_body *m;
        unsigned ends = 0, added = 0;

        arena_init(&a, room);
        arena_init(&of_pieces, 1 << 20);
        m = multipart_body_new(&a, TYPE, strlen(TEXT));
        while (m != NULL && added < 2) {
            const struct http_byte_range *r = &sets[0].of[added++];

            if (multipart_body_add(m, r, piece_new(&of_pieces, r, &ends)) < 0)
                break;
        }
        was_enough = m != NULL && m->count == 2 && multipart_body_close(m) == 0;
        if (m != NULL)
            body_done(&m->body);
        assert_int_equal(ends, added);
        arena_done(&a);
        arena_done(&of_pieces);
    }
    assert_true(was_enough);
}

TEST_MAIN(cmocka_unit_test(every_pull_size_gives_the_same),
          cmocka_unit_test(the_boundary_is_another_each_time), cmocka_unit_test(given_up_anywhere),
          cmocka_unit_test(a_part_that_breaks_breaks_the_whole),
          cmocka_unit_test(news_of_a_part_reaches_the_puller), cmocka_unit_test(a_full_arena))
