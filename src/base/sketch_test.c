/* Distinct things counted: exactly while they are few, closely when they are many, and the same
 * however they are split and put together. */
#include "base/sketch.h"

#include <stdio.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/test.h"

static uint64_t thing(unsigned i)
{
    char text[16];

    return hash_content((struct str){text, (size_t)snprintf(text, sizeof text, "%u", i)}).a;
}

static void add_range(struct sketch *s, unsigned from, unsigned to)
{
    for (unsigned i = from; i < to; i++)
        sketch_add(s, thing(i));
}

static void test_few_are_exact(void **state)
{
    struct sketch s = {0};

    assert_int_equal(sketch_count(&s), 0);
    for (unsigned i = 1; i <= SKETCH_EXACT; i++) {
        add_range(&s, 0, i);
        assert_int_equal(sketch_count(&s), i);
        assert_true(sketch_is_exact(&s));
    }
    add_range(&s, SKETCH_EXACT, SKETCH_EXACT + 1);
    assert_false(sketch_is_exact(&s));
    sketch_done(&s);
}

static void assert_close(uint64_t n, unsigned want)
{
    if (n < want - want / 10 || n > want + want / 10)
        fail_msg("%llu is not close to %u", (unsigned long long)n, want);
}

static void test_many_are_close(void **state)
{
    static const unsigned sizes[] = {65, 200, 1000, 2500, 3000, 10000, 200000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sketch s = {0};

        add_range(&s, 0, sizes[i]);
        add_range(&s, 0, sizes[i] / 2); /* again: the same things */
        assert_close(sketch_count(&s), sizes[i]);
        sketch_done(&s);
    }
}

/* Used again: what was in it is not. */
static void test_clearing(void **state)
{
    struct sketch s = {0};

    sketch_clear(&s);
    for (unsigned n = 1; n <= 1000; n *= 10) {
        add_range(&s, 0, n);
        sketch_clear(&s);
        assert_true(sketch_is_exact(&s));
        assert_int_equal(sketch_count(&s), 0);
        add_range(&s, 0, 3);
        assert_int_equal(sketch_count(&s), 3);
    }
    sketch_done(&s);
}

static void assert_same(const struct sketch *a, const struct sketch *b)
{
    uint8_t x[SKETCH_PACKED_MAX], y[SKETCH_PACKED_MAX];

    assert_int_equal(sketch_pack(a, x), sketch_pack(b, y));
    assert_memory_equal(x, y, sketch_pack(a, x));
}

static void test_merging_is_adding(void **state)
{
    static const unsigned cuts[][3] = {{0, 0, 10},   {0, 5, 10},    {30, 20, 64},
                                       {30, 20, 90}, {60, 40, 300}, {100, 200, 300}};

    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct sketch whole = {0}, a = {0}, b = {0};

        add_range(&whole, 0, cuts[i][2]);
        add_range(&a, 0, cuts[i][0]);
        add_range(&b, cuts[i][1] < cuts[i][0] ? cuts[i][1] : cuts[i][0], cuts[i][2]);
        sketch_merge(&a, &b);
        assert_same(&a, &whole);
        sketch_merge(&a, &whole); /* the same once more */
        assert_same(&a, &whole);
        sketch_done(&whole);
        sketch_done(&a);
        sketch_done(&b);
    }
}

static void test_packing(void **state)
{
    static const unsigned sizes[] = {0, 1, 64, 65, 5000};
    uint8_t room[SKETCH_PACKED_MAX + 3];

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct sketch s = {0}, back = {0};
        size_t n;
        struct str bytes;

        add_range(&s, 0, sizes[i]);
        n = sketch_pack(&s, room);
        memcpy(room + n, "abc", 3);
        for (size_t cut = 0; cut < n; cut++) {
            bytes = (struct str){(char *)room, cut};
            assert_false(sketch_unpack(&bytes, &back));
            assert_int_equal(bytes.n, cut);
        }
        bytes = (struct str){(char *)room, n + 3};
        assert_true(sketch_unpack(&bytes, &back));
        assert_str(bytes, "abc");
        assert_same(&s, &back);
        sketch_done(&s);
        sketch_done(&back);
    }
}

static void test_malformed(void **state)
{
    uint8_t room[SKETCH_PACKED_MAX] = {0xff, 0xff};
    struct sketch s = {0};
    struct str bytes = {(char *)room, sizeof room};

    room[2 + 77] = 56; /* no hash has so many leading zeros */
    assert_false(sketch_unpack(&bytes, &s));
    room[0] = 0;
    room[1] = SKETCH_EXACT + 1;
    assert_false(sketch_unpack(&bytes, &s));
    assert_null(s.registers);
    assert_null(s.hashes);
}

TEST_MAIN(cmocka_unit_test(test_few_are_exact), cmocka_unit_test(test_many_are_close),
          cmocka_unit_test(test_clearing), cmocka_unit_test(test_merging_is_adding),
          cmocka_unit_test(test_packing), cmocka_unit_test(test_malformed))
