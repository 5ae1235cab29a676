/*
 * First two bytes: where the stream is split; the rest: a stream of requests, read whole, split,
 * and one byte at a time. Event by event, all three must say the same, and an accepted head must
 * keep what the gate relies on.
 */
#include "http/h1.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { SPLIT_NONE = -1, SPLIT_EVERYWHERE = -2 };

/* A stream that shows only what has "come" so far. */
struct feed {
    struct str all;
    size_t at, shown;
    ptrdiff_t split;
};

static bool show_more(struct feed *f)
{
    if (f->shown == f->all.n)
        return false;
    if (f->split == SPLIT_EVERYWHERE)
        f->shown++;
    else if (f->split >= 0 && (size_t)f->split > f->shown && (size_t)f->split < f->all.n)
        f->shown = (size_t)f->split;
    else
        f->shown = f->all.n;
    return true;
}

static struct str shown(const struct feed *f)
{
    return (struct str){f->all.p + f->at, f->shown - f->at};
}

static void check_field(const struct http_field *f, struct str bytes)
{
    assert(http_is_token(f->name));
    assert(f->name.p >= bytes.p && f->value.p + f->value.n <= bytes.p + bytes.n);
    for (size_t i = 0; i < f->value.n; i++)
        assert(((unsigned char)f->value.p[i] >= 0x20 && f->value.p[i] != 0x7f) ||
               f->value.p[i] == '\t');
}

static void check_head(const struct http_head *h, struct str bytes)
{
    assert(h->target.p[0] == '/' || (h->method == HTTP_OPTIONS && str_eq(h->target, STR("*"))));
    assert(http_is_token(h->method_text));
    assert(http_head_count(h, STR("host")) == 1 || h->version_minor == 0);
    assert(http_head_count(h, STR("content-length")) +
               http_head_count(h, STR("transfer-encoding")) <=
           1);
    assert(!h->is_chunked || h->content_length == 0);
    for (unsigned i = 0; i < h->field_count; i++)
        check_field(&h->fields[i], bytes);
}

/* Both write what happened to `log`: three splits, one log. */
static bool run_head(struct h1 *h, struct feed *f, struct buf *log)
{
    struct http_field fields[HTTP_MAX_FIELDS];
    struct http_head head;
    struct h1_index ix;
    enum h1_event e;
    size_t consumed;

    do
        e = h1_parse(h, shown(f), &ix, &consumed);
    while (e == H1_MORE && show_more(f));
    buf_printf(log, "[%d %s]", e, h1_reason(h));
    if (e != H1_HEAD)
        return false;
    h1_head(&ix, f->all.p + f->at, fields, &head);
    check_head(&head, (struct str){f->all.p + f->at, consumed});
    buf_printf(log, "%.*s %.*s %u %d ", STR_FMT(head.method_text), STR_FMT(head.target),
               head.field_count, head.keep_alive);
    f->at += consumed;
    return true;
}

static bool run_body(struct h1 *h, struct feed *f, struct buf *log)
{
    enum h1_event e;
    struct str piece;
    size_t consumed;

    do {
        e = h1_parse_body(h, shown(f), &consumed, &piece);
        f->at += consumed;
        if (e == H1_BODY)
            buf_add(log, piece);
    } while (e == H1_BODY || (e == H1_MORE && show_more(f)));
    buf_printf(log, "[%d %s]", e, h1_reason(h));
    return e == H1_END;
}

static void run(struct str stream, ptrdiff_t split, struct buf *log)
{
    struct feed f = {.all = stream, .split = split};
    struct h1 h;

    h1_init(&h);
    while (run_head(&h, &f, log) && run_body(&h, &f, log))
        h1_next(&h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf whole = {.cap = 1 << 22}, split = {.cap = 1 << 22}, single = {.cap = 1 << 22};
    struct str stream;

    if (n < 2)
        return 0;
    stream = (struct str){(const char *)data + 2, n - 2};
    run(stream, SPLIT_NONE, &whole);
    run(stream, data[0] << 8 | data[1], &split);
    run(stream, SPLIT_EVERYWHERE, &single);
    assert(str_eq(buf_str(&whole), buf_str(&split)));
    assert(str_eq(buf_str(&whole), buf_str(&single)));
    buf_done(&whole);
    buf_done(&split);
    buf_done(&single);
    return 0;
}
