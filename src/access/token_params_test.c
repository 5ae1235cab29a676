#include "access/token.h"

#include "base/mem.h"
#include "base/test.h"

enum { CAP = 65536 };

static void test_parse(void **state)
{
    static const struct {
        const char *query;
        const char *uid, *expires, *scope, *token, *gate; /* NULL: absent */
        bool is_doubled;
    } rows[] = {
        {"uid=42&expires=9&token=T", "42", "9", NULL, "T", NULL, false},
        {"gate=G&scope=/a/&expires=9&uid=42", "42", "9", "/a/", NULL, "G", false},
        {"scope=%2Fa%2fb+c%2B/&uid=%C3%A9", "\xc3\xa9", NULL, "/a/b c+/", NULL, NULL, false},
        {"x=1&uid=42&&y&token", "42", NULL, NULL, "", NULL, false},
        {"token=a=b", NULL, NULL, NULL, "a=b", NULL, false},
        {"UID=1&Token=2&uidx=3&ui=4&%75id=5", NULL, NULL, NULL, NULL, NULL, false},
        {"", NULL, NULL, NULL, NULL, NULL, false},
        {"uid=1&uid=1", "1", NULL, NULL, NULL, NULL, true},
        {"token=a&x=1&token=b", NULL, NULL, NULL, "a", NULL, true},
        {"gate&gate", NULL, NULL, NULL, NULL, "", true},
        {"scope=&scope=/", NULL, NULL, "", NULL, NULL, true},
        {"expires=1&expires=", NULL, "1", NULL, NULL, NULL, true},
        {"uid=%4", NULL, NULL, NULL, NULL, NULL, true},
        {"uid=%", NULL, NULL, NULL, NULL, NULL, true},
        {"uid=%zz", NULL, NULL, NULL, NULL, NULL, true},
        {"uid=1%g0", NULL, NULL, NULL, NULL, NULL, true},
        {"uid=%4&token=x", NULL, NULL, NULL, "x", NULL, true},
        {"other=%zz", NULL, NULL, NULL, NULL, NULL, false}, /* not ours to judge */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_params p;
        struct arena a;

        arena_init(&a, CAP);
        token_params_parse(&a, str_of(rows[i].query), &p);
        assert_str(p.uid, rows[i].uid);
        assert_str(p.expires, rows[i].expires);
        assert_str(p.scope, rows[i].scope);
        assert_str(p.token, rows[i].token);
        assert_str(p.gate, rows[i].gate);
        assert_int_equal(p.token.p != NULL, rows[i].token != NULL);
        assert_int_equal(p.gate.p != NULL, rows[i].gate != NULL);
        assert_int_equal(p.scope.p != NULL, rows[i].scope != NULL);
        assert_int_equal(p.is_doubled, rows[i].is_doubled);
        arena_done(&a);
    }
}

static void test_no_query(void **state)
{
    struct token_params p;
    struct arena a;

    arena_init(&a, CAP);
    token_params_parse(&a, STR_NONE, &p);
    assert_null(p.token.p);
    assert_false(p.is_doubled);
    token_params_parse(&a, STR("uid=a%00b"), &p);
    assert_true(str_eq(p.uid, STR("a\0b")));
    arena_done(&a);
}

/* A full arena refuses, it does not read as "no credentials". */
static void test_full_arena(void **state)
{
    struct token_params p;
    struct arena a;

    arena_init(&a, 0);
    token_params_parse(&a, STR("uid=%41"), &p);
    assert_true(p.is_doubled);
    assert_null(token_query(&a, STR("u"), 1, STR_NONE, STR("token"), STR("T")).p);
    arena_done(&a);
}

static void test_query(void **state)
{
    static const struct {
        struct str uid, scope;
        const char *want;
    } rows[] = {
        {STR("42"), STR_NONE, "uid=42&expires=2000000000&gate=T-_"},
        {STR("42"), STR("/live/ch1/"), "uid=42&expires=2000000000&scope=/live/ch1/&gate=T-_"},
        {STR("a b+c&d=e%\xff\""), STR_NONE,
         "uid=a%20b%2Bc%26d%3De%25%FF%22&expires=2000000000&gate=T-_"},
        {STR("u"), STR("/\xc3\xa9#?/"), "uid=u&expires=2000000000&scope=/%C3%A9%23%3F/&gate=T-_"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_params p;
        struct arena a;
        struct str query;

        arena_init(&a, CAP);
        query = token_query(&a, rows[i].uid, 2000000000, rows[i].scope, STR("gate"), STR("T-_"));
        assert_str(query, rows[i].want);
        token_params_parse(&a, query, &p);
        assert_true(str_eq(p.uid, rows[i].uid));
        assert_true(str_eq(p.scope, rows[i].scope));
        assert_int_equal(p.scope.p != NULL, rows[i].scope.p != NULL);
        assert_str(p.gate, "T-_");
        assert_false(p.is_doubled);
        arena_done(&a);
    }
}

/* Every byte survives the way through a URL. */
static void test_every_byte(void **state)
{
    for (int c = 0; c < 256; c++) {
        char byte = (char)c;
        struct token_params p;
        struct arena a;

        arena_init(&a, CAP);
        token_params_parse(
            &a, token_query(&a, (struct str){&byte, 1}, 1, STR_NONE, STR("token"), STR("T")), &p);
        assert_true(str_eq(p.uid, (struct str){&byte, 1}));
        assert_false(p.is_doubled);
        arena_done(&a);
    }
}

static void test_is_param(void **state)
{
    assert_true(token_is_param(STR("uid")));
    assert_true(token_is_param(STR("expires")));
    assert_true(token_is_param(STR("scope")));
    assert_true(token_is_param(STR("token")));
    assert_true(token_is_param(STR("gate")));
    assert_false(token_is_param(STR("Token")));
    assert_false(token_is_param(STR("tokens")));
    assert_false(token_is_param(STR("")));
}

TEST_MAIN(cmocka_unit_test(test_parse), cmocka_unit_test(test_no_query),
          cmocka_unit_test(test_full_arena), cmocka_unit_test(test_query),
          cmocka_unit_test(test_every_byte), cmocka_unit_test(test_is_param))
