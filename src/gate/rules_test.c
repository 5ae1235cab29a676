/* From a configuration to the rules: defaults, what is compiled, and mistakes with their place. */
#include "gate/testing.h"

enum { ERRORS_ROOM = 1 << 14 };

struct configuration {
    struct arena arena;
    struct test_folder files;
    struct buf errors;
    struct rules *rules;
};

/* `format` has one %s: the folder. */
static void load(struct configuration *c, const char *format)
{
    struct str text;
    const char *at = strstr(format, "ROOT");

    arena_init(&c->arena, 1 << 20);
    test_folder_init(&c->files);
    buf_init(&c->errors, ERRORS_ROOM);
    text = at == NULL ? str_of(format)
                      : arena_printf(&c->arena, "%.*s%s%s", (int)(at - format), format,
                                     c->files.root, at + strlen("ROOT"));
    c->rules = rules_from(&c->arena, text, &c->errors);
}

static void unload(struct configuration *c)
{
    rules_free(&c->rules);
    buf_done(&c->errors);
    test_folder_done(&c->files);
    arena_done(&c->arena);
}

#define ORIGIN "origins: [ { filesystem: { root: ROOT } } ]\n"
#define TOKEN "token: { secrets: [ { id: k1, key: sixteen-bytes-ok } ] }\n"

static void test_defaults(void **state)
{
    static const checks_t checks[CLASS_COUNT] = {
        [CLASS_KEY] = CHECK_TOKEN | CHECK_USE_LIMIT,
        [CLASS_PLAYLIST] = CHECK_TOKEN | CHECK_GRANT | CHECK_SESSION | CHECK_USE_LIMIT,
        [CLASS_SEGMENT] = CHECK_CREDENTIAL,
        [CLASS_STATIC] = CHECK_IP,
        [CLASS_OTHER] = CHECK_GRANT | CHECK_SESSION,
    };
    struct configuration c;

    load(&c, ORIGIN TOKEN);
    assert_non_null(c.rules);
    for (int i = 0; i < CLASS_COUNT; i++)
        assert_int_equal(c.rules->classes.of[i].checks, checks[i]);
    assert_int_equal(c.rules->replay.mode, LIMIT_BIND);
    assert_int_equal(c.rules->replay.ttl, 9600);
    assert_int_equal(c.rules->key.retry_sec, 10);
    assert_int_equal(c.rules->store.ipv4_prefix, 24);
    assert_int_equal(c.rules->store.ipv6_prefix, 64);
    assert_int_equal(c.rules->store.grant_ttl, 3600);
    assert_int_equal(c.rules->store.session_ttl, 7200);
    assert_int_equal(c.rules->store.session_max, 43200);
    assert_false(c.rules->store.session_strict);
    assert_int_equal(c.rules->store.max_streams, 0);
    assert_int_equal(c.rules->store.streams_idle, 60);
    assert_false(c.rules->store.streams_end_oldest);
    assert_str(c.rules->cookie, "hlsgate_session");
    assert_int_equal(c.rules->max_playlist, 8 << 20);
    assert_null(c.rules->stream_key);
    unload(&c);
}

/* The classes of SPEC 1, in the order in which they win. */
static void test_classes(void **state)
{
    static const struct {
        const char *path;
        enum path_class want;
    } cases[] = {
        {"/a/k.key", CLASS_KEY},        {"/a/i.m3u8", CLASS_PLAYLIST},
        {"/a/I.M3U8", CLASS_PLAYLIST},  {"/a/1.ts", CLASS_SEGMENT},
        {"/a/1.m4s", CLASS_SEGMENT},    {"/a/1.vtt", CLASS_SEGMENT},
        {"/a/p.jpeg", CLASS_STATIC},    {"/a/f.woff2", CLASS_STATIC},
        {"/a/x.bin", CLASS_OTHER},      {"/a/noextension", CLASS_OTHER},
        {"/a/i.m3u8.bak", CLASS_OTHER},
    };
    struct configuration c;

    load(&c, ORIGIN TOKEN);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(class_of(&c.rules->classes, str_of(cases[i].path)), cases[i].want);
    unload(&c);
    load(&c, ORIGIN TOKEN "access: { suffixes: { playlist: [.m3u], key: [.KEY, .bin] } }\n");
    assert_int_equal(class_of(&c.rules->classes, STR("/i.m3u")), CLASS_PLAYLIST);
    assert_int_equal(class_of(&c.rules->classes, STR("/i.m3u8")), CLASS_OTHER);
    assert_int_equal(class_of(&c.rules->classes, STR("/x.bin")), CLASS_KEY);
    assert_int_equal(class_of(&c.rules->classes, STR("/x.key")), CLASS_KEY);
    unload(&c);
}

/* Seconds are what is stored and signed: a fraction is never rounded to nothing. */
static void test_seconds_are_rounded_up(void **state)
{
    struct configuration c;

    load(&c, ORIGIN TOKEN "session: { ttl: 1500ms }\naccess: { key: { retry: 1ms } }\n");
    assert_int_equal(c.rules->store.session_ttl, 2);
    assert_int_equal(c.rules->key.retry_sec, 1);
    unload(&c);
}

static void test_redirect_has_no_slash_at_its_end(void **state)
{
    struct configuration c;

    load(&c, ORIGIN TOKEN "access: { key: { redirect: https://k.example/a/ } }\n");
    assert_str(c.rules->key_redirect, "https://k.example/a");
    unload(&c);
}

static void test_the_longest_prefix_wins(void **state)
{
    static const struct {
        const char *path, *prefix;
    } cases[] = {
        {"/vod/x/1.ts", "/vod/x/"}, {"/vod/1.ts", "/vod/"},   {"/vod", NULL},
        {"/vodka/1.ts", NULL},      {"/live/1.ts", "/live/"}, {"/", NULL},
    };
    struct configuration c;

    load(&c, "origins: [ { prefix: /vod/, filesystem: { root: /tmp } },\n"
             "           { prefix: /live/, filesystem: { root: ROOT } },\n"
             "           { prefix: /vod/x/, filesystem: { root: /tmp } } ]\n" TOKEN);
    assert_non_null(c.rules);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct origin_route *route = rules_route(c.rules, str_of(cases[i].path));

        assert_int_equal(route != NULL, cases[i].prefix != NULL);
        if (route != NULL)
            assert_str(route->prefix, cases[i].prefix);
    }
    unload(&c);
}

static const struct {
    const char *text;
    const char *error; /* stands in the message */
} mistakes[] = {
    {TOKEN "origins: [ { filesystem: { root: /nonexistent/folder } } ]\n",
     "test.yaml:2: origins[0].filesystem.root: cannot open the root folder"},
    {ORIGIN TOKEN "access: { stream_key: \"(\" }\n", "access.stream_key: is not a PCRE2 pattern"},
    {ORIGIN "token: { secrets: [ { id: k1, key: short } ] }\n", "token.secrets[0]"},
    {ORIGIN TOKEN "access: { policy: { segment: [tokens] } }\n", "access.policy.segment"},
    {ORIGIN TOKEN "access: { suffixes: { key: [key] } }\n", "a suffix with its dot"},
    {ORIGIN TOKEN "access: { fixed_whitelist: [ 300.0.0.1 ] }\n", "an IP address or network"},
    {ORIGIN TOKEN "session: { cookie: \"a b\" }\n", "a cookie name"},
    {ORIGIN TOKEN "access: { cache_control: { key: \"a\\r\\nSet-Cookie: x\" } }\n",
     "printable ASCII"},
    {TOKEN "origins: [ { prefix: vod, filesystem: { root: ROOT } } ]\n", "a path prefix"},
    {ORIGIN TOKEN "grant: { ipv4_prefix: 33 }\n", "grant.ipv4_prefix"},
    {ORIGIN TOKEN "sesion: {}\n", "session"},
};

static void test_mistakes(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct configuration c;

        load(&c, mistakes[i].text);
        assert_null(c.rules);
        if (str_find(buf_str(&c.errors), str_of(mistakes[i].error)) < 0)
            fail_msg("case %zu: %.*s", i, STR_FMT(buf_str(&c.errors)));
        unload(&c);
    }
}

/* All that is wrong is said at once, and nothing is left open. */
static void test_several_mistakes(void **state)
{
    struct configuration c;

    load(&c, TOKEN "origins: [ { prefix: /a/, filesystem: { root: ROOT } },\n"
                   "           { prefix: /b/, filesystem: { root: /nonexistent/b } },\n"
                   "           { prefix: /c/, filesystem: { root: /nonexistent/c } } ]\n"
                   "access: { stream_key: \"(\" }\n");
    assert_null(c.rules);
    assert_true(str_find(buf_str(&c.errors), STR("origins[1]")) >= 0);
    assert_true(str_find(buf_str(&c.errors), STR("origins[2]")) >= 0);
    assert_true(str_find(buf_str(&c.errors), STR("access.stream_key")) >= 0);
    unload(&c);
}

static struct str prefix_under(struct arena *a, const char *settings)
{
    struct configuration c;
    struct str prefix;

    load(&c, settings);
    assert_non_null(c.rules);
    prefix = arena_copy(a, c.rules->routes[0].key_prefix);
    unload(&c);
    return prefix;
}

/* What is cached survives a new configuration as long as it means the same. */
static void test_cached_objects_belong_to_root_and_rule(void **state)
{
    static const char here[] = "origins: [ { prefix: /a/, filesystem: { root: /tmp } } ]\n" TOKEN;
    static const char again[] = "origins: [ { prefix: /b/, filesystem: { root: /tmp } } ]\n" TOKEN;
    static const char elsewhere[] = "origins: [ { prefix: /a/, filesystem: { root: / } } ]\n" TOKEN;
    static const char otherwise[] = "origins: [ { prefix: /a/, filesystem: { root: /tmp } } "
                                    "]\naccess: { stream_key: \"/x/(.*)/\" }\n" TOKEN;
    struct arena a;

    arena_init(&a, 10000);
    assert_true(str_eq(prefix_under(&a, here), prefix_under(&a, again)));
    assert_false(str_eq(prefix_under(&a, here), prefix_under(&a, elsewhere)));
    assert_false(str_eq(prefix_under(&a, here), prefix_under(&a, otherwise)));
    arena_done(&a);
}

TEST_MAIN(cmocka_unit_test(test_defaults), cmocka_unit_test(test_classes),
          cmocka_unit_test(test_seconds_are_rounded_up),
          cmocka_unit_test(test_redirect_has_no_slash_at_its_end),
          cmocka_unit_test(test_the_longest_prefix_wins),
          cmocka_unit_test(test_cached_objects_belong_to_root_and_rule),
          cmocka_unit_test(test_mistakes), cmocka_unit_test(test_several_mistakes))
