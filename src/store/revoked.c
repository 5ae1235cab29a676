/*
 * A map of keys as they stand on disk, behind a read-write lock. `count` mirrors the map's and is
 * read without the lock: a reader that misses an entry which is being added this moment might as
 * well have come a moment earlier.
 */
#include "store/revoked.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/panic.h"

struct revoked {
    pthread_rwlock_t lock;
    struct map map;
    _Atomic uint64_t count;
};

struct entry {
    struct map_node node;
    size_t n;
    char key[];
};

struct revoked *revoked_new(void)
{
    struct revoked *r = xzalloc(sizeof *r);

    map_init(&r->map);
    pthread_rwlock_init(&r->lock, NULL);
    return r;
}

void revoked_free(struct revoked **r)
{
    if (*r == NULL)
        return;
    MAP_FOREACH (node, &(*r)->map) {
        map_remove(&(*r)->map, node);
        free(MAP_ENTRY(node, struct entry, node));
    }
    map_done(&(*r)->map);
    pthread_rwlock_destroy(&(*r)->lock);
    free(*r);
    *r = NULL;
}

static bool match(const struct map_node *node, const void *key)
{
    const struct entry *e = MAP_ENTRY(node, const struct entry, node);

    return str_eq((struct str){e->key, e->n}, *(const struct str *)key);
}

static struct map_node *find(struct revoked *r, struct str key, uint64_t *ret_hash)
{
    *ret_hash = hash_bytes(hash_process_key(), key);
    return map_get(&r->map, *ret_hash, match, &key);
}

static void note_count(struct revoked *r)
{
    atomic_store_explicit(&r->count, r->map.count, memory_order_release);
}

void revoked_add(struct revoked *r, struct str key)
{
    uint64_t hash;

    pthread_rwlock_wrlock(&r->lock);
    if (find(r, key, &hash) == NULL) {
        struct entry *e = xmalloc(sizeof *e + key.n);

        e->n = key.n;
        memcpy(e->key, key.p, key.n);
        map_put(&r->map, &e->node, hash);
        note_count(r);
    }
    pthread_rwlock_unlock(&r->lock);
}

void revoked_remove(struct revoked *r, struct str key)
{
    struct map_node *node;
    uint64_t hash;

    pthread_rwlock_wrlock(&r->lock);
    node = find(r, key, &hash);
    if (node != NULL) {
        map_remove(&r->map, node);
        free(MAP_ENTRY(node, struct entry, node));
        note_count(r);
    }
    pthread_rwlock_unlock(&r->lock);
}

void revoked_expire(struct revoked *r, unix_t now)
{
    pthread_rwlock_wrlock(&r->lock);
    MAP_FOREACH (node, &r->map) {
        struct entry *e = MAP_ENTRY(node, struct entry, node);

        if (revoked_key_ends((struct str){e->key, e->n}) < now) {
            map_remove(&r->map, node);
            free(e);
        }
    }
    note_count(r);
    pthread_rwlock_unlock(&r->lock);
}

bool revoked_has(struct revoked *r, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid,
                 unix_t ends)
{
    struct key k;
    uint64_t hash;
    bool has;

    if (revoked_count(r) == 0)
        return false;
    revoked_key(&k, viewer, ends, uid);
    pthread_rwlock_rdlock(&r->lock);
    has = find(r, key_str(&k), &hash) != NULL;
    pthread_rwlock_unlock(&r->lock);
    return has;
}

uint64_t revoked_count(const struct revoked *r)
{
    return atomic_load_explicit(&r->count, memory_order_acquire);
}
