/*
 * Blocks are chained newest first. Each thread keeps up to STOCK_MAX empty standard blocks, so that
 * a request on a busy worker costs no malloc. Invariant: used <= cap.
 */
#include "base/arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

enum { ALIGN = 16, STOCK_MAX = 64 };

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the payload */
    _Alignas(ALIGN) char bytes[];
};

enum { STANDARD_PAYLOAD = ARENA_BLOCK - (int)sizeof(struct arena_block) };

static _Thread_local struct arena_block *stock;
static _Thread_local int stock_count;
static atomic_long live;

long arena_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}

void arena_init(struct arena *a, size_t cap)
{
    *a = (struct arena){.cap = cap};
    atomic_fetch_add_explicit(&live, 1, memory_order_relaxed);
}

static void block_give_back(struct arena_block *b)
{
    if (MEM_IS_CHECKED || b->size != STANDARD_PAYLOAD || stock_count == STOCK_MAX) {
        free(b);
        return;
    }
    b->next = stock;
    stock = b;
    stock_count++;
}

void arena_done(struct arena *a)
{
    while (a->blocks != NULL) {
        struct arena_block *b = a->blocks;

        a->blocks = b->next;
        block_give_back(b);
    }
    *a = (struct arena){0};
    atomic_fetch_sub_explicit(&live, 1, memory_order_relaxed);
}

static struct arena_block *block_get(size_t payload)
{
    struct arena_block *b = stock;

    if (payload == STANDARD_PAYLOAD && b != NULL) {
        stock = b->next;
        stock_count--;
        return b;
    }
    b = xmalloc(sizeof *b + payload);
    b->size = payload;
    return b;
}

/* A block of its own, rather than give up more of the current one than a new one would have left?
 */
static bool wants_own_block(const struct arena *a, size_t n)
{
    return MEM_IS_CHECKED || n > STANDARD_PAYLOAD ||
           (size_t)(a->end - a->at) > STANDARD_PAYLOAD - n;
}

static void *alloc_from_new_block(struct arena *a, size_t n)
{
    bool is_own = wants_own_block(a, n);
    struct arena_block *b = block_get(is_own ? n : STANDARD_PAYLOAD);

    b->next = a->blocks;
    a->blocks = b;
    if (!is_own) { /* an own block leaves the rest of the current one in use */
        a->at = b->bytes + n;
        a->end = b->bytes + b->size;
    }
    return b->bytes;
}

void *arena_alloc(struct arena *a, size_t n)
{
    size_t rounded = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    void *p;

    if (rounded < n || rounded > a->cap - a->used)
        a->is_full = true;
    if (a->is_full)
        return NULL;
    a->used += rounded;
    if (MEM_IS_CHECKED)
        return alloc_from_new_block(a, n);
    if ((size_t)(a->end - a->at) < rounded)
        return alloc_from_new_block(a, rounded);
    p = a->at;
    a->at += rounded;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);

    return p != NULL ? memset(p, 0, n) : NULL;
}

struct str arena_copy(struct arena *a, struct str s)
{
    return arena_join(a, &s, 1);
}

struct str arena_join(struct arena *a, const struct str *pieces, size_t n)
{
    size_t total = 0, at = 0;
    char *p;

    for (size_t i = 0; i < n; i++)
        total += pieces[i].n;
    p = arena_alloc(a, total + 1);
    if (p == NULL)
        return STR_NONE;
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].n > 0)
            memcpy(p + at, pieces[i].p, pieces[i].n);
        at += pieces[i].n;
    }
    p[total] = '\0';
    return (struct str){p, total};
}

struct str arena_vprintf(struct arena *a, const char *format, va_list args)
{
    va_list again;
    char *p;
    int n;

    va_copy(again, args);
    n = vsnprintf(NULL, 0, format, args);
    assert(n >= 0);
    p = arena_alloc(a, (size_t)n + 1);
    if (p != NULL)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p != NULL ? (struct str){p, (size_t)n} : STR_NONE;
}

struct str arena_printf(struct arena *a, const char *format, ...)
{
    struct str s;
    va_list args;

    va_start(args, format);
    s = arena_vprintf(a, format, args);
    va_end(args);
    return s;
}
