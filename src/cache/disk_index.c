/* Map and SIEVE list under one lock; nothing of the disk in here. */
#include <stdlib.h>

#include "base/panic.h"
#include "cache/disk_internal.h"

struct disk_entry *disk_entry_new(struct str key, uint64_t hash, uint64_t number, uint64_t cost)
{
    struct disk_entry *e = xzalloc(sizeof *e + key.n);

    e->node.hash = hash;
    list_init(&e->link);
    e->number = number;
    e->cost = cost;
    e->key = (struct str){e->key_bytes, key.n};
    if (key.n > 0)
        memcpy(e->key_bytes, key.p, key.n);
    return e;
}

void disk_entry_free(struct disk_entry **e)
{
    free(TAKE(*e));
}

void disk_index_init(struct disk_index *ix)
{
    pthread_mutex_init(&ix->lock, NULL);
    for (int i = 0; i < DISK_SLICES; i++)
        map_init(&ix->slices[i]);
    sieve_init(&ix->sieve);
}

void disk_index_done(struct disk_index *ix)
{
    struct disk_entry *e;

    while ((e = disk_index_evict(ix)) != NULL)
        disk_entry_free(&e);
    for (int i = 0; i < DISK_SLICES; i++)
        map_done(&ix->slices[i]);
    pthread_mutex_destroy(&ix->lock);
}

/* ---- with the lock held ---- */

static struct map *slice_of(struct disk_index *ix, uint64_t hash)
{
    return &ix->slices[hash >> 56]; /* the chains of a map use the low bits */
}
_Static_assert(DISK_SLICES == 1 << 8, "slice_of() uses 8 bits");

static bool has_key(const struct map_node *node, const void *key)
{
    return str_eq(MAP_ENTRY(node, const struct disk_entry, node)->key, *(const struct str *)key);
}

static bool has_number(const struct map_node *node, const void *number)
{
    return MAP_ENTRY(node, const struct disk_entry, node)->number == *(const uint64_t *)number;
}

static struct disk_entry *find(struct disk_index *ix, uint64_t hash, map_match_fn match,
                               const void *arg)
{
    struct map_node *node = map_get(slice_of(ix, hash), hash, match, arg);

    return node != NULL ? MAP_ENTRY(node, struct disk_entry, node) : NULL;
}

static void put_in(struct disk_index *ix, struct disk_entry *e)
{
    map_put(slice_of(ix, e->node.hash), &e->node, e->node.hash);
    sieve_add(&ix->sieve, &e->sieve);
    atomic_fetch_add_explicit(&ix->memory, disk_entry_memory(e), memory_order_relaxed);
    atomic_fetch_add_explicit(&ix->objects, 1, memory_order_relaxed);
}

/* It has left the SIEVE list already. */
static void forget(struct disk_index *ix, struct disk_entry *e)
{
    map_remove(slice_of(ix, e->node.hash), &e->node);
    atomic_fetch_sub_explicit(&ix->memory, disk_entry_memory(e), memory_order_relaxed);
    atomic_fetch_sub_explicit(&ix->objects, 1, memory_order_relaxed);
}

static void take_out(struct disk_index *ix, struct disk_entry *e)
{
    sieve_remove(&ix->sieve, &e->sieve);
    forget(ix, e);
}

static unsigned purge_slice(struct disk_index *ix, struct map *slice, cache_match_fn match,
                            void *arg, struct list *to)
{
    unsigned count = 0;

    MAP_FOREACH (node, slice) {
        struct disk_entry *e = MAP_ENTRY(node, struct disk_entry, node);

        if (match(e->key, arg)) {
            take_out(ix, e);
            list_append(to, &e->link);
            count++;
        }
    }
    return count;
}

/* ---- without it ---- */

struct disk_entry *disk_index_put(struct disk_index *ix, struct disk_entry *e)
{
    struct disk_entry *other;

    pthread_mutex_lock(&ix->lock);
    other = find(ix, e->node.hash, has_key, &e->key);
    if (other != NULL && other->number > e->number) {
        other = e;
    } else {
        if (other != NULL)
            take_out(ix, other);
        put_in(ix, e);
    }
    pthread_mutex_unlock(&ix->lock);
    return other;
}

bool disk_index_has(struct disk_index *ix, uint64_t hash, struct str key)
{
    bool is_there;

    pthread_mutex_lock(&ix->lock);
    is_there = find(ix, hash, has_key, &key) != NULL;
    pthread_mutex_unlock(&ix->lock);
    return is_there;
}

bool disk_index_find(struct disk_index *ix, uint64_t hash, struct str key, uint64_t *ret_number)
{
    struct disk_entry *e;

    pthread_mutex_lock(&ix->lock);
    e = find(ix, hash, has_key, &key);
    if (e != NULL) {
        sieve_hit(&e->sieve);
        *ret_number = e->number;
    }
    pthread_mutex_unlock(&ix->lock);
    return e != NULL;
}

static struct disk_entry *take(struct disk_index *ix, uint64_t hash, map_match_fn match,
                               const void *arg)
{
    struct disk_entry *e;

    pthread_mutex_lock(&ix->lock);
    e = find(ix, hash, match, arg);
    if (e != NULL)
        take_out(ix, e);
    pthread_mutex_unlock(&ix->lock);
    return e;
}

struct disk_entry *disk_index_take(struct disk_index *ix, uint64_t hash, struct str key)
{
    return take(ix, hash, has_key, &key);
}

struct disk_entry *disk_index_take_file(struct disk_index *ix, uint64_t hash, uint64_t number)
{
    return take(ix, hash, has_number, &number);
}

struct disk_entry *disk_index_evict(struct disk_index *ix)
{
    struct sieve_node *victim;
    struct disk_entry *e = NULL;

    pthread_mutex_lock(&ix->lock);
    victim = sieve_evict(&ix->sieve);
    if (victim != NULL) {
        e = container_of(victim, struct disk_entry, sieve);
        forget(ix, e);
    }
    pthread_mutex_unlock(&ix->lock);
    return e;
}

unsigned disk_index_purge(struct disk_index *ix, cache_match_fn match, void *arg, struct list *to)
{
    unsigned count = 0;

    for (int i = 0; i < DISK_SLICES; i++) {
        pthread_mutex_lock(&ix->lock);
        count += purge_slice(ix, &ix->slices[i], match, arg, to);
        pthread_mutex_unlock(&ix->lock);
    }
    return count;
}
