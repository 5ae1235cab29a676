/*
 * Small memory that comes and goes with every request, and has no arena to live in: what a thread
 * gives back it keeps, by size, for the next who asks. A bounded number of bytes of each size is
 * kept, and all of it is given back when the thread ends. Blocks may be given back on another
 * thread than they came from. What is about as large as an HTTP/2 frame lives in a slot
 * (base/slots.h). Under ASan each is a malloc of its own, freed at once.
 */
#ifndef BASE_STOCK_H
#define BASE_STOCK_H

#include <stddef.h>

enum {
    STOCK_LARGEST = 2032, /* bytes; larger ones are malloc's, or in a slot */
    STOCK_SLOT_LEAST = 16 * 1024,
    STOCK_KEPT_OF_EACH = 64 * 1024, /* bytes of one size that a thread keeps */
};

/* 16-byte aligned. Aborts when there is no memory, as xmalloc() does. */
void *stock_alloc(size_t n);
void *stock_zalloc(size_t n);
void *stock_realloc(void *p, size_t n); /* as realloc(); NULL: a new one */
void stock_free(void *p);               /* accepts NULL */

/* How many blocks this thread keeps: for tests. */
unsigned stock_kept(void);

#endif
