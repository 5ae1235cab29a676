/*
 * First byte: which conditional field; second: the length; the rest: its value. Whatever is asked
 * for, the ranges lie inside the representation and apart from each other. Dates are tried on the
 * way, and come back as they were read.
 */
#include "http/range.h"

#include "base/mem.h"
#include "base/panic.h"
#include "http/date.h"

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
    c = http_evaluate(&h, &v, data[1], 784111778, &r);
    if (c == COND_PARTIAL || c == COND_SEVERAL)
        check_ranges(&r, c, data[1]);
    return 0;
}
