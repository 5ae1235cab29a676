/*
 * An open file: closed, named by an ETag, or handed on as the body of a response.
 */
#include <inttypes.h>
#include <unistd.h>

#include "origin/origin.h"

/* The descriptor is all there is to own, so it is the owner. */
static void close_descriptor(void *owner)
{
    close((int)(intptr_t)owner);
}

int origin_file_take(struct origin_file *f)
{
    int fd = f->fd;

    assert(f->is_open);
    f->fd = -1;
    f->is_open = false;
    return fd;
}

struct body *origin_file_body_new(struct arena *a, struct origin_file *f, uint64_t first,
                                  uint64_t length)
{
    struct file_body *fb = ARENA_NEW(a, struct file_body);
    int fd;

    assert(f->is_open && first <= f->size && length <= f->size - first);
    if (fb == NULL)
        return NULL;
    fd = origin_file_take(f);
    file_body_init(fb, fd, first, length, close_descriptor, (void *)(intptr_t)fd);
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
