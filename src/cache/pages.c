#include "cache/pages.h"

#include <stdint.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20 };

/* Cuts what stands before and behind a huge-page boundary off a mapping that is HUGE_PAGE longer
 * than wanted. */
static char *trim_to_huge_page(char *p, size_t length)
{
    size_t before = -(uintptr_t)p & (HUGE_PAGE - 1);

    if (before > 0)
        munmap(p, before);
    munmap(p + before + length, HUGE_PAGE - before);
    return p + before;
}

static char *map(size_t length)
{
    char *p = mmap(NULL, length, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

/* Only aligned ranges get huge pages, and the kernel does not align an anonymous mapping by itself.
 */
static char *map_huge(size_t length)
{
    char *p = map(length + HUGE_PAGE);

    if (p == NULL)
        return NULL;
    p = trim_to_huge_page(p, length);
    madvise(p, length, MADV_HUGEPAGE); /* a wish: without it everything works, slower */
    return p;
}

int pages_new(size_t n, bool is_full, struct pages *ret)
{
    size_t length = pages_rounded(n);
    char *p = is_full && length >= HUGE_PAGE ? map_huge(length) : map(length);

    if (p == NULL)
        return -1;
    *ret = (struct pages){p, length};
    return 0;
}

void pages_cut(struct pages *p, size_t n)
{
    size_t kept = MAX(pages_rounded(n), (size_t)PAGES_SIZE);

    if (kept < p->n && munmap(p->bytes + kept, p->n - kept) == 0) /* or too many mappings */
        p->n = kept;
}

void pages_free(struct pages *p)
{
    if (p->bytes != NULL)
        munmap(p->bytes, p->n);
    *p = (struct pages){0};
}
