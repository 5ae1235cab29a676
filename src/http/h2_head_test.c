/* Heads, good and bad: what each is answered with. */
#include "http/h2_testing.h"

#include <stdio.h>

#define METHOD ":method: GET\n"
#define REST ":scheme: https\n:authority: a.example\n"
#define PATH ":path: /a\n"
#define GOOD METHOD PATH REST

/* A world's request with these fields as its first one. */
struct outcome {
    enum h2_verdict verdict;
    bool is_asked;
    char said[200];
};

static struct outcome ask_block(struct world *w, struct str block, unsigned flags)
{
    struct outcome o = {.is_asked = false};
    struct buf b = {.cap = 1 << 20};

    w->plan.status = 0;
    while (block.n > 16384) {
        put_frame(&b, w->count == 0 && b.n == 0 ? HEADERS : CONTINUATION, b.n == 0 ? flags : 0, 1,
                  str_first(block, 16384));
        block = str_skip(block, 16384);
    }
    put_frame(&b, b.n == 0 ? HEADERS : CONTINUATION, (b.n == 0 ? flags : 0) | END_HEADERS, 1,
              block);
    assert_int_equal(world_receive(w, &b), 0);
    o.is_asked = w->count == 1;
    o.verdict = o.is_asked ? world_last(w)->verdict : H2_HEAD_OK;
    snprintf(o.said, sizeof o.said, "%s", world_said(w));
    buf_done(&b);
    return o;
}

static struct outcome ask(struct world *w, const char *lines, unsigned flags)
{
    struct buf block = {.cap = 1 << 20};
    struct outcome o;

    put_fields(&block, lines);
    o = ask_block(w, buf_str(&block), flags);
    buf_done(&block);
    return o;
}

static void begin(struct world *w)
{
    world_init(w, 100);
    world_open(w);
}

enum wanted { OK, BAD, RST /* PROTOCOL_ERROR on the stream, by nghttp2 */ };

static const struct {
    const char *lines;
    enum wanted wanted;
} cases[] = {
    {GOOD, OK},
    {GOOD "x: \n", OK},
    {GOOD "x: a b\tc \xc3\xa4\n", OK},
    {METHOD REST ":path: /%20[]|^{}`\xc3\xa4?a=b&c=/\n", OK},
    {METHOD ":path: /a\n:scheme: https\nhost: a.example\n", OK},
    {GOOD "host: A.EXAMPLE\n", OK},
    {":method: OPTIONS\n:path: *\n" REST, OK},
    {":method: FOO\n" PATH REST, OK},
    {GOOD "te: trailers\n", OK},
    {GOOD "content-length: 0\n", OK},
    {METHOD PATH ":scheme: https\n:authority: [::1]:443\n", OK},
    /* what nghttp2 lets through */
    {METHOD REST ":path: /a#b\n", BAD},
    {METHOD REST ":path: /<a>\n", BAD},
    {METHOD REST ":path: /\"a\n", BAD},
    {METHOD REST ":path: /a\\b\n", BAD},
    {METHOD ":path: a\n:scheme: ftp\n:authority: a\n", BAD},
    {METHOD ":path: *\n:scheme: ftp\n:authority: a\n", BAD},
    {":method: CONNECT\n:authority: a:443\n", BAD},
    {GOOD "host: b.example\n", BAD},
    {METHOD PATH ":scheme: https\n:authority: u@a\n", BAD},
    {METHOD PATH ":scheme: https\nhost: u@a\n", BAD},
    {GOOD "host: a/b\n", RST},
    /* what it refuses */
    {METHOD ":path: *\n" REST, RST},
    {METHOD ":path: a\n" REST, RST},
    {METHOD ":path: http://a.example/a\n" REST, RST},
    {METHOD ":path: \n" REST, RST},
    {METHOD ":path: /a b\n" REST, RST},
    {METHOD ":path: /a\x7f\n" REST, RST},
    {METHOD PATH ":scheme: https\n", RST},
    {METHOD PATH ":scheme: https\n:authority: \n", RST},
    {METHOD PATH ":authority: a\n", RST},
    {METHOD REST, RST},
    {PATH REST, RST},
    {":method: \n" PATH REST, RST},
    {":method: G ET\n" PATH REST, RST},
    {GOOD METHOD, RST},
    {GOOD PATH, RST},
    {GOOD ":authority: a.example\n", RST},
    {METHOD PATH "x: y\n" REST, RST},
    {GOOD ":protocol: websocket\n", RST},
    {GOOD ":unknown: x\n", RST},
    {GOOD "host: a.example\nhost: a.example\n", RST},
    {GOOD "Upper: x\n", RST},
    {GOOD "a b: x\n", RST},
    {GOOD "x: \x01\n", RST},
    {GOOD "x:  before\n", RST},
    {GOOD "x: behind \n", RST},
    {GOOD "connection: close\n", RST},
    {GOOD "keep-alive: 5\n", RST},
    {GOOD "proxy-connection: close\n", RST},
    {GOOD "transfer-encoding: chunked\n", RST},
    {GOOD "upgrade: h2c\n", RST},
    {GOOD "te: gzip\n", RST},
    {GOOD "content-length: x\n", RST},
    {GOOD "content-length: -1\n", RST},
    {GOOD "content-length: 1\ncontent-length: 1\n", RST},
    {GOOD "content-length: 9223372036854775808\n", RST},
    {GOOD "content-length: 1, 1\n", RST},
};

static void test_heads(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct outcome o;

        begin(&w);
        o = ask(&w, cases[i].lines, END_STREAM);
        if (o.is_asked != (cases[i].wanted != RST) ||
            (o.is_asked && (o.verdict == H2_HEAD_BAD) != (cases[i].wanted == BAD)))
            fail_msg("case %zu: asked %d, verdict %d: %s", i, o.is_asked, o.verdict,
                     cases[i].lines);
        assert_str(str_of(o.said), cases[i].wanted == RST ? "rst(1:1)" : "");
        assert_int_equal(h2_get_counts(w.h2)->malformed, cases[i].wanted != OK);
        world_done(&w);
    }
}

static void test_what_a_head_says(void **state)
{
    struct world w;
    const struct http_head *h;

    begin(&w);
    ask(&w,
        ":method: POST\n:path: /a?b\n:scheme: https\n:authority: a.example:8443\ncookie: a=1\n"
        "range: bytes=0-\ncookie: b=2\ncookie: c=3\nexpect: 100-Continue\ncontent-length: 7\n"
        "host: A.example:8443\npriority: u=1\n",
        0);
    h = &world_last(&w)->head;
    assert_int_equal(h->method, HTTP_POST);
    assert_str(h->target, "/a?b");
    assert_str(h->authority, "a.example:8443");
    assert_str(h->known[FIELD_COOKIE], "a=1; b=2; c=3");
    assert_str(h->known[FIELD_RANGE], "bytes=0-");
    assert_str(http_head_get(h, STR("priority")), "u=1");
    assert_true(h->expects_continue && h->has_body && !h->is_chunked);
    assert_int_equal(h->content_length, 7);
    assert_int_equal(h->field_count, 6);
    assert_int_equal(http_head_count(h, STR("cookie")), 1);
    world_done(&w);
}

/* ---- caps ---- */

static void put_many(struct buf *lines, unsigned fields, unsigned value_bytes)
{
    buf_printf(lines, "%s", GOOD);
    for (unsigned i = 0; i < fields; i++)
        buf_printf(lines, "x%u: %0*u\n", i, (int)value_bytes, i);
}

static enum h2_verdict verdict_of(unsigned fields, unsigned value_bytes)
{
    struct buf lines = {.cap = 1 << 20};
    struct world w;
    struct outcome o;

    begin(&w);
    put_many(&lines, fields, value_bytes);
    buf_add_char(&lines, '\0');
    o = ask(&w, lines.p, END_STREAM);
    assert_true(o.is_asked);
    assert_str(world_last(&w)->head.target, "/a");
    assert_true(world_last(&w)->head.field_count <= HTTP_MAX_FIELDS);
    world_respond(&w, world_last(&w), &(struct plan){.status = 431});
    world_send_all(&w);
    assert_str(str_of(world_said(&w)), "headers(1)+end");
    buf_done(&lines);
    world_done(&w);
    return o.verdict;
}

static void test_too_large(void **state)
{
    assert_int_equal(verdict_of(HTTP_MAX_FIELDS, 10), H2_HEAD_OK);
    assert_int_equal(verdict_of(HTTP_MAX_FIELDS + 1, 10), H2_HEAD_TOO_LARGE);
    assert_int_equal(verdict_of(10, 1600), H2_HEAD_OK);
    assert_int_equal(verdict_of(1, HTTP_MAX_HEAD_BYTES), H2_HEAD_TOO_LARGE);
    assert_int_equal(verdict_of(11, 1600), H2_HEAD_TOO_LARGE);
    assert_int_equal(verdict_of(2, 60000), H2_HEAD_TOO_LARGE);
}

/* What goes wrong behind the cap is not seen; HPACK's tables stay right for the next request. */
static void test_a_bomb(void **state)
{
    struct buf block = {.cap = 1 << 20}, b = {.cap = 1 << 20};
    struct world w;
    struct outcome o;

    begin(&w);
    put_fields(&block, GOOD);
    buf_add(&block, STR("\x40\1x\x7f\xa1\x1e")); /* x: 4000 bytes, into the dynamic table */
    for (int i = 0; i < 4000; i++)
        buf_add_char(&block, 'y');
    for (int i = 0; i < 300; i++) /* 1.2 MB of fields in 300 bytes; more is a flood */
        buf_add_char(&block, (char)0xbe);
    o = ask_block(&w, buf_str(&block), END_STREAM);
    assert_true(o.is_asked);
    assert_int_equal(o.verdict, H2_HEAD_TOO_LARGE);
    buf_clear(&block);
    put_fields(&block, GOOD);
    buf_add_char(&block, (char)0xbe);
    put_frame(&b, HEADERS, END_STREAM | END_HEADERS, 3, buf_str(&block));
    assert_int_equal(world_receive(&w, &b), 0);
    assert_int_equal(world_last(&w)->verdict, H2_HEAD_OK);
    assert_int_equal(http_head_get(&world_last(&w)->head, STR("x")).n, 4000);
    buf_done(&block);
    buf_done(&b);
    world_done(&w);
}

/* Crumbs that lie apart move together, at most up to the cap. */
static void test_crumbs(void **state)
{
    struct buf lines = {.cap = 1 << 20};
    struct world w;
    struct outcome o;

    begin(&w);
    buf_printf(&lines, "%s", GOOD);
    for (int i = 0; i < 300; i++)
        buf_printf(&lines, "cookie: name%d=value\n", i);
    buf_add_char(&lines, '\0');
    o = ask(&w, lines.p, END_STREAM);
    assert_int_equal(o.verdict, H2_HEAD_OK);
    assert_int_equal(world_last(&w)->head.field_count, 1);
    assert_true(str_ends(world_last(&w)->head.known[FIELD_COOKIE], STR("; name299=value")));
    world_done(&w);

    begin(&w);
    buf_clear(&lines);
    buf_printf(&lines, "%s", GOOD);
    for (int i = 0; i < 90; i++)
        buf_printf(&lines, "cookie: %0100d\nx%d: y\n", i, i);
    buf_add_char(&lines, '\0');
    o = ask(&w, lines.p, END_STREAM);
    assert_int_equal(o.verdict, H2_HEAD_TOO_LARGE);
    buf_done(&lines);
    world_done(&w);
}

/* RFC 9113 8.1: pseudo-fields in trailers, trailers without END_STREAM. */
static void test_trailers(void **state)
{
    static const struct {
        const char *lines;
        unsigned flags;
        const char *said;
    } trailers[] = {
        {"x-checksum: 1\n", END_STREAM, ""},
        {"x-checksum: 1\n", 0, "rst(1:1)"},
        {":path: /b\n", END_STREAM, "rst(1:1)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(trailers); i++) {
        struct world w;
        struct buf b = {.cap = 1 << 16};

        begin(&w);
        ask(&w, ":method: POST\n:path: /\n" REST, 0);
        put_frame(&b, DATA, 0, 1, STR("x"));
        put_request(&b, 1, trailers[i].flags, trailers[i].lines);
        assert_int_equal(world_receive(&w, &b), 0);
        assert_str(str_of(world_said(&w)), trailers[i].said);
        assert_int_equal(world_last(&w)->has_ended, trailers[i].said[0] == '\0');
        assert_int_equal(world_last(&w)->closed, trailers[i].said[0] != '\0');
        assert_int_equal(w.count, 1);
        buf_done(&b);
        world_done(&w);
    }
}

TEST_MAIN(cmocka_unit_test(test_heads), cmocka_unit_test(test_what_a_head_says),
          cmocka_unit_test(test_too_large), cmocka_unit_test(test_a_bomb),
          cmocka_unit_test(test_crumbs), cmocka_unit_test(test_trailers))
