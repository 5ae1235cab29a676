/*
 * A blob is one allocation below MAPPED_FROM: record and bytes side by side. Above, the bytes are a
 * mapping of their own, which goes back to the kernel at once when the last reference goes,
 * whatever the heap around it looks like.
 *
 * Invariant: refs > 0 while anybody can see the blob. The last reference may be dropped on any
 * thread; acq_rel on the count orders every use of the bytes before their release.
 */
#include "cache/blob.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/mem.h"

enum { MAPPED_FROM = 64 << 10, PAGE = 4096, HUGE_PAGE = 2 << 20 };

struct blob {
    atomic_uint refs;
    size_t n;
    size_t mapped; /* length of the mapping behind `bytes`; 0: they are `here` */
    char *bytes;
    char here[];
};

static atomic_long live;

long blob_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

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

/* Only aligned ranges get huge pages, and the kernel does not align an anonymous mapping by itself.
 */
static char *map_bytes(size_t length)
{
    size_t spare = length >= HUGE_PAGE ? HUGE_PAGE : 0;
    char *p =
        mmap(NULL, length + spare, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED)
        return NULL;
    if (spare == 0)
        return p;
    p = trim_to_huge_page(p, length);
    madvise(p, length, MADV_HUGEPAGE); /* a wish: without it everything works, slower */
    return p;
}

static struct blob *new_mapped(size_t n)
{
    size_t length = (n + PAGE - 1) & ~(size_t)(PAGE - 1);
    struct blob *b = malloc(sizeof *b);

    if (b == NULL)
        return NULL;
    *b = (struct blob){.mapped = length, .bytes = map_bytes(length)};
    if (b->bytes == NULL)
        xfree_p(&b);
    return b;
}

static struct blob *new_on_heap(size_t n)
{
    struct blob *b = malloc(sizeof *b + n);

    if (b != NULL)
        *b = (struct blob){.bytes = b->here};
    return b;
}

struct blob *blob_new(size_t n)
{
    struct blob *b;

    if (n > SIZE_MAX / 2) /* past this, rounding could wrap */
        return NULL;
    b = n < MAPPED_FROM ? new_on_heap(n) : new_mapped(n);
    if (b == NULL)
        return NULL;
    b->n = n;
    atomic_init(&b->refs, 1);
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return b;
}

char *blob_bytes(struct blob *b)
{
    return b->bytes;
}

struct str blob_str(const struct blob *b)
{
    return (struct str){b->bytes, b->n};
}

size_t blob_footprint(const struct blob *b)
{
    return sizeof *b + (b->mapped > 0 ? b->mapped : b->n);
}

struct blob *blob_ref(struct blob *b)
{
    unsigned before = atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);

    assert(before > 0);
    return b;
}

void blob_unref(struct blob **b)
{
    struct blob *gone = TAKE(*b);

    if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (gone->mapped > 0)
        munmap(gone->bytes, gone->mapped);
    free(gone);
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

struct blob_body {
    struct body body;
    struct blob *blob; /* a reference of its own */
    char *at;
};

static int range_peek(struct body *body, struct body_view *ret_view)
{
    struct blob_body *r = container_of(body, struct blob_body, body);

    ret_view->kind = BODY_MEMORY;
    ret_view->iov_count = 1;
    ret_view->iov[0] = (struct iovec){r->at, body->left};
    return 1;
}

static void range_advance(struct body *body, uint64_t n)
{
    container_of(body, struct blob_body, body)->at += n;
}

static void range_done(struct body *body)
{
    blob_unref(&container_of(body, struct blob_body, body)->blob);
}

struct body *blob_body_new(struct arena *a, struct blob *b, uint64_t first, uint64_t length)
{
    static const struct body_ops ops = {range_peek, range_advance, range_done};
    struct blob_body *r = ARENA_NEW(a, struct blob_body);

    assert(first <= b->n && length <= b->n - first);
    if (r == NULL)
        return NULL;
    r->body = (struct body){.ops = &ops, .left = length};
    r->blob = blob_ref(b);
    r->at = b->bytes + first;
    return &r->body;
}
