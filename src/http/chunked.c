#include "http/chunked.h"

#include <stdio.h>

#include "base/mem.h"

static struct chunked_body *of(struct body *b)
{
    return container_of(b, struct chunked_body, body);
}

static uint64_t bytes_in(const struct body_view *v)
{
    uint64_t n = 0;

    for (int i = 0; i < v->iov_count; i++)
        n += v->iov[i].iov_len;
    return n;
}

/* The CRLF after a chunk's data goes with the next chunk's size, or with the last one. */
static void set_line(struct chunked_body *c, uint64_t size)
{
    const char *before = c->has_begun ? "\r\n" : "";
    int n = size > 0 ? snprintf(c->line, sizeof c->line, "%s%llx\r\n", before, (long long)size)
                     : snprintf(c->line, sizeof c->line, "%s0\r\n\r\n", before);

    assert(n > 0 && (size_t)n < sizeof c->line);
    c->line_at = 0;
    c->line_n = (uint8_t)n;
    c->chunk_left = size;
    c->has_begun = true;
    c->has_ended = size == 0;
}

/* Puts what is left of the line in front of the inner body's pieces, and cuts those to the chunk.
 */
static int show(struct chunked_body *c, const struct body_view *inner, struct body_view *ret)
{
    uint64_t left = c->chunk_left;

    ret->kind = BODY_MEMORY;
    ret->iov_count = 0;
    if (c->line_at < c->line_n)
        ret->iov[ret->iov_count++] =
            (struct iovec){c->line + c->line_at, (size_t)(c->line_n - c->line_at)};
    for (int i = 0; left > 0 && i < inner->iov_count && ret->iov_count < BODY_PEEK_IOV; i++) {
        struct iovec piece = inner->iov[i];

        piece.iov_len = MIN(piece.iov_len, left);
        left -= piece.iov_len;
        ret->iov[ret->iov_count++] = piece;
    }
    return 1;
}

static int chunked_peek(struct body *b, struct body_view *ret_view)
{
    struct chunked_body *c = of(b);
    struct body_view inner = {.iov_count = 0};
    int r = 1;

    if (c->has_ended && c->line_at == c->line_n)
        return body_end(b);
    if (!c->has_ended && c->inner->left > 0)
        r = body_peek(c->inner, &inner);
    if (r < 0 || (r == 0 && c->inner->left > 0))
        return r;
    assert(inner.iov_count == 0 || inner.kind != BODY_FILE); /* files know their length */
    if (c->chunk_left == 0 && !c->has_ended)
        set_line(c, bytes_in(&inner));
    return show(c, &inner, ret_view);
}

static void chunked_advance(struct body *b, uint64_t n)
{
    struct chunked_body *c = of(b);
    uint64_t of_line = MIN(n, (uint64_t)(c->line_n - c->line_at));

    c->line_at = (uint8_t)(c->line_at + of_line);
    c->chunk_left -= n - of_line;
    c->content_sent += n - of_line;
    if (n > of_line)
        body_advance(c->inner, n - of_line);
}

static void chunked_done(struct body *b)
{
    of(b)->inner = NULL;
}

static void on_more_inside(struct body *inner)
{
    struct chunked_body *c = inner->puller;

    c->body.on_more(&c->body);
}

void chunked_body_init(struct chunked_body *c, struct body *inner)
{
    static const struct body_ops ops = {chunked_peek, chunked_advance, chunked_done};

    *c = (struct chunked_body){.body = {.ops = &ops, .left = BODY_LENGTH_UNKNOWN}, .inner = inner};
    inner->on_more = on_more_inside;
    inner->puller = c;
}
