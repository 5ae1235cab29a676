#include "cache/blob.h"

#include "base/test.h"

enum { PAGE = 4096, RECORD_MAX = 64 };

static const size_t sizes[] = {0,      1,       4095,          4096,    65535,         65536,
                               65537,  1 << 20, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 3000000,
                               5 << 20};

static struct blob *numbered(size_t n)
{
    struct blob *b = blob_new(n);

    assert_non_null(b);
    for (size_t i = 0; i < n; i++)
        blob_bytes(b)[i] = (char)(i * 7 + (i >> 8));
    return b;
}

static void test_sizes(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *b = numbered(sizes[i]);

        assert_int_equal(blob_live(), 1);
        assert_int_equal(blob_str(b).n, sizes[i]);
        assert_ptr_equal(blob_str(b).p, blob_bytes(b));
        assert_true(blob_footprint(b) > sizes[i]);
        assert_true(blob_footprint(b) <= sizes[i] + PAGE + RECORD_MAX);
        blob_unref(&b);
        assert_null(b);
        assert_int_equal(blob_live(), 0);
    }
}

static void test_references(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *a = numbered(sizes[i]), *b = blob_ref(a);
        char first = sizes[i] > 0 ? blob_bytes(b)[0] : 0;

        assert_ptr_equal(a, b);
        blob_unref(&a);
        assert_int_equal(blob_live(), 1);
        if (sizes[i] > 0) /* still readable; the sanitizer looks on */
            assert_int_equal(blob_bytes(b)[0], first);
        blob_unref(&b);
        blob_unref(&b); /* NULL is fine */
        assert_int_equal(blob_live(), 0);
    }
}

static void test_too_large_is_an_answer(void **state)
{
    static const size_t too_large[] = {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, SIZE_MAX / 2,
                                       (size_t)1 << 60};

    for (size_t i = 0; i < ARRAY_LEN(too_large); i++)
        assert_null(blob_new(too_large[i]));
    assert_int_equal(blob_live(), 0);
}

/* Reads the whole body, `step` bytes at a time, and compares with what should be there. */
static void drain(struct body *body, const char *want, uint64_t length, uint64_t step)
{
    struct body_view view;

    for (uint64_t at = 0; at < length;) {
        uint64_t n = MIN(step, length - at);

        assert_int_equal(body->left, length - at);
        assert_int_equal(body_peek(body, &view), 1);
        assert_int_not_equal(view.kind, BODY_FILE);
        assert_int_equal(view.iov_count, 1);
        assert_int_equal(view.iov[0].iov_len, length - at);
        assert_memory_equal(view.iov[0].iov_base, want + at, n);
        body_advance(body, n);
        at += n;
    }
    assert_int_equal(body->left, 0);
}

static void check_range(struct blob *b, uint64_t first, uint64_t length, uint64_t step)
{
    struct arena a;
    struct body *body;

    arena_init(&a, 4096);
    body = blob_body_new(&a, b, first, length);
    assert_non_null(body);
    drain(body, blob_bytes(b) + first, length, step);
    body_done(body);
    arena_done(&a);
}

static void test_ranges_with_partial_advances(void **state)
{
    static const uint64_t steps[] = {1, 2, 7, 4096, 1 << 30};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *b = numbered(sizes[i]);
        uint64_t n = sizes[i], some = MIN(n, (uint64_t)5000);

        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            check_range(b, 0, some, steps[s]);
            check_range(b, n - some, some, steps[s]);
            check_range(b, n / 2, MIN(n - n / 2, some), steps[s]);
            check_range(b, n, 0, steps[s]);
        }
        check_range(b, 0, n, 100000);
        blob_unref(&b);
    }
    assert_int_equal(blob_live(), 0);
}

static void test_body_outlives_the_owner(void **state)
{
    struct blob *b = numbered(100000);
    struct body_view view;
    struct arena a;
    struct body *body;

    arena_init(&a, 4096);
    body = blob_body_new(&a, b, 10, 1000);
    blob_unref(&b);
    assert_int_equal(blob_live(), 1);
    assert_int_equal(body_peek(body, &view), 1);
    assert_int_equal(((char *)view.iov[0].iov_base)[1], (char)(11 * 7));
    body_done(body); /* in the middle of it */
    assert_int_equal(blob_live(), 0);
    arena_done(&a);
}

static void test_full_arena(void **state)
{
    struct blob *b = numbered(10);
    struct arena a;

    arena_init(&a, 16);
    assert_null(blob_body_new(&a, b, 0, 10));
    blob_unref(&b);
    assert_int_equal(blob_live(), 0); /* no reference was left behind */
    arena_done(&a);
}

TEST_MAIN(cmocka_unit_test(test_sizes), cmocka_unit_test(test_references),
          cmocka_unit_test(test_too_large_is_an_answer),
          cmocka_unit_test(test_ranges_with_partial_advances),
          cmocka_unit_test(test_body_outlives_the_owner), cmocka_unit_test(test_full_arena))
