/* The two bodies that need nothing of any other module: bytes somebody else owns, and an open file.
 */
#include "base/body.h"

#include <errno.h>
#include <sys/stat.h>

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

static int file_peek(struct body *b, struct body_view *ret_view)
{
    struct file_body *f = container_of(b, struct file_body, body);
    struct stat st;

    if (fstat(f->fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size < f->at + b->left)
        return -EIO;
    ret_view->kind = BODY_FILE;
    ret_view->fd = f->fd;
    ret_view->offset = (off_t)f->at;
    ret_view->length = b->left;
    return 1;
}

static void file_advance(struct body *b, uint64_t n)
{
    container_of(b, struct file_body, body)->at += n;
}

static void file_done(struct body *b)
{
    struct file_body *f = container_of(b, struct file_body, body);

    f->release(f->owner);
}

void file_body_init(struct file_body *f, int fd, uint64_t first, uint64_t length,
                    void (*release)(void *owner), void *owner)
{
    static const struct body_ops ops = {file_peek, file_advance, file_done};

    *f = (struct file_body){.body = {.ops = &ops, .left = length},
                            .fd = fd,
                            .at = first,
                            .release = release,
                            .owner = owner};
}
