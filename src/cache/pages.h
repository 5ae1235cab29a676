/*
 * Memory for big blobs: whole pages of their own, which go back to the kernel at once. What is to
 * be large lies on huge pages where the kernel gives them: they are sent without being copied, for
 * half the CPU (net/sock.h, sock_lend()).
 */
#ifndef CACHE_PAGES_H
#define CACHE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"

enum { PAGES_SIZE = 4096 };

struct pages {
    char *bytes; /* NULL: none */
    size_t n;    /* whole pages */
};

/* Zeroed; the kernel provides pages as they are written. `is_full`: all of them will be. 0, or -1:
 * no address space left. */
int pages_new(size_t n, bool is_full, struct pages *ret) MUST_CHECK;
void pages_cut(struct pages *p, size_t n); /* to so many bytes, rounded up */
void pages_free(struct pages *p);

static inline size_t pages_rounded(size_t n)
{
    return (n + PAGES_SIZE - 1) & ~(size_t)(PAGES_SIZE - 1);
}

#endif
