/*
 * What a response sends, pulled by whoever has a socket to put it in. The puller looks at the next
 * bytes with peek(), sends what the socket takes, and says how much that was with advance():
 * nothing is copied in between, and the pull itself is the back-pressure.
 *
 * The owner of a body calls body_done() exactly once, at any time; it lets go of everything behind
 * it. After an error from peek() only body_done() may follow: the response must be cut, never ended
 * as whole.
 */
#ifndef BASE_BODY_H
#define BASE_BODY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/panic.h"

struct body;

enum body_kind {
    BODY_MEMORY,
    BODY_PAGES, /* memory that never changes, and is not used for anything else while the kernel
                   still has it: it may be lent instead of copied (net/sock.h) */
    BODY_FILE
};

enum { BODY_PEEK_IOV = 16 };

/* What peek() shows: pieces of memory, or a range of an open file. Borrowed until advance() or
 * done(). */
struct body_view {
    enum body_kind kind;
    struct iovec iov[BODY_PEEK_IOV]; /* BODY_MEMORY, BODY_PAGES */
    int iov_count;
    int fd; /* BODY_FILE */
    off_t offset;
    uint64_t length;
};

struct body_ops {
    /* 1: `ret_view` holds at least one byte. 0: nothing yet, on_more will be called. < 0: -errno,
     * broken. 0 with nothing left: body_end(). */
    int (*peek)(struct body *b, struct body_view *ret_view);
    void (*advance)(struct body *b, uint64_t n);
    void (*done)(struct body *b);
};

struct body {
    const struct body_ops *ops; /* NULL: the empty body */
    uint64_t left; /* bytes still to come; BODY_LENGTH_UNKNOWN until peek() has found the end */
    /* The puller's; called at most once after each peek() that gave 0, from the loop, never from
     * within a call of the puller's. */
    void (*on_more)(struct body *body);
    void *puller; /* the puller's */
};

#define BODY_LENGTH_UNKNOWN UINT64_MAX

/* For peek() of a body whose length was unknown: here it ends. */
static inline int body_end(struct body *b)
{
    assert(b->left == BODY_LENGTH_UNKNOWN);
    b->left = 0;
    return 0;
}

static inline int body_peek(struct body *b, struct body_view *ret_view)
{
    assert(b->left > 0);
    return b->ops->peek(b, ret_view);
}

static inline void body_advance(struct body *b, uint64_t n)
{
    assert(n <= b->left);
    if (b->left != BODY_LENGTH_UNKNOWN)
        b->left -= n;
    b->ops->advance(b, n);
}

static inline void body_done(struct body *b)
{
    if (b->ops != NULL)
        b->ops->done(b);
    b->ops = NULL;
    b->left = 0;
}

/* Bytes that live at least as long as the body: an arena's, a literal's. Nothing is freed by
 * done(). */
struct memory_body {
    struct body body;
    const char *at;
};

void memory_body_init(struct memory_body *m, const void *p, uint64_t n);

/*
 * A range of an open file, sent from the page cache. Before each piece it looks at the file's size:
 * one that somebody cuts short would otherwise end the response early and look whole (-EIO).
 */
struct file_body {
    struct body body;
    int fd; /* borrowed from `owner` */
    uint64_t at;
    void (*release)(void *owner); /* called once, by done() */
    void *owner;
};

void file_body_init(struct file_body *f, int fd, uint64_t first, uint64_t length,
                    void (*release)(void *owner), void *owner);

#endif
