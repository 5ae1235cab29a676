/*
 * A blob is one allocation below MAPPED_FROM: record and bytes side by side. Above, the bytes are
 * pages (cache/pages.h), which go back to the kernel at once when the last reference goes, whatever
 * the heap around them looks like. One that grows to an unknown length has as many as it may
 * become: the kernel provides them as they are written, and its bytes never move, so readers need
 * no lock. blob_seal() cuts off what was not needed. Every range of pages is one of the 65530
 * mappings that Linux lets a process have, so what turns out small is not kept in one.
 *
 * Invariants: refs > 0 while anybody can see the blob; bytes below `filled` do not change. The last
 * reference may be dropped on any thread; acq_rel on the count orders every use of the bytes before
 * their release.
 */
#include "cache/blob.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cache/pages.h"

enum { MAPPED_FROM = 64 << 10 };

struct blob {
    atomic_uint refs;
    atomic_size_t filled; /* bytes that readers may see; only the producer moves it */
    size_t cap;           /* bytes it may become */
    size_t here_n;        /* bytes allocated at `here`; 0: they are `pages` */
    struct pages pages;   /* owned */
    char *bytes;
    char here[];
};

static atomic_long live;

long blob_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

static struct blob *new_mapped(size_t n, bool is_full)
{
    struct blob *b = malloc(sizeof *b);
    struct pages pages;

    if (b == NULL || pages_new(n, is_full, &pages) < 0) {
        free(b);
        return NULL;
    }
    *b = (struct blob){.pages = pages, .bytes = pages.bytes};
    return b;
}

static struct blob *new_on_heap(size_t n)
{
    struct blob *b = malloc(sizeof *b + n);

    if (b != NULL)
        *b = (struct blob){.here_n = n, .bytes = b->here};
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

static struct blob *new_empty(size_t cap, bool is_full)
{
    if (cap > SIZE_MAX / 2) /* past this, rounding could wrap */
        return NULL;
    return begin(cap < MAPPED_FROM ? new_on_heap(cap) : new_mapped(cap, is_full), cap);
}

struct blob *blob_new_growing(size_t length)
{
    return new_empty(length, true);
}

struct blob *blob_new_unbounded(size_t cap)
{
    return new_empty(cap, false);
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
    b->cap = blob_filled(b);
    if (b->pages.bytes != NULL)
        pages_cut(&b->pages, b->cap);
}

struct blob *blob_compact(struct blob *b)
{
    struct str s = blob_str(b);
    bool is_compact = b->pages.bytes != NULL ? s.n >= MAPPED_FROM : s.n == b->here_n;
    struct blob *copy = is_compact ? NULL : blob_new(s.n);

    if (copy == NULL)
        return blob_ref(b);
    memcpy(copy->bytes, s.p, s.n);
    return copy;
}

size_t blob_footprint(const struct blob *b)
{
    return sizeof *b + b->here_n + b->pages.n;
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
    pages_free(&gone->pages);
    free(gone);
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

void blob_show(const struct blob *b, size_t at, size_t n, struct body_view *ret)
{
    assert(at <= blob_filled(b) && n <= blob_filled(b) - at);
    ret->kind = b->pages.bytes != NULL ? BODY_PAGES : BODY_MEMORY;
    ret->iov_count = 1;
    ret->iov[0] = (struct iovec){b->bytes + at, n};
}

struct blob_body {
    struct body body;
    struct blob *blob; /* a reference of its own */
    size_t at;
};

static int range_peek(struct body *body, struct body_view *ret_view)
{
    struct blob_body *r = container_of(body, struct blob_body, body);

    blob_show(r->blob, r->at, body->left, ret_view);
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
    r->at = first;
    return &r->body;
}
