/*
 * The splice body against a naive reference that builds the whole copy at once: at every seam of
 * the window, from every offset, with pulls of every size.
 */
#include "base/test.h"

#include "hls/fixture.h"
#include "hls/playlist.h"

enum { CAP = 4 << 20 };

struct fixture {
    struct arena arena;
    struct buf text, want;
    struct playlist *playlist;
    struct str scoped, *own;
};

static void add_piece(struct buf *out, const struct playlist *p, size_t begin, size_t end)
{
    buf_add(out, (struct str){p->text.p + begin, end - begin});
}

static void reference(const struct playlist *p, struct str scoped, const struct str *own,
                      struct buf *out)
{
    size_t at = 0;

    for (uint32_t i = 0; i < p->point_count; i++) {
        const struct splice_point *point = &p->points[i];
        struct str query = point->kind == SPLICE_SCOPED ? scoped : own[point->target];

        add_piece(out, p, at, point->offset);
        at = point->offset;
        if (query.p == NULL)
            continue;
        buf_add_char(out, point->has_query ? '&' : '?');
        buf_add(out, query);
    }
    add_piece(out, p, at, p->text.n);
}

/* `segments` of all kinds behind a comment of `pad` bytes; `f->scoped` is set by the caller. */
static void fixture_init(struct fixture *f, size_t pad, unsigned segments)
{
    arena_init(&f->arena, CAP);
    buf_init(&f->text, CAP);
    buf_init(&f->want, CAP);
    buf_printf(&f->text, "#EXTM3U\n#%*s\n", (int)pad, "");
    for (unsigned i = 0; i < segments; i++)
        buf_printf(&f->text, "#EXT-X-KEY:URI=\"k%u.key\"\n#EXTINF:4,\nseg-%u.ts%s\n/ads/%u.ts\n",
                   i % 3, i, i % 2 == 0 ? "" : "?v=1#f", i % 5);
    assert_int_equal(
        playlist_scan(buf_str(&f->text), STR("/a/b.m3u8"), STR("/a/"), STR(""), &f->playlist),
        PLAYLIST_OK);
    assert_int_equal(f->playlist->point_count, segments * 3);
    f->own = fixture_own(&f->arena, f->playlist);
    if (f->playlist->target_count > 0)
        f->own[0] = STR_NONE;
    reference(f->playlist, f->scoped, f->own, &f->want);
}

static void fixture_done(struct fixture *f)
{
    playlist_free(&f->playlist);
    buf_done(&f->want);
    buf_done(&f->text);
    arena_done(&f->arena);
}

static struct splice_body *splice_new(struct fixture *f, struct arena *a)
{
    struct splice_body *s;

    arena_init(a, CAP);
    s = splice_body_new(a, f->playlist, f->scoped, f->own);
    assert_non_null(s);
    assert_int_equal(splice_body_get(s)->left, f->want.n);
    return s;
}

static void check_range(struct fixture *f, size_t first, size_t length, size_t step)
{
    struct arena a;
    struct splice_body *s = splice_new(f, &a);
    struct buf got;

    buf_init(&got, CAP);
    if (first > 0 || length < f->want.n)
        splice_body_seek(s, first, length);
    fixture_drain(splice_body_get(s), step, &got);
    assert_int_equal(got.n, length);
    if (length > 0)
        assert_memory_equal(got.p, f->want.p + first, length);
    buf_done(&got);
    arena_done(&a);
}

/* Longer than a unit, so the seam falls on each of its bytes once. */
static void test_every_window_offset(void **state)
{
    for (size_t pad = 0; pad < 160; pad++) {
        struct fixture f = {.scoped = STR("uid=u&expires=1&scope=/a/&gate=0123456789")};

        fixture_init(&f, pad, 800);
        assert_true(f.want.n > SPLICE_WINDOW + 4096);
        check_range(&f, 0, f.want.n, SIZE_MAX);
        fixture_done(&f);
    }
}

static void test_every_range(void **state)
{
    struct fixture f = {.scoped = STR("scoped")};

    fixture_init(&f, 0, 4);
    for (size_t first = 0; first <= f.want.n; first++) {
        check_range(&f, first, f.want.n - first, SIZE_MAX);
        check_range(&f, 0, first, SIZE_MAX);
        check_range(&f, first, (f.want.n - first) / 2, 7);
    }
    fixture_done(&f);
}

static void test_ranges_of_a_long_one(void **state)
{
    struct fixture f = {.scoped = STR("scoped")};

    fixture_init(&f, 3, 1500);
    assert_true(f.want.n > 2 * SPLICE_WINDOW);
    for (size_t first = 0; first < f.want.n; first += 997)
        check_range(&f, first, f.want.n - first, SIZE_MAX);
    fixture_done(&f);
}

static void test_every_pull_size(void **state)
{
    static const size_t long_steps[] = {1, 1000, SPLICE_WINDOW - 1, SPLICE_WINDOW,
                                        SPLICE_WINDOW + 1};
    struct fixture f = {.scoped = STR("scoped")};

    fixture_init(&f, 0, 5);
    for (size_t step = 1; step <= f.want.n; step++)
        check_range(&f, 0, f.want.n, step);
    fixture_done(&f);
    fixture_init(&f, 0, 900);
    for (size_t i = 0; i < ARRAY_LEN(long_steps); i++)
        check_range(&f, 0, f.want.n, long_steps[i]);
    fixture_done(&f);
}

/* Around the length up to which a copy lives in the arena. */
static void test_around_the_small_size(void **state)
{
    for (size_t pad = 1500; pad < 2200; pad += 3) {
        struct fixture f = {.scoped = STR("scoped")};

        fixture_init(&f, pad, 2);
        check_range(&f, 0, f.want.n, 100);
        fixture_done(&f);
    }
}

static void test_nothing_to_insert(void **state)
{
    struct fixture f = {.scoped = STR_NONE};

    fixture_init(&f, 10, 0);
    check_range(&f, 0, f.want.n, SIZE_MAX);
    assert_true(str_eq(buf_str(&f.want), buf_str(&f.text)));
    fixture_done(&f);
    fixture_init(&f, 10, 3);
    check_range(&f, 0, f.want.n, SIZE_MAX);
    fixture_done(&f);
}

/* Peeking twice shows the same bytes; a body may end at any time. */
static void test_peek_and_early_done(void **state)
{
    for (unsigned segments = 1; segments <= 1000; segments += 999) {
        struct fixture f = {.scoped = STR("scoped")};
        struct body_view one, two;
        struct arena a;
        struct body *b;

        fixture_init(&f, 0, segments);
        b = splice_body_get(splice_new(&f, &a));
        assert_int_equal(body_peek(b, &one), 1);
        assert_int_equal(body_peek(b, &two), 1);
        assert_ptr_equal(one.iov[0].iov_base, two.iov[0].iov_base);
        body_advance(b, 10);
        assert_int_equal(body_peek(b, &two), 1);
        assert_ptr_equal((char *)one.iov[0].iov_base + 10, two.iov[0].iov_base);
        body_done(b);
        arena_done(&a);
        body_done(splice_body_get(splice_new(&f, &a)));
        arena_done(&a);
        fixture_done(&f);
    }
}

static void test_full_arena(void **state)
{
    struct fixture f = {.scoped = STR("scoped")};
    unsigned refused = 0;

    fixture_init(&f, 0, 3);
    for (size_t cap = 0; cap < 1024; cap += 16) {
        struct splice_body *s;
        struct arena a;

        arena_init(&a, cap);
        s = splice_body_new(&a, f.playlist, f.scoped, f.own);
        refused += s == NULL;
        if (s != NULL)
            body_done(splice_body_get(s));
        arena_done(&a);
    }
    assert_true(refused > 0 && refused < 64);
    fixture_done(&f);
}

TEST_MAIN(cmocka_unit_test(test_every_window_offset), cmocka_unit_test(test_every_range),
          cmocka_unit_test(test_ranges_of_a_long_one), cmocka_unit_test(test_every_pull_size),
          cmocka_unit_test(test_around_the_small_size), cmocka_unit_test(test_nothing_to_insert),
          cmocka_unit_test(test_peek_and_early_done), cmocka_unit_test(test_full_arena))
