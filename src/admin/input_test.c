#include "admin/input.h"

#include "access/stream_key.h"
#include "base/buf.h"
#include "base/test.h"

static struct arena arena;

static int setup(void **state)
{
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    arena_done(&arena);
    return 0;
}

/* What the fields of a grant come to: "ok", or the mistake. */
static struct str judged(struct str content)
{
    AUTO(input_done) struct input in;

    input_from_json(&in, &arena, content);
    input_uid(&in, INPUT_NOT_EMPTY);
    input_net(&in, "clientIp", INPUT_NOT_EMPTY);
    input_str(&in, "UserAgent", INPUT_PRESENT, 8);
    return input_is_wrong(&in) ? in.error : STR("ok");
}

#define REST "\"clientIp\": \"10.0.0.1\", \"UserAgent\": \"x\""
#define NO_OBJECT "content: not a JSON object (RFC 8259) with unique names"
#define BAD_UID "uid: must be 1 to 128 bytes without \":\" and control characters"

static void test_fields_of_json(void **state)
{
    static const struct {
        struct str content;
        const char *want;
    } rows[] = {
        {STR("{\"uid\": \"u\", " REST "}"), "ok"},
        {STR("{\"uid\": \"u\", \"more\": [{}, null], " REST "}"), "ok"},
        {STR("{\"uid\": \"u\", \"clientIp\": \"::/0\", \"UserAgent\": \"\"}"), "ok"},
        {STR("{" REST "}"), "uid: missing"},
        {STR("{\"uid\": null, " REST "}"), "uid: missing"},
        {STR("{\"uid\": \"\", " REST "}"), "uid: must not be empty"},
        {STR("{\"uid\": 7, " REST "}"), "uid: must be a string"},
        {STR("{\"uid\": [\"u\"], " REST "}"), "uid: must be a string"},
        {STR("{\"uid\": \"a:b\", " REST "}"), BAD_UID},
        {STR("{\"uid\": \"a\\nb\", " REST "}"), BAD_UID},
        {STR("{\"uid\": \"u\", \"clientIp\": \"10.0.0.256\"}"),
         "clientIp: must be an IPv4 or IPv6 address or CIDR"},
        {STR("{\"uid\": \"u\", \"clientIp\": \"10.0.0.1,10.0.0.2\"}"),
         "clientIp: must be an IPv4 or IPv6 address or CIDR"},
        {STR("{\"uid\": \"u\", \"clientIp\": \"10.0.0.1\"}"), "UserAgent: missing"},
        {STR("{\"uid\": \"u\", \"clientIp\": \"10.0.0.1\", \"UserAgent\": \"123456789\"}"),
         "UserAgent: too long"},
        {STR("{\"uid\": \"a\", \"uid\": \"b\", " REST "}"), "uid: stands twice"},
        {STR("{\"uid\": \"a\", " REST ", \"x\": [{\"y\": 1, \"y\": 1}]}"), "y: stands twice"},
        {STR("{\"uid\": \"a\",\n \"a name longer than twenty\": 1, \"a name longer than twenty\": "
             "1}"),
         "content: a name stands twice, at line 2, column 60"},
        {STR("{\"uid\": \"\\u0000\", " REST "}"), NO_OBJECT},
        {STR("{\"uid\": \"\xc3\x28\", " REST "}"), NO_OBJECT},
        {STR("{\"uid\": \"u\", " REST "} x"), NO_OBJECT},
        {STR("{\"uid\": \"u\", " REST ""), NO_OBJECT},
        {STR(""), NO_OBJECT},
        {STR_NONE, NO_OBJECT},
        {STR("null"), NO_OBJECT},
        {STR("\0"), NO_OBJECT},
        {STR("[]"), "content: JSON, but not an object"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_str(judged(rows[i].content), rows[i].want);
}

static void test_every_prefix_of_good_content_is_refused(void **state)
{
    static const struct str good = STR("{\"uid\": \"u\", \"x\": [{\"y\": \"\\\"\"}], " REST "}");

    assert_str(judged(good), "ok");
    for (size_t n = 0; n < good.n; n++)
        assert_str(judged(str_first(good, n)), NO_OBJECT);
}

/* {"x": [[...]], ...}: `depth` levels in all. */
static struct str nested(unsigned depth, struct str inner)
{
    struct buf b;
    struct str text;

    buf_init(&b, 4096);
    buf_add(&b, STR("{\"uid\": \"u\", " REST ", \"x\": "));
    for (unsigned i = 1; i < depth; i++)
        buf_add_char(&b, '[');
    buf_add(&b, inner);
    for (unsigned i = 1; i < depth; i++)
        buf_add_char(&b, ']');
    buf_add_char(&b, '}');
    text = arena_copy(&arena, buf_str(&b));
    buf_done(&b);
    return text;
}

static void test_nesting_is_bounded(void **state)
{
    assert_str(judged(nested(INPUT_NESTING_MAX, STR("1"))), "ok");
    assert_str(judged(nested(INPUT_NESTING_MAX + 1, STR("1"))), "content: too deeply nested");
    assert_str(judged(nested(INPUT_NESTING_MAX, STR("\"[[{{\\\"[[\""))), "ok");
}

static void test_first_mistake_is_kept(void **state)
{
    AUTO(input_done) struct input in;

    input_from_json(&in, &arena, STR("{\"b\": \"1\"}"));
    assert_null(input_str(&in, "a", INPUT_PRESENT, 9).p);
    assert_null(input_str(&in, "b", INPUT_PRESENT, 9).p);
    input_wrong(&in, "c", "second mistake");
    assert_str(in.error, "a: missing");
}

static void test_optional_fields(void **state)
{
    AUTO(input_done) struct input in;

    input_from_json(&in, &arena, STR("{\"empty\": \"\", \"null\": null}"));
    assert_null(input_str(&in, "absent", INPUT_OPTIONAL, 9).p);
    assert_null(input_str(&in, "absent", INPUT_SAYS_SOMETHING, 9).p);
    assert_null(input_str(&in, "null", INPUT_OPTIONAL, 9).p);
    assert_non_null(input_str(&in, "empty", INPUT_OPTIONAL, 9).p);
    assert_int_equal(input_net(&in, "absent", INPUT_OPTIONAL).base.family, IP_NONE);
    assert_false(input_is_wrong(&in));
    input_str(&in, "empty", INPUT_SAYS_SOMETHING, 9);
    assert_str(in.error, "empty: must not be empty");
}

static void test_parameters_of_a_query(void **state)
{
    static const struct {
        struct str query;
        const char *want;
    } rows[] = {
        {STR("ua=a"), "a"},
        {STR("x=1&ua=a+b%2Bc%20d&u=2"), "a b+c d"},
        {STR("ua=a&ua=b"), "ua: stands twice"},
        {STR("ua=a&x&ua=a"), "ua: stands twice"},
        {STR("ua&ua"), "ua: stands twice"},
        {STR("ua="), ""},
        {STR("ua"), ""},
        {STR("ua=%zz"), "ua: malformed percent-encoding"},
        {STR("UA=a"), "ua: missing"},
        {STR(""), "ua: missing"},
        {STR_NONE, "ua: missing"},
        {STR("ua=123456789"), "ua: too long"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct input in;
        struct str got;

        input_from_query(&in, &arena, rows[i].query);
        got = input_str(&in, "ua", INPUT_PRESENT, 8);
        assert_str(input_is_wrong(&in) ? in.error : got, rows[i].want);
    }
}

static void test_counts(void **state)
{
    static const struct {
        const char *query;
        unsigned want; /* 0: wrong */
    } rows[] = {
        {"", 50},
        {"limit=1", 1},
        {"limit=100", 100},
        {"limit=101", 100},
        {"limit=0", 0},
        {"limit=", 0},
        {"limit=-1", 0},
        {"limit=x", 0},
        {"limit=1e3", 0},
        {"limit=18446744073709551615", 100},
        {"limit=18446744073709551616", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct input in;
        unsigned got;

        input_from_query(&in, &arena, str_of(rows[i].query));
        got = input_count(&in, "limit", 50, 100);
        assert_int_equal(input_is_wrong(&in), rows[i].want == 0);
        if (rows[i].want > 0)
            assert_int_equal(got, rows[i].want);
    }
}

static void test_split_url(void **state)
{
    static const struct {
        const char *url, *authority, *target;
    } rows[] = {
        {"/a/b?c=d", "", "/a/b?c=d"},
        {"a/b", "", "/a/b"},
        {"https://host:8080/a?b#c", "host:8080", "/a?b"},
        {"http://host", "host", "/"},
        {"http://host?x=/y", "host", "/?x=/y"},
        {"/a?u=http://other/", "", "/a?u=http://other/"},
        {"a?u=http://other/", "", "/a?u=http://other/"},
        {"://x", "", "/://x"},
        {"//host/a", "", "//host/a"},
        {"#", "", "/"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str authority, target;

        input_split_url(&arena, str_of(rows[i].url), &authority, &target);
        assert_str(authority, rows[i].authority);
        assert_str(target, rows[i].target);
    }
}

static void test_stream_paths(void **state)
{
    static const struct {
        const char *text, *want; /* the stream key; NULL: malformed */
    } rows[] = {
        {"/video/2026-11-22/movie1/720p/index.m3u8", "movie1"},
        {"https://cdn.example/video/2026-11-22/movie1/720p/index.m3u8?uid=1#t", "movie1"},
        {"/video/2026-11-22/movie1/", "movie1"},
        {"/video/2026-11-22/movie1", "movie1"},
        {"video/2026-11-22/movie1", "movie1"},
        {"movie1", "movie1"},
        {"/live/ch1/index.m3u8", "ch1"},
        {"/live/ch1", "ch1"},
        {"/live/ch%201/", "ch 1"},
        {"/live/./x/../ch1/", "ch1"},
        {"/index.m3u8", ""},
        {"/", ""},
        {"/../x", NULL},
        {"/a%2fb/c", NULL},
        {"/a%00/", NULL},
        {"/a%zz/", NULL},
        {"\n", NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str path = input_stream_path(&arena, str_of(rows[i].text));

        if (rows[i].want == NULL)
            assert_null(path.p);
        else
            assert_str(stream_key_of(NULL, path), rows[i].want);
    }
}

static void test_unix_times(void **state)
{
    static const struct {
        const char *content, *want; /* of the mistake; "" none */
        unix_t time;
    } rows[] = {
        {"{\"t\": 1800000000}", "", 1800000000},
        {"{\"t\": \"1800000000\"}", "", 1800000000},
        {"{\"t\": \"01\"}", "", 1},
        {"{\"t\": 0}", "", 0},
        {"{}", "t: missing", 0},
        {"{\"t\": null}", "t: missing", 0},
        {"{\"t\": \"\"}", "t: must not be empty", 0},
        {"{\"t\": -1}", "t: must be a string", 0},
        {"{\"t\": 1.5}", "t: must be a string", 0},
        {"{\"t\": \"-1\"}", "t: must be a time in Unix seconds", 0},
        {"{\"t\": \"1e9\"}", "t: must be a time in Unix seconds", 0},
        {"{\"t\": \"9223372036854775808\"}", "t: must be a time in Unix seconds", 0},
        {"{\"t\": \"999999999999999999999\"}", "t: too long", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(input_done) struct input in;

        input_from_json(&in, &arena, str_of(rows[i].content));
        assert_int_equal(input_unix_time(&in, "t", INPUT_NOT_EMPTY), rows[i].time);
        assert_str(in.error, rows[i].want);
    }
}

static struct str judged_list(struct str content)
{
    AUTO(input_done) struct input in;
    unsigned count = 0;
    struct str *texts;

    input_from_json(&in, &arena, content);
    texts = input_list(&in, "l", 3, 4, &count);
    assert_int_equal(texts == NULL, input_is_wrong(&in));
    return texts == NULL ? in.error : arena_printf(&arena, "%u %.*s", count, STR_FMT(texts[0]));
}

static void test_lists(void **state)
{
    static const struct {
        struct str content;
        const char *want;
    } rows[] = {
        {STR("{\"l\": [\"a\"]}"), "1 a"},
        {STR("{\"l\": [\"b\", \"a\", \"1234\"]}"), "3 b"},
        {STR("{\"l\": [\"a\", \"a\", \"a\", \"a\"]}"), "l: must be a list of 1 to 3 strings"},
        {STR("{\"l\": []}"), "l: must be a list of 1 to 3 strings"},
        {STR("{\"l\": {}}"), "l: must be a list of 1 to 3 strings"},
        {STR("{\"l\": \"a\"}"), "l: must be a list of 1 to 3 strings"},
        {STR("{}"), "l: must be a list of 1 to 3 strings"},
        {STR("{\"l\": [\"a\", 1]}"), "l[1]: must be a string"},
        {STR("{\"l\": [\"a\", \"b\", null]}"), "l[2]: must be a string"},
        {STR("{\"l\": [\"\"]}"), "l[0]: must not be empty"},
        {STR("{\"l\": [\"12345\"]}"), "l[0]: too long"},
        {STR("[]"), "content: JSON, but not an object"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_str(judged_list(rows[i].content), rows[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_of_json),
        cmocka_unit_test(test_every_prefix_of_good_content_is_refused),
        cmocka_unit_test(test_nesting_is_bounded),
        cmocka_unit_test(test_first_mistake_is_kept),
        cmocka_unit_test(test_optional_fields),
        cmocka_unit_test(test_parameters_of_a_query),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_split_url),
        cmocka_unit_test(test_stream_paths),
        cmocka_unit_test(test_unix_times),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
