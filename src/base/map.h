/*
 * Hash map threaded through its members: the owner of a member embeds a `struct map_node`; the map
 * owns only its table of chains. Keys are compared by the caller's function, hashes are the
 * caller's too (hash_bytes() with the process key for whatever a peer can choose). Not thread-safe.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **chains; /* owned */
    size_t mask, count;
};

#define MAP_ENTRY(node, type, member) container_of(node, type, member)

typedef bool (*map_match_fn)(const struct map_node *node, const void *key);

void map_init(struct map *m);
void map_done(struct map *m); /* the members must have left, or be freed by the caller */

struct map_node *map_get(const struct map *m, uint64_t hash, map_match_fn match, const void *key);
void map_put(struct map *m, struct map_node *node,
             uint64_t hash);                           /* the key must not be there yet */
void map_remove(struct map *m, struct map_node *node); /* must be there */

/* Every member once, in no order; `node` may be removed (and freed) by the body, nothing added. */
struct map_node *map_first(const struct map *m);
struct map_node *map_next(const struct map *m, const struct map_node *node);
#define MAP_FOREACH(node, m)                                 \
    for (struct map_node *node = map_first(m), *node##_next; \
         node != NULL && (node##_next = map_next(m, node), true); node = node##_next)

#endif
