/*
 * What is shown next is either what is left of a part's head (or, at last, of the end), or what the
 * part's content shows. A content is let go of as soon as it has been sent: what it needs
 * memory for while it is sent (a playlist's window), only one of them holds at a time.
 */
#include "http/multipart.h"

#include "base/codec.h"
#include "base/hash.h"

static struct multipart_body *of(struct body *b)
{
    return container_of(b, struct multipart_body, body);
}

/* What stands before the content of part `at`, or after the last one. */
static struct str line(const struct multipart_body *m)
{
    return str_skip(m->at < m->count ? m->parts[m->at].head : m->end, m->head_sent);
}

static int multipart_peek(struct body *b, struct body_view *ret_view)
{
    struct multipart_body *m = of(b);
    struct str left = line(m);

    if (left.n == 0)
        return body_peek(m->parts[m->at].content, ret_view);
    ret_view->kind = BODY_MEMORY;
    ret_view->iov_count = 1;
    ret_view->iov[0] = (struct iovec){(void *)(uintptr_t)left.p, left.n};
    return 1;
}

static void multipart_advance(struct body *b, uint64_t n)
{
    struct multipart_body *m = of(b);
    struct str left = line(m);
    struct body *content;

    if (left.n > 0) {
        assert(n <= left.n);
        m->head_sent += n;
        return;
    }
    content = m->parts[m->at].content;
    body_advance(content, n);
    if (content->left > 0)
        return;
    body_done(content);
    m->at++;
    m->head_sent = 0;
}

static void multipart_done(struct body *b)
{
    struct multipart_body *m = of(b);

    for (; m->at < m->count; m->at++)
        body_done(m->parts[m->at].content);
}

static void on_more_inside(struct body *content)
{
    struct multipart_body *m = content->puller;

    m->body.on_more(&m->body);
}

static struct str random_boundary(struct arena *a)
{
    uint8_t bytes[16];
    char text[MULTIPART_BOUNDARY_LEN];

    _Static_assert(BASE64URL_LEN(sizeof bytes) == MULTIPART_BOUNDARY_LEN, "no padding");
    random_bytes(bytes, sizeof bytes);
    base64url_encode(bytes, sizeof bytes, text);
    return arena_copy(a, (struct str){text, sizeof text});
}

struct multipart_body *multipart_body_new(struct arena *a, struct str type, uint64_t length)
{
    static const struct body_ops ops = {multipart_peek, multipart_advance, multipart_done};
    struct multipart_body *m = ARENA_NEW(a, struct multipart_body);

    if (m == NULL)
        return NULL;
    m->body.ops = &ops;
    m->arena = a;
    m->type = type;
    m->length = length;
    m->boundary = random_boundary(a);
    return m->boundary.p != NULL ? m : NULL;
}

/* RFC 9110 14.6, RFC 2046 5.1.1: the line end before a delimiter belongs to the delimiter. */
static struct str head_of(const struct multipart_body *m, const struct http_byte_range *range)
{
    return arena_printf(m->arena,
                        "%s--%.*s\r\nContent-Type: %.*s\r\n"
                        "Content-Range: bytes %llu-%llu/%llu\r\n\r\n",
                        m->count > 0 ? "\r\n" : "", STR_FMT(m->boundary), STR_FMT(m->type),
                        (unsigned long long)range->first, (unsigned long long)range->last,
                        (unsigned long long)m->length);
}

int multipart_body_add(struct multipart_body *m, const struct http_byte_range *range,
                       struct body *content)
{
    struct str head = head_of(m, range);

    assert(m->count < HTTP_RANGES_MAX && content->left == range->last - range->first + 1);
    if (head.p == NULL) {
        body_done(content);
        return -1;
    }
    content->on_more = on_more_inside;
    content->puller = m;
    m->body.left += head.n + content->left;
    m->parts[m->count++] = (struct multipart_part){head, content};
    return 0;
}

int multipart_body_close(struct multipart_body *m)
{
    m->end = arena_printf(m->arena, "\r\n--%.*s--\r\n", STR_FMT(m->boundary));
    m->body.left += m->end.n;
    return m->end.p != NULL ? 0 : -1;
}

struct str multipart_type(const struct multipart_body *m)
{
    return arena_printf(m->arena, "multipart/byteranges; boundary=%.*s", STR_FMT(m->boundary));
}
