/*
 * Members live on the heap, found by hash and chained newest first; they are freed when the scan
 * ends, and what stays is one block of exact size. The hash is keyed: the origin's text chooses the
 * paths.
 */
#include "hls/targets.h"

#include <stdlib.h>

#include "base/hash.h"
#include "hls/playlist.h"

struct target {
    struct map_node node;
    struct target *older;
    uint32_t number;
    size_t n;
    char path[];
};

static struct str target_path(const struct target *t)
{
    return (struct str){t->path, t->n};
}

static bool target_match(const struct map_node *node, const void *key)
{
    return str_eq(target_path(MAP_ENTRY(node, struct target, node)), *(const struct str *)key);
}

void target_set_init(struct target_set *set)
{
    *set = (struct target_set){0};
    map_init(&set->by_path);
}

void target_set_done(struct target_set *set)
{
    map_done(&set->by_path);
    while (set->newest != NULL) {
        struct target *t = set->newest;

        set->newest = t->older;
        free(t);
    }
}

int64_t target_set_add(struct target_set *set, struct str path)
{
    uint64_t hash = hash_bytes(hash_process_key(), path);
    struct map_node *known = map_get(&set->by_path, hash, target_match, &path);
    struct target *t;

    if (known != NULL)
        return MAP_ENTRY(known, struct target, node)->number;
    if (set->count == PLAYLIST_MAX_TARGETS)
        return -1;
    t = xmalloc(sizeof *t + path.n);
    *t = (struct target){.older = set->newest, .number = set->count, .n = path.n};
    memcpy(t->path, path.p, path.n);
    map_put(&set->by_path, &t->node, hash);
    set->newest = t;
    set->bytes += path.n;
    return set->count++;
}

struct str *target_set_export(const struct target_set *set)
{
    struct str *paths;
    char *bytes;

    if (set->count == 0)
        return NULL;
    paths = xmalloc(set->count * sizeof *paths + set->bytes);
    bytes = (char *)(paths + set->count);
    for (const struct target *t = set->newest; t != NULL; t = t->older) {
        memcpy(bytes, t->path, t->n);
        paths[t->number] = (struct str){bytes, t->n};
        bytes += t->n;
    }
    return paths;
}
