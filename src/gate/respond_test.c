/* What a file is answered with: status, fields, and the part of it that was asked for. */
#include "gate/testing.h"

#include <errno.h>

#include "http/date.h"

#define TEXT "0123456789"

/* The same questions from disk and from memory. */
static const struct source {
    const char *name, *settings;
    bool is_cached;
} sources[] = {
    {"disk", ALL_OPEN "cache: { hot_after: 255 }\n", false},
    {"memory", ALL_OPEN "cache: { hot_after: 1 }\n", true},
};

static void open_source(struct world *w, const struct source *s)
{
    world_open(w, s->settings);
    world_write(w, "/s/1.ts", TEXT);
    if (!s->is_cached)
        return;
    ask(w, "/s/1.ts");
    world_settle(w);
}

/* ---- ranges ---- */

static const struct {
    const char *range;
    enum outcome want;
    const char *body, *content_range;
} range_cases[] = {
    {"bytes=0-3", OUT_PARTIAL, "0123", "bytes 0-3/10"},
    {"bytes=4-", OUT_PARTIAL, "456789", "bytes 4-9/10"},
    {"bytes=-2", OUT_PARTIAL, "89", "bytes 8-9/10"},
    {"bytes=-99", OUT_PARTIAL, TEXT, "bytes 0-9/10"},
    {"bytes=9-9", OUT_PARTIAL, "9", "bytes 9-9/10"},
    {"bytes=5-99", OUT_PARTIAL, "56789", "bytes 5-9/10"},
    {"bytes=0-", OUT_PARTIAL, TEXT, "bytes 0-9/10"},
    {"bytes=10-", OUT_BAD_RANGE, NULL, "bytes */10"},
    {"bytes=-0", OUT_BAD_RANGE, NULL, "bytes */10"},
    {"bytes=99999999999999999999-", OUT_BAD_RANGE, NULL, "bytes */10"},
    {"bytes=3-1", OUT_OK, TEXT, NULL},
    {"bytes=0-1,10-", OUT_PARTIAL, "01", "bytes 0-1/10"},
    {"bytes=0-1,1-2", OUT_BAD_RANGE, NULL, "bytes */10"},
    {"bytes=0-1,4-a", OUT_OK, TEXT, NULL},
    {"lines=0-1", OUT_OK, TEXT, NULL},
    {"bytes=a-b", OUT_OK, TEXT, NULL},
};

static void check_range(struct world *w, size_t i)
{
    struct str field = arena_printf(&w->arena, "Range: %s\r\n", range_cases[i].range);
    struct answer a = ask(w, "/s/1.ts", .fields = field.p);

    if (a.outcome != range_cases[i].want)
        print_error("%s\n", range_cases[i].range);
    assert_outcome(a, range_cases[i].want);
    assert_str(answer_field(&a, "Content-Range"),
               range_cases[i].content_range != NULL ? range_cases[i].content_range : "");
    if (range_cases[i].body != NULL)
        assert_str(a.body, range_cases[i].body);
    a = ask(w, "/s/1.ts", .method = "HEAD", .fields = field.p);
    assert_outcome(a, OUT_OK); /* RFC 9110 14.2: Range is for GET */
    assert_int_equal(a.length, strlen(TEXT));
}

static void test_ranges(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sources); s++) {
        struct world w;

        open_source(&w, &sources[s]);
        for (size_t i = 0; i < ARRAY_LEN(range_cases); i++)
            check_range(&w, i);
        world_close(&w);
    }
}

/* ---- several ranges ---- */

/* The next part: its delimiter, fields and content. */
static const char *part_of(struct world *w, struct str boundary, bool is_first, const char *type,
                           const char *range, const char *content)
{
    return arena_printf(&w->arena,
                        "%s--%.*s\r\nContent-Type: %s\r\nContent-Range: bytes %s\r\n\r\n%s",
                        is_first ? "" : "\r\n", STR_FMT(boundary), type, range, content)
        .p;
}

static struct str boundary_of(const struct answer *a)
{
    struct str type = answer_field(a, "Content-Type"),
               begin = STR("multipart/byteranges; boundary=");

    assert_true(str_starts(type, begin));
    return str_skip(type, begin.n);
}

static void test_several_ranges(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sources); s++) {
        struct world w;
        struct answer a;
        struct str b;

        open_source(&w, &sources[s]);
        a = ask(&w, "/s/1.ts", .fields = "Range: bytes=7-8,0-1,99-,-1\r\n");
        assert_outcome(a, OUT_PARTIAL);
        b = boundary_of(&a);
        assert_null(answer_field(&a, "Content-Range").p); /* RFC 9110 15.3.7.2 */
        assert_true(answer_field(&a, "ETag").n > 0);
        assert_str(a.body,
                   arena_printf(&w.arena, "%s%s%s\r\n--%.*s--\r\n",
                                part_of(&w, b, true, "video/mp2t", "7-8/10", "78"),
                                part_of(&w, b, false, "video/mp2t", "0-1/10", "01"),
                                part_of(&w, b, false, "video/mp2t", "9-9/10", "9"), STR_FMT(b))
                       .p);
        a = ask(&w, "/s/1.ts", .fields = "Range: bytes=7-8,0-1\r\nIf-Range: \"other\"\r\n");
        assert_outcome(a, OUT_OK);
        assert_str(a.body, TEXT);
        world_close(&w);
    }
}

/* A file that is sent from disk may be given up, or cut short, between two parts. */
static void cut_file(struct world *w)
{
    world_write(w, "/s/1.ts", "");
}

static void test_several_ranges_that_break(void **state)
{
    struct world w;

    open_source(&w, &sources[0]);
    assert_outcome(
        ask(&w, "/s/1.ts", .fields = "Range: bytes=0-1,4-5\r\n", .send_error = -ECONNRESET),
        OUT_CLIENT_LEFT);
    assert_outcome(
        ask(&w, "/s/1.ts", .fields = "Range: bytes=0-1,4-5\r\n", .before_pull = cut_file),
        OUT_ORIGIN_BROKE);
    world_close(&w);
}

/* ---- conditions ---- */

enum { MODIFIED = T0 - 100000 }; /* of the first file of a world */

static const struct {
    const char *field;
    int64_t date; /* seconds from MODIFIED, in place of %s; ETAG: the file's tag */
    enum outcome want;
} condition_cases[] = {
    {"If-None-Match: %s", INT64_MAX, OUT_NOT_MODIFIED},
    {"If-None-Match: W/%s", INT64_MAX, OUT_NOT_MODIFIED},
    {"If-None-Match: \"x\", %s", INT64_MAX, OUT_NOT_MODIFIED},
    {"If-None-Match: *%.0s", INT64_MAX, OUT_NOT_MODIFIED},
    {"If-None-Match: \"other\"%.0s", INT64_MAX, OUT_OK},
    {"If-Modified-Since: %s", 0, OUT_NOT_MODIFIED},
    {"If-Modified-Since: %s", 1, OUT_NOT_MODIFIED},
    {"If-Modified-Since: %s", -1, OUT_OK},
    {"If-Modified-Since: yesterday%.0s", 0, OUT_OK},
    {"If-Match: %s", INT64_MAX, OUT_OK},
    {"If-Match: \"other\", %s", INT64_MAX, OUT_OK},
    {"If-Match: *%.0s", INT64_MAX, OUT_OK},
    {"If-Match: W/%s", INT64_MAX, OUT_PRECONDITION},
    {"If-Match: \"other\"%.0s", INT64_MAX, OUT_PRECONDITION},
    {"If-None-Match: *\r\nIf-Match: \"other\"%.0s", INT64_MAX, OUT_PRECONDITION},
    {"If-Unmodified-Since: %s", 0, OUT_OK},
    {"If-Unmodified-Since: %s", -1, OUT_PRECONDITION},
    {"Range: bytes=0-3\r\nIf-Range: %s", INT64_MAX, OUT_PARTIAL},
    {"Range: bytes=0-3\r\nIf-Range: \"other\"%.0s", INT64_MAX, OUT_OK},
    {"Range: bytes=0-3\r\nIf-Range: %s", 0, OUT_PARTIAL},
    {"Range: bytes=0-3\r\nIf-Range: %s", 1, OUT_OK},
};

static const char *condition_field(struct world *w, size_t i, struct str etag)
{
    const char *format = condition_cases[i].field;
    const char *at = strchr(format, '%');
    bool is_used = at[1] == 's';
    char date[HTTP_DATE_LEN];
    struct str value = etag;

    if (condition_cases[i].date != INT64_MAX) {
        http_date_format(MODIFIED + condition_cases[i].date, date);
        value = (struct str){date, sizeof date};
    }
    return arena_printf(&w->arena, "%.*s%.*s\r\n", (int)(at - format), format,
                        is_used ? (int)value.n : 0, value.p)
        .p;
}

static void check_condition(struct world *w, size_t i, struct str etag, const char *method)
{
    const char *field = condition_field(w, i, etag);
    struct answer a = ask(w, "/s/1.ts", .method = method, .fields = field);
    enum outcome want = condition_cases[i].want;

    if (want == OUT_PARTIAL && strcmp(method, "HEAD") == 0)
        want = OUT_OK;
    if (a.outcome != want)
        print_error("%s %s", method, field);
    assert_outcome(a, want);
    if (want == OUT_PRECONDITION)
        return;
    assert_true(str_eq(answer_field(&a, "ETag"), etag));
    assert_field(&a, "Cache-Control", "public, max-age=300"); /* RFC 9110 15.4.5: of a 304, too */
    if (a.status == 304)
        assert_null(answer_field(&a, "Content-Type").p);
}

static void test_conditions(void **state)
{
    for (size_t s = 0; s < ARRAY_LEN(sources); s++) {
        struct world w;
        struct str etag;
        struct answer a;

        open_source(&w, &sources[s]);
        a = ask(&w, "/s/1.ts");
        etag = answer_field(&a, "ETag");
        assert_true(etag.n > 2);
        for (size_t i = 0; i < ARRAY_LEN(condition_cases); i++) {
            check_condition(&w, i, etag, "GET");
            check_condition(&w, i, etag, "HEAD");
        }
        world_close(&w);
    }
}

/* ---- fields ---- */

static const struct {
    const char *path, *type, *cache_control;
} field_cases[] = {
    {"/s/1.ts", "video/mp2t", "public, max-age=300"},
    {"/s/1.m4s", "video/iso.segment", "public, max-age=300"},
    {"/s/SUBS.VTT", "text/vtt", "public, max-age=300"},
    {"/s/k.key", "application/octet-stream", "no-store"},
    {"/s/i.m3u8", "application/vnd.apple.mpegurl", "no-cache, no-store, must-revalidate"},
    {"/s/p.jpg", "image/jpeg", "public, max-age=3600"},
    {"/s/data.bin", "application/octet-stream", "max-age=600"},
};

static void test_fields(void **state)
{
    struct world w;
    char date[HTTP_DATE_LEN + 1] = "";

    world_open(&w, ALL_OPEN);
    for (size_t i = 0; i < ARRAY_LEN(field_cases); i++) {
        struct answer a;

        world_write(&w, field_cases[i].path, TEXT);
        a = ask(&w, field_cases[i].path);
        assert_outcome(a, OUT_OK);
        assert_str(a.body, TEXT);
        assert_field(&a, "Content-Type", field_cases[i].type);
        assert_field(&a, "Cache-Control", field_cases[i].cache_control);
        assert_field(&a, "Accept-Ranges", "bytes");
        http_date_format(MODIFIED + (unix_t)i, date);
        assert_field(&a, "Last-Modified", date);
        a = ask(&w, field_cases[i].path, .method = "HEAD");
        assert_outcome(a, OUT_OK);
        assert_int_equal(a.length, strlen(TEXT));
    }
    world_close(&w);
}

static void test_an_empty_file(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "");
    a = ask(&w, "/s/1.ts");
    assert_outcome(a, OUT_OK);
    assert_int_equal(a.length, 0);
    assert_outcome(ask(&w, "/s/1.ts", .fields = "Range: bytes=0-\r\n"), OUT_BAD_RANGE);
    assert_outcome(ask(&w, "/s/1.ts", .fields = "Range: bytes=-1\r\n"), OUT_OK);
    world_close(&w);
}

/* ---- methods, CORS ---- */

static const struct {
    const char *method, *target, *fields;
    enum outcome want;
    const char *allow;
} method_cases[] = {
    {"OPTIONS", "/s/1.ts", "", OUT_NO_CONTENT, "GET, HEAD, OPTIONS"},
    {"OPTIONS", "*", "", OUT_NO_CONTENT, "GET, HEAD, OPTIONS"},
    {"OPTIONS", "/api/test", "", OUT_NO_CONTENT, "GET, HEAD, OPTIONS, POST"},
    {"POST", "/s/1.ts", "", OUT_METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"},
    {"DELETE", "/api/test", "", OUT_METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS, POST"},
    {"PROPFIND", "/s/1.ts", "", OUT_METHOD_NOT_ALLOWED, "GET, HEAD, OPTIONS"},
    {"GET", "/s/1.ts", "Content-Length: 3\r\n", OUT_BAD_REQUEST, ""},
    {"GET", "/s/1.ts", "Expect: something\r\n", OUT_EXPECTATION, ""},
    {"GET", "/s/../../1.ts", "", OUT_BAD_PATH, ""},
};

static void test_methods(void **state)
{
    struct world w;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", TEXT);
    for (size_t i = 0; i < ARRAY_LEN(method_cases); i++) {
        struct answer a = ask(&w, method_cases[i].target, .method = method_cases[i].method,
                              .fields = method_cases[i].fields);

        if (a.outcome != method_cases[i].want)
            print_error("%s %s\n", method_cases[i].method, method_cases[i].target);
        assert_outcome(a, method_cases[i].want);
        assert_field(&a, "Allow", method_cases[i].allow);
    }
    world_close(&w);
}

/* A refusal must be readable for the page that asked, or its player only says "network error". */
static void test_cors(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, TOKEN_ALONE);
    a = ask(&w, "/s/i.m3u8", .fields = "Origin: https://page.example\r\n");
    assert_outcome(a, OUT_TOKEN_MISSING);
    assert_field(&a, "Access-Control-Allow-Origin", "https://page.example");
    assert_field(&a, "Access-Control-Allow-Credentials", "true");
    a = ask(&w, "/s/i.m3u8", .method = "OPTIONS",
            .fields = "Origin: https://page.example\r\nAccess-Control-Request-Method: GET\r\n");
    assert_outcome(a, OUT_NO_CONTENT); /* a preflight has no token, and needs none */
    assert_field(&a, "Access-Control-Max-Age", "3600");
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_ranges), cmocka_unit_test(test_several_ranges),
          cmocka_unit_test(test_several_ranges_that_break), cmocka_unit_test(test_conditions),
          cmocka_unit_test(test_fields), cmocka_unit_test(test_an_empty_file),
          cmocka_unit_test(test_methods), cmocka_unit_test(test_cors))
