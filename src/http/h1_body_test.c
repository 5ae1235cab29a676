#include "http/h1.h"

#include "base/buf.h"
#include "base/test.h"

#define CHUNKED "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
#define LENGTH_5 "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"

static void begin(struct h1 *h, struct str head)
{
    struct h1_index ix;
    size_t consumed;

    h1_init(h);
    assert_int_equal(h1_parse(h, head, &ix, &consumed), H1_HEAD);
    assert_int_equal(consumed, head.n);
}

/* Gives `text` to the parser; content goes to `out`. What it consumed is added to `total`. */
static enum h1_event feed(struct h1 *h, struct str text, struct buf *out, size_t *total)
{
    enum h1_event e;
    struct str piece;
    size_t consumed;

    do {
        e = h1_parse_body(h, text, &consumed, &piece);
        if (e == H1_BODY)
            buf_add(out, piece);
        text = str_skip(text, consumed);
        *total += consumed;
    } while (e == H1_BODY);
    return e;
}

struct body_case {
    struct str text;
    enum h1_event want;
    const char *content; /* where the end is reached */
    size_t left_over;    /* bytes of the next message */
};

static void check_cut(struct str head, const struct body_case *c, size_t cut)
{
    struct buf out = {.cap = 1 << 20};
    size_t total = 0;
    enum h1_event e;
    struct h1 h;

    begin(&h, head);
    e = feed(&h, str_first(c->text, cut), &out, &total);
    if (e == H1_MORE)
        e = feed(&h, str_skip(c->text, total), &out, &total);
    if (e != c->want)
        fail_msg("cut at %zu: %d (%s) for '%.*s'", cut, (int)e, h1_reason(&h), STR_FMT(c->text));
    if (e == H1_END) {
        assert_str(buf_str(&out), c->content);
        assert_int_equal(c->text.n - total, c->left_over);
    }
    buf_done(&out);
}

#define T(text)                \
    {                          \
        text, sizeof(text) - 1 \
    }

static void content_by_length(void **state)
{
    static const struct body_case cases[] = {
        {T("hello"), H1_END, "hello", 0},
        {T("helloGET / "), H1_END, "hello", 6},
        {T("he\r\n\0"), H1_END, "he\r\n\0", 0},
        {T("hell"), H1_MORE, NULL, 0},
    };

    for (size_t i = 0; i < 2; i++)
        for (size_t cut = 0; cut <= cases[i].text.n; cut++)
            check_cut(STR(LENGTH_5), &cases[i], cut);
    check_cut(STR(LENGTH_5), &cases[3], 2);
}

static void chunked_content(void **state)
{
    static const struct body_case cases[] = {
        {T("0\r\n\r\n"), H1_END, "", 0},
        {T("5\r\nhello\r\n0\r\n\r\n"), H1_END, "hello", 0},
        {T("5\r\nhello\r\n6\r\n world\r\n000\r\n\r\nGET"), H1_END, "hello world", 3},
        {T("A\r\n0123456789\r\n0\r\n\r\n"), H1_END, "0123456789", 0},
        {T("0a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n"), H1_END, "\r\n\r\n\r\n\r\n\r\n", 0},
        {T("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n"), H1_END, "x", 0},
        {T("1 ;a\r\nx\r\n0\r\n\r\n"), H1_END, "x", 0},
        {T("0\r\nX-Sum: 1\r\nY:\r\n\r\n"), H1_END, "", 0},
        /* what is refused */
        {T("\r\n"), H1_BAD},
        {T("x\r\n"), H1_BAD},
        {T("-1\r\n"), H1_BAD},
        {T("+1\r\n"), H1_BAD},
        {T(" 1\r\n"), H1_BAD},
        {T("0x1\r\n"), H1_BAD},
        {T(";a\r\n"), H1_BAD},
        {T("1 \r\n"), H1_BAD},
        {T("1 2\r\n"), H1_BAD},
        {T("1\n"), H1_BAD},
        {T("1\r\rx"), H1_BAD},
        {T("1\r\nxx"), H1_BAD},
        {T("1\r\nx\n"), H1_BAD},
        {T("1\r\nx\r\r"), H1_BAD},
        {T("1\r\nx\r\n\r\n"), H1_BAD},
        {T("1;a\n"), H1_BAD},
        {T("1;a\0\r\n"), H1_BAD},
        {T("1;a\rb"), H1_BAD},
        {T("0\r\n\n"), H1_BAD},
        {T("0\r\nX: a\n"), H1_BAD},
        {T("0\r\nX: a\r\n b\r\n\r\n"), H1_BAD},
        {T("0\r\nX : a\r\n"), H1_BAD},
        {T("0\r\n: a\r\n"), H1_BAD},
        {T("0\r\nX\r\n"), H1_BAD},
        {T("0\r\nGET / HTTP/1.1\r\n"), H1_BAD},
        {T("0\r\nX: a\r\n\rx"), H1_BAD},
        {T("10000000000000000\r\n"), H1_BAD},
        {T("fffffffffffffffffffff\r\n"), H1_BAD},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 0; cut <= cases[i].text.n; cut++)
            check_cut(STR(CHUNKED), &cases[i], cut);
}

/* `before`, then `filler` without end: must be refused soon. */
static void check_endless(const char *before, char filler)
{
    struct buf out = {.cap = 1 << 20};
    size_t total = 0, sent = 0;
    enum h1_event e;
    struct h1 h;

    begin(&h, STR(CHUNKED));
    e = feed(&h, str_of(before), &out, &total);
    for (; e == H1_MORE && sent <= H1_MAX_OVERHEAD; sent++)
        e = feed(&h, (struct str){&filler, 1}, &out, &total);
    assert_int_equal(e, H1_BAD);
    assert_string_equal(h1_reason(&h), "too many bytes of chunk extensions and trailers");
    buf_done(&out);
}

static void overhead_is_limited(void **state)
{
    check_endless("1;", 'x');
    check_endless("1", ' ');
    check_endless("0", '0');
    check_endless("0\r\nX: ", 'x');
    check_endless("0\r\n", 'x');
}

static void overhead_is_limited_over_all_chunks(void **state)
{
    struct buf out = {.cap = 1 << 20};
    enum h1_event e = H1_MORE;
    size_t total = 0, chunks;
    struct h1 h;

    begin(&h, STR(CHUNKED));
    for (chunks = 0; e == H1_MORE && chunks < H1_MAX_OVERHEAD; chunks++)
        e = feed(&h, STR("1;xxxxxxxxx\r\ny\r\n"), &out, &total);
    assert_int_equal(e, H1_BAD);
    assert_in_range(chunks, H1_MAX_OVERHEAD / 10 - 10, H1_MAX_OVERHEAD / 10 + 10);
    buf_done(&out);
}

TEST_MAIN(cmocka_unit_test(content_by_length), cmocka_unit_test(chunked_content),
          cmocka_unit_test(overhead_is_limited),
          cmocka_unit_test(overhead_is_limited_over_all_chunks))
