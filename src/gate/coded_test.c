#include "gate/coded.h"

#include <stdio.h>

#include "base/test.h"

static struct blob *blob_of(size_t n)
{
    struct blob *b = blob_new(n);

    assert_non_null(b);
    memset(blob_bytes(b), 'x', n);
    return b;
}

static struct str name_of(int i)
{
    static char text[32];

    return (struct str){text, (size_t)snprintf(text, sizeof text, "/s/i.m3u8\n%d\ngzip", i)};
}

static void put(struct coded *c, int i, size_t n)
{
    struct blob *b = blob_of(n);

    coded_put(c, name_of(i), b);
    blob_unref(&b);
}

/* Bytes of it; 0: not there. */
static size_t got(struct coded *c, int i)
{
    struct blob *b = NULL;
    size_t n = 0;

    if (coded_get(c, name_of(i), &b) == CODED_IS_HERE)
        n = blob_filled(b);
    blob_unref(&b);
    return n;
}

static void what_was_put_is_there(void **state)
{
    struct coded *c = coded_new();
    struct blob *b = NULL;

    assert_int_equal(coded_get(c, name_of(1), &b), CODED_UNKNOWN);
    put(c, 1, 100);
    coded_put(c, name_of(2), NULL);
    assert_int_equal(got(c, 1), 100);
    assert_int_equal(coded_get(c, name_of(2), &b), CODED_NO_GAIN);
    assert_null(b);
    assert_int_equal(got(c, 3), 0);
    assert_int_equal(coded_live(), 1);
    coded_clear(c);
    assert_int_equal(coded_bytes(c), 0);
    assert_int_equal(coded_live(), 0);
    assert_int_equal(coded_get(c, name_of(1), &b), CODED_UNKNOWN);
    put(c, 1, 100);
    coded_free(&c);
    coded_free(&c);
    assert_int_equal(blob_live(), 0);
}

static void the_limit_holds(void **state)
{
    struct coded *c = coded_new();
    size_t largest = 0;

    for (int i = 0; i < 3000; i++) {
        put(c, i, 1 + (size_t)i * 37 % 9000);
        got(c, 0); /* asked for all the time: it stays */
        largest = coded_bytes(c) > largest ? coded_bytes(c) : largest;
    }
    assert_true(largest <= CODED_BYTES && largest > CODED_BYTES * 9 / 10);
    assert_int_equal(got(c, 0), 1);
    assert_int_equal(got(c, 1), 0);
    coded_free(&c);
    assert_int_equal(blob_live(), 0);
}

/* Names alone fill it, too. */
static void names_without_bytes_count(void **state)
{
    struct coded *c = coded_new();

    for (int i = 0; i < 100000; i++)
        coded_put(c, name_of(i), NULL);
    assert_true(coded_bytes(c) <= CODED_BYTES);
    coded_free(&c);
}

static void what_is_too_large_is_not_kept(void **state)
{
    struct coded *c = coded_new();

    put(c, 1, 100);
    put(c, 2, CODED_ONE_MAX);
    assert_int_equal(got(c, 2), 0);
    assert_int_equal(got(c, 1), 100);
    coded_free(&c);
}

/* Who holds it keeps it. */
static void evicted_while_it_is_read(void **state)
{
    struct coded *c = coded_new();
    struct blob *held = NULL;

    put(c, 0, 5000);
    assert_int_equal(coded_get(c, name_of(0), &held), CODED_IS_HERE);
    for (int i = 1; i < 3000; i++) {
        put(c, i, 5000);
        got(c, i); /* as much asked for as the first */
    }
    assert_int_equal(got(c, 0), 0);
    assert_int_equal(blob_filled(held), 5000);
    assert_int_equal(blob_bytes(held)[4999], 'x');
    blob_unref(&held);
    coded_free(&c);
    assert_int_equal(blob_live(), 0);
}

TEST_MAIN(cmocka_unit_test(what_was_put_is_there), cmocka_unit_test(the_limit_holds),
          cmocka_unit_test(names_without_bytes_count),
          cmocka_unit_test(what_is_too_large_is_not_kept),
          cmocka_unit_test(evicted_while_it_is_read))
