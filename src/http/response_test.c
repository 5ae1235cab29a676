#include "http/response.h"

#include "base/mem.h"
#include "base/test.h"

#define NOV_1994 784111777
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"

struct head_case {
    uint16_t status;
    uint64_t length;
    uint8_t version_minor;
    bool keep_alive, is_last;
    const char *want; /* after Date and the one field */
};

static void check_head(const struct head_case *c)
{
    struct http_response r = {.status = c->status, .content_length = c->length};
    struct http_head request = {.version_minor = c->version_minor, .keep_alive = c->keep_alive};
    char got[512];
    ptrdiff_t n;

    http_response_add(&r, STR("X-Test"), STR("a\tb"));
    n = h1_write_head(&r, &request, c->is_last, NOV_1994, got, sizeof got);
    assert_true(n > 0);
    assert_str(((struct str){got, (size_t)n}), c->want);
    for (size_t room = 0; room < (size_t)n; room++)
        assert_int_equal(h1_write_head(&r, &request, c->is_last, NOV_1994, got, room), -1);
    assert_int_equal(h1_write_head(&r, &request, c->is_last, NOV_1994, got, (size_t)n), n);
}

static void heads(void **state)
{
#define FIELDS DATE "X-Test: a\tb\r\n"
    static const struct head_case cases[] = {
        {200, 0, 1, true, false, "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 0\r\n\r\n"},
        {206, UINT64_MAX - 1, 1, true, false,
         "HTTP/1.1 206 Partial Content\r\n" FIELDS "Content-Length: 18446744073709551614\r\n\r\n"},
        {403, 10, 1, true, true,
         "HTTP/1.1 403 Forbidden\r\n" FIELDS "Content-Length: 10\r\nConnection: close\r\n\r\n"},
        {200, 9, 0, true, false,
         "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 9\r\nConnection: keep-alive\r\n\r\n"},
        {200, 99, 0, false, true,
         "HTTP/1.1 200 OK\r\n" FIELDS "Content-Length: 99\r\nConnection: close\r\n\r\n"},
        {200, HTTP_LENGTH_UNKNOWN, 1, true, false,
         "HTTP/1.1 200 OK\r\n" FIELDS "Transfer-Encoding: chunked\r\n\r\n"},
        {200, HTTP_LENGTH_UNKNOWN, 1, true, true,
         "HTTP/1.1 200 OK\r\n" FIELDS "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"},
        {200, HTTP_LENGTH_UNKNOWN, 0, true, true,
         "HTTP/1.1 200 OK\r\n" FIELDS "Connection: close\r\n\r\n"},
        {204, 0, 1, true, false, "HTTP/1.1 204 No Content\r\n" FIELDS "\r\n"},
        {304, 0, 1, true, false, "HTTP/1.1 304 Not Modified\r\n" FIELDS "\r\n"},
        {100, 0, 1, true, false, "HTTP/1.1 100 Continue\r\nX-Test: a\tb\r\n\r\n"},
        {599, 1, 1, true, false, "HTTP/1.1 599 \r\n" FIELDS "Content-Length: 1\r\n\r\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_head(&cases[i]);
}

static void the_date_moves_on(void **state)
{
    struct http_response r = {.status = 204};
    struct http_head request = {.version_minor = 1};
    char got[128];
    ptrdiff_t n;

    for (unix_t t = NOV_1994; t < NOV_1994 + 2; t++) {
        n = h1_write_head(&r, &request, false, t, got, sizeof got);
        assert_str(str_range(got, got + n),
                   t == NOV_1994 ? "HTTP/1.1 204 No Content\r\n" DATE "\r\n"
                                 : "HTTP/1.1 204 No Content\r\nDate: Sun, 06 Nov 1994 "
                                   "08:49:38 GMT\r\n\r\n");
    }
}

static void phrases(void **state)
{
    assert_str(http_reason(200), "OK");
    assert_str(http_reason(431), "Request Header Fields Too Large");
    assert_str(http_reason(599), "");
}

TEST_MAIN(cmocka_unit_test(heads), cmocka_unit_test(the_date_moves_on), cmocka_unit_test(phrases))
