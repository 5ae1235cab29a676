#include "http/cookie.h"

#include "base/test.h"

static void values_by_name(void **state)
{
    static const struct {
        const char *field, *want; /* of the cookie "sid"; NULL: there is none */
    } cases[] = {
        {"sid=1", "1"},       {"a=b; sid=1", "1"},   {"a=b;sid=1;c=d", "1"},
        {"  sid = 1  ", "1"}, {"sid=1; sid=2", "1"}, {"sid=\"q v\"", "q v"},
        {"sid=\"", "\""},     {"sid=\"\"", ""},      {"sid=", ""},
        {"sid=a=b", "a=b"},   {"xsid=1", NULL},      {"sidx=1", NULL},
        {"SID=1", NULL},      {"sid", NULL},         {"", NULL},
        {";;=;", NULL},       {"a=sid=1", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = cookie_get(str_of(cases[i].field), STR("sid"));

        if (cases[i].want == NULL)
            assert_null(got.p);
        else
            assert_str(got, cases[i].want);
    }
    assert_null(cookie_get(STR_NONE, STR("sid")).p);
}

static void session_cookies(void **state)
{
    struct arena a;

    arena_init(&a, 4096);
    assert_str(cookie_write(&a, &(struct cookie){STR("s"), STR("v1"), .max_age = 7200}),
               "s=v1; Path=/; Max-Age=7200; HttpOnly; SameSite=Lax");
    assert_str(cookie_write(&a, &(struct cookie){STR("s"), STR(""), .is_secure = true}),
               "s=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure");
    assert_str(cookie_write(&a, &(struct cookie){STR("s"), STR("v"), 1, .is_strict = true}),
               "s=v; Path=/; Max-Age=1; HttpOnly; SameSite=Strict");
    arena_done(&a);
}

TEST_MAIN(cmocka_unit_test(values_by_name), cmocka_unit_test(session_cookies))
