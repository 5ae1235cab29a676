/*
 * The head of a request, from nghttp2's fields to a http_head. Names and values are laid one after
 * the other into a draft; spans remember where. What nghttp2 has refused already (RFC
 * 9113 8.2, 8.3: characters of names and values, upper case, pseudo-fields missing, unknown,
 * repeated or late, fields of the connection, TE, a Content-Length that is no number) never comes
 * here. What it lets through and HTTP/1.1 (h1_index.c) does not is H2_HEAD_BAD: CONNECT, a path
 * that is neither origin-form nor "*" with OPTIONS, characters that a target or an authority may
 * not hold, :authority and Host that differ.
 *
 * Drafts are made on the thread's desk: nearly every head comes whole in one h2_receive(), so
 * nearly no draft needs memory of its own, and an idle connection holds none.
 */
#include "http/h2_internal.h"

struct h2_head_draft {
    enum h2_verdict verdict;
    bool is_used; /* the desk */
    bool has_host, has_authority, has_urgency, has_length, has_content, expects_continue;
    uint16_t n;                            /* of bytes */
    uint8_t field_count, cookie;           /* cookie: which field; HTTP_MAX_FIELDS: none */
    struct http_span method, target, host; /* host: :authority, else Host */
    uint64_t content_length;
    struct http_field_span fields[HTTP_MAX_FIELDS];
    char bytes[HTTP_MAX_HEAD_BYTES];
};

static _Thread_local struct h2_head_draft desk;

struct h2_head_draft *h2_draft_begin(void)
{
    assert(!desk.is_used);
    memset(&desk, 0, offsetof(struct h2_head_draft, fields));
    desk.is_used = true;
    desk.cookie = HTTP_MAX_FIELDS;
    return &desk;
}

void h2_draft_drop(struct h2_head_draft **d)
{
    if (*d == NULL)
        return;
    if (*d == &desk)
        desk.is_used = false;
    else
        free(*d);
    *d = NULL;
}

void h2_draft_settle(struct h2_head_draft **d)
{
    if (*d != &desk)
        return;
    *d = xmalloc(sizeof desk);
    memcpy(*d, &desk, offsetof(struct h2_head_draft, bytes) + desk.n);
    desk.is_used = false;
}

/* The first verdict stays: what follows a head's cap has been dropped and says nothing. */
static void refuse(struct h2_head_draft *d, enum h2_verdict verdict)
{
    if (d->verdict == H2_HEAD_OK)
        d->verdict = verdict;
}

static struct http_span put(struct h2_head_draft *d, struct str s)
{
    struct http_span span = {d->n, 0};

    if (s.n > HTTP_MAX_HEAD_BYTES - (size_t)d->n) {
        refuse(d, H2_HEAD_TOO_LARGE);
        return span;
    }
    memcpy(d->bytes + d->n, s.p, s.n);
    d->n = (uint16_t)(d->n + s.n);
    span.n = (uint16_t)s.n;
    return span;
}

static void take_authority(struct h2_head_draft *d, struct str value, bool is_pseudo)
{
    bool is_known = d->has_host || d->has_authority;

    if (!http_is_clean_host(value))
        refuse(d, H2_HEAD_BAD);
    else if (is_known && !str_eq_nocase(http_span_str(d->bytes, d->host), value))
        refuse(d, H2_HEAD_BAD); /* RFC 9113 8.3.1: differing ones are malformed */
    d->has_host |= !is_pseudo;
    d->has_authority |= is_pseudo;
}

/* RFC 9113 8.3.1. :scheme says nothing that we need. */
static void add_pseudo(struct h2_head_draft *d, struct str name, struct str value)
{
    if (str_eq(name, STR(":method"))) {
        d->method = put(d, value);
    } else if (str_eq(name, STR(":path"))) {
        d->target = put(d, value);
    } else if (str_eq(name, STR(":authority"))) {
        take_authority(d, value, true);
        d->host = put(d, value);
    }
}

static void take_field(struct h2_head_draft *d, const struct http_field_span *f, struct str value)
{
    switch (f->known) {
    case FIELD_HOST:
        take_authority(d, value, false);
        if (!d->has_authority)
            d->host = f->value;
        break;
    case FIELD_CONTENT_LENGTH:
        d->has_length = true;
        if (str_parse_u64(value, INT64_MAX, &d->content_length) < 0)
            refuse(d, H2_HEAD_BAD);
        break;
    case FIELD_EXPECT:
        d->expects_continue |= str_eq_nocase(value, STR("100-continue"));
        break;
    default:
        break;
    }
}

/* RFC 9113 8.2.3: crumbs become one field. They nearly always stand together; if not, it moves. */
static void join_cookie(struct h2_head_draft *d, struct str crumb)
{
    struct http_span *value = &d->fields[d->cookie].value;

    if (value->at + value->n != d->n)
        *value = put(d, http_span_str(d->bytes, *value));
    put(d, STR("; "));
    put(d, crumb);
    value->n = (uint16_t)(d->n - value->at);
}

void h2_draft_add(struct h2_head_draft *d, struct str name, struct str value)
{
    struct http_field_span *f = &d->fields[d->field_count];
    enum http_known_field known;

    if (d->verdict == H2_HEAD_TOO_LARGE)
        return;
    if (name.p[0] == ':') {
        add_pseudo(d, name, value);
        return;
    }
    known = http_known_field(name);
    if (known == FIELD_COOKIE && d->cookie < HTTP_MAX_FIELDS) {
        join_cookie(d, value);
    } else if (d->field_count == HTTP_MAX_FIELDS) {
        refuse(d, H2_HEAD_TOO_LARGE);
    } else {
        *f = (struct http_field_span){.name = put(d, name), .value = put(d, value), .known = known};
        if (known == FIELD_COOKIE)
            d->cookie = d->field_count;
        d->has_urgency |= str_eq(name, STR("priority"));
        d->field_count++;
        take_field(d, f, value);
    }
}

static bool is_good_target(struct str method, struct str target)
{
    if (str_eq(target, STR("*")))
        return str_eq(method, STR("OPTIONS"));
    return target.n > 0 && target.p[0] == '/' && http_is_clean_target(target);
}

void h2_draft_end(struct h2_head_draft *d, bool has_content)
{
    if (!is_good_target(http_span_str(d->bytes, d->method), http_span_str(d->bytes, d->target)))
        refuse(d, H2_HEAD_BAD);
    d->has_content = has_content;
}

bool h2_draft_has_urgency(const struct h2_head_draft *d)
{
    return d->has_urgency;
}

enum h2_verdict h2_draft_verdict(const struct h2_head_draft *d)
{
    return d->verdict;
}

struct str h2_draft_bytes(const struct h2_head_draft *d)
{
    return (struct str){d->bytes, d->n};
}

unsigned h2_draft_field_count(const struct h2_head_draft *d)
{
    return d->field_count;
}

void h2_head(const struct h2_head_draft *d, const char *bytes, struct http_field *fields,
             struct http_head *ret)
{
    struct str target = http_span_str(bytes, d->target);

    ret->method_text = http_span_str(bytes, d->method);
    ret->method = http_method_of(ret->method_text);
    ret->target = target.n > 0 ? target : STR("/"); /* of a refused head that stopped before it */
    ret->authority = http_span_str(bytes, d->host);
    ret->version_major = 2;
    ret->version_minor = 0;
    ret->keep_alive = true;
    ret->expects_continue = d->expects_continue;
    ret->has_body = d->has_content && !(d->has_length && d->content_length == 0);
    ret->is_chunked = d->has_content && !d->has_length;
    ret->content_length = d->content_length;
    http_head_fill(ret, fields, d->fields, d->field_count, bytes);
}
