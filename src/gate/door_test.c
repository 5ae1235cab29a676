/* What is peculiar to the listener: redirection to https, and the field that keeps browsers there.
 */
#include "gate/testing.h"

static const struct door to_https = {.is_redirect = true, .redirect = {"", 0}};
static const struct door to_base = {.is_redirect = true, .redirect = {"https://v.test:8443", 19}};

static void test_redirect(void **state)
{
    static const struct {
        const struct door *door;
        const char *method, *host, *target, *location;
        enum outcome outcome;
    } cases[] = {
        {&to_https, "GET", "a.test", "/v/i.m3u8?token=1", "https://a.test/v/i.m3u8?token=1",
         OUT_TO_HTTPS},
        {&to_https, "HEAD", "a.test:8080", "/", "https://a.test/", OUT_TO_HTTPS},
        {&to_https, "GET", "[::1]:80", "/x", "https://[::1]/x", OUT_TO_HTTPS},
        {&to_https, "GET", "[::1]", "/x", "https://[::1]/x", OUT_TO_HTTPS},
        {&to_https, "POST", "a.test", "/api/whitelist", "https://a.test/api/whitelist",
         OUT_TO_HTTPS_SAME},
        {&to_https, "OPTIONS", "a.test", "*", NULL, OUT_BAD_REQUEST},
        {&to_https, "GET", "", "/x", NULL, OUT_BAD_REQUEST},
        {&to_base, "GET", "a.test", "/x?y", "https://v.test:8443/x?y", OUT_TO_HTTPS},
        {&to_base, "DELETE", "", "/x", "https://v.test:8443/x", OUT_TO_HTTPS_SAME},
    };
    struct world w;

    world_open(&w, "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = ask(&w, cases[i].target, .method = cases[i].method, .host = cases[i].host,
                              .door = cases[i].door);

        assert_outcome(a, cases[i].outcome);
        if (cases[i].location != NULL)
            assert_field(&a, "Location", cases[i].location);
        else
            assert_null(answer_field(&a, "Location").p);
    }
    world_close(&w);
}

static void test_hsts(void **state)
{
    static const struct door door = {.hsts = {"max-age=60", 10}};
    static const char *const targets[] = {"/files/a.txt", "/nothing", "/a/../../b"};
    struct answer a;
    struct world w;

    world_open(&w, "access: { policy: { static: [] } }\n");
    world_write(&w, "files/a.txt", "text");
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        a = ask(&w, targets[i], .door = &door);
        assert_field(&a, "Strict-Transport-Security", "max-age=60");
    }
    a = ask(&w, "/files/a.txt");
    assert_null(answer_field(&a, "Strict-Transport-Security").p);
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_redirect), cmocka_unit_test(test_hsts))
