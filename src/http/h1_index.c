/*
 * What a head means: h1_lex.c has found method, target, names and values; here they are checked
 * against RFC 9112 and decide about the message's framing. The first thing that is wrong is the
 * answer, in the order request line, fields as they come, what fields say together, target.
 */
#include "http/field.h"
#include "http/h1_internal.h"
#include "http/head.h"

/* RFC 9112 3: method SP request-target SP HTTP-version CRLF, one space each. */
static const char *check_request_line(struct h1_index *ix, const char *base, struct str head,
                                      struct str method)
{
    struct str target = http_span_str(base, ix->target);
    struct str rest = str_range(target.p + target.n, head.p + head.n);

    if (target.n == 0 || !str_starts(head, method) || target.p != head.p + method.n + 1)
        return "request line is malformed";
    if (!str_starts(rest, STR(" HTTP/1.")) || rest.p[9] != '\r')
        return "request line is malformed";
    if (!http_is_clean_target(target))
        return "character that a target may not hold";
    ix->method = http_method_of(method);
    ix->method_text = http_span_of(base, str_first(head, method.n));
    ix->version_minor = (uint8_t)(rest.p[8] - '0');
    return NULL;
}

static const char *take_host(struct h1_index *ix, struct http_span span, struct str value)
{
    if (ix->has_host)
        return "repeated Host";
    if (!http_is_clean_host(value))
        return "character that a Host may not hold";
    ix->has_host = true;
    ix->authority = span;
    return NULL;
}

/* RFC 9112 6.3 allows equal repetitions to pass; two that must agree are one too many for us. */
static const char *take_content_length(struct h1_index *ix, struct str value)
{
    if (ix->has_length)
        return "repeated Content-Length";
    if (str_parse_u64(value, INT64_MAX, &ix->content_length) < 0)
        return "Content-Length is not a number";
    ix->has_length = true;
    return NULL;
}

static const char *take_transfer_encoding(struct h1_index *ix, struct str value)
{
    if (ix->is_chunked || !str_eq_nocase(value, STR("chunked")))
        return "Transfer-Encoding other than chunked";
    ix->is_chunked = true;
    return NULL;
}

static void take_connection(struct h1_index *ix, struct str value)
{
    struct str option;

    while (http_list_next(&value, &option)) {
        ix->has_close |= str_eq_nocase(option, STR("close"));
        ix->has_keep_alive |= str_eq_nocase(option, STR("keep-alive"));
    }
}

/* The fields that decide about framing and connection; others are only named. */
static const char *take_field(struct h1_index *ix, struct http_field_span *f, const char *base)
{
    struct str value = http_span_str(base, f->value);

    f->known = http_known_field(http_span_str(base, f->name));
    switch (f->known) {
    case FIELD_KNOWN_COUNT:
        return http_is_token(http_span_str(base, f->name)) ? NULL : "field name is not a token";
    case FIELD_HOST:
        return take_host(ix, f->value, value);
    case FIELD_CONTENT_LENGTH:
        return take_content_length(ix, value);
    case FIELD_TRANSFER_ENCODING:
        return take_transfer_encoding(ix, value);
    case FIELD_CONNECTION:
        take_connection(ix, value);
        return NULL;
    case FIELD_EXPECT:
        ix->expects_continue |= str_eq_nocase(value, STR("100-continue"));
        return NULL;
    default:
        return NULL;
    }
}

static const char *take_fields(struct h1_index *ix, const char *base)
{
    const char *reason = NULL;

    for (unsigned i = 0; i < ix->field_count && reason == NULL; i++)
        reason = take_field(ix, &ix->fields[i], base);
    return reason;
}

static const char *check_framing(struct h1_index *ix)
{
    if (!ix->has_host && ix->version_minor > 0)
        return "no Host"; /* RFC 9112 3.2 */
    if (ix->is_chunked && ix->has_length)
        return "Transfer-Encoding together with Content-Length"; /* RFC 9112 6.3: likely smuggling
                                                                  */
    if (ix->is_chunked && ix->version_minor == 0)
        return "Transfer-Encoding in HTTP/1.0";    /* RFC 9112 6.1 */
    ix->expects_continue &= ix->version_minor > 0; /* RFC 9110 10.1.1 */
    return NULL;
}

/* RFC 9112 3.2.2: "http://authority/path" becomes "/path", after its authority was compared. */
static const char *reduce_absolute(struct h1_index *ix, const char *base, struct str after_scheme)
{
    size_t n = http_host_length(after_scheme);
    struct str authority = str_first(after_scheme, n), rest = str_skip(after_scheme, n);

    if (n == 0 || (rest.n > 0 && rest.p[0] != '/'))
        return "target is malformed";
    if (ix->has_host && !str_eq_nocase(authority, http_span_str(base, ix->authority)))
        return "target and Host name different authorities";
    ix->authority = http_span_of(base, authority);
    ix->target = http_span_of(base, rest);
    return NULL;
}

/* RFC 9112 3.2 */
static const char *check_target(struct h1_index *ix, const char *base)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    struct str target = http_span_str(base, ix->target);

    if (target.p[0] == '/' || (str_eq(target, STR("*")) && ix->method == HTTP_OPTIONS))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (str_eq_nocase(str_first(target, schemes[i].n), schemes[i]))
            return reduce_absolute(ix, base, str_skip(target, schemes[i].n));
    return "target is neither a path nor a URL";
}

const char *h1_index_fill(struct h1_index *ix, const char *base, struct str head)
{
    struct h1_lexer l = {.base = base, .fields = ix->fields, .max_fields = HTTP_MAX_FIELDS};
    const char *reason = h1_lex(&l, head);

    memset(ix, 0, offsetof(struct h1_index, fields));
    ix->target = l.target;
    ix->field_count = l.field_count;
    if (reason == NULL)
        reason = check_request_line(ix, base, head, l.method);
    if (reason == NULL)
        reason = take_fields(ix, base);
    if (reason == NULL)
        reason = check_framing(ix);
    if (reason == NULL)
        reason = check_target(ix, base);
    return reason;
}

/* RFC 9112 3.2.4: an OPTIONS for an authority without a path is for the server as a whole. */
static struct str target_of(const struct h1_index *ix, const char *bytes)
{
    if (ix->target.n > 0)
        return http_span_str(bytes, ix->target);
    return ix->method == HTTP_OPTIONS ? STR("*") : STR("/");
}

void h1_head(const struct h1_index *ix, const char *bytes, struct http_field *fields,
             struct http_head *ret)
{
    ret->method = ix->method;
    ret->method_text = http_span_str(bytes, ix->method_text);
    ret->target = target_of(ix, bytes);
    ret->authority = http_span_str(bytes, ix->authority);
    ret->version_major = 1;
    ret->version_minor = ix->version_minor;
    ret->keep_alive = !ix->has_close && (ix->version_minor > 0 || ix->has_keep_alive);
    ret->expects_continue = ix->expects_continue;
    ret->has_body = ix->is_chunked || ix->content_length > 0;
    ret->is_chunked = ix->is_chunked;
    ret->content_length = ix->content_length;
    http_head_fill(ret, fields, ix->fields, ix->field_count, bytes);
}
