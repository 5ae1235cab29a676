/*
 * Reference-counted bytes: bodies in the cache, shared by all workers. Filled once, from the front,
 * by one producer; what is filled never changes and never moves, so it may be read on any thread
 * while the rest is still on its way. Heap below 64 KiB, pages of their own above
 * (cache/pages.h), so that a big body leaves no hole in the heap when it goes, and leaves for its
 * viewers without being copied.
 */
#ifndef CACHE_BLOB_H
#define CACHE_BLOB_H

#include "base/arena.h"
#include "base/body.h"
#include "base/str.h"

struct blob;

/* `n` bytes, all of them counted as filled: the maker writes them before anybody else sees the
 * blob. One reference; NULL when memory is short (big bodies degrade, they don't abort). */
struct blob *blob_new(size_t n) MUST_CHECK;
char *blob_bytes(struct blob *b);

/*
 * Empty, to be filled: up to exactly `length` bytes, or up to `cap` when nobody knows yet (from
 * 64 KiB on memory is then taken as bytes come, until blob_seal()).
 */
struct blob *blob_new_growing(size_t length) MUST_CHECK;
struct blob *blob_new_unbounded(size_t cap) MUST_CHECK;
/* For the producer: where the next bytes go and how many have room there; then, that they are
 * there; at last, that no more will come: whole pages beyond them are given back. */
char *blob_room(struct blob *b, size_t *ret_n);
void blob_grown(struct blob *b, size_t n);
void blob_seal(struct blob *b);
/* What to keep of a sealed one: a reference to it, or, when few bytes sit in much memory, to a
 * copy. */
struct blob *blob_compact(struct blob *b);

size_t blob_filled(const struct blob *b);  /* any thread */
struct str blob_str(const struct blob *b); /* what is filled */
/* Some of what is filled, as a body shows it. */
void blob_show(const struct blob *b, size_t at, size_t n, struct body_view *ret);
/* Bytes of memory it takes, its own record and rounding included. */
size_t blob_footprint(const struct blob *b);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob **b); /* any thread; accepts NULL, clears the pointer */
long blob_live(void);             /* gauge: blobs in the process */

/* A range of a blob as a body; holds a reference until done. Allocated in `a`; NULL when it is
 * full. */
struct body *blob_body_new(struct arena *a, struct blob *b, uint64_t first, uint64_t length);

#endif
