#include "base/arena.h"

#include "base/test.h"

static void test_allocations_do_not_overlap(void **state)
{
    struct arena a;
    char *p[200];

    arena_init(&a, 1 << 20);
    for (int i = 0; i < 200; i++) {
        p[i] = arena_alloc(&a, (size_t)(i * 7 + 1));
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], i, (size_t)(i * 7 + 1));
    }
    for (int i = 0; i < 200; i++)
        for (int k = 0; k < i * 7 + 1; k++)
            assert_int_equal((unsigned char)p[i][k], i);
    arena_done(&a);
}

static void test_cap_is_sticky(void **state)
{
    struct arena a;

    arena_init(&a, 1000);
    assert_non_null(arena_alloc(&a, 500));
    assert_null(arena_alloc(&a, 600));
    assert_true(a.is_full);
    assert_null(arena_alloc(&a, 1)); /* sticky */
    assert_null(arena_copy(&a, STR("x")).p);
    arena_done(&a);
    arena_init(&a, SIZE_MAX);
    assert_null(arena_alloc(&a, SIZE_MAX)); /* no overflow in the rounding */
    arena_done(&a);
}

static void test_strings(void **state)
{
    struct str pieces[] = {STR("/a"), STR(""), STR("/b")};
    long live = arena_live();
    struct arena a;

    arena_init(&a, 100000);
    assert_int_equal(arena_live(), live + 1);
    assert_str(arena_copy(&a, STR("hello")), "hello");
    assert_str(arena_printf(&a, "%s-%d", "n", 42), "n-42");
    assert_str(arena_join(&a, pieces, 3), "/a/b");
    assert_int_equal(arena_copy(&a, STR("hello")).p[5], '\0');
    arena_done(&a);
    assert_int_equal(arena_live(), live);
}

TEST_MAIN(cmocka_unit_test(test_allocations_do_not_overlap), cmocka_unit_test(test_cap_is_sticky),
          cmocka_unit_test(test_strings))
