#include "base/stock.h"

#include <pthread.h>

#include "base/mem.h"
#include "base/test.h"

static void test_blocks_do_not_overlap(void **state)
{
    enum { COUNT = 300 };
    unsigned char *p[COUNT];

    for (int round = 0; round < 2; round++) { /* new ones, then kept ones */
        for (size_t i = 0; i < COUNT; i++) {
            p[i] = stock_alloc(i * 9);
            assert_int_equal((uintptr_t)p[i] % 16, 0);
            memset(p[i], (int)i, i * 9);
        }
        for (size_t i = 0; i < COUNT; i++)
            for (size_t k = 0; k < i * 9; k++)
                assert_int_equal(p[i][k], i & 0xff);
        for (size_t i = 0; i < COUNT; i++)
            stock_free(p[i]);
    }
}

static void test_what_was_given_back_comes_again(void **state)
{
    void *p = stock_alloc(100);
    unsigned kept;

    stock_free(p);
    kept = stock_kept();
    assert_int_equal(kept > 0, !MEM_IS_CHECKED);
    if (!MEM_IS_CHECKED)
        assert_ptr_equal(stock_alloc(110), p); /* of the same size */
    else
        p = stock_alloc(110);
    stock_free(p);
    assert_int_equal(stock_kept(), kept);
}

static void test_zeroed_though_used_before(void **state)
{
    char *p = stock_alloc(200);

    memset(p, 'x', 200);
    stock_free(p);
    p = stock_zalloc(200);
    for (int i = 0; i < 200; i++)
        assert_int_equal(p[i], 0);
    stock_free(p);
}

static void test_realloc_keeps_the_bytes(void **state)
{
    static const size_t sizes[] = {1,     40,    49,     2032,  2033, 16384, 17000, 20000,
                                   20448, 20449, 100000, 16385, 10,   0,     500};
    char *p = NULL;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        size_t before = i > 0 ? sizes[i - 1] : 0;

        p = stock_realloc(p, sizes[i]);
        for (size_t k = 0; k < MIN(before, sizes[i]); k++)
            assert_int_equal(p[k], (char)(i - 1));
        memset(p, (int)i, sizes[i]);
    }
    stock_free(p);
    stock_free(NULL);
}

static void test_what_is_kept_is_bounded(void **state)
{
    enum { COUNT = 4000 };
    void *p[COUNT];
    unsigned before = stock_kept();

    for (int i = 0; i < COUNT; i++)
        p[i] = stock_alloc(i % 2 == 0 ? 1000 : 3000);
    for (int i = 0; i < COUNT; i++)
        stock_free(p[i]);
    assert_true(stock_kept() - before <= STOCK_KEPT_OF_EACH / 1000);
}

static void *use(void *arg)
{
    stock_free(arg); /* of another thread */
    stock_free(stock_alloc(500));
    assert_int_equal(stock_kept(), MEM_IS_CHECKED ? 0 : 2);
    return NULL;
}

/* That nothing is left of it is for LeakSanitizer and valgrind to say. */
static void test_a_thread_has_a_stock_of_its_own(void **state)
{
    void *p = stock_alloc(1500);
    unsigned kept = stock_kept();
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, use, p), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(stock_kept(), kept);
}

TEST_MAIN(cmocka_unit_test(test_blocks_do_not_overlap),
          cmocka_unit_test(test_what_was_given_back_comes_again),
          cmocka_unit_test(test_zeroed_though_used_before),
          cmocka_unit_test(test_realloc_keeps_the_bytes),
          cmocka_unit_test(test_what_is_kept_is_bounded),
          cmocka_unit_test(test_a_thread_has_a_stock_of_its_own))
