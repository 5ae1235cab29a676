#include "cache/pages.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#define FILE_BYTES ((off_t)1 << 62)
#define RANGE_MAX ((size_t)1 << 40) /* more is no memory: it would only use up the file */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int file = -1;
static atomic_uint_least64_t next_offset;

static void open_file(void)
{
    int fd = memfd_create("hlsgate-cache", MFD_CLOEXEC);

    if (fd < 0)
        return;
    if (ftruncate(fd, FILE_BYTES) == 0)
        file = fd;
    else
        close(fd);
}

int pages_file(void)
{
    pthread_once(&once, open_file);
    return file;
}

static char *map(size_t n, uint64_t offset)
{
    int fd = pages_file();
    int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, flags, fd, fd >= 0 ? (off_t)offset : 0);

    return p != MAP_FAILED ? p : NULL;
}

int pages_new(size_t n, struct pages *ret)
{
    size_t rounded = pages_rounded(MIN(n, RANGE_MAX));
    uint64_t offset = atomic_fetch_add_explicit(&next_offset, rounded, memory_order_relaxed);
    char *p = n <= RANGE_MAX ? map(rounded, offset) : NULL;

    if (p == NULL)
        return -1;
    *ret = (struct pages){p, rounded, offset};
    return 0;
}

/* Pages that were never written are no pages: a hole there costs nothing. */
static void give_back(const struct pages *p, size_t from)
{
    munmap(p->bytes + from, p->n - from);
    if (pages_file() >= 0)
        (void)fallocate(pages_file(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                        (off_t)(p->offset + from), (off_t)(p->n - from));
}

void pages_cut(struct pages *p, size_t n)
{
    size_t kept = MAX(pages_rounded(n), (size_t)PAGES_SIZE);

    if (kept >= p->n)
        return;
    give_back(p, kept);
    p->n = kept;
}

void pages_free(struct pages *p)
{
    if (p->bytes != NULL)
        give_back(p, 0);
    *p = (struct pages){0};
}
