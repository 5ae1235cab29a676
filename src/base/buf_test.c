#include "base/buf.h"

#include "base/test.h"

static void test_grows_to_its_cap(void **state)
{
    struct buf b;

    buf_init(&b, 1000);
    for (int i = 0; i < 100; i++)
        buf_add(&b, STR("0123456789"));
    assert_int_equal(b.n, 1000);
    assert_false(b.is_full);
    buf_add_char(&b, 'x');
    assert_true(b.is_full);
    assert_int_equal(b.n, 1000);
    buf_done(&b);
}

static void test_printf_and_consume(void **state)
{
    struct buf b;
    char *cstr;

    buf_init(&b, 10000);
    buf_printf(&b, "%s %d", "abc", 7);
    assert_str(buf_str(&b), "abc 7");
    buf_consume(&b, 4);
    assert_str(buf_str(&b), "7");
    buf_printf(&b, "%0500d", 1); /* longer than the small buffer */
    assert_int_equal(b.n, 501);
    cstr = buf_take_cstr(&b);
    assert_int_equal(strlen(cstr), 501);
    assert_int_equal(b.n, 0);
    free(cstr);
    buf_done(&b);
}

TEST_MAIN(cmocka_unit_test(test_grows_to_its_cap), cmocka_unit_test(test_printf_and_consume))
