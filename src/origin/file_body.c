/*
 * An open file, and a range of it as a body. The body shows the puller descriptor, offset and
 * length; the bytes go from the page cache to the socket. It looks at the size before each piece,
 * because a file that somebody cuts short would otherwise end the response early and look whole.
 */
#include <errno.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin/origin.h"

struct file_body {
    struct body body;
    int fd; /* owned */
    uint64_t at;
};

static int file_peek(struct body *b, struct body_view *ret_view)
{
    struct file_body *fb = container_of(b, struct file_body, body);
    struct stat st;

    if (fstat(fb->fd, &st) < 0)
        return -errno;
    if ((uint64_t)st.st_size < fb->at + b->left)
        return -EIO;
    ret_view->kind = BODY_FILE;
    ret_view->fd = fb->fd;
    ret_view->offset = (off_t)fb->at;
    ret_view->length = b->left;
    return 1;
}

static void file_advance(struct body *b, uint64_t n)
{
    container_of(b, struct file_body, body)->at += n;
}

static void file_done(struct body *b)
{
    close(container_of(b, struct file_body, body)->fd);
}

static const struct body_ops file_body_ops = {
    .peek = file_peek,
    .advance = file_advance,
    .done = file_done,
};

struct body *origin_file_body_new(struct arena *a, struct origin_file *f, uint64_t first,
                                  uint64_t length)
{
    struct file_body *fb = ARENA_NEW(a, struct file_body);

    assert(f->is_open && first <= f->size && length <= f->size - first);
    if (fb == NULL)
        return NULL;
    fb->body.ops = &file_body_ops;
    fb->body.left = length;
    fb->fd = f->fd;
    fb->at = first;
    f->fd = -1;
    f->is_open = false;
    return &fb->body;
}

void origin_file_done(struct origin_file *f)
{
    op_cancel(&f->op);
    if (f->is_open)
        close(f->fd);
    f->fd = -1;
    f->is_open = false;
}

/* RFC 9110 8.8.3: strong, since any rewrite moves the time of change. */
struct str origin_file_etag(struct arena *a, const struct origin_file *f)
{
    uint64_t mtime_nsec = (uint64_t)f->mtime_sec * 1000000000u + f->mtime_nsec;

    return arena_printf(a, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 "\"", f->inode, f->size,
                        mtime_nsec);
}
