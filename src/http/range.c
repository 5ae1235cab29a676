/*
 * Preconditions and ranges, in the order of RFC 9110 13.2.2. What is malformed is passed over: the
 * viewer then gets the whole representation, which is always a right answer.
 */
#include "http/range.h"

#include "http/date.h"
#include "http/field.h"

static struct str opaque(struct str etag)
{
    return str_starts(etag, STR("W/")) ? str_skip(etag, 2) : etag;
}

/* Weak comparison (RFC 9110 8.8.3.2): W/ makes no difference. Strong comparison: neither has it. */
static bool is_in_list(struct str list, struct str etag, bool is_weak)
{
    struct str one;

    if (str_eq(str_trim(list), STR("*")))
        return true;
    if (etag.n == 0 || (!is_weak && etag.p[0] != '"'))
        return false;
    while (http_etag_next(&list, &one))
        if (is_weak ? str_eq(opaque(one), opaque(etag)) : str_eq(one, etag))
            return true;
    return false;
}

bool http_etag_is_in(struct str list, struct str etag)
{
    return is_in_list(list, etag, true);
}

/* In any line of that field: they are one list (RFC 9110 5.3). */
static bool is_in_field(const struct http_head *h, enum http_known_field field, struct str etag,
                        bool is_weak)
{
    if (is_in_list(h->known[field], etag, is_weak))
        return true;
    for (unsigned i = 0; i < h->field_count; i++)
        if (http_known_field(h->fields[i].name) == field &&
            is_in_list(h->fields[i].value, etag, is_weak))
            return true;
    return false;
}

/* RFC 9110 13.1.1, 13.1.4. A date that cannot be read, or that there is nothing to compare with,
 * says nothing. */
bool http_precondition_holds(const struct http_head *h, const struct http_validators *v, unix_t now)
{
    struct str since = h->known[FIELD_IF_UNMODIFIED_SINCE];
    unix_t t;

    if (h->known[FIELD_IF_MATCH].p != NULL)
        return is_in_field(h, FIELD_IF_MATCH, v->etag, false);
    return since.p == NULL || v->last_modified == 0 || http_date_parse(since, now, &t) < 0 ||
           v->last_modified <= t;
}

static bool is_unchanged(const struct http_head *h, const struct http_validators *v, unix_t now)
{
    struct str since = h->known[FIELD_IF_MODIFIED_SINCE];
    unix_t t;

    if (h->known[FIELD_IF_NONE_MATCH].p != NULL)
        return is_in_field(h, FIELD_IF_NONE_MATCH, v->etag, true);
    return since.p != NULL && v->last_modified != 0 && http_date_parse(since, now, &t) == 0 &&
           v->last_modified <= t;
}

/* RFC 9110 13.1.5: a strong tag that is the same, or a date that is the same and strong (8.8.2.2).
 */
static bool if_range_holds(const struct http_head *h, const struct http_validators *v, unix_t now)
{
    struct str s = h->known[FIELD_IF_RANGE];
    unix_t t;

    if (s.p == NULL)
        return true;
    if (s.n > 0 && s.p[0] == '"')
        return str_eq(s, v->etag);
    return v->last_modified != 0 && v->last_modified < now && http_date_parse(s, now, &t) == 0 &&
           t == v->last_modified;
}

/* "-500": the last 500 bytes, or all when there are fewer. */
static enum http_condition suffix_range(struct str digits, uint64_t length,
                                        struct http_byte_range *ret)
{
    uint64_t n;

    if (!http_digits(digits, &n))
        return COND_FULL;
    if (n == 0)
        return COND_UNSATISFIABLE;
    if (length == 0) /* satisfiable by RFC 9110 14.1.2, but a 206 cannot say "no bytes" */
        return COND_FULL;
    *ret = (struct http_byte_range){n < length ? length - n : 0, length - 1};
    return COND_PARTIAL;
}

static enum http_condition one_range(struct str spec, uint64_t length, struct http_byte_range *ret)
{
    ptrdiff_t dash = str_find_char(spec, '-');
    struct str after;
    uint64_t first, last = UINT64_MAX;

    if (dash < 0)
        return COND_FULL;
    after = str_skip(spec, (size_t)dash + 1);
    if (dash == 0)
        return suffix_range(after, length, ret);
    if (!http_digits(str_first(spec, (size_t)dash), &first) ||
        (after.n > 0 && !http_digits(after, &last)) || last < first)
        return COND_FULL;
    if (first >= length)
        return COND_UNSATISFIABLE;
    *ret = (struct http_byte_range){first, last < length ? last : length - 1};
    return COND_PARTIAL;
}

/* The one element of a list, empty ones aside (RFC 9110 5.6.1.2); STR_NONE when there are more. */
static struct str only_element(struct str list)
{
    struct str piece, only = STR_NONE;

    while (http_list_next(&list, &piece)) {
        if (only.n > 0)
            return STR_NONE;
        only = piece;
    }
    return only;
}

/* What stands behind "bytes="; STR_NONE when the field is absent, or in another unit. */
static struct str byte_ranges(struct str field)
{
    struct str unit = STR("bytes=");

    if (field.p == NULL || !str_eq_nocase(str_first(field, unit.n), unit))
        return STR_NONE;
    return str_skip(field, unit.n);
}

/* The only range of a Range field in bytes; STR_NONE when there is none such. */
static struct str only_byte_range(struct str field)
{
    return only_element(byte_ranges(field));
}

bool http_is_continuation(const struct http_head *h)
{
    struct str spec;
    ptrdiff_t dash;
    uint64_t first;

    if (h->known[FIELD_RANGE].p == NULL)
        return false;
    spec = only_byte_range(h->known[FIELD_RANGE]);
    dash = spec.p != NULL ? str_find_char(spec, '-') : -1;
    return dash > 0 && h->known[FIELD_IF_RANGE].p == NULL &&
           http_digits(str_first(spec, (size_t)dash), &first) && first > 0;
}

struct str http_one_range(struct str field)
{
    struct str spec = only_byte_range(field);
    struct http_byte_range range;

    return spec.p != NULL && one_range(spec, UINT64_MAX, &range) == COND_PARTIAL ? spec : STR_NONE;
}

static bool overlaps_any(const struct http_ranges *all, const struct http_byte_range *one)
{
    for (unsigned i = 0; i < all->count; i++)
        if (one->first <= all->of[i].last && all->of[i].first <= one->last)
            return true;
    return false;
}

/* Does the next element of the set stay within what is answered? A satisfiable one is added. */
static bool add_range(struct http_ranges *all, unsigned asked, enum http_condition is,
                      const struct http_byte_range *one)
{
    if (asked > HTTP_RANGES_MAX)
        return false;
    if (is != COND_PARTIAL)
        return true;
    if (overlaps_any(all, one))
        return false;
    all->of[all->count++] = *one;
    return true;
}

static enum http_condition evaluate_range(struct str field, uint64_t length,
                                          struct http_ranges *ret)
{
    struct str rest = byte_ranges(field), spec;
    struct http_byte_range one;
    unsigned asked = 0;
    bool is_fine = true;

    ret->count = 0;
    while (http_list_next(&rest, &spec)) {
        enum http_condition is = one_range(spec, length, &one);

        if (is == COND_FULL)
            return COND_FULL;
        is_fine = is_fine && add_range(ret, ++asked, is, &one);
    }
    if (asked == 0)
        return COND_FULL;
    if (!is_fine || ret->count == 0)
        return COND_UNSATISFIABLE;
    return ret->count == 1 ? COND_PARTIAL : COND_SEVERAL;
}

enum http_condition http_evaluate(const struct http_head *h, const struct http_validators *v,
                                  uint64_t length, unix_t now, struct http_ranges *ret)
{
    if (h->method != HTTP_GET && h->method != HTTP_HEAD)
        return COND_FULL;
    if (!http_precondition_holds(h, v, now))
        return COND_FAILED;
    if (is_unchanged(h, v, now))
        return COND_NOT_MODIFIED;
    if (h->known[FIELD_RANGE].p == NULL || h->method != HTTP_GET || !if_range_holds(h, v, now))
        return COND_FULL;
    return evaluate_range(h->known[FIELD_RANGE], length, ret);
}
