/* The fields of responses, as a client unpacks them. */
#include "http/h2_testing.h"

#include <nghttp2/nghttp2.h>

#include "base/panic.h"

struct client {
    struct world w;
    nghttp2_hd_inflater *inflater;
    struct buf lines, secret; /* "name: value" each; those that no table may hold */
};

static void begin(struct client *c)
{
    memset(c, 0, sizeof *c);
    world_init(&c->w, 100);
    world_open(&c->w);
    c->w.plan.status = 0;
    buf_init(&c->lines, 1 << 16);
    buf_init(&c->secret, 1 << 16);
    assert_int_equal(nghttp2_hd_inflate_new(&c->inflater), 0);
}

static void end(struct client *c)
{
    nghttp2_hd_inflate_del(c->inflater);
    buf_done(&c->lines);
    buf_done(&c->secret);
    world_done(&c->w);
}

static void unpack(struct client *c, struct str block)
{
    int flags = 0;

    while ((flags & NGHTTP2_HD_INFLATE_FINAL) == 0) {
        nghttp2_nv nv;
        ssize_t n =
            nghttp2_hd_inflate_hd2(c->inflater, &nv, &flags, (const uint8_t *)block.p, block.n, 1);

        assert_true(n >= 0);
        block = str_skip(block, (size_t)n);
        if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0)
            continue;
        buf_printf(&c->lines, "%s: %s\n", (char *)nv.name, (char *)nv.value);
        if ((nv.flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0)
            buf_printf(&c->secret, "%s\n", (char *)nv.name);
    }
    nghttp2_hd_inflate_end_headers(c->inflater);
}

/* Answers a GET with `r` and unpacks the one HEADERS frame that comes. */
static const char *answer(struct client *c, uint32_t id, const struct http_response *r)
{
    struct buf b = {.cap = 1 << 16};
    struct str s;

    put_request(&b, id, END_STREAM, GET_LINES);
    assert_int_equal(world_receive(&c->w, &b), 0);
    assert_int_equal(h2_respond(world_last(&c->w)->s, r, NULL, H2_USUAL, 1700000000), 0);
    world_send_all(&c->w);
    s = buf_str(&c->w.sent);
    assert_int_equal(s.p[3], HEADERS);
    buf_clear(&c->lines);
    unpack(c, str_skip(s, 9));
    buf_add_char(&c->lines, '\0');
    buf_clear(&c->w.sent);
    buf_done(&b);
    return c->lines.p;
}

#define DATE_LINE "date: Tue, 14 Nov 2023 22:13:20 GMT\n"

static void test_fields(void **state)
{
    struct http_response r = {.status = 206, .content_length = 1234567};
    struct client c;

    begin(&c);
    http_response_add(&r, STR("Content-Type"), STR("video/mp2t"));
    http_response_add(&r, STR("X-Custom-NAME"), STR("Value As It Is"));
    http_response_add(&r, STR("Set-Cookie"), STR("a=b; Path=/"));
    for (uint32_t id = 1; id < 7; id += 2) /* from the dynamic table, too */
        assert_str(str_of(answer(&c, id, &r)),
                   ":status: 206\n" DATE_LINE "content-type: video/mp2t\n"
                   "x-custom-name: Value As It Is\nset-cookie: a=b; Path=/\n"
                   "content-length: 1234567\n");
    assert_str(buf_str(&c.secret), "set-cookie\nset-cookie\nset-cookie\n");
    end(&c);
}

/* RFC 9110 8.6 */
static void test_content_length(void **state)
{
    static const struct {
        unsigned status;
        uint64_t length;
        const char *lines;
    } cases[] = {
        {200, 0, ":status: 200\n" DATE_LINE "content-length: 0\n"},
        {200, HTTP_LENGTH_UNKNOWN, ":status: 200\n" DATE_LINE},
        {204, 0, ":status: 204\n" DATE_LINE},
        {304, 10, ":status: 304\n" DATE_LINE},
        {599, 1, ":status: 599\n" DATE_LINE "content-length: 1\n"},
    };
    struct client c;

    begin(&c);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_response r = {.status = (uint16_t)cases[i].status,
                                  .content_length = cases[i].length};

        assert_str(str_of(answer(&c, 2 * (uint32_t)i + 1, &r)), cases[i].lines);
    }
    end(&c);
}

TEST_MAIN(cmocka_unit_test(test_fields), cmocka_unit_test(test_content_length))
