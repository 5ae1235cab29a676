/*
 * The head of a HTTP/1.1 response, written once into the connection's buffer: memcpy and hand-made
 * numbers, since this runs for every response. A cursor that has met the end of its room stays
 * there, so only the last look decides.
 */
#include "http/response.h"

#include "base/codec.h"
#include "base/panic.h"
#include "http/date.h"
#include "http/scan.h"

/*    code, phrase (RFC 9110 15, RFC 6585) */
#define HTTP_STATUSES(X)                      \
    X(100, "Continue")                        \
    X(101, "Switching Protocols")             \
    X(103, "Early Hints")                     \
    X(200, "OK")                              \
    X(201, "Created")                         \
    X(202, "Accepted")                        \
    X(203, "Non-Authoritative Information")   \
    X(204, "No Content")                      \
    X(205, "Reset Content")                   \
    X(206, "Partial Content")                 \
    X(300, "Multiple Choices")                \
    X(301, "Moved Permanently")               \
    X(302, "Found")                           \
    X(303, "See Other")                       \
    X(304, "Not Modified")                    \
    X(307, "Temporary Redirect")              \
    X(308, "Permanent Redirect")              \
    X(400, "Bad Request")                     \
    X(401, "Unauthorized")                    \
    X(403, "Forbidden")                       \
    X(404, "Not Found")                       \
    X(405, "Method Not Allowed")              \
    X(406, "Not Acceptable")                  \
    X(408, "Request Timeout")                 \
    X(409, "Conflict")                        \
    X(410, "Gone")                            \
    X(411, "Length Required")                 \
    X(412, "Precondition Failed")             \
    X(413, "Content Too Large")               \
    X(414, "URI Too Long")                    \
    X(415, "Unsupported Media Type")          \
    X(416, "Range Not Satisfiable")           \
    X(417, "Expectation Failed")              \
    X(421, "Misdirected Request")             \
    X(422, "Unprocessable Content")           \
    X(426, "Upgrade Required")                \
    X(429, "Too Many Requests")               \
    X(431, "Request Header Fields Too Large") \
    X(451, "Unavailable For Legal Reasons")   \
    X(500, "Internal Server Error")           \
    X(501, "Not Implemented")                 \
    X(502, "Bad Gateway")                     \
    X(503, "Service Unavailable")             \
    X(504, "Gateway Timeout")                 \
    X(505, "HTTP Version Not Supported")      \
    X(507, "Insufficient Storage")

/* "HTTP/1.1 200 OK\r\n"; STR_NONE for a number without a phrase. */
static struct str status_line(unsigned status)
{
    switch (status) {
#define X(code, phrase) \
    case code:          \
        return STR("HTTP/1.1 " #code " " phrase "\r\n");
        HTTP_STATUSES(X)
#undef X
    default:
        return STR_NONE;
    }
}

struct str http_reason(unsigned status)
{
    enum { BEFORE = sizeof("HTTP/1.1 200 ") - 1, AFTER = sizeof("\r\n") - 1 };
    struct str line = status_line(status);

    return line.p != NULL ? str_range(line.p + BEFORE, line.p + line.n - AFTER) : STR("");
}

void http_response_add(struct http_response *r, struct str name, struct str value)
{
    assert(r->field_count < HTTP_RESPONSE_FIELDS);
    r->fields[r->field_count++] = (struct http_field){name, value};
}

/* Where the next byte goes. `at` is NULL once something did not fit. */
struct cursor {
    char *at, *end;
};

static inline void put(struct cursor *c, struct str s)
{
    if (c->at == NULL || s.n > (size_t)(c->end - c->at)) {
        c->at = NULL;
        return;
    }
    memcpy(c->at, s.p, s.n);
    c->at += s.n;
}

static void put_number(struct cursor *c, uint64_t v)
{
    char digits[DECIMAL_MAX];

    put(c, (struct str){digits, decimal_encode(v, digits)});
}

static void put_status(struct cursor *c, unsigned status)
{
    struct str line = status_line(status);

    assert(status >= 100 && status <= 999);
    if (line.p != NULL) {
        put(c, line);
        return;
    }
    put(c, STR("HTTP/1.1 "));
    put_number(c, status);
    put(c, STR(" \r\n"));
}

static void put_date(struct cursor *c, unix_t now)
{
    put(c, STR("Date: "));
    put(c, http_date_now(now));
    put(c, STR("\r\n"));
}

/* A line end in a field would let its author write a response of his own. */
static bool is_clean(struct str s)
{
    return scan_control_but_tab(s) == s.n;
}

static void put_field(struct cursor *c, const struct http_field *f)
{
    assert(is_clean(f->name) && is_clean(f->value));
    put(c, f->name);
    put(c, STR(": "));
    put(c, f->value);
    put(c, STR("\r\n"));
}

bool http_has_content(const struct http_response *r)
{
    return r->status >= 200 && r->status != 204 && r->status != 304;
}

bool h1_is_chunked(const struct http_response *r, const struct http_head *request)
{
    return http_has_content(r) && r->content_length == HTTP_LENGTH_UNKNOWN &&
           request->version_minor > 0;
}

bool h1_ends_by_close(const struct http_response *r, const struct http_head *request)
{
    return http_has_content(r) && r->content_length == HTTP_LENGTH_UNKNOWN &&
           !h1_is_chunked(r, request);
}

/* RFC 9112 6: how the content is framed. */
static void put_framing(struct cursor *c, const struct http_response *r,
                        const struct http_head *request)
{
    if (h1_is_chunked(r, request)) {
        put(c, STR("Transfer-Encoding: chunked\r\n"));
    } else if (http_has_content(r) && r->content_length != HTTP_LENGTH_UNKNOWN) {
        put(c, STR("Content-Length: "));
        put_number(c, r->content_length);
        put(c, STR("\r\n"));
    }
}

static void put_connection(struct cursor *c, const struct http_head *request, bool is_last)
{
    if (is_last)
        put(c, STR("Connection: close\r\n"));
    else if (request->version_minor == 0 && request->keep_alive)
        put(c, STR("Connection: keep-alive\r\n"));
}

ptrdiff_t h1_write_head(const struct http_response *r, const struct http_head *request,
                        bool is_last, unix_t now, char *ret, size_t room)
{
    struct cursor c = {ret, ret + room};
    bool is_final = r->status >= 200;

    assert(is_last || !h1_ends_by_close(r, request));
    put_status(&c, r->status);
    if (is_final)
        put_date(&c, now);
    for (unsigned i = 0; i < r->field_count; i++)
        put_field(&c, &r->fields[i]);
    put_framing(&c, r, request);
    if (is_final)
        put_connection(&c, request, is_last);
    put(&c, STR("\r\n"));
    return c.at != NULL ? c.at - ret : -1;
}
