/* Allocation that cannot fail. */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"

static void *checked(void *p)
{
    if (p == NULL)
        WRONG("out of memory");
    return p;
}

void *xmalloc(size_t n)
{
    return checked(malloc(n > 0 ? n : 1));
}

void *xzalloc(size_t n)
{
    return checked(calloc(1, n > 0 ? n : 1));
}

void *xcalloc(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
    return checked(realloc(p, n > 0 ? n : 1));
}

char *xstrdup(const char *s)
{
    return checked(strdup(s));
}

void *xmemdup(const void *p, size_t n)
{
    void *copy = xmalloc(n);

    if (n > 0)
        memcpy(copy, p, n);
    return copy;
}

void xfree_p(void *p)
{
    free(*(void **)p);
    *(void **)p = NULL;
}
