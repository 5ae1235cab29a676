#include "base/ip.h"

#include <netinet/in.h>
#include <sys/un.h>

#include "base/mem.h"
#include "base/test.h"

static void test_parse_and_format(void **state)
{
    static const struct {
        const char *text, *want; /* NULL: refused */
    } rows[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"10.20.30.4", "10.20.30.4"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:db8:0:1:1:1:1:1",
         "2001:db8:0:1:1:1:1:1"},                      /* RFC 5952 4.2.2: no "::" for one group */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},       /* 4.2.3: the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"}, /* 4.2.3: the first of two */
        {"1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"},
        {"0:0:3:4:5:6:7:8", "::3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"::1.2.3.4", "::102:304"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"::ffff:1.2.3.4", "1.2.3.4"}, /* mapped */
        {"::FFFF:0102:0304", "1.2.3.4"},
        {"0:0:0:0:0:ffff:1.2.3.4", "1.2.3.4"},
        {"::fffe:1.2.3.4", "::fffe:102:304"},
        {"", NULL},
        {"1", NULL},
        {"1.2.3", NULL},
        {"1.2.3.4.5", NULL},
        {"1.2.3.256", NULL},
        {"01.2.3.4", NULL},
        {"1.2.3.04", NULL},
        {"0x7f.0.0.1", NULL},
        {"1.2.3.4 ", NULL},
        {" 1.2.3.4", NULL},
        {"-1.2.3.4", NULL},
        {"1..2.3", NULL},
        {":::", NULL},
        {":1", NULL},
        {"1:2:3:4:5:6:7", NULL},
        {"1:2:3:4:5:6:7:8:9", NULL},
        {"1::2::3", NULL},
        {"12345::", NULL},
        {"::g", NULL},
        {"[::1]", NULL},
        {"fe80::1%eth0", NULL},
        {"::ffff:1.2.3.256", NULL},
        {"2001:db8::1/64", NULL},
        {"localhost", NULL},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip ip = {.family = IP_NONE};
        char text[IP_TEXT_MAX];

        if (ip_parse(str_of(rows[i].text), &ip) == 0)
            assert_str(ip_format(&ip, text), rows[i].want != NULL ? rows[i].want : "(refused)");
        else if (rows[i].want != NULL || ip.family != IP_NONE)
            fail_msg("%s", rows[i].text);
    }
}

static void test_nul_is_no_end(void **state)
{
    struct ip ip;

    assert_int_equal(ip_parse(STR("1.2.3.4\0"), &ip), -1);
    assert_int_equal(ip_parse(STR("1.2.3.4\0.5"), &ip), -1);
    assert_int_equal(ip_parse(STR_NONE, &ip), -1);
}

static void test_net_parse(void **state)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"10.1.2.3/8", "10.0.0.0/8"},
        {"10.1.2.3", "10.1.2.3/32"},
        {"10.1.2.3/32", "10.1.2.3/32"},
        {"10.1.2.3/0", "0.0.0.0/0"},
        {"2001:db8:1:2:3::4/64", "2001:db8:1:2::/64"},
        {"2001:db8::1", "2001:db8::1/128"},
        {"::/0", "::/0"},
        {"::ffff:10.1.2.3", "10.1.2.3/32"},
        {"::ffff:10.1.2.3/104", "10.0.0.0/8"},
        {"::ffff:10.1.2.3/128", "10.1.2.3/32"},
        {"::ffff:10.1.2.3/96", "0.0.0.0/0"},
        {"::ffff:10.1.2.3/95", NULL},
        {"10.0.0.0/33", NULL},
        {"::/129", NULL},
        {"10.0.0.0/", NULL},
        {"10.0.0.0/08", NULL},
        {"10.0.0.0/-1", NULL},
        {"10.0.0.0/+8", NULL},
        {"10.0.0.0/8 ", NULL},
        {"10.0.0.0/8/8", NULL},
        {"10.0.0.0/4294967304", NULL},
        {"10.0.0.0/255.0.0.0", NULL},
        {"/8", NULL},
        {"10/8", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ip_net net;
        char text[IP_NET_TEXT_MAX];

        if (ip_net_parse(str_of(rows[i].text), &net) == 0)
            assert_str(ip_net_format(&net, text),
                       rows[i].want != NULL ? rows[i].want : "(refused)");
        else if (rows[i].want != NULL)
            fail_msg("%s", rows[i].text);
    }
}

/* At every prefix: a network holds its own address with any later bit flipped, and none with an
 * earlier one. */
static void check_every_prefix(const char *text, unsigned bits)
{
    struct ip ip;

    assert_int_equal(ip_parse(str_of(text), &ip), 0);
    for (unsigned prefix = 0; prefix <= bits; prefix++) {
        struct ip_net net = ip_mask(&ip, prefix);

        assert_int_equal(net.prefix, prefix);
        for (unsigned bit = 0; bit < bits; bit++) {
            struct ip other = ip;
            struct ip_net masked;

            other.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
            assert_int_equal(ip_net_contains(&net, &other), bit >= prefix);
            masked = ip_mask(&other, prefix);
            assert_int_equal(ip_eq(&masked.base, &net.base), bit >= prefix);
        }
        for (unsigned bit = prefix; bit < 128; bit++)
            assert_int_equal(net.base.bytes[bit / 8] & (0x80 >> bit % 8), 0);
    }
}

static void test_masks(void **state)
{
    check_every_prefix("170.85.204.51", 32);
    check_every_prefix("255.255.255.255", 32);
    check_every_prefix("aaaa:5555:cccc:3333:f0f0:0f0f:1234:8765", 128);
}

static void test_families_never_mix(void **state)
{
    struct ip_net all_v4, all_v6;
    struct ip v4, v6, none = {.family = IP_NONE};

    assert_int_equal(ip_net_parse(STR("0.0.0.0/0"), &all_v4), 0);
    assert_int_equal(ip_net_parse(STR("::/0"), &all_v6), 0);
    assert_int_equal(ip_parse(STR("1.2.3.4"), &v4), 0);
    assert_int_equal(ip_parse(STR("102:304::"), &v6), 0);
    assert_true(ip_net_contains(&all_v4, &v4));
    assert_true(ip_net_contains(&all_v6, &v6));
    assert_false(ip_net_contains(&all_v4, &v6));
    assert_false(ip_net_contains(&all_v6, &v4));
    assert_false(ip_net_contains(&all_v4, &none));
    assert_memory_equal(v4.bytes, v6.bytes, sizeof v4.bytes);
    assert_false(ip_eq(&v4, &v6));
    all_v4 = ip_mask(&none, 0);
    assert_false(ip_net_contains(&all_v4, &none));
}

static void test_set(void **state)
{
    struct ip_net nets[2];
    struct ip_set set = {nets, ARRAY_LEN(nets)}, empty = {NULL, 0};
    struct ip inside, outside;

    assert_int_equal(ip_net_parse(STR("10.0.0.0/8"), &nets[0]), 0);
    assert_int_equal(ip_net_parse(STR("2001:db8::/32"), &nets[1]), 0);
    assert_int_equal(ip_parse(STR("2001:db8:ffff::1"), &inside), 0);
    assert_int_equal(ip_parse(STR("11.0.0.0"), &outside), 0);
    assert_true(ip_set_contains(&set, &inside));
    assert_false(ip_set_contains(&set, &outside));
    assert_false(ip_set_contains(&empty, &inside));
}

static void test_from_sockaddr(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in6 mapped = {.sin6_family = AF_INET6,
                                  .sin6_addr.s6_addr = {[10] = 0xff, 0xff, 192, 0, 2, 1}};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    char text[IP_TEXT_MAX];
    struct ip ip;

    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&v4, &ip), 0);
    assert_str(ip_format(&ip, text), "192.0.2.1");
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&v6, &ip), 0);
    assert_str(ip_format(&ip, text), "::1");
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&mapped, &ip), 0);
    assert_str(ip_format(&ip, text), "192.0.2.1");
    assert_int_equal(ip_from_sockaddr((const struct sockaddr *)&un, &ip), -1);
    ip = (struct ip){.family = IP_NONE};
    assert_str(ip_format(&ip, text), "-");
}

TEST_MAIN(cmocka_unit_test(test_parse_and_format), cmocka_unit_test(test_nul_is_no_end),
          cmocka_unit_test(test_net_parse), cmocka_unit_test(test_masks),
          cmocka_unit_test(test_families_never_mix), cmocka_unit_test(test_set),
          cmocka_unit_test(test_from_sockaddr))
