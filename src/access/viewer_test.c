#include "access/viewer.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/test.h"

static void test_ua_hash(void **state)
{
    static const struct {
        struct str user_agent;
        const char *want;
    } rows[] = {
        {STR_NONE, "d41d8cd9"},
        {STR(""), "d41d8cd9"},
        {STR("Mozilla/5.0"), "0e3c1d55"},
        {STR("Player/1"), "dd2dccc1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t hash[UA_HASH_LEN];
        char text[HEX_LEN(UA_HASH_LEN)];

        ua_hash(rows[i].user_agent, hash);
        assert_str(((struct str){text, hex_encode(hash, sizeof hash, text)}), rows[i].want);
    }
}

static struct viewer make(enum viewer_bind bind, const char *address, const char *user_agent)
{
    struct viewer_rules rules = {.bind = bind, .ipv4_prefix = 24, .ipv6_prefix = 64};
    uint8_t hash[UA_HASH_LEN];
    struct viewer v;
    struct ip ip;

    assert_int_equal(ip_parse(str_of(address), &ip), 0);
    ua_hash(str_of(user_agent), hash);
    viewer_init(&v, &rules, &ip, hash);
    return v;
}

static void test_same_viewer(void **state)
{
    static const struct {
        enum viewer_bind bind;
        const char *a, *b, *agent_a, *agent_b;
        bool is_same;
    } rows[] = {
        {BIND_NETWORK, "203.0.113.1", "203.0.113.254", "x", "x", true},
        {BIND_NETWORK, "203.0.113.1", "203.0.114.1", "x", "x", false},
        {BIND_NETWORK, "203.0.113.1", "203.0.113.1", "x", "y", false},
        {BIND_NETWORK, "2001:db8::1", "2001:db8::ffff:0:0:1", "x", "x", true},
        {BIND_NETWORK, "2001:db8::1", "2001:db8:0:1::1", "x", "x", false},
        {BIND_NETWORK, "::ffff:203.0.113.1", "203.0.113.9", "x", "x", true},
        {BIND_IP, "203.0.113.1", "203.0.113.1", "x", "x", true},
        {BIND_IP, "203.0.113.1", "203.0.113.2", "x", "x", false},
        {BIND_IP, "2001:db8::1", "2001:db8::1", "x", "x", true},
        {BIND_IP, "2001:db8::1", "2001:db8::2", "x", "x", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct viewer a = make(rows[i].bind, rows[i].a, rows[i].agent_a);
        struct viewer b = make(rows[i].bind, rows[i].b, rows[i].agent_b);

        if ((memcmp(a.id, b.id, sizeof a.id) == 0) != rows[i].is_same)
            fail_msg("row %zu", i);
    }
}

/* The id is stored and signed: its layout must never change unnoticed. */
static void test_layout(void **state)
{
    struct viewer v = make(BIND_NETWORK, "203.0.113.77", "Player/1");
    char text[HEX_LEN(VIEWER_ID_LEN)], address[IP_TEXT_MAX], net[IP_NET_TEXT_MAX];

    assert_str(((struct str){text, hex_encode(v.id, sizeof v.id, text)}),
               "0118cb007100000000000000000000000000dd2dccc1");
    assert_str(ip_format(&v.ip, address), "203.0.113.77");
    assert_str(ip_net_format(&v.net, net), "203.0.113.0/24");
    v = make(BIND_IP, "2001:db8::7", "Player/1");
    assert_str(((struct str){text, hex_encode(v.id, sizeof v.id, text)}),
               "028020010db8000000000000000000000007dd2dccc1");
    assert_str(ip_net_format(&v.net, net), "2001:db8::/64");
}

/* Over a Unix socket there is no address: viewers are told apart by their User-Agent alone. */
static void test_no_address(void **state)
{
    struct viewer_rules rules = {.bind = BIND_NETWORK, .ipv4_prefix = 24, .ipv6_prefix = 64};
    struct ip none = {.family = IP_NONE};
    uint8_t hash[UA_HASH_LEN] = {1, 2, 3, 4}, want[VIEWER_ID_LEN] = {0};
    struct viewer v;

    memcpy(want + VIEWER_ID_LEN - UA_HASH_LEN, hash, sizeof hash);
    viewer_init(&v, &rules, &none, hash);
    assert_memory_equal(v.id, want, sizeof want);
}

TEST_MAIN(cmocka_unit_test(test_ua_hash), cmocka_unit_test(test_same_viewer),
          cmocka_unit_test(test_layout), cmocka_unit_test(test_no_address))
