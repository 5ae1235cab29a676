/* Doubling growth, never past the cap. Invariant: n <= room, n <= cap. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

enum { FIRST_ROOM = 256 };

void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){.cap = cap};
}

void buf_done(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.cap = b->cap};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    b->is_full = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (n > b->cap - b->n)
        b->is_full = true;
    if (b->is_full)
        return NULL;
    if (n > b->room - b->n) {
        size_t room = MAX(b->room * 2, (size_t)FIRST_ROOM);

        room = MAX(room, b->n + n);
        b->room = MIN(room, MAX(b->cap, b->n + n));
        b->p = xrealloc(b->p, b->room);
    }
    return b->p + b->n;
}

void buf_added(struct buf *b, size_t n)
{
    assert(n <= b->room - b->n);
    b->n += n;
}

void buf_add(struct buf *b, struct str s)
{
    char *at = buf_reserve(b, s.n);

    if (at == NULL || s.n == 0)
        return;
    memcpy(at, s.p, s.n);
    buf_added(b, s.n);
}

void buf_add_char(struct buf *b, char c)
{
    buf_add(b, (struct str){&c, 1});
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
    char small[256], *big = NULL;
    va_list again;
    int n;

    va_copy(again, args);
    n = vsnprintf(small, sizeof small, format, args);
    assert(n >= 0);
    if ((size_t)n >= sizeof small) {
        big = xmalloc((size_t)n + 1);
        vsnprintf(big, (size_t)n + 1, format, again);
    }
    buf_add(b, (struct str){big != NULL ? big : small, (size_t)n});
    free(big);
    va_end(again);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    buf_vprintf(b, format, args);
    va_end(args);
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->n);
    b->n -= n;
    if (b->n > 0 && n > 0)
        memmove(b->p, b->p + n, b->n);
}

char *buf_take_cstr(struct buf *b)
{
    char *p = xrealloc(TAKE(b->p), b->n + 1);

    p[b->n] = '\0';
    *b = (struct buf){.cap = b->cap};
    return p;
}
