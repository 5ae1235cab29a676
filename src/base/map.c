/* Chains in a table of a power of two, doubled when there are more members than chains. */
#include "base/map.h"

#include <stdlib.h>

#include "base/panic.h"

enum { FIRST_CHAINS = 16 };

void map_init(struct map *m)
{
    m->chains = xcalloc(FIRST_CHAINS, sizeof(struct map_node *));
    m->mask = FIRST_CHAINS - 1;
    m->count = 0;
}

void map_done(struct map *m)
{
    free(m->chains);
    *m = (struct map){0};
}

struct map_node *map_get(const struct map *m, uint64_t hash, map_match_fn match, const void *key)
{
    for (struct map_node *n = m->chains[hash & m->mask]; n != NULL; n = n->next)
        if (n->hash == hash && match(n, key))
            return n;
    return NULL;
}

static void chain_push(struct map *m, struct map_node *node)
{
    struct map_node **chain = &m->chains[node->hash & m->mask];

    node->next = *chain;
    *chain = node;
}

static void grow(struct map *m)
{
    struct map_node **old = m->chains;
    size_t old_chains = m->mask + 1;

    m->chains = xcalloc(old_chains * 2, sizeof(struct map_node *));
    m->mask = old_chains * 2 - 1;
    for (size_t i = 0; i < old_chains; i++) {
        for (struct map_node *n = old[i], *next; n != NULL; n = next) {
            next = n->next;
            chain_push(m, n);
        }
    }
    free(old);
}

void map_put(struct map *m, struct map_node *node, uint64_t hash)
{
    if (m->count > m->mask)
        grow(m);
    node->hash = hash;
    chain_push(m, node);
    m->count++;
}

void map_remove(struct map *m, struct map_node *node)
{
    struct map_node **at = &m->chains[node->hash & m->mask];

    while (*at != node) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    m->count--;
}

static struct map_node *first_from(const struct map *m, size_t chain)
{
    for (; m->chains != NULL && chain <= m->mask; chain++)
        if (m->chains[chain] != NULL)
            return m->chains[chain];
    return NULL;
}

struct map_node *map_first(const struct map *m)
{
    return first_from(m, 0);
}

struct map_node *map_next(const struct map *m, const struct map_node *node)
{
    return node->next != NULL ? node->next : first_from(m, (node->hash & m->mask) + 1);
}
