/* The simplest body: bytes somebody else owns. */
#include "base/body.h"

#include "base/mem.h"

static int memory_peek(struct body *b, struct body_view *ret_view)
{
    struct memory_body *m = container_of(b, struct memory_body, body);

    ret_view->kind = BODY_MEMORY;
    ret_view->iov_count = 1;
    ret_view->iov[0] = (struct iovec){(void *)(uintptr_t)m->at, b->left};
    return 1;
}

static void memory_advance(struct body *b, uint64_t n)
{
    container_of(b, struct memory_body, body)->at += n;
}

static void memory_done(struct body *b)
{
    container_of(b, struct memory_body, body)->at = NULL;
}

void memory_body_init(struct memory_body *m, const void *p, uint64_t n)
{
    static const struct body_ops ops = {memory_peek, memory_advance, memory_done};

    m->body = (struct body){.ops = &ops, .left = n};
    m->at = p;
}
