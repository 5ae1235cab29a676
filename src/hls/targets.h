/*
 * The distinct paths that need a signature of their own, numbered in the order of their first use,
 * while a playlist is scanned.
 */
#ifndef HLS_TARGETS_H
#define HLS_TARGETS_H

#include <stdint.h>

#include "base/map.h"
#include "base/str.h"

struct target;

struct target_set {
    struct map by_path;
    struct target *newest; /* owned; chained back to the first */
    uint32_t count;
    size_t bytes;
};

void target_set_init(struct target_set *set);
void target_set_done(struct target_set *set);

/* The number of `path`, which is copied when it is new; -1 when PLAYLIST_MAX_TARGETS are there
 * already. */
int64_t target_set_add(struct target_set *set, struct str path) MUST_CHECK;

/* All paths by number, one heap block with the bytes behind the array; NULL when there are none. */
struct str *target_set_export(const struct target_set *set) MUST_CHECK;

#endif
