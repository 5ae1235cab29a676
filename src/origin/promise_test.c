/* Which answers may go on where a body broke off, and how they are asked for. */
#include "origin/promise.h"

#include <stdio.h>

#include "base/test.h"

#define NOW 1700000000 /* Tue, 14 Nov 2023 22:13:20 GMT */
#define LAST_WEEK "Last-Modified: Tue, 07 Nov 2023 22:13:20 GMT\r\n"
#define DAY_BEFORE "Last-Modified: Mon, 06 Nov 2023 22:13:20 GMT\r\n"

static struct http_answer parse(unsigned status, const char *fields)
{
    static char head[2048];
    struct http_answer a;
    int n = snprintf(head, sizeof head, "HTTP/1.1 %u X\r\n%s", status, fields);

    assert_int_equal(http_answer_parse((struct str){head, (size_t)n}, NOW, &a), 0);
    return a;
}

static struct promise promise_of(unsigned status, const char *fields)
{
    struct origin_request r = {.target = STR("/")};
    struct http_answer a = parse(status, fields);
    struct promise p;

    promise_give(&p, &r, &a, NOW);
    assert_true(p.is_given);
    return p;
}

static void which_bodies_can_be_resumed(void **state)
{
    static const struct {
        unsigned status;
        const char *fields;
        bool may;
    } cases[] = {
        {200, "ETag: \"a\"\r\nContent-Length: 9\r\n", true},
        {200, "ETag: \"a\"\r\n", true},
        {206, "ETag: \"a\"\r\nContent-Range: bytes 2-8/10\r\n", true},
        {200, LAST_WEEK, true},
        {200, "ETag: W/\"a\"\r\n" LAST_WEEK, true},
        {200, "", false},
        {200, "ETag: W/\"a\"\r\n", false},
        {200, "ETag: a\r\n", false},
        {200, "Last-Modified: yesterday\r\n", false},
        {404, "ETag: \"a\"\r\n", false},
        {503, "ETag: \"a\"\r\n", false},
        {304, "ETag: \"a\"\r\n", false},
        {416, "ETag: \"a\"\r\nContent-Range: bytes */10\r\n", false},
        /* Written in the second that the answer was made in: it may be written again. */
        {200, "Date: Tue, 07 Nov 2023 22:13:20 GMT\r\n" LAST_WEEK, false},
        {200, "Date: Tue, 07 Nov 2023 22:13:21 GMT\r\n" LAST_WEEK, true},
        {200, "Date: Tue, 07 Nov 2023 22:13:19 GMT\r\n" LAST_WEEK, false},
        {200, "Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT\r\n", false},
        {200, "Last-Modified: Tue, 14 Nov 2023 22:13:19 GMT\r\n", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promise p = promise_of(cases[i].status, cases[i].fields);

        if (p.may_resume != cases[i].may)
            fail_msg("case %zu", i);
    }
}

static void a_long_etag_is_not_used(void **state)
{
    char fields[400];
    struct promise p;

    for (int n = 254; n <= 255; n++) {
        snprintf(
            fields, sizeof fields, "ETag: \"%.*s\"\r\n", n,
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
            "0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
            "0123456789");
        p = promise_of(200, fields);
        assert_int_equal(p.may_resume, n == 254);
    }
}

static void a_head_has_no_content(void **state)
{
    struct origin_request r = {.target = STR("/"), .is_head = true};
    struct http_answer a = parse(200, "ETag: \"a\"\r\nContent-Length: 9\r\n");
    struct promise p;

    promise_give(&p, &r, &a, NOW);
    assert_int_equal(p.length, 0);
    assert_false(p.may_resume);
    p = promise_of(304, "Content-Length: 9\r\n");
    assert_int_equal(p.length, 0);
}

static void what_is_asked_for(void **state)
{
    static const struct {
        unsigned status;
        const char *fields;
        uint64_t got;
        const char *range, *if_range;
    } cases[] = {
        {200, "ETag: \"a\"\r\nContent-Length: 100\r\n", 0, "bytes=0-", "\"a\""},
        {200, "ETag: \"a\"\r\nContent-Length: 100\r\n", 99, "bytes=99-", "\"a\""},
        {200, "ETag: \"a\"\r\n", 7, "bytes=7-", "\"a\""},
        {206, "ETag: \"a\"\r\nContent-Range: bytes 50-59/100\r\n", 3, "bytes=53-59", "\"a\""},
        {206, "ETag: \"a\"\r\nContent-Range: bytes 50-99/100\r\n", 3, "bytes=53-", "\"a\""},
        {206, "ETag: \"a\"\r\nContent-Range: bytes 50-59/*\r\n", 3, "bytes=53-59", "\"a\""},
        {200, "Content-Length: 100\r\n" LAST_WEEK, 1, "bytes=1-", "Tue, 07 Nov 2023 22:13:20 GMT"},
        {200, "ETag: W/\"a\"\r\nContent-Length: 100\r\n" LAST_WEEK, 1, "bytes=1-",
         "Tue, 07 Nov 2023 22:13:20 GMT"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promise p = promise_of(cases[i].status, cases[i].fields);
        struct promise_range r;

        promise_range(&p, cases[i].got, &r);
        assert_string_equal(r.range, cases[i].range);
        assert_str(r.if_range, cases[i].if_range);
    }
}

#define STRONG "ETag: \"a\"\r\nContent-Length: 100\r\n"
#define CHUNKED "ETag: \"a\"\r\n"
#define DATED "ETag: W/\"a\"\r\nContent-Length: 100\r\n" LAST_WEEK
#define BYTES(text) "Content-Range: bytes " text "\r\n"

/* All after 40 bytes. */
static void what_goes_on(void **state)
{
    static const char no_206[] = "the rest is not to be had: no 206",
                      version[] = "the rest is of another version",
                      bounds[] = "a 206 with other bounds than asked for",
                      total[] = "a 206 of another total than before",
                      coding[] = "a Content-Encoding nobody asked for";
    static const struct {
        unsigned promised;
        const char *promise;
        unsigned status;
        const char *fields, *why; /* NULL: it does */
    } cases[] = {
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-99/100"), NULL},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-99/100") DAY_BEFORE, NULL},
        {200, STRONG, 200, "ETag: \"a\"\r\n", no_206},
        {200, STRONG, 404, "", no_206},
        {200, STRONG, 416, "", no_206},
        {200, STRONG, 503, "", no_206},
        {200, STRONG, 206, "ETag: \"b\"\r\n" BYTES("40-99/100"), version},
        {200, STRONG, 206, "ETag: W/\"a\"\r\n" BYTES("40-99/100"), version},
        {200, STRONG, 206, BYTES("40-99/100"), version},
        {200, STRONG, 206, BYTES("40-99/100") LAST_WEEK, version},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("39-99/100"), bounds},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("41-99/100"), bounds},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("0-99/100"), bounds},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-98/100"), bounds},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-100/101"), bounds},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-99/101"), total},
        {200, STRONG, 206, "ETag: \"a\"\r\n" BYTES("40-99/*"), total},
        {200, STRONG, 206, "ETag: \"a\"\r\nContent-Encoding: gzip\r\n" BYTES("40-99/100"), coding},

        {200, CHUNKED, 206, "ETag: \"a\"\r\n" BYTES("40-99/100"), NULL},
        {200, CHUNKED, 206, "ETag: \"a\"\r\n" BYTES("40-98/100"), bounds},
        {200, CHUNKED, 206, "ETag: \"a\"\r\n" BYTES("40-99/*"), bounds},

        {200, DATED, 206, "ETag: W/\"a\"\r\n" BYTES("40-99/100") LAST_WEEK, NULL},
        {200, DATED, 206, "ETag: W/\"a\"\r\n" BYTES("40-99/100") DAY_BEFORE, version},
        {200, DATED, 206, "ETag: W/\"b\"\r\n" BYTES("40-99/100") LAST_WEEK, version},
        {200, DATED, 206, "ETag: W/\"a\"\r\n" BYTES("40-99/100"), version},
        {200, "Content-Length: 100\r\n" LAST_WEEK, 206, BYTES("40-99/100") LAST_WEEK, NULL},
        {200, "Content-Length: 100\r\n" LAST_WEEK, 206,
         "ETag: \"new\"\r\n" BYTES("40-99/100") LAST_WEEK, version},

        {206, CHUNKED BYTES("100-199/500"), 206, CHUNKED BYTES("140-199/500"), NULL},
        {206, CHUNKED BYTES("100-199/500"), 206, CHUNKED BYTES("140-199/501"), total},
        {206, CHUNKED BYTES("100-199/500"), 206, CHUNKED BYTES("140-499/500"), bounds},
        {206, CHUNKED BYTES("100-199/500"), 206, CHUNKED BYTES("40-99/500"), bounds},
        {206, CHUNKED BYTES("100-199/*"), 206, CHUNKED BYTES("140-199/500"), NULL},
        {206, CHUNKED BYTES("100-199/*"), 206, CHUNKED BYTES("140-199/*"), NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct promise p = promise_of(cases[i].promised, cases[i].promise);
        struct http_answer a = parse(cases[i].status, cases[i].fields);
        struct str why = promise_goes_on(&p, &a, 40);

        if (!str_eq(why, str_of(cases[i].why)))
            fail_msg("case %zu: %.*s", i, STR_FMT(why));
        if (why.p == NULL)
            assert_int_equal(p.length, 100);
    }
}

TEST_MAIN(cmocka_unit_test(which_bodies_can_be_resumed), cmocka_unit_test(a_long_etag_is_not_used),
          cmocka_unit_test(a_head_has_no_content), cmocka_unit_test(what_is_asked_for),
          cmocka_unit_test(what_goes_on))
