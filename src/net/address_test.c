/* Addresses from text and back. */
#include "base/test.h"
#include "net/listener.h"

#define PATH_50 "/0123456789012345678901234567890123456789012345678"
#define PATH_107 PATH_50 PATH_50 "/012345"

static void good_ones_come_back(void **state)
{
    static const struct {
        const char *text;
        int family;
        const char *back; /* NULL: the same */
    } cases[] = {
        {"127.0.0.1:80", AF_INET, NULL},
        {"0.0.0.0:0", AF_INET, NULL},
        {"255.255.255.255:65535", AF_INET, NULL},
        {"[::]:80", AF_INET6, NULL},
        {"[::1]:7889", AF_INET6, NULL},
        {"[2001:DB8:0:0::1]:1", AF_INET6, "[2001:db8::1]:1"},
        {"[::ffff:1.2.3.4]:1", AF_INET6, NULL},
        {"unix:/run/x.sock", AF_UNIX, NULL},
        {"unix:x", AF_UNIX, NULL},
        {"unix:/a:80", AF_UNIX, NULL},
        {"unix:" PATH_107, AF_UNIX, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address a;
        char back[256];

        if (net_address_parse(str_of(cases[i].text), &a) < 0)
            fail_msg("%s is refused", cases[i].text);
        assert_int_equal(a.u.any.sa_family, cases[i].family);
        net_address_format(&a, back, sizeof back);
        assert_string_equal(back, cases[i].back != NULL ? cases[i].back : cases[i].text);
    }
}

static void bad_ones_are_refused(void **state)
{
    static const struct str cases[] = {
        STR(""),
        STR(":"),
        STR(":80"),
        STR("80"),
        STR("127.0.0.1"),
        STR("127.0.0.1:"),
        STR("127.0.0.1:65536"),
        STR("127.0.0.1:-1"),
        STR("127.0.0.1:+1"),
        STR("127.0.0.1: 1"),
        STR("127.0.0.1:80 "),
        STR("127.0.0.1:80\0"),
        STR("127.0.0.1\0:80"),
        STR("127.0.0.1:99999999999999999999"),
        STR("127.0.1:80"),
        STR("127.0.0.01:80"),
        STR("256.0.0.1:80"),
        STR("localhost:80"),
        STR("[127.0.0.1]:80"),
        STR("::1:80"),
        STR("[::1]"),
        STR("[]:80"),
        STR("[:80"),
        STR("]:80"),
        STR("[::1:80"),
        STR("::1]:80"),
        STR("[fe80::1%eth0]:80"),
        STR("[0000:0000:0000:0000:0000:0000:0000:0000:0000:0000]:80"),
        STR("unix:"),
        STR("unix:/a\0b"),
        STR("unix:" PATH_107 "x"),
        STR("UNIX:/a"),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address a = {.length = 12345};

        if (net_address_parse(cases[i], &a) == 0)
            fail_msg("'%.*s' is accepted", STR_FMT(cases[i]));
        assert_int_equal(a.length, 12345);
    }
}

static void formatting_never_writes_past_the_room(void **state)
{
    static const char *const texts[] = {"[2001:db8::1]:65535", "10.0.0.1:80", "unix:" PATH_107};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (size_t room = 1; room < 200; room++) {
            AUTO(xfree_p) char *back = xmalloc(room); /* the sanitizer watches its end */
            struct net_address a;

            assert_int_equal(net_address_parse(str_of(texts[i]), &a), 0);
            net_address_format(&a, back, room);
            assert_true(str_eq(str_of(back), str_first(str_of(texts[i]), room - 1)));
        }
    }
}

static void a_peer_without_a_path_has_a_name(void **state)
{
    struct net_address a = {.length = sizeof(sa_family_t)};
    char text[16];

    a.u.any.sa_family = AF_UNIX;
    net_address_format(&a, text, sizeof text);
    assert_string_equal(text, "unix:");
}

TEST_MAIN(cmocka_unit_test(good_ones_come_back), cmocka_unit_test(bad_ones_are_refused),
          cmocka_unit_test(formatting_never_writes_past_the_room),
          cmocka_unit_test(a_peer_without_a_path_has_a_name))
