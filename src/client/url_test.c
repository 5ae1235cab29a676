/* What servers are called, and where a Location leads. */
#include <string.h>

#include "base/mem.h"
#include "base/test.h"
#include "client/base_url.h"
#include "client/client.h"

static void bases_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *authority, *host;
        unsigned port;
    } cases[] = {
        {"http://o1.example", "o1.example", "o1.example", 80},
        {"https://o1.example", "o1.example", "o1.example", 443},
        {"HTTPS://O1.example:8443", "O1.example:8443", "O1.example", 8443},
        {"http://127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1},
        {"http://[::1]", "[::1]", "[::1]", 80},
        {"http://[2001:db8::1]:65535", "[2001:db8::1]:65535", "[2001:db8::1]", 65535},
        {"http://under_score-1", "under_score-1", "under_score-1", 80},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf error = {.cap = 256};
        struct base_url url;

        assert_null(base_url_parse(str_of(cases[i].text), &url));
        assert_str(url.authority, cases[i].authority);
        assert_str(url.host, cases[i].host);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(client_base_check(str_of(cases[i].text), &error), 0);
        assert_int_equal(error.n, 0);
    }
}

static void other_bases_are_refused(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"", "begin"},
        {"o1.example", "begin"},
        {"//o1.example", "begin"},
        {"ftp://o1.example", "begin"},
        {"unix:/run/o1.sock", "begin"},
        {"http://o1.example/", "follow"},
        {"http://o1.example/vod", "follow"},
        {"http://o1.example?x", "follow"},
        {"http://o1.example#x", "follow"},
        {"http://me@o1.example", "user"},
        {"http://me:secret@o1.example", "user"},
        {"http://", "host"},
        {"http://:80", "host"},
        {"http://o1 example", "host"},
        {"http://o1.example\n", "host"},
        {"http://[::1", "host"},
        {"http://[::1]x", "host"},
        {"http://[]", "host"},
        {"http://[o1.example]", "host"},
        {"http://::1", "host"},
        {"http://o1.example:", "port"},
        {"http://o1.example:0", "port"},
        {"http://o1.example:65536", "port"},
        {"http://o1.example:+80", "port"},
        {"http://o1.example:80x", "port"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf error = {.cap = 256};

        assert_int_equal(client_base_check(str_of(cases[i].text), &error), -1);
        if (str_find(buf_str(&error), str_of(cases[i].why)) < 0)
            fail_msg("'%s': %.*s", cases[i].text, STR_FMT(buf_str(&error)));
    }
}

#define BASE "http://o1.example:8080/vod/a/b.ts?x=1"

static void locations_lead_somewhere(void **state)
{
    static const struct {
        const char *location, *want;
    } cases[] = {
        {"https://o2.example/c", "https://o2.example/c"},
        {"HTTP://O2.Example/C", "http://O2.Example/C"},
        {"http://o1.example:8080/c?y#z", "http://o1.example:8080/c?y"},
        {"//o2.example/c", "http://o2.example/c"},
        {"/c", "http://o1.example:8080/c"},
        {"/", "http://o1.example:8080/"},
        {"c.ts", "http://o1.example:8080/vod/a/c.ts"},
        {"../c.ts?y", "http://o1.example:8080/vod/c.ts?y"},
        {"../../../../c", "http://o1.example:8080/c"},
        {"?y", "http://o1.example:8080/vod/a/b.ts?y"},
        {"#z", "http://o1.example:8080/vod/a/b.ts?x=1"},
        {"", "http://o1.example:8080/vod/a/b.ts?x=1"},
        {"/a%20b%2fc", "http://o1.example:8080/a%20b%2fc"},
        {"/a b\xc3\xa4", "http://o1.example:8080/a%20b%c3%a4"},
        {"http://[::1]:81/c", "http://[::1]:81/c"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf url = {.cap = 1024};

        if (client_resolve(STR(BASE), str_of(cases[i].location), &url) < 0)
            fail_msg("'%s' is refused", cases[i].location);
        assert_str(buf_str(&url), cases[i].want);
    }
}

static void other_locations_do_not(void **state)
{
    static const struct str cases[] = {
        STR("ftp://o2.example/c"),
        STR("file:///etc/passwd"),
        STR("javascript:alert(1)"),
        STR("http://me@o2.example/"),
        STR("http://"),
        STR("http://[::1/"),
        STR("/a\r\nX: y"),
        STR("/a\0b"),
        STR("http://o2.example:99999/"),
    };
    AUTO(xfree_p) char *huge = xmalloc(100000);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(buf_done) struct buf url = {.cap = 1024};

        if (client_resolve(STR(BASE), cases[i], &url) == 0)
            fail_msg("'%.*s' became '%.*s'", STR_FMT(cases[i]), STR_FMT(buf_str(&url)));
        assert_int_equal(url.n, 0);
    }
    memset(huge, 'a', 100000);
    assert_int_equal(
        client_resolve(STR(BASE), (struct str){huge, 100000}, &(struct buf){.cap = 1 << 20}), -1);
}

static void a_full_buffer_is_a_failure(void **state)
{
    AUTO(buf_done) struct buf url = {.cap = 10};

    assert_int_equal(client_resolve(STR(BASE), STR("/c"), &url), -1);
}

TEST_MAIN(cmocka_unit_test(bases_are_taken_apart), cmocka_unit_test(other_bases_are_refused),
          cmocka_unit_test(locations_lead_somewhere), cmocka_unit_test(other_locations_do_not),
          cmocka_unit_test(a_full_buffer_is_a_failure))
