#include "admin/throttle.h"

#include "base/mem.h"
#include "base/test.h"

#define NOW (1000 * USEC_PER_SEC)

static struct throttle *throttle;

static int setup(void **state)
{
    throttle = throttle_new();
    return 0;
}

static int teardown(void **state)
{
    throttle_free(&throttle);
    return 0;
}

static bool wrong(const char *address, usec_t now)
{
    struct ip ip;

    assert_int_equal(ip_parse(str_of(address), &ip), 0);
    return throttle_wrong_key(throttle, &ip, now);
}

static void use_up(const char *address, usec_t now)
{
    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_false(wrong(address, now));
}

static void test_slow_after_some(void **state)
{
    use_up("192.0.2.1", NOW);
    for (int i = 0; i < 1000; i++)
        assert_true(wrong("192.0.2.1", NOW));
}

static void test_each_address_for_itself(void **state)
{
    use_up("192.0.2.1", NOW);
    assert_true(wrong("192.0.2.1", NOW));
    assert_false(wrong("192.0.2.2", NOW));
    use_up("2001:db8::1", NOW);
    assert_true(wrong("2001:db8::ffff", NOW)); /* the same /64 */
    assert_false(wrong("2001:db8:0:1::1", NOW));
}

static void test_time_forgives(void **state)
{
    use_up("192.0.2.1", NOW);
    assert_true(wrong("192.0.2.1", NOW));
    assert_false(wrong("192.0.2.1", NOW + 2 * THROTTLE_FORGIVES));
    assert_true(wrong("192.0.2.1", NOW + 2 * THROTTLE_FORGIVES));
    use_up("192.0.2.1", NOW + 1000 * USEC_PER_SEC);
}

static void test_a_flood_is_forgotten_soon(void **state)
{
    for (int i = 0; i < 10000; i++)
        (void)wrong("192.0.2.1", NOW);
    assert_false(wrong("192.0.2.1", NOW + (THROTTLE_FREE + 2) * THROTTLE_FORGIVES));
}

/* Whoever has most to be forgiven is the last to be forgotten. */
static void test_many_addresses_push_out_the_innocent_first(void **state)
{
    for (int i = 0; i < 2 * THROTTLE_FREE; i++)
        (void)wrong("192.0.2.1", NOW);
    for (unsigned i = 0; i < 20 * THROTTLE_ADDRESSES; i++) {
        struct ip ip = {.family = IP_V4,
                        .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};

        assert_false(throttle_wrong_key(throttle, &ip, NOW));
    }
    assert_true(wrong("192.0.2.1", NOW));
}

static void test_who_has_no_address_counts_too(void **state)
{
    struct ip none = {.family = IP_NONE};

    for (int i = 0; i < THROTTLE_FREE; i++)
        assert_false(throttle_wrong_key(throttle, &none, NOW));
    assert_true(throttle_wrong_key(throttle, &none, NOW));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_slow_after_some, setup, teardown),
        cmocka_unit_test_setup_teardown(test_each_address_for_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(test_time_forgives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_flood_is_forgotten_soon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_addresses_push_out_the_innocent_first, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_has_no_address_counts_too, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
