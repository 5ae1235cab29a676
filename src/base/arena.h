/*
 * The memory of one request: bump allocation, given back all at once. A block is a fixed
 * ARENA_BLOCK bytes from a per-thread stock; larger wishes get a block of their own. An arena has a
 * cap: past it, every allocation answers NULL and `is_full` stays set, so a caller may check once,
 * at the end ("sticky"). Under ASan every allocation is a malloc of its own, so that an overflow
 * inside an arena is seen.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

enum { ARENA_BLOCK = 4096 };

struct arena_block;

struct arena {
    struct arena_block *blocks; /* owned; the newest first */
    char *at, *end;             /* the free part of the newest block */
    size_t used, cap;           /* bytes handed out, and the most that may be */
    bool is_full;
};

void arena_init(struct arena *a, size_t cap);
void arena_done(struct arena *a);

/* 16-byte aligned; NULL when the cap is reached. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
void *arena_zalloc(struct arena *a, size_t n) MUST_CHECK;
#define ARENA_NEW(a, type) ((type *)arena_zalloc((a), sizeof(type)))

/* A copy, followed by a NUL that is not counted. STR_NONE when the cap is reached. */
struct str arena_copy(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *format, ...) PRINTF_LIKE(2, 3);
struct str arena_vprintf(struct arena *a, const char *format, va_list args) PRINTF_LIKE(2, 0);

/* `n` strings one after the other. */
struct str arena_join(struct arena *a, const struct str *pieces, size_t n);

/* How many arenas live in the whole process (a gauge). */
long arena_live(void);

#endif
