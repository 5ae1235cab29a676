/*
 * The head is there as a whole, so it is cut into lines here, without llhttp: what that takes
 * besides RFC 9112 (bare LF, folded lines, spaces in a name) would have to be looked for first, and
 * it does not know the status lines of HTTP/2. Nothing is repaired: a field that the client, who
 * frames the content, might have read in another way makes the whole answer malformed.
 */
#include "http/answer.h"

#include <errno.h>

#include "http/date.h"
#include "http/field.h"
#include "http/scan.h"

static const struct str known_names[ANSWER_KNOWN_COUNT] = {
#define X(name, text) {text, sizeof(text) - 1},
    HTTP_ANSWER_FIELDS(X)
#undef X
};

struct str http_answer_next(const struct http_answer *a, enum http_answer_field field, unsigned *at)
{
    while (*at < a->field_count) {
        const struct http_field *f = &a->fields[(*at)++];

        if (str_eq_nocase(f->name, known_names[field]))
            return f->value;
    }
    return STR_NONE;
}

/* The value of a field that may stand only once; STR_NONE when it is absent or repeated. */
static struct str only_value(const struct http_answer *a, enum http_answer_field field)
{
    unsigned at = 0;
    struct str value = http_answer_next(a, field, &at);

    return http_answer_next(a, field, &at).p == NULL ? value : STR_NONE;
}

/* Status line and fields */

static int take_line(struct str *rest, struct str *ret)
{
    size_t n = scan_control_but_tab(*rest);

    if (!str_starts(str_skip(*rest, n), STR("\r\n")))
        return -EPROTO;
    *ret = str_first(*rest, n);
    *rest = str_skip(*rest, n + 2);
    return 0;
}

/* RFC 9112 4; servers leave the space before an empty reason out. An RFC 9110 15 status has three
 * digits and one of five classes. */
enum version { HTTP_10, HTTP_11, HTTP_2 };

static int take_status_line(struct str *rest, struct http_answer *a, enum version *ret_version)
{
    struct str line, version, code;
    uint64_t status;
    int r = take_line(rest, &line);

    if (r < 0)
        return r;
    if (!str_split(&line, ' ', &version) || !str_split(&line, ' ', &code))
        return -EPROTO;
    if (str_eq(version, STR("HTTP/1.1")))
        *ret_version = HTTP_11;
    else if (str_eq(version, STR("HTTP/1.0")))
        *ret_version = HTTP_10;
    else if (str_eq(version, STR("HTTP/2")))
        *ret_version = HTTP_2;
    else
        return -EPROTO;
    if (code.n != 3 || str_parse_u64(code, 599, &status) < 0 || status < 100)
        return -EPROTO;
    a->status = (uint16_t)status;
    return 0;
}

static void note_known(struct http_answer *a, const struct http_field *f)
{
    for (unsigned k = 0; k < ANSWER_KNOWN_COUNT; k++)
        if (a->known[k].p == NULL && str_eq_nocase(f->name, known_names[k]))
            a->known[k] = f->value;
}

/* A name that is no token is also how a folded line (RFC 9112 5.2) and a space before the colon
 * (5.1) show. */
static int add_field(struct http_answer *a, struct str line)
{
    struct http_field f = {.value = line};

    if (a->field_count == HTTP_MAX_ANSWER_FIELDS)
        return -EMSGSIZE;
    if (!str_split(&f.value, ':', &f.name) || f.value.p == NULL || !http_is_token(f.name))
        return -EPROTO;
    f.value = str_trim(f.value);
    note_known(a, &f);
    a->fields[a->field_count++] = f;
    return 0;
}

static int take_fields(struct str rest, struct http_answer *a)
{
    struct str line;
    int r = 0;

    while (r == 0 && rest.n > 0 && !str_eq(rest, STR("\r\n"))) {
        r = take_line(&rest, &line);
        if (r == 0)
            r = add_field(a, line);
    }
    return r;
}

/* Where the content ends: RFC 9112 6 */

/* RFC 9110 8.6: "42, 42" is one length that was said twice. */
static int take_lengths(struct http_answer *a, struct str list)
{
    struct str one;
    uint64_t n;

    while (str_split(&list, ',', &one)) {
        if (str_parse_u64(str_trim(one), INT64_MAX, &n) < 0)
            return -EPROTO;
        if (a->content_length != HTTP_LENGTH_UNKNOWN && a->content_length != n)
            return -EPROTO;
        a->content_length = n;
    }
    return 0;
}

static int take_framing(struct http_answer *a, enum version version)
{
    unsigned at = 0;
    struct str length;

    while ((length = http_answer_next(a, ANSWER_CONTENT_LENGTH, &at)).p != NULL)
        if (take_lengths(a, length) < 0)
            return -EPROTO;
    if (a->known[ANSWER_TRANSFER_ENCODING].p == NULL) {
        a->ends_with_connection = a->content_length == HTTP_LENGTH_UNKNOWN && version != HTTP_2;
        return 0;
    }
    if (a->content_length != HTTP_LENGTH_UNKNOWN) /* 6.3: an attempt to smuggle */
        return -EPROTO;
    if (version != HTTP_11) /* 6.1, RFC 9113 8.2.2 */
        return -EPROTO;
    /* 7.4: no other coding has been asked for. */
    return str_eq_nocase(only_value(a, ANSWER_TRANSFER_ENCODING), STR("chunked")) ? 0 : -EPROTO;
}

/* Content-Range: RFC 9110 14.4 */

static bool parse_total(struct str s, uint64_t *ret)
{
    return str_parse_u64(s, INT64_MAX, ret) == 0;
}

static bool parse_bounds(struct str s, struct http_content_range *ret)
{
    struct str first;

    return str_split(&s, '-', &first) && str_parse_u64(first, INT64_MAX, &ret->first) == 0 &&
           str_parse_u64(s, INT64_MAX, &ret->last) == 0 && ret->first <= ret->last &&
           ret->last < ret->total;
}

static bool parse_content_range(struct str value, bool is_partial, struct http_content_range *ret)
{
    struct str unit = STR("bytes "), total = str_skip(value, unit.n), bounds;

    if (!str_eq_nocase(str_first(value, unit.n), unit) || !str_split(&total, '/', &bounds))
        return false;
    if (!is_partial)
        return str_eq(bounds, STR("*")) && parse_total(total, &ret->total);
    ret->total = HTTP_LENGTH_UNKNOWN;
    return (str_eq(total, STR("*")) || parse_total(total, &ret->total)) &&
           parse_bounds(bounds, ret);
}

/* 14.4: it says nothing with another status. A 206 in parts has none (15.3.7.2), and nobody asked
 * for parts. */
static int take_content_range(struct http_answer *a)
{
    struct http_content_range range = {0};
    bool is_partial = a->status == 206;

    if (is_partial || a->status == 416)
        range.is_there =
            parse_content_range(only_value(a, ANSWER_CONTENT_RANGE), is_partial, &range);
    if (is_partial && !range.is_there)
        return -EPROTO;
    if (is_partial && a->content_length != HTTP_LENGTH_UNKNOWN &&
        a->content_length != range.last - range.first + 1)
        return -EPROTO;
    a->range = range.is_there ? range : (struct http_content_range){0};
    return 0;
}

static void take_validators(struct http_answer *a, unix_t now)
{
    struct str rest = only_value(a, ANSWER_ETAG), tag;
    unix_t t;

    a->etag = STR_NONE;
    if (rest.n > 0 && rest.p[0] != ',' && http_etag_next(&rest, &tag) && rest.n == 0)
        a->etag = tag;
    a->last_modified = 0;
    if (http_date_parse(only_value(a, ANSWER_LAST_MODIFIED), now, &t) == 0 && t > 0)
        a->last_modified = t;
}

int http_answer_parse(struct str head, unix_t now, struct http_answer *ret)
{
    enum version version;
    int r;

    if (head.n > HTTP_MAX_ANSWER_BYTES)
        return -EMSGSIZE;
    ret->content_length = HTTP_LENGTH_UNKNOWN;
    ret->ends_with_connection = false;
    ret->field_count = 0;
    memset(ret->known, 0, sizeof ret->known);
    r = take_status_line(&head, ret, &version);
    if (r == 0)
        r = take_fields(head, ret);
    if (r == 0)
        r = take_framing(ret, version);
    if (r == 0)
        r = take_content_range(ret);
    if (r == 0)
        take_validators(ret, now);
    return r;
}

bool http_answer_is_plain(const struct http_answer *a)
{
    unsigned at = 0;
    struct str list, coding;

    while ((list = http_answer_next(a, ANSWER_CONTENT_ENCODING, &at)).p != NULL)
        while (http_list_next(&list, &coding))
            if (!str_eq_nocase(coding, STR("identity")))
                return false;
    return true;
}

bool http_etag_is_strong(struct str etag)
{
    return etag.n >= 2 && etag.p[0] == '"';
}
