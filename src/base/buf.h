/*
 * Bytes that grow, up to a named cap. Appending past the cap sets `is_full` and appends nothing
 * more
 * ("sticky"), so a writer checks once, at the end. A zeroed struct with a cap is a valid empty
 * buffer.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct buf {
    char *p;        /* owned */
    size_t n, room; /* bytes in use, bytes allocated */
    size_t cap;     /* the most `n` may become */
    bool is_full;
};

void buf_init(struct buf *b, size_t cap);
void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory and the cap */

/* Makes room for `n` more bytes and returns where they go; NULL at the cap. buf_added() counts them
 * in. */
char *buf_reserve(struct buf *b, size_t n) MUST_CHECK;
void buf_added(struct buf *b, size_t n);

void buf_add(struct buf *b, struct str s);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* Takes the first `n` bytes away. */
void buf_consume(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

/* The bytes as a NUL-terminated heap string that the caller owns; the buffer is left empty. */
char *buf_take_cstr(struct buf *b) MUST_CHECK;

#endif
