/*
 * What was removed while the folder is being looked through, by the hash in the file's name. A hash
 * that two keys share costs one of them its file. All with the lock of the disk held.
 */
#include <stdlib.h>

#include "cache/disk_internal.h"

static bool is_any(const struct map_node *node, const void *arg)
{
    return true; /* the hash is all there is to compare */
}

void disk_removed_init(struct disk_removed *r)
{
    map_init(&r->hashes);
    r->is_everything = false;
}

void disk_removed_done(struct disk_removed *r)
{
    MAP_FOREACH (node, &r->hashes) {
        map_remove(&r->hashes, node);
        free(node);
    }
    map_done(&r->hashes);
}

void disk_removed_add(struct disk_removed *r, uint64_t hash)
{
    if (disk_removed_has(r, hash))
        return;
    if (r->hashes.count < DISK_MAX_REMOVED)
        map_put(&r->hashes, xzalloc(sizeof(struct map_node)), hash);
    else
        r->is_everything = true;
}

bool disk_removed_has(const struct disk_removed *r, uint64_t hash)
{
    return r->is_everything || map_get(&r->hashes, hash, is_any, NULL) != NULL;
}
