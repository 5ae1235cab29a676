/*
 * The head of an answer. What is accepted must keep what client, cache and fetch rely on, and must
 * read the same again when it is written out from what was understood.
 */
#include "http/answer.h"

#include "base/buf.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { NOW = 1763856000 };

static void check_inside(struct str s, struct str head)
{
    assert(s.p == NULL || (s.p >= head.p && s.p + s.n <= head.p + head.n));
}

static void check_field(const struct http_field *f, struct str head)
{
    assert(http_is_token(f->name) && f->value.p != NULL);
    check_inside(f->name, head);
    check_inside(f->value, head);
    for (size_t i = 0; i < f->value.n; i++)
        assert(((unsigned char)f->value.p[i] >= 0x20 && f->value.p[i] != 0x7f) ||
               f->value.p[i] == '\t');
}

static void check_range(const struct http_answer *a)
{
    const struct http_content_range *r = &a->range;

    assert(a->status != 206 || r->is_there);
    assert(a->status == 206 || a->status == 416 || !r->is_there);
    if (a->status != 206)
        return;
    assert(r->first <= r->last && r->last < r->total);
    assert(a->content_length == HTTP_LENGTH_UNKNOWN || a->content_length == r->last - r->first + 1);
}

static void check(const struct http_answer *a, struct str head)
{
    assert(a->status >= 100 && a->status <= 599);
    assert(a->content_length == HTTP_LENGTH_UNKNOWN || a->content_length <= INT64_MAX);
    assert((a->known[ANSWER_CONTENT_LENGTH].p != NULL) ==
           (a->content_length != HTTP_LENGTH_UNKNOWN));
    assert(a->known[ANSWER_TRANSFER_ENCODING].p == NULL ||
           a->content_length == HTTP_LENGTH_UNKNOWN);
    assert(a->field_count <= HTTP_MAX_ANSWER_FIELDS && a->last_modified >= 0);
    for (unsigned i = 0; i < a->field_count; i++)
        check_field(&a->fields[i], head);
    for (unsigned k = 0; k < ANSWER_KNOWN_COUNT; k++)
        check_inside(a->known[k], head);
    assert(a->etag.p == NULL || a->etag.p[a->etag.n - 1] == '"');
    assert(!http_etag_is_strong(a->etag) || a->etag.p[0] == '"');
    check_range(a);
}

static void check_rewritten(const struct http_answer *a)
{
    static struct http_answer again;
    struct buf head = {.cap = 1 << 20};
    bool is_chunked = a->known[ANSWER_TRANSFER_ENCODING].p != NULL;

    buf_printf(&head, "%s %u\r\n", is_chunked ? "HTTP/1.1" : "HTTP/2", a->status);
    for (unsigned i = 0; i < a->field_count; i++)
        buf_printf(&head, "%.*s:%.*s\r\n", STR_FMT(a->fields[i].name), STR_FMT(a->fields[i].value));
    assert(http_answer_parse(buf_str(&head), NOW, &again) == 0);
    assert(again.status == a->status && again.content_length == a->content_length);
    assert(again.field_count == a->field_count && str_eq(again.etag, a->etag));
    assert(again.range.total == a->range.total && again.last_modified == a->last_modified);
    assert(http_answer_is_plain(&again) == http_answer_is_plain(a));
    buf_done(&head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct http_answer a;
    struct str head = {(const char *)data, n};

    if (http_answer_parse(head, NOW, &a) == 0) {
        check(&a, head);
        check_rewritten(&a);
    }
    return 0;
}
