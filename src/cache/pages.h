/*
 * Memory for big blobs: ranges of one sparse memory file that all of them share. They can be
 * written and read like any memory, and sent with sendfile(2), which takes their pages instead of
 * copying them. Measured on the machine of bench/RESULTS.md: 3 MB leave for two thirds of the CPU
 * that writev() takes.
 *
 * A range is never used twice: the file has room for 2^62 bytes in the life of a process. Giving
 * one back makes a hole. Where there are no memory files, ranges are anonymous memory.
 */
#ifndef CACHE_PAGES_H
#define CACHE_PAGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

enum { PAGES_SIZE = 4096 };

struct pages {
    char *bytes;     /* NULL: none */
    size_t n;        /* whole pages */
    uint64_t offset; /* of them in pages_file() */
};

/* Zeroed; the kernel gives pages as they are written. 0, or -1: no address space left. */
int pages_new(size_t n, struct pages *ret) MUST_CHECK;
void pages_cut(struct pages *p, size_t n); /* to so many bytes, rounded up */
void pages_free(struct pages *p);

int pages_file(void); /* -1: they are in none */

static inline size_t pages_rounded(size_t n)
{
    return (n + PAGES_SIZE - 1) & ~(size_t)(PAGES_SIZE - 1);
}

#endif
