/*
 * A blob is one allocation below MAPPED_FROM: record and bytes side by side. Above, the bytes are a
 * mapping of their own, which goes back to the kernel at once when the last reference goes,
 * whatever the heap around it looks like. One that grows to an unknown length is a mapping as long
 * as it may become: the kernel gives it pages as they are written, and its bytes never move, so
 * readers need no lock. blob_seal() cuts off what was not needed. Every such mapping is one of the
 * 65530 that Linux lets a process have, so what turns out small is not kept in one.
 *
 * Invariants: refs > 0 while anybody can see the blob; bytes below `filled` do not change. The last
 * reference may be dropped on any thread; acq_rel on the count orders every use of the bytes before
 * their release.
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
    atomic_size_t filled; /* bytes that readers may see; only the producer moves it */
    size_t cap;           /* bytes it may become */
    size_t taken;         /* bytes of memory at `bytes` */
    bool is_mapped;       /* they are a mapping; else they are `here` */
    char *bytes;
    char here[];
};

static atomic_long live;

long blob_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

static size_t page_rounded(size_t n)
{
    return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
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

static char *map_pages(size_t length, int flags)
{
    char *p =
        mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

    return p != MAP_FAILED ? p : NULL;
}

/* Only aligned ranges get huge pages, and the kernel does not align an anonymous mapping by itself.
 */
static char *map_bytes(size_t length)
{
    char *p;

    if (length < HUGE_PAGE)
        return map_pages(length, 0);
    p = map_pages(length + HUGE_PAGE, 0);
    if (p == NULL)
        return NULL;
    p = trim_to_huge_page(p, length);
    madvise(p, length, MADV_HUGEPAGE); /* a wish: without it everything works, slower */
    return p;
}

/* The record of a mapping; takes `p`, which may be NULL: then there is no blob. */
static struct blob *new_mapped(char *p, size_t length)
{
    struct blob *b = p != NULL ? malloc(sizeof *b) : NULL;

    if (b != NULL)
        *b = (struct blob){.is_mapped = true, .taken = length, .bytes = p};
    else if (p != NULL)
        munmap(p, length);
    return b;
}

static struct blob *new_on_heap(size_t n)
{
    struct blob *b = malloc(sizeof *b + n);

    if (b != NULL)
        *b = (struct blob){.taken = n, .bytes = b->here};
    return b;
}

static struct blob *begin(struct blob *b, size_t cap)
{
    if (b == NULL)
        return NULL;
    b->cap = cap;
    atomic_init(&b->refs, 1);
    atomic_init(&b->filled, 0);
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
    return b;
}

struct blob *blob_new_growing(size_t length)
{
    if (length > SIZE_MAX / 2) /* past this, rounding could wrap */
        return NULL;
    if (length < MAPPED_FROM)
        return begin(new_on_heap(length), length);
    return begin(new_mapped(map_bytes(page_rounded(length)), page_rounded(length)), length);
}

struct blob *blob_new_unbounded(size_t cap)
{
    if (cap > SIZE_MAX / 2)
        return NULL;
    if (cap < MAPPED_FROM)
        return begin(new_on_heap(cap), cap);
    return begin(new_mapped(map_pages(page_rounded(cap), MAP_NORESERVE), page_rounded(cap)), cap);
}

struct blob *blob_new(size_t n)
{
    struct blob *b = blob_new_growing(n);

    if (b != NULL)
        blob_grown(b, n);
    return b;
}

char *blob_bytes(struct blob *b)
{
    return b->bytes;
}

size_t blob_filled(const struct blob *b)
{
    return atomic_load_explicit(&b->filled, memory_order_acquire);
}

struct str blob_str(const struct blob *b)
{
    return (struct str){b->bytes, blob_filled(b)};
}

char *blob_room(struct blob *b, size_t *ret_n)
{
    size_t filled = atomic_load_explicit(&b->filled, memory_order_relaxed);

    *ret_n = b->cap - filled;
    return b->bytes + filled;
}

void blob_grown(struct blob *b, size_t n)
{
    size_t filled = atomic_load_explicit(&b->filled, memory_order_relaxed);

    assert(n <= b->cap - filled);
    atomic_store_explicit(&b->filled, filled + n, memory_order_release);
}

void blob_seal(struct blob *b)
{
    size_t used = MAX(page_rounded(blob_filled(b)), (size_t)PAGE);

    b->cap = blob_filled(b);
    if (!b->is_mapped || used >= b->taken)
        return;
    if (munmap(b->bytes + used, b->taken - used) == 0) /* or there are too many mappings */
        b->taken = used;
}

struct blob *blob_compact(struct blob *b)
{
    struct str s = blob_str(b);
    bool is_compact = b->is_mapped ? s.n >= MAPPED_FROM : s.n == b->taken;
    struct blob *copy = is_compact ? NULL : blob_new(s.n);

    if (copy == NULL)
        return blob_ref(b);
    memcpy(copy->bytes, s.p, s.n);
    return copy;
}

size_t blob_footprint(const struct blob *b)
{
    return sizeof *b + b->taken;
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
    if (gone->is_mapped)
        munmap(gone->bytes, gone->taken);
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

    assert(first <= blob_filled(b) && length <= blob_filled(b) - first);
    if (r == NULL)
        return NULL;
    r->body = (struct body){.ops = &ops, .left = length};
    r->blob = blob_ref(b);
    r->at = b->bytes + first;
    return &r->body;
}
