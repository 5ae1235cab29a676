/*
 * Reference-counted immutable bytes: bodies in the cache, shared by all workers. Written by its
 * maker, then published; from then on read-only. Heap below 64 KiB, an anonymous mapping (with huge
 * pages from 2 MiB on) above, so that a big body leaves no hole in the heap when it goes.
 */
#ifndef CACHE_BLOB_H
#define CACHE_BLOB_H

#include "base/arena.h"
#include "base/body.h"
#include "base/str.h"

struct blob;

/* `n` writable bytes, one reference; NULL when memory is short (big bodies degrade, they don't
 * abort). */
struct blob *blob_new(size_t n) MUST_CHECK;
char *blob_bytes(struct blob *b);
struct str blob_str(const struct blob *b);
size_t blob_footprint(
    const struct blob *b); /* bytes of memory it takes, its own record and rounding included */
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob **b); /* any thread; accepts NULL, clears the pointer */
long blob_live(void);             /* gauge: blobs in the process */

/* A range of a blob as a body; holds a reference until done. Allocated in `a`; NULL when it is
 * full. */
struct body *blob_body_new(struct arena *a, struct blob *b, uint64_t first, uint64_t length);

#endif
