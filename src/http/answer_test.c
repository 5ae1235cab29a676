#include "http/answer.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/test.h"

#define NOW 784115377
#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define UNKNOWN HTTP_LENGTH_UNKNOWN

#define OK "HTTP/1.1 200 OK\r\n"
#define PARTIAL "HTTP/1.1 206 Partial Content\r\n"
#define UNSATISFIABLE "HTTP/1.1 416 Range Not Satisfiable\r\n"

static struct http_answer answer;

static int parse(const char *head)
{
    return http_answer_parse(str_of(head), NOW, &answer);
}

static void a_whole_head(void **state)
{
    assert_int_equal(parse(OK "Server: x\r\n"
                              "content-TYPE:video/mp2t\r\n"
                              "Content-Length: 188\r\n"
                              "ETag: \"v1\"\r\n"
                              "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                              "Cache-Control: max-age=5 \t\r\n"
                              "Cache-Control: public\r\n"
                              "X-Empty:\r\n"
                              "\r\n"),
                     0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.content_length, 188);
    assert_false(answer.range.is_there);
    assert_str(answer.etag, "\"v1\"");
    assert_int_equal(answer.last_modified, MODIFIED);
    assert_int_equal(answer.field_count, 8);
    assert_str(answer.fields[0].name, "Server");
    assert_str(answer.fields[7].name, "X-Empty");
    assert_true(answer.fields[7].value.p != NULL && answer.fields[7].value.n == 0);
    assert_str(answer.known[ANSWER_CONTENT_TYPE], "video/mp2t");
    assert_str(answer.known[ANSWER_CACHE_CONTROL], "max-age=5");
    assert_null(answer.known[ANSWER_VARY].p);
}

static void values_of_a_field(void **state)
{
    unsigned at = 0;

    assert_int_equal(parse(OK "Vary: a\r\nX: y\r\nVARY:\r\nvary: b, c\r\n"), 0);
    assert_str(http_answer_next(&answer, ANSWER_VARY, &at), "a");
    assert_str(http_answer_next(&answer, ANSWER_VARY, &at), "");
    assert_str(http_answer_next(&answer, ANSWER_VARY, &at), "b, c");
    assert_null(http_answer_next(&answer, ANSWER_VARY, &at).p);
    assert_null(http_answer_next(&answer, ANSWER_VARY, &at).p);
}

static void status_lines(void **state)
{
    static const struct {
        const char *head;
        int want; /* the status, or an error */
    } cases[] = {
        {"HTTP/1.1 200 OK\r\n", 200},
        {"HTTP/1.1 200 OK\r\n\r\n", 200},
        {"HTTP/1.0 404 Not Found\r\n", 404},
        {"HTTP/2 200 \r\n", 200},
        {"HTTP/2 503\r\n", 503},
        {"HTTP/1.1 200\r\n", 200},
        {"HTTP/1.1 599 a b\tc \xe9\r\n", 599},
        {"HTTP/1.1 100 Continue\r\n", 100},
        {"HTTP/1.1 099 x\r\n", -EPROTO},
        {"HTTP/1.1 600 x\r\n", -EPROTO},
        {"HTTP/1.1 20 x\r\n", -EPROTO},
        {"HTTP/1.1 2000 x\r\n", -EPROTO},
        {"HTTP/1.1 +20 x\r\n", -EPROTO},
        {"HTTP/1.1 2x0 OK\r\n", -EPROTO},
        {"HTTP/1.1  200 OK\r\n", -EPROTO},
        {"HTTP/1.1\t200 OK\r\n", -EPROTO},
        {"HTTP/1.1\r\n", -EPROTO},
        {"HTTP/1.1 \r\n", -EPROTO},
        {"HTTP/1.2 200 OK\r\n", -EPROTO},
        {"HTTP/0.9 200 OK\r\n", -EPROTO},
        {"http/1.1 200 OK\r\n", -EPROTO},
        {"ICY 200 OK\r\n", -EPROTO},
        {" HTTP/1.1 200 OK\r\n", -EPROTO},
        {"\r\nHTTP/1.1 200 OK\r\n", -EPROTO},
        {"HTTP/1.1 200 OK\n", -EPROTO},
        {"HTTP/1.1 200 O\x01K\r\n", -EPROTO},
        {"HTTP/1.1 200 OK\r", -EPROTO},
        {"HTTP/1.1 200 OK", -EPROTO},
        {"\r\n", -EPROTO},
        {"", -EPROTO},
        {"#EXTM3U\n", -EPROTO},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = parse(cases[i].head);

        if ((r < 0 ? r : answer.status) != cases[i].want)
            fail_msg("'%s': %d", cases[i].head, r < 0 ? r : answer.status);
    }
}

static void field_lines(void **state)
{
    static const struct {
        const char *fields;
        int want;
    } cases[] = {
        {"a: b\tc \xe9\r\n", 0},
        {"a:b:c\r\n", 0},
        {"!#$%&'*+-.^_`|~: b\r\n", 0},
        {"a: b", -EPROTO},
        {"a: b\r", -EPROTO},
        {"a: b\n", -EPROTO},
        {"a: b\nc: d\r\n", -EPROTO},
        {"a: b\rc: d\r\n", -EPROTO},
        {"a: b\r\r\n", -EPROTO},
        {"a: b\x01\r\n", -EPROTO},
        {"a: b\x7f\r\n", -EPROTO},
        {"a\r\n", -EPROTO},
        {": b\r\n", -EPROTO},
        {"a : b\r\n", -EPROTO},
        {" a: b\r\n", -EPROTO},
        {"a: b\r\n c\r\n", -EPROTO},
        {"a: b\r\n\tc: d\r\n", -EPROTO},
        {"a b: c\r\n", -EPROTO},
        {"\xc3\xa9: b\r\n", -EPROTO},
        {":status: 200\r\n", -EPROTO},
        {"\r\na: b\r\n", -EPROTO},
        {"a: b\r\n\r\n\r\n", -EPROTO},
        {"a: b\r\n\r\nHTTP/1.1 200 OK\r\n", -EPROTO},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char head[256];

        snprintf(head, sizeof head, OK "%s", cases[i].fields);
        if (parse(head) != cases[i].want)
            fail_msg("'%s': %d", cases[i].fields, parse(head));
    }
    assert_int_equal(http_answer_parse(STR(OK "a: b\0c\r\n"), NOW, &answer), -EPROTO);
}

static void lengths(void **state)
{
    static const struct {
        const char *head;
        int want;
        uint64_t length;
    } cases[] = {
        {OK, 0, UNKNOWN},
        {OK "Content-Length: 0\r\n", 0, 0},
        {OK "Content-Length: 007\r\n", 0, 7},
        {OK "Content-Length: 9223372036854775807\r\n", 0, INT64_MAX},
        {OK "Content-Length: 42\r\ncontent-length:42\r\n", 0, 42},
        {OK "Content-Length: 42, 42\r\n", 0, 42},
        {OK "Transfer-Encoding: chunked\r\n", 0, UNKNOWN},
        {OK "Transfer-Encoding: Chunked\r\n", 0, UNKNOWN},
        {OK "Content-Length: 9223372036854775808\r\n", -EPROTO, 0},
        {OK "Content-Length: 99999999999999999999999\r\n", -EPROTO, 0},
        {OK "Content-Length: 42\r\nContent-Length: 43\r\n", -EPROTO, 0},
        {OK "Content-Length: 42\r\nX: y\r\nContent-Length:\r\n", -EPROTO, 0},
        {OK "Content-Length: 42, 43\r\n", -EPROTO, 0},
        {OK "Content-Length: 42,\r\n", -EPROTO, 0},
        {OK "Content-Length:\r\n", -EPROTO, 0},
        {OK "Content-Length: -1\r\n", -EPROTO, 0},
        {OK "Content-Length: +1\r\n", -EPROTO, 0},
        {OK "Content-Length: 0x10\r\n", -EPROTO, 0},
        {OK "Content-Length: 1 2\r\n", -EPROTO, 0},
        {OK "Content-Length: \"5\"\r\n", -EPROTO, 0},
        {OK "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", -EPROTO, 0},
        {OK "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", -EPROTO, 0},
        {OK "Transfer-Encoding: gzip, chunked\r\n", -EPROTO, 0},
        {OK "Transfer-Encoding: identity\r\n", -EPROTO, 0},
        {OK "Transfer-Encoding:\r\n", -EPROTO, 0},
        {OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", -EPROTO, 0},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n", -EPROTO, 0},
        {"HTTP/2 200 \r\nTransfer-Encoding: chunked\r\n", -EPROTO, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int r = parse(cases[i].head);

        if (r != cases[i].want || (r == 0 && answer.content_length != cases[i].length))
            fail_msg("'%s': %d, %lu", cases[i].head, r, (unsigned long)answer.content_length);
    }
}

/* Chunks and streams have an end of their own; a connection's may be that of the origin's process.
 */
static void ends_that_prove_nothing(void **state)
{
    static const struct {
        const char *head;
        bool want;
    } cases[] = {
        {OK, true},
        {"HTTP/1.0 200 OK\r\n", true},
        {"HTTP/2 200 \r\n", false},
        {OK "Content-Length: 0\r\n", false},
        {OK "Transfer-Encoding: chunked\r\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].head), 0);
        assert_int_equal(answer.ends_with_connection, cases[i].want);
    }
}

static void partial_content(void **state)
{
    static const struct {
        const char *fields;
        int want;
        uint64_t first, last, total;
    } cases[] = {
        {"Content-Range: bytes 0-499/1000\r\n", 0, 0, 499, 1000},
        {"Content-Range: BYTES 0-499/1000\r\n", 0, 0, 499, 1000},
        {"Content-Range: bytes 999-999/1000\r\n", 0, 999, 999, 1000},
        {"Content-Range: bytes 500-999/*\r\n", 0, 500, 999, UNKNOWN},
        {"Content-Range: bytes 0-499/1000\r\nContent-Length: 500\r\n", 0, 0, 499, 1000},
        {"Content-Range: bytes 0-9223372036854775806/9223372036854775807\r\n", 0, 0, INT64_MAX - 1,
         INT64_MAX},
        {"Content-Range: bytes 0-499/1000\r\nContent-Length: 1000\r\n", -EPROTO, 0, 0, 0},
        {"", -EPROTO, 0, 0, 0},
        {"Content-Type: multipart/byteranges; boundary=x\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-1/9\r\nContent-Range: bytes 0-1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range:\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes */1000\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes */*\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-1000/1000\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 5-4/1000\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-0/0\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-1\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-1/\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes -1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0 - 1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-1/9/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes=0-1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: items 0-1/9\r\n", -EPROTO, 0, 0, 0},
        {"Content-Range: bytes 0-9223372036854775808/*\r\n", -EPROTO, 0, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct http_content_range *c = &answer.range;
        char head[256];
        int r;

        snprintf(head, sizeof head, PARTIAL "%s", cases[i].fields);
        r = parse(head);
        if (r != cases[i].want ||
            (r == 0 && (!c->is_there || c->first != cases[i].first || c->last != cases[i].last ||
                        c->total != cases[i].total)))
            fail_msg("'%s': %d, %lu-%lu/%lu", cases[i].fields, r, (unsigned long)c->first,
                     (unsigned long)c->last, (unsigned long)c->total);
    }
}

static void ranges_of_other_answers(void **state)
{
    static const struct {
        const char *head;
        bool is_there;
        uint64_t total;
    } cases[] = {
        {UNSATISFIABLE "Content-Range: bytes */1000\r\n", true, 1000},
        {UNSATISFIABLE "Content-Range: bytes */0\r\n", true, 0},
        {UNSATISFIABLE "Content-Range: bytes */*\r\n", false, 0},
        {UNSATISFIABLE "Content-Range: bytes 0-1/1000\r\n", false, 0},
        {UNSATISFIABLE "Content-Range: 1000\r\n", false, 0},
        {UNSATISFIABLE, false, 0},
        {OK "Content-Range: bytes 0-1/1000\r\n", false, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].head), 0);
        assert_int_equal(answer.range.is_there, cases[i].is_there);
        assert_int_equal(answer.range.total, cases[i].total);
    }
}

static void validators(void **state)
{
    static const struct {
        const char *fields, *etag;
        unix_t last_modified;
        bool is_strong;
    } cases[] = {
        {"", NULL, 0, false},
        {"ETag: \"\"\r\n", "\"\"", 0, true},
        {"ETag: \"a,b \"\r\n", "\"a,b \"", 0, true},
        {"ETag: W/\"a\"\r\n", "W/\"a\"", 0, false},
        {"ETag: w/\"a\"\r\n", NULL, 0, false},
        {"ETag: a\r\n", NULL, 0, false},
        {"ETag: \"\r\n", NULL, 0, false},
        {"ETag: \"a\r\n", NULL, 0, false},
        {"ETag: \"a\" \"b\"\r\n", NULL, 0, false},
        {"ETag: \"a\", \"b\"\r\n", NULL, 0, false},
        {"ETag: , \"a\"\r\n", NULL, 0, false},
        {"ETag: \"a\"\r\nETag: \"b\"\r\n", NULL, 0, false},
        {"ETag:\r\n", NULL, 0, false},
        {"Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n", NULL, MODIFIED, false},
        {"Last-Modified: Sunday, 06-Nov-94 08:49:37 GMT\r\n", NULL, MODIFIED, false},
        {"Last-Modified: Sun Nov  6 08:49:37 1994\r\n", NULL, MODIFIED, false},
        {"Last-Modified: Sun, 06 Nov 1904 08:49:37 GMT\r\n", NULL, 0, false},
        {"Last-Modified: 784111777\r\n", NULL, 0, false},
        {"Last-Modified:\r\n", NULL, 0, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char head[256];

        snprintf(head, sizeof head, OK "%s", cases[i].fields);
        assert_int_equal(parse(head), 0);
        assert_str(answer.etag, cases[i].etag);
        assert_int_equal(answer.etag.p == NULL, cases[i].etag == NULL);
        assert_int_equal(answer.last_modified, cases[i].last_modified);
        assert_int_equal(http_etag_is_strong(answer.etag), cases[i].is_strong);
    }
}

static void codings(void **state)
{
    static const struct {
        const char *head;
        bool is_plain;
    } cases[] = {
        {OK, true},
        {OK "Content-Encoding: identity\r\n", true},
        {OK "Content-Encoding: Identity, identity\r\n", true},
        {OK "Content-Encoding:\r\n", true},
        {OK "Content-Encoding: gzip\r\n", false},
        {OK "Content-Encoding: identity\r\nContent-Encoding: br\r\n", false},
        {OK "Content-Encoding: identity, gzip\r\n", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(parse(cases[i].head), 0);
        assert_int_equal(http_answer_is_plain(&answer), cases[i].is_plain);
    }
}

static void endless_heads(void **state)
{
    struct buf head = {.cap = 2 * HTTP_MAX_ANSWER_BYTES};
    size_t room;

    buf_add(&head, STR(OK));
    for (int i = 0; i < HTTP_MAX_ANSWER_FIELDS; i++)
        buf_add(&head, STR("a: b\r\n"));
    assert_int_equal(http_answer_parse(buf_str(&head), NOW, &answer), 0);
    assert_int_equal(answer.field_count, HTTP_MAX_ANSWER_FIELDS);
    buf_add(&head, STR("a: b\r\n"));
    assert_int_equal(http_answer_parse(buf_str(&head), NOW, &answer), -EMSGSIZE);

    buf_clear(&head);
    buf_add(&head, STR(OK "a: "));
    room = HTTP_MAX_ANSWER_BYTES - head.n - 2;
    memset(buf_reserve(&head, room), 'x', room);
    buf_added(&head, room);
    buf_add(&head, STR("\r\n"));
    assert_int_equal(http_answer_parse(buf_str(&head), NOW, &answer), 0);
    assert_int_equal(answer.fields[0].value.n, room);
    buf_add_char(&head, '\r');
    assert_int_equal(http_answer_parse(buf_str(&head), NOW, &answer), -EMSGSIZE);
    buf_done(&head);
}

TEST_MAIN(cmocka_unit_test(a_whole_head), cmocka_unit_test(values_of_a_field),
          cmocka_unit_test(status_lines), cmocka_unit_test(field_lines), cmocka_unit_test(lengths),
          cmocka_unit_test(ends_that_prove_nothing), cmocka_unit_test(partial_content),
          cmocka_unit_test(ranges_of_other_answers), cmocka_unit_test(validators),
          cmocka_unit_test(codings), cmocka_unit_test(endless_heads))
