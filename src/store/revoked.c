/*
 * Two maps behind a read-write lock: the keys as they stand on disk, and, counted, the pairs of
 * viewer and uid that they name. `count` mirrors the first map's and is read without the lock: a
 * reader that misses an entry which is being added this moment might as well have come a moment
 * earlier.
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
    struct map keys, pairs;
    _Atomic uint64_t count;
};

struct entry {
    struct map_node node;
    uint64_t count; /* keys that name this pair; of a key: 1 */
    size_t n;
    char key[];
};

struct revoked *revoked_new(void)
{
    struct revoked *r = xzalloc(sizeof *r);

    map_init(&r->keys);
    map_init(&r->pairs);
    pthread_rwlock_init(&r->lock, NULL);
    return r;
}

static void empty(struct map *m)
{
    MAP_FOREACH (node, m) {
        map_remove(m, node);
        free(MAP_ENTRY(node, struct entry, node));
    }
    map_done(m);
}

void revoked_free(struct revoked **r)
{
    if (*r == NULL)
        return;
    empty(&(*r)->keys);
    empty(&(*r)->pairs);
    pthread_rwlock_destroy(&(*r)->lock);
    free(*r);
    *r = NULL;
}

/* ---- entries ---- */

static bool match(const struct map_node *node, const void *key)
{
    const struct entry *e = MAP_ENTRY(node, const struct entry, node);

    return str_eq((struct str){e->key, e->n}, *(const struct str *)key);
}

static struct entry *find(const struct map *m, struct str key, uint64_t *ret_hash)
{
    struct map_node *node;

    *ret_hash = hash_bytes(hash_process_key(), key);
    node = map_get(m, *ret_hash, match, &key);
    return node != NULL ? MAP_ENTRY(node, struct entry, node) : NULL;
}

static void count_up(struct map *m, struct str key)
{
    uint64_t hash;
    struct entry *e = find(m, key, &hash);

    if (e == NULL) {
        e = xmalloc(sizeof *e + key.n);
        e->count = 0;
        e->n = key.n;
        memcpy(e->key, key.p, key.n);
        map_put(m, &e->node, hash);
    }
    e->count++;
}

static void count_down(struct map *m, struct entry *e)
{
    if (e == NULL || --e->count > 0)
        return;
    map_remove(m, &e->node);
    free(e);
}

/* `e` is one of the keys. */
static void take_away(struct revoked *r, struct entry *e)
{
    struct key pair;
    uint64_t hash;

    revoked_pair_of(&pair, (struct str){e->key, e->n});
    count_down(&r->pairs, find(&r->pairs, key_str(&pair), &hash));
    count_down(&r->keys, e);
}

static bool has(struct revoked *r, const struct map *m, struct str key)
{
    uint64_t hash;
    bool is_there;

    pthread_rwlock_rdlock(&r->lock);
    is_there = find(m, key, &hash) != NULL;
    pthread_rwlock_unlock(&r->lock);
    return is_there;
}

static void note_count(struct revoked *r)
{
    atomic_store_explicit(&r->count, r->keys.count, memory_order_release);
}

/* ---- what others see ---- */

void revoked_add(struct revoked *r, struct str key)
{
    struct key pair;
    uint64_t hash;

    revoked_pair_of(&pair, key);
    pthread_rwlock_wrlock(&r->lock);
    if (find(&r->keys, key, &hash) == NULL) {
        count_up(&r->keys, key);
        count_up(&r->pairs, key_str(&pair));
        note_count(r);
    }
    pthread_rwlock_unlock(&r->lock);
}

void revoked_remove(struct revoked *r, struct str key)
{
    struct entry *e;
    uint64_t hash;

    pthread_rwlock_wrlock(&r->lock);
    e = find(&r->keys, key, &hash);
    if (e != NULL)
        take_away(r, e);
    note_count(r);
    pthread_rwlock_unlock(&r->lock);
}

void revoked_expire(struct revoked *r, unix_t now)
{
    pthread_rwlock_wrlock(&r->lock);
    MAP_FOREACH (node, &r->keys) {
        struct entry *e = MAP_ENTRY(node, struct entry, node);

        if (revoked_key_ends((struct str){e->key, e->n}) < now)
            take_away(r, e);
    }
    note_count(r);
    pthread_rwlock_unlock(&r->lock);
}

bool revoked_has(struct revoked *r, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid,
                 unix_t ends)
{
    struct key k;

    if (revoked_count(r) == 0)
        return false;
    revoked_key(&k, viewer, ends, uid);
    return has(r, &r->keys, key_str(&k));
}

bool revoked_has_any(struct revoked *r, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid)
{
    struct key k, pair;

    if (revoked_count(r) == 0)
        return false;
    revoked_key(&k, viewer, 0, uid);
    revoked_pair_of(&pair, key_str(&k));
    return has(r, &r->pairs, key_str(&pair));
}

uint64_t revoked_count(const struct revoked *r)
{
    return atomic_load_explicit(&r->count, memory_order_acquire);
}
