/*
 * What stands in conditional fields, in Range and in Accept-Encoding.
 *
 * First byte: which conditional field; second: the length; the rest: its value. Whatever is asked
 * for, the ranges lie inside the representation and apart from each other. Dates are tried on the
 * way, and come back as they were read.
 */
#include "http/range.h"

#include "base/mem.h"
#include "base/panic.h"
#include "http/coding.h"
#include "http/date.h"
#include "http/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_date(struct str text)
{
    char again[HTTP_DATE_LEN];
    unix_t t, t2;

    if (http_date_parse(text, 1763856000, &t) < 0 || t < 0)
        return;
    http_date_format(t, again);
    if (t < INT64_C(253402300800))
        assert(http_date_parse((struct str){again, HTTP_DATE_LEN}, 0, &t2) == 0 && t2 == t);
}

static void check_ranges(const struct http_ranges *r, enum http_condition c, uint64_t length)
{
    assert(c == COND_PARTIAL ? r->count == 1 : r->count > 1 && r->count <= HTTP_RANGES_MAX);
    for (unsigned i = 0; i < r->count; i++) {
        assert(r->of[i].first <= r->of[i].last && r->of[i].last < length);
        for (unsigned k = 0; k < i; k++)
            assert(r->of[i].last < r->of[k].first || r->of[k].last < r->of[i].first);
    }
}

/* As many bytes come as were promised, in pieces of any size. */
static void check_pull(struct body *b, size_t step)
{
    uint64_t promised = b->left, got = 0;

    while (b->left > 0) {
        struct body_view v;
        size_t n;

        assert(body_peek(b, &v) == 1 && v.iov_count == 1 && v.iov[0].iov_len > 0);
        n = MIN(v.iov[0].iov_len, step);
        got += n;
        body_advance(b, n);
    }
    assert(got == promised);
}

static void check_multipart(const struct http_ranges *r, uint64_t length, size_t step)
{
    static const char content[UINT8_MAX];
    struct memory_body parts[HTTP_RANGES_MAX];
    struct multipart_body *m;
    struct arena a;
    int added = 0;

    arena_init(&a, 1 << 16);
    m = multipart_body_new(&a, STR("video/mp2t"), length);
    assert(m != NULL);
    for (unsigned i = 0; i < r->count; i++) {
        memory_body_init(&parts[i], content + r->of[i].first, r->of[i].last - r->of[i].first + 1);
        added += multipart_body_add(m, &r->of[i], &parts[i].body);
    }
    assert(added == 0 && multipart_body_close(m) == 0);
    check_pull(&m->body, step);
    body_done(&m->body);
    arena_done(&a);
}

static void check_coding(struct str field)
{
    for (unsigned offered = 0; offered < 1u << CODING_COUNT; offered += 2) {
        struct http_accepted got = http_accept_encoding(field, offered);

        assert(got.best == CODING_IDENTITY || (offered & 1u << got.best));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const enum http_known_field fields[] = {FIELD_RANGE,         FIELD_IF_RANGE,
                                                   FIELD_IF_NONE_MATCH, FIELD_IF_MODIFIED_SINCE,
                                                   FIELD_IF_MATCH,      FIELD_IF_UNMODIFIED_SINCE};
    struct http_validators v = {.etag = STR("\"v1\""), .last_modified = 784111777};
    struct http_head h = {.method = HTTP_GET};
    struct http_ranges r;
    enum http_condition c;

    if (n < 2)
        return 0;
    h.known[FIELD_RANGE] = STR("bytes=0-0");
    h.known[fields[data[0] % ARRAY_LEN(fields)]] = (struct str){(const char *)data + 2, n - 2};
    check_date((struct str){(const char *)data + 2, n - 2});
    check_coding((struct str){(const char *)data + 2, n - 2});
    c = http_evaluate(&h, &v, data[1], 784111778, &r);
    if (c == COND_PARTIAL || c == COND_SEVERAL)
        check_ranges(&r, c, data[1]);
    if (c == COND_SEVERAL)
        check_multipart(&r, data[1], 1 + data[0]);
    return 0;
}
