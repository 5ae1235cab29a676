#include "access/client_ip.h"

#include "base/mem.h"
#include "base/test.h"

struct row {
    const char *peer, *x_forwarded_for, *forwarded, *x_real_ip, *want;
};

/* Trusted: 10.0.0.0/8 and 2001:db8:ff::/48. */
static void check(const struct row *rows, size_t n)
{
    struct ip_net nets[2];
    const struct ip_set trusted = {nets, ARRAY_LEN(nets)};

    assert_int_equal(ip_net_parse(STR("10.0.0.0/8"), &nets[0]), 0);
    assert_int_equal(ip_net_parse(STR("2001:db8:ff::/48"), &nets[1]), 0);
    for (size_t i = 0; i < n; i++) {
        struct ip peer, client;
        char text[IP_TEXT_MAX];

        assert_int_equal(ip_parse(str_of(rows[i].peer), &peer), 0);
        client = ip_client(&trusted, &peer, str_of(rows[i].x_forwarded_for),
                           str_of(rows[i].forwarded), str_of(rows[i].x_real_ip));
        if (!str_eq(ip_format(&client, text), str_of(rows[i].want)))
            fail_msg("row %zu: got %.*s, want %s", i, STR_FMT(ip_format(&client, text)),
                     rows[i].want);
    }
}

static void test_untrusted_peer(void **state)
{
    static const struct row rows[] = {
        {"192.0.2.1", "198.51.100.7", "for=198.51.100.7", "198.51.100.7", "192.0.2.1"},
        {"192.0.2.1", "10.0.0.1", NULL, NULL, "192.0.2.1"},
        {"2001:db8:fe::1", "198.51.100.7", NULL, NULL, "2001:db8:fe::1"},
    };

    check(rows, ARRAY_LEN(rows));
}

static void test_x_forwarded_for(void **state)
{
    static const struct row rows[] = {
        {"10.0.0.1", "198.51.100.7", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", " 198.51.100.7 ", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", "198.51.100.7, 10.0.0.2,10.0.0.3", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", "203.0.113.9, 198.51.100.7, 10.0.0.2", NULL, NULL,
         "198.51.100.7"}, /* spoofed */
        {"10.0.0.1", "10.0.0.9, 198.51.100.7", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", "10.0.0.3, 10.0.0.2", NULL, NULL, "10.0.0.3"}, /* trusted all the way */
        {"10.0.0.1", "198.51.100.7:5000", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", "2001:DB8::7", NULL, NULL, "2001:db8::7"},
        {"10.0.0.1", "[2001:db8::7]", NULL, NULL, "2001:db8::7"},
        {"10.0.0.1", "[2001:db8::7]:443", NULL, NULL, "2001:db8::7"},
        {"2001:db8:ff::1", "::ffff:198.51.100.7", NULL, NULL, "198.51.100.7"},
        {"10.0.0.1", "198.51.100.7, ::ffff:10.0.0.2", NULL, NULL, "198.51.100.7"},
        {"::ffff:10.0.0.1", "198.51.100.7", NULL, NULL, "198.51.100.7"},
        /* what is no address ends the walk */
        {"10.0.0.1", "198.51.100.7, unknown", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "198.51.100.7, junk, 10.0.0.2", NULL, NULL, "10.0.0.2"},
        {"10.0.0.1", "198.51.100.7,", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "198.51.100.7,,10.0.0.2", NULL, NULL, "10.0.0.2"},
        {"10.0.0.1", ",", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", " ", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "198.51.100.7:", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "198.51.100.7:99999", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "198.51.100.7:80:80", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "[2001:db8::7]x", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "[198.51.100.7]", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "[]", NULL, NULL, "10.0.0.1"},
        {"10.0.0.1", "[", NULL, NULL, "10.0.0.1"},
        /* it goes before the others, junk or not; an empty one is none */
        {"10.0.0.1", "198.51.100.7", "for=203.0.113.9", "203.0.113.10", "198.51.100.7"},
        {"10.0.0.1", "junk", "for=203.0.113.9", "203.0.113.10", "10.0.0.1"},
        {"10.0.0.1", "", "for=203.0.113.9", "203.0.113.10", "203.0.113.9"},
        {"10.0.0.1", NULL, NULL, "203.0.113.10", "203.0.113.10"},
        {"10.0.0.1", NULL, NULL, "junk", "10.0.0.1"},
        {"10.0.0.1", NULL, NULL, NULL, "10.0.0.1"},
    };

    check(rows, ARRAY_LEN(rows));
}

#define FORWARDED(field, want)              \
    {                                       \
        "10.0.0.1", NULL, field, NULL, want \
    }

static void test_forwarded(void **state)
{
    static const struct row rows[] = {
        /* RFC 7239 section 4 */
        FORWARDED("for=192.0.2.43", "192.0.2.43"),
        FORWARDED("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        FORWARDED("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
        FORWARDED("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
        FORWARDED("for=192.0.2.43, for=10.0.0.2;by=10.0.0.1", "192.0.2.43"),
        FORWARDED("proto=https;FOR=\"192.0.2.43:80\"", "192.0.2.43"),
        FORWARDED("for=\"192.0.2.43:_hidden\"", "192.0.2.43"),
        FORWARDED("for = 192.0.2.43", "10.0.0.1"),
        /* section 6: no address to be had */
        FORWARDED("for=192.0.2.43, for=unknown", "10.0.0.1"),
        FORWARDED("for=_gazonk", "10.0.0.1"),
        FORWARDED("for=192.0.2.43, for=\"_gazonk\", for=10.0.0.2", "10.0.0.2"),
        FORWARDED("proto=http", "10.0.0.1"),
        FORWARDED("for=", "10.0.0.1"),
        FORWARDED("for=\"\"", "10.0.0.1"),
        FORWARDED("for", "10.0.0.1"),
        FORWARDED("192.0.2.43", "10.0.0.1"),
        FORWARDED("for=192.0.2.43;for=192.0.2.44", "10.0.0.1"),
        FORWARDED("for=192.0.2.43;", "10.0.0.1"),
        /* a viewer's quotes and commas cannot swallow, or forge, what the proxy says */
        FORWARDED("for=\"x, for=198.51.100.17", "198.51.100.17"),
        FORWARDED("for=\"x, for=\"[2001:db8::1]\"", "2001:db8::1"),
        FORWARDED("for=198.51.100.17;host=\"x, for=203.0.113.9\"", "10.0.0.1"),
        FORWARDED("for=198.51.100.17;host=\"x, for=203.0.113.9;z=\\\"\"", "10.0.0.1"),
        FORWARDED("for=198.51.100.17;host=\"x,for=203.0.113.9;z=1\"", "10.0.0.1"),
        FORWARDED("for=\"192.0.2.43", "10.0.0.1"),
        FORWARDED("for=\"192.0.2.\\43\"", "10.0.0.1"),
    };

    check(rows, ARRAY_LEN(rows));
}

/* However a trusted chain is cut short, the answer never becomes what stands left of an untrusted
 * address. */
static void test_every_prefix_of_a_chain(void **state)
{
    static const struct str chain = STR("203.0.113.9, 198.51.100.7, 10.0.0.2");
    struct ip_net net;
    const struct ip_set trusted = {&net, 1};
    struct ip peer, spoofed;

    assert_int_equal(ip_net_parse(STR("10.0.0.0/8"), &net), 0);
    assert_int_equal(ip_parse(STR("10.0.0.1"), &peer), 0);
    assert_int_equal(ip_parse(STR("203.0.113.9"), &spoofed), 0);
    for (size_t from = 0; from < chain.n; from++) {
        struct ip client = ip_client(&trusted, &peer, str_skip(chain, from), STR_NONE, STR_NONE);

        assert_false(ip_eq(&client, &spoofed));
    }
}

TEST_MAIN(cmocka_unit_test(test_untrusted_peer), cmocka_unit_test(test_x_forwarded_for),
          cmocka_unit_test(test_forwarded), cmocka_unit_test(test_every_prefix_of_a_chain))
