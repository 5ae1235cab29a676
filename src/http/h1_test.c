#include "http/h1.h"

#include <stdio.h>

#include "base/panic.h"
#include "base/test.h"

/* Feeds `text` as it would arrive when a read ended after `cut` bytes. */
static enum h1_event parse_cut(struct str text, size_t cut, struct h1_index *ix,
                               size_t *ret_consumed)
{
    struct h1 h;
    enum h1_event e;

    h1_init(&h);
    e = h1_parse(&h, str_first(text, cut), ix, ret_consumed);
    if (e == H1_MORE)
        e = h1_parse(&h, text, ix, ret_consumed);
    return e;
}

static void check_at_every_cut(struct str text, enum h1_event want, size_t want_consumed)
{
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct h1_index ix;
        size_t consumed = 0;
        enum h1_event got = parse_cut(text, cut, &ix, &consumed);

        if (got != want || consumed != want_consumed)
            fail_msg("cut at %zu: event %d, %zu consumed, of '%.*s'", cut, (int)got, consumed,
                     STR_FMT(text));
    }
}

/* One byte more at each call. */
static void check_byte_by_byte(struct str text, enum h1_event want)
{
    struct h1_index ix;
    struct h1 h;
    enum h1_event e = H1_MORE;
    size_t consumed;

    h1_init(&h);
    for (size_t n = 0; n <= text.n && e == H1_MORE; n++)
        e = h1_parse(&h, str_first(text, n), &ix, &consumed);
    assert_int_equal(e, want);
}

static void accepted_heads(void **state)
{
    static const char *const cases[] = {
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /a?b=c HTTP/1.1\r\nHost:a:80\r\nX:\r\nY:  \t \r\n\r\n",
        "GET / HTTP/1.1\r\nhOsT: a\r\nX-Y: \xff\x80 \t z \r\n\r\n",
        "GET /\xe4\xb8\xad?a[]={|}^` HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a.example/b?c HTTP/1.1\r\nHost: A.example\r\n\r\n",
        "GET HTTPS://[::1]:8443 HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
        "PUT /a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close, x\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = str_of(cases[i]);

        check_at_every_cut(text, H1_HEAD, text.n);
        check_byte_by_byte(text, H1_HEAD);
    }
}

/* All before the empty line that ends them, or with it: whichever comes first decides. */
static void refused_heads(void **state)
{
#define LINE "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\nHost: a\r\n"
    static const struct {
        struct str text;
        enum h1_event want;
    } cases[] = {
#define BAD(text)                        \
    {                                    \
        {text, sizeof(text) - 1}, H1_BAD \
    }
#define VERSION(text)                        \
    {                                        \
        {text, sizeof(text) - 1}, H1_VERSION \
    }
        /* request line */
        BAD("GET /\r\n"),
        BAD("GET / \r\n"),
        BAD(" HTTP/1.1\r\n"),
        BAD("GET HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /\t HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("get / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GETX / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET / http/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/11\r\nHost: a\r\n\r\n"),
        BAD("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
        BAD("GET / ICE/1.1\r\nHost: a\r\n\r\n"),
        VERSION("GET / HTTP/0.9\r\n"),
        VERSION("GET / HTTP/1.2\r\n"),
        VERSION("GET / HTTP/2.0\r\n"),
        VERSION("PRI * HTTP/2.0\r\n"),
        VERSION("GET / HTTP/9.9\r\n"),
        /* targets */
        BAD("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /a<b> HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET /\"a\" HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET http://a?b HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        BAD("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
        /* lines */
        BAD("GET / HTTP/1.1\n"),
        BAD("GET / HTTP/1.1\r\nHost: a\n"),
        BAD(LINE "Host: a\r\n\n"),
        BAD("\n"),
        BAD(LINE "Host: a\rX"),
        BAD(LINE "Host: a\r\r"),
        BAD("GET /\rHTTP/1.1\r\n"),
        BAD(LINE "Host: a\r\n b\r\n\r\n"),
        BAD(LINE "Host: a\r\nX: b\r\n\tc\r\n\r\n"),
        BAD(LINE " Host: a\r\n\r\n"),
        BAD("GET\0 / HTTP/1.1\r\n"),
        BAD(LINE "Host: a\0"),
        BAD(LINE "Host: a\x01"),
        BAD(LINE "Host: a\x7f"),
        BAD("\x16\x03\x01"),
        /* fields */
        BAD(LINE "Host : a\r\n\r\n"),
        BAD(LINE "Host: a\r\nX : b\r\n\r\n"),
        BAD(LINE "Host: a\r\nX\t: b\r\n\r\n"),
        BAD(LINE "Host: a\r\nX Y: b\r\n\r\n"),
        BAD(LINE "Host: a\r\n: b\r\n\r\n"),
        BAD(LINE "Host: a\r\nX\r\n\r\n"),
        BAD(LINE "Host: a\r\nX(: b\r\n\r\n"),
        BAD(LINE "Host: a\r\n\xc3\xa4: b\r\n\r\n"),
        BAD(LINE "\r\n"),
        BAD(LINE "Host: a\r\nHost: a\r\n\r\n"),
        BAD(LINE "Host: a\r\nhost: b\r\n\r\n"),
        BAD(LINE "Host: a b\r\n\r\n"),
        BAD(LINE "Host: u@a\r\n\r\n"),
        BAD(LINE "Host: a/b\r\n\r\n"),
        BAD("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        /* framing */
        BAD(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"),
        BAD(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        BAD(POST "Content-Length: 5, 5\r\n\r\n"),
        BAD(POST "Content-Length: 5,6\r\n\r\n"),
        BAD(POST "Content-Length: +5\r\n\r\n"),
        BAD(POST "Content-Length: -5\r\n\r\n"),
        BAD(POST "Content-Length: 0x5\r\n\r\n"),
        BAD(POST "Content-Length: 5 5\r\n\r\n"),
        BAD(POST "Content-Length:\r\n\r\n"),
        BAD(POST "Content-Length: 9223372036854775808\r\n\r\n"),
        BAD(POST "Content-Length: 18446744073709551621\r\n\r\n"),
        BAD(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n"),
        BAD(POST "Transfer-Encoding: identity\r\n\r\n"),
        BAD(POST "Transfer-Encoding: gzip\r\n\r\n"),
        BAD(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked, identity\r\n\r\n"),
        BAD(POST "Transfer-Encoding: xchunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"),
        BAD(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"),
        BAD(POST "Transfer-Encoding:\x0b"
                 "chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"),
        BAD(POST "Transfer-Encoding:\r\n\r\n"),
        BAD("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"),
#undef BAD
#undef VERSION
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        check_at_every_cut(cases[i].text, cases[i].want, 0);
        check_byte_by_byte(cases[i].text, cases[i].want);
    }
}

static void every_refusal_has_a_reason(void **state)
{
    struct h1_index ix;
    size_t consumed;
    struct h1 h;

    h1_init(&h);
    assert_int_equal(h1_parse(&h, STR(LINE "X\r\n\r\n"), &ix, &consumed), H1_BAD);
    assert_true(strlen(h1_reason(&h)) > 0);
    h1_init(&h);
    assert_int_equal(h1_parse(&h, STR(LINE "Host: a\r\nHost: a\r\n\r\n"), &ix, &consumed), H1_BAD);
    assert_string_equal(h1_reason(&h), "repeated Host");
}

static void what_a_head_says(void **state)
{
    struct str text = STR("POST /a/b?c HTTP/1.1\r\nHost: a.example:81\r\nUser-Agent:  x y \r\n"
                          "X-Other: 1\r\nuser-agent: second\r\nRange:\r\nExpect: 100-Continue\r\n"
                          "Content-Length: 12\r\n\r\n");
    char *copy = xmemdup(text.p, text.n);
    struct http_field fields[HTTP_MAX_FIELDS];
    struct http_head head;
    struct h1_index ix;
    size_t consumed;

    assert_int_equal(parse_cut(text, 50, &ix, &consumed), H1_HEAD);
    h1_head(&ix, copy, fields, &head);
    assert_int_equal(head.method, HTTP_POST);
    assert_str(head.method_text, "POST");
    assert_str(head.target, "/a/b?c");
    assert_str(head.authority, "a.example:81");
    assert_str(head.known[FIELD_HOST], "a.example:81");
    assert_str(head.known[FIELD_USER_AGENT], "x y");
    assert_non_null(head.known[FIELD_RANGE].p);
    assert_int_equal(head.known[FIELD_RANGE].n, 0);
    assert_null(head.known[FIELD_COOKIE].p);
    assert_int_equal(head.field_count, 7);
    assert_str(head.fields[2].name, "X-Other");
    assert_str(head.fields[3].value, "second");
    assert_true(head.keep_alive && head.expects_continue && head.has_body && !head.is_chunked);
    assert_int_equal(head.content_length, 12);
    assert_true(head.target.p > copy && head.target.p < copy + text.n);
    free(copy);
}

static void targets_and_authorities(void **state)
{
    static const struct {
        const char *text, *method, *target, *authority;
    } cases[] = {
        {"GET http://H/p?q HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/p?q", "H"},
        {"GET http://h HTTP/1.1\r\nHost: h\r\n\r\n", "GET", "/", "h"},
        {"OPTIONS http://h:8 HTTP/1.1\r\nHost: h:8\r\n\r\n", "OPTIONS", "*", "h:8"},
        {"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS", "*", "h"},
        {"GET http://h/ HTTP/1.0\r\n\r\n", "GET", "/", "h"},
        {"GET / HTTP/1.0\r\n\r\n", "GET", "/", ""},
        {"PATCH //x HTTP/1.1\r\nHost: h\r\n\r\n", "PATCH", "//x", "h"},
        {"\r\nDELETE /d HTTP/1.1\r\nHost: h\r\n\r\n", "DELETE", "/d", "h"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field fields[HTTP_MAX_FIELDS];
        struct http_head head;
        struct h1_index ix;
        size_t consumed;

        assert_int_equal(parse_cut(str_of(cases[i].text), 7, &ix, &consumed), H1_HEAD);
        h1_head(&ix, cases[i].text, fields, &head);
        assert_str(head.method_text, cases[i].method);
        assert_str(head.target, cases[i].target);
        assert_str(head.authority, cases[i].authority);
    }
}

static void which_connections_persist(void **state)
{
    static const struct {
        const char *text;
        bool keep_alive, expects_continue;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: te , close\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: x\r\nConnection: close\r\n\r\n", false, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: closed\r\n\r\n", true, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, close\r\n\r\n", false, false},
        {"GET / HTTP/1.0\r\n\r\n", false, false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true, false},
        {"GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: 100-continue\r\n\r\n", true, false},
        {"GET / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", true, true},
        {"GET / HTTP/1.1\r\nHost: h\r\nExpect: other\r\n\r\n", true, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field fields[HTTP_MAX_FIELDS];
        struct http_head head;
        struct h1_index ix;
        size_t consumed;

        assert_int_equal(parse_cut(str_of(cases[i].text), 7, &ix, &consumed), H1_HEAD);
        h1_head(&ix, cases[i].text, fields, &head);
        assert_int_equal(head.keep_alive, cases[i].keep_alive);
        assert_int_equal(head.expects_continue, cases[i].expects_continue);
    }
}

/* A head of exactly `n` bytes, with one long field. */
static struct str head_of_size(char *text, size_t n)
{
    static const char before[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";

    memset(text, 'x', n);
    memcpy(text, before, sizeof before - 1);
    memcpy(text + n - 4, "\r\n\r\n", 4);
    return (struct str){text, n};
}

static void head_size_is_limited(void **state)
{
    static char text[HTTP_MAX_HEAD_BYTES + 1];

    check_byte_by_byte(head_of_size(text, HTTP_MAX_HEAD_BYTES), H1_HEAD);
    check_byte_by_byte(head_of_size(text, HTTP_MAX_HEAD_BYTES + 1), H1_TOO_LARGE);
    memset(text, 'x', sizeof text);
    check_byte_by_byte((struct str){text, sizeof text}, H1_TOO_LARGE);
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 == 0 ? '\r' : '\n';
    check_byte_by_byte((struct str){text, sizeof text}, H1_TOO_LARGE);
}

static void number_of_fields_is_limited(void **state)
{
    for (int fields = HTTP_MAX_FIELDS; fields <= HTTP_MAX_FIELDS + 1; fields++) {
        char text[2048] = "GET / HTTP/1.1\r\nHost: a\r\n";
        size_t n = strlen(text);

        for (int i = 1; i < fields; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "X-%d: y\r\n", i);
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
        check_byte_by_byte((struct str){text, n},
                           fields <= HTTP_MAX_FIELDS ? H1_HEAD : H1_TOO_LARGE);
    }
}

static void requests_follow_each_other(void **state)
{
    struct str text = STR("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                          "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi"
                          "GET /4 HTTP/1.1\r\nHost: a\r\n\r\n");
    char want[] = "/1";
    struct h1 h;

    h1_init(&h);
    for (; text.n > 0; want[1]++) {
        struct http_field fields[HTTP_MAX_FIELDS];
        struct http_head head;
        struct h1_index ix;
        size_t consumed;
        struct str piece;

        assert_int_equal(h1_parse(&h, text, &ix, &consumed), H1_HEAD);
        h1_head(&ix, text.p, fields, &head);
        assert_str(head.target, want);
        text = str_skip(text, consumed);
        while (h1_parse_body(&h, text, &consumed, &piece) == H1_BODY)
            text = str_skip(text, consumed);
        h1_next(&h);
    }
    assert_string_equal(want, "/5");
}

TEST_MAIN(cmocka_unit_test(accepted_heads), cmocka_unit_test(refused_heads),
          cmocka_unit_test(every_refusal_has_a_reason), cmocka_unit_test(what_a_head_says),
          cmocka_unit_test(targets_and_authorities), cmocka_unit_test(which_connections_persist),
          cmocka_unit_test(head_size_is_limited), cmocka_unit_test(number_of_fields_is_limited),
          cmocka_unit_test(requests_follow_each_other))
