/*
 * Sizes are STEP bytes apart, the header included; each has a list, newest first, since what was
 * used last is still in the CPU's caches. Invariant: lists[i].count blocks are in list i, each of
 * (i + 1) * STEP bytes.
 */
#include "base/stock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/slots.h"

enum { ALIGN = 16, STEP = 64 };

struct stock_block {
    size_t room;              /* of bytes[] */
    struct stock_block *next; /* while it is kept */
    _Alignas(ALIGN) char bytes[];
};

enum {
    HEADER = sizeof(struct stock_block),
    SIZES = (STOCK_LARGEST + HEADER) / STEP,
};

_Static_assert((STOCK_LARGEST + HEADER) % STEP == 0, "the largest size is a whole one");

static _Thread_local struct {
    struct {
        struct stock_block *first;
        unsigned count;
    } lists[SIZES];
    enum { UNUSED, OPEN, CLOSED } state; /* CLOSED: the thread ends */
} stock;

static pthread_key_t at_thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void close_stock(void *unused)
{
    stock.state = CLOSED;
    for (size_t i = 0; i < SIZES; i++) {
        struct stock_block *b;

        while ((b = stock.lists[i].first) != NULL) {
            stock.lists[i].first = b->next;
            free(b);
        }
        stock.lists[i].count = 0;
    }
}

static void make_key(void)
{
    if (pthread_key_create(&at_thread_end, close_stock) != 0)
        WRONG("no key for what a thread does at its end");
}

static void open_stock(void)
{
    pthread_once(&once, make_key);
    if (pthread_setspecific(at_thread_end, &stock) != 0)
        WRONG("no memory for a thread's own data");
    stock.state = OPEN;
}

static struct stock_block *block_of(void *p)
{
    return container_of(p, struct stock_block, bytes);
}

static size_t index_of(size_t room)
{
    return (room + HEADER - 1) / STEP;
}

static bool belongs_in_slot(size_t n)
{
    return !MEM_IS_CHECKED && n >= STOCK_SLOT_LEAST && n <= SLOT_BYTES - HEADER;
}

static void *slot_block(size_t n)
{
    struct stock_block *b = slot_alloc();

    b->room = n; /* all of these belong in slots, by their size too */
    return b->bytes;
}

void *stock_alloc(size_t n)
{
    bool is_large = MEM_IS_CHECKED || n > STOCK_LARGEST;
    size_t i = is_large ? 0 : index_of(n);
    struct stock_block *b = stock.lists[i].first;

    if (!is_large && b != NULL) {
        stock.lists[i].first = b->next;
        stock.lists[i].count--;
        return b->bytes;
    }
    assert(n <= SIZE_MAX - HEADER);
    if (belongs_in_slot(n))
        return slot_block(n);
    b = xmalloc(is_large ? HEADER + n : (i + 1) * STEP);
    b->room = is_large ? n : (i + 1) * STEP - HEADER;
    return b->bytes;
}

void *stock_zalloc(size_t n)
{
    return memset(stock_alloc(n), 0, n);
}

void stock_free(void *p)
{
    struct stock_block *b;
    size_t i;

    if (p == NULL)
        return;
    b = block_of(p);
    if (belongs_in_slot(b->room)) {
        slot_free(b);
        return;
    }
    if (stock.state == UNUSED)
        open_stock();
    if (MEM_IS_CHECKED || b->room > STOCK_LARGEST || stock.state == CLOSED) {
        free(b);
        return;
    }
    i = index_of(b->room);
    if (stock.lists[i].count >= STOCK_KEPT_OF_EACH / ((i + 1) * STEP)) {
        free(b);
        return;
    }
    b->next = stock.lists[i].first;
    stock.lists[i].first = b;
    stock.lists[i].count++;
}

void *stock_realloc(void *p, size_t n)
{
    void *fresh;

    if (p != NULL && n <= block_of(p)->room && !MEM_IS_CHECKED)
        return p;
    fresh = stock_alloc(n);
    if (p != NULL)
        memcpy(fresh, p, MIN(n, block_of(p)->room));
    stock_free(p);
    return fresh;
}

unsigned stock_kept(void)
{
    unsigned n = 0;

    for (size_t i = 0; i < SIZES; i++)
        n += stock.lists[i].count;
    return n;
}
