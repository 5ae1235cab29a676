/* A gate token is revoked by its very second, a viewer by any of them. */
#include "store/revoked.h"

#include "base/test.h"

static const uint8_t viewer[STORE_VIEWER_LEN] = "0123456789abcdefghijk";
static const uint8_t other[STORE_VIEWER_LEN] = "0123456789abcdefghijX";

static void add(struct revoked *r, unix_t ends, struct str uid)
{
    struct key k;

    revoked_key(&k, viewer, ends, uid);
    revoked_add(r, key_str(&k));
}

static void take_away(struct revoked *r, unix_t ends, struct str uid)
{
    struct key k;

    revoked_key(&k, viewer, ends, uid);
    revoked_remove(r, key_str(&k));
}

static void test_by_the_second(void **state)
{
    struct revoked *r = revoked_new();

    assert_false(revoked_has(r, viewer, STR("u1"), 100));
    add(r, 100, STR("u1"));
    assert_true(revoked_has(r, viewer, STR("u1"), 100));
    assert_false(revoked_has(r, viewer, STR("u1"), 101));
    assert_false(revoked_has(r, viewer, STR("u2"), 100));
    assert_false(revoked_has(r, other, STR("u1"), 100));
    take_away(r, 100, STR("u1"));
    assert_false(revoked_has(r, viewer, STR("u1"), 100));
    assert_int_equal(revoked_count(r), 0);
    revoked_free(&r);
}

static void test_any(void **state)
{
    struct revoked *r = revoked_new();

    assert_false(revoked_has_any(r, viewer, STR("u1")));
    add(r, 100, STR("u1"));
    add(r, 200, STR("u1"));
    add(r, 200, STR("u1")); /* known already */
    assert_int_equal(revoked_count(r), 2);
    assert_true(revoked_has_any(r, viewer, STR("u1")));
    assert_false(revoked_has_any(r, viewer, STR("u")));
    assert_false(revoked_has_any(r, viewer, STR("u12")));
    assert_false(revoked_has_any(r, other, STR("u1")));
    take_away(r, 100, STR("u1"));
    take_away(r, 100, STR("u1"));
    assert_true(revoked_has_any(r, viewer, STR("u1")));
    take_away(r, 200, STR("u1"));
    assert_false(revoked_has_any(r, viewer, STR("u1")));
    assert_int_equal(revoked_count(r), 0);
    revoked_free(&r);
}

static void test_expired(void **state)
{
    struct revoked *r = revoked_new();

    add(r, 100, STR("u1"));
    add(r, 200, STR("u1"));
    add(r, 100, STR("u2"));
    revoked_expire(r, 100); /* a gate token is good in its last second */
    assert_int_equal(revoked_count(r), 3);
    revoked_expire(r, 101);
    assert_int_equal(revoked_count(r), 1);
    assert_true(revoked_has(r, viewer, STR("u1"), 200) && revoked_has_any(r, viewer, STR("u1")));
    assert_false(revoked_has_any(r, viewer, STR("u2")));
    revoked_expire(r, 201);
    assert_false(revoked_has_any(r, viewer, STR("u1")));
    revoked_free(&r);
}

static void test_freed_while_full(void **state)
{
    struct revoked *r = revoked_new();

    for (unix_t t = 0; t < 1000; t++)
        add(r, t, t % 2 == 0 ? STR("u1") : STR(""));
    assert_true(revoked_has_any(r, viewer, STR("")));
    revoked_free(&r);
    assert_null(r);
}

TEST_MAIN(cmocka_unit_test(test_by_the_second), cmocka_unit_test(test_any),
          cmocka_unit_test(test_expired), cmocka_unit_test(test_freed_while_full))
