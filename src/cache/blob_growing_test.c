/* Blobs while they are filled, and what is kept of them. */
#include "cache/blob.h"

#include <sys/mman.h>

#include "base/test.h"

enum { PAGE = 4096, RECORD_MAX = 64 };

static const size_t sizes[] = {0,     1,       4095,          4096,    65535,         65536,
                               65537, 1 << 20, (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 3000000};

static char byte_at(size_t i)
{
    return (char)(i * 7 + (i >> 8));
}

/* The first byte at or after `from` that is not the one that belongs there; `s.n`: all are. */
static size_t first_wrong(struct str s, size_t from)
{
    while (from < s.n && s.p[from] == byte_at(from))
        from++;
    return from;
}

/* What a producer does: up to `n` more bytes, at most `step` at a time. */
static void grow(struct blob *b, size_t n, size_t step)
{
    while (n > 0) {
        size_t room, at = blob_filled(b), piece = MIN(n, step);
        char *to = blob_room(b, &room);

        assert_true(piece <= room);
        assert_ptr_equal(to, blob_bytes(b) + at);
        for (size_t i = 0; i < piece; i++)
            to[i] = byte_at(at + i);
        assert_int_equal(blob_filled(b), at); /* nobody sees it before the producer says so */
        blob_grown(b, piece);
        assert_int_equal(blob_filled(b), at + piece);
        n -= piece;
    }
}

static size_t room_in(struct blob *b)
{
    size_t room;

    (void)blob_room(b, &room);
    return room;
}

static void assert_holds(struct blob *b, size_t n)
{
    assert_int_equal(blob_str(b).n, n);
    assert_int_equal(first_wrong(blob_str(b), 0), n);
}

static void test_grows_to_its_length(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *b = blob_new_growing(sizes[i]);
        const char *bytes = blob_bytes(b);

        assert_int_equal(blob_live(), 1);
        assert_int_equal(blob_str(b).n, 0);
        assert_int_equal(room_in(b), sizes[i]);
        grow(b, sizes[i] / 3, 1000);
        assert_int_equal(room_in(b), sizes[i] - sizes[i] / 3);
        grow(b, sizes[i] - sizes[i] / 3, 70000);
        assert_int_equal(room_in(b), 0);
        blob_seal(b);
        assert_ptr_equal(blob_bytes(b), bytes); /* they have never moved */
        assert_holds(b, sizes[i]);
        assert_true(blob_footprint(b) <= sizes[i] + PAGE + RECORD_MAX);
        blob_unref(&b);
        assert_int_equal(blob_live(), 0);
    }
}

static const struct {
    size_t cap, n;
} unbounded[] = {
    {0, 0},           {1, 0},          {1, 1},          {1000, 10},        {65535, 0},
    {65535, 10},      {65535, 65535},  {65536, 0},      {65536, 1},        {65536, 4096},
    {65536, 4097},    {65536, 65535},  {65536, 65536},  {65537, 65537},    {1 << 20, 65535},
    {1 << 20, 65536}, {1 << 20, 1000}, {64 << 20, 100}, {64 << 20, 70000}, {64 << 20, 5 << 20},
};

static void test_grows_to_an_unknown_length(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unbounded); i++) {
        struct blob *b = blob_new_unbounded(unbounded[i].cap);

        assert_int_equal(blob_live(), 1);
        assert_int_equal(room_in(b), unbounded[i].cap);
        grow(b, unbounded[i].n, 10000);
        assert_int_equal(room_in(b), unbounded[i].cap - unbounded[i].n);
        blob_seal(b);
        assert_int_equal(room_in(b), 0);
        assert_holds(b, unbounded[i].n);
        blob_unref(&b);
        assert_int_equal(blob_live(), 0);
    }
}

static bool is_mapped(const char *p)
{
    unsigned char in_memory;

    return mincore((void *)((uintptr_t)p & -(uintptr_t)PAGE), PAGE, &in_memory) == 0;
}

static bool is_in_memory(const char *p)
{
    unsigned char in_memory = 0;

    assert_int_equal(mincore((void *)((uintptr_t)p & -(uintptr_t)PAGE), PAGE, &in_memory), 0);
    return in_memory & 1;
}

/* What may become large takes memory as it grows, and keeps none of what it did not need. */
static void test_memory_comes_and_goes_by_the_page(void **state)
{
    enum { CAP = 64 << 20, N = 100 * 1000 };
    struct blob *b = blob_new_unbounded(CAP);
    const char *end = blob_bytes(b) + N;

    grow(b, N, 5000);
    assert_true(is_in_memory(end - 1));
    assert_false(is_in_memory(end + PAGE));
    assert_true(is_mapped(blob_bytes(b) + CAP - 1));
    blob_seal(b);
    assert_true(is_mapped(end - 1));
    assert_false(is_mapped(end + PAGE));
    assert_false(is_mapped(blob_bytes(b) + CAP - 1));
    assert_int_equal(blob_footprint(b) / PAGE, (N + PAGE - 1) / PAGE);
    blob_unref(&b);
    assert_int_equal(blob_live(), 0);
}

/* What is kept costs what it holds, however large it might have become: pages are never shared, and
 * a process has a limited number of mappings. */
static void test_what_is_kept_is_compact(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unbounded); i++) {
        struct blob *b = blob_new_unbounded(unbounded[i].cap), *kept;
        size_t n = unbounded[i].n;

        grow(b, n, 10000);
        blob_seal(b);
        kept = blob_compact(b);
        assert_holds(kept, n);
        assert_int_equal(room_in(kept), 0);
        assert_true(blob_footprint(kept) <= n + RECORD_MAX + (n < 65536 ? 0 : PAGE));
        assert_true(blob_footprint(b) >= blob_footprint(kept));
        assert_true(kept != b || blob_footprint(b) == blob_footprint(kept));
        blob_unref(&kept);
        assert_holds(b, n); /* somebody may be reading it */
        blob_unref(&b);
        assert_int_equal(blob_live(), 0);
    }
}

/* No second copy of what is compact already. */
static void test_compact_is_a_reference_where_it_can(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct blob *b = blob_new(sizes[i]), *kept = blob_compact(b);

        assert_ptr_equal(kept, b);
        blob_unref(&kept);
        blob_unref(&b);
        assert_int_equal(blob_live(), 0);
    }
}

/* A heap blob has taken all its memory from the start, and says so. */
static void test_footprint_is_what_it_takes(void **state)
{
    struct blob *b = blob_new_unbounded(60000);

    grow(b, 10, 10);
    assert_true(blob_footprint(b) >= 60000);
    blob_seal(b);
    assert_true(blob_footprint(b) >= 60000);
    blob_unref(&b);
    assert_int_equal(blob_live(), 0);
}

static void test_too_large_to_grow_is_an_answer(void **state)
{
    static const size_t too_large[] = {SIZE_MAX, SIZE_MAX / 2 + 1, SIZE_MAX / 2, (size_t)1 << 60};

    for (size_t i = 0; i < ARRAY_LEN(too_large); i++) {
        assert_null(blob_new_growing(too_large[i]));
        assert_null(blob_new_growing(too_large[i]));
    }
    assert_int_equal(blob_live(), 0);
}

/* A range that is there can be sent while the rest is on its way. */
static void test_a_body_of_what_is_there(void **state)
{
    struct blob *b = blob_new_growing(1 << 20);
    struct body_view view;
    struct body *body;
    struct arena a;

    arena_init(&a, 4096);
    grow(b, 70000, 70000);
    body = blob_body_new(&a, b, 10, 69990);
    grow(b, 1000, 1000);
    assert_int_equal(body_peek(body, &view), 1);
    assert_int_equal(view.kind, BODY_PAGES);
    assert_int_equal(view.iov[0].iov_len, 69990);
    assert_ptr_equal(view.iov[0].iov_base, blob_bytes(b) + 10);
    body_done(body);
    arena_done(&a);
    blob_unref(&b);
    assert_int_equal(blob_live(), 0);
}

TEST_MAIN(cmocka_unit_test(test_grows_to_its_length),
          cmocka_unit_test(test_grows_to_an_unknown_length),
          cmocka_unit_test(test_memory_comes_and_goes_by_the_page),
          cmocka_unit_test(test_what_is_kept_is_compact),
          cmocka_unit_test(test_compact_is_a_reference_where_it_can),
          cmocka_unit_test(test_footprint_is_what_it_takes),
          cmocka_unit_test(test_too_large_to_grow_is_an_answer),
          cmocka_unit_test(test_a_body_of_what_is_there))
