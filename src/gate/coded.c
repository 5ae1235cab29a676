/* Every member is in the map, by the hash of its name, and in the sieve. */
#include "gate/coded.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/panic.h"
#include "cache/sieve.h"

struct member {
    struct map_node node;
    struct sieve_node sieve;
    struct blob *blob; /* a reference; NULL: no gain */
    struct str name;   /* in `bytes` */
    char bytes[];
};

struct coded {
    struct map map;
    struct sieve sieve;
    size_t bytes;
};

static atomic_long live;

struct coded *coded_new(void)
{
    struct coded *c = xzalloc(sizeof *c);

    map_init(&c->map);
    sieve_init(&c->sieve);
    return c;
}

static size_t cost_of(struct str name, const struct blob *b)
{
    return sizeof(struct member) + name.n + (b != NULL ? blob_footprint(b) : 0);
}

/* Which has left the sieve. */
static void let_go(struct coded *c, struct member *m)
{
    map_remove(&c->map, &m->node);
    c->bytes -= cost_of(m->name, m->blob);
    atomic_fetch_sub_explicit(&live, m->blob != NULL, memory_order_relaxed);
    blob_unref(&m->blob);
    free(m);
}

/* False: there is nothing in there. */
static bool evict(struct coded *c)
{
    struct sieve_node *n = sieve_evict(&c->sieve);

    if (n == NULL)
        return false;
    let_go(c, container_of(n, struct member, sieve));
    return true;
}

void coded_clear(struct coded *c)
{
    while (evict(c))
        continue;
    assert(c->bytes == 0);
}

void coded_free(struct coded **c)
{
    struct coded *old = TAKE(*c);

    if (old == NULL)
        return;
    coded_clear(old);
    map_done(&old->map);
    free(old);
}

static bool is_named(const struct map_node *node, const void *key)
{
    const struct str *name = key;

    return str_eq(MAP_ENTRY(node, const struct member, node)->name, *name);
}

static uint64_t hash_of(struct str name)
{
    return hash_bytes(hash_process_key(), name);
}

enum coded_found coded_get(struct coded *c, struct str name, struct blob **ret)
{
    struct map_node *node = map_get(&c->map, hash_of(name), is_named, &name);
    struct member *m;

    if (node == NULL)
        return CODED_UNKNOWN;
    m = MAP_ENTRY(node, struct member, node);
    sieve_hit(&m->sieve);
    if (m->blob == NULL)
        return CODED_NO_GAIN;
    *ret = blob_ref(m->blob);
    return CODED_IS_HERE;
}

static struct member *member_new(struct str name, struct blob *b)
{
    struct member *m = xzalloc(sizeof *m + name.n);

    memcpy(m->bytes, name.p, name.n);
    m->name = (struct str){m->bytes, name.n};
    m->blob = b != NULL ? blob_ref(b) : NULL;
    return m;
}

void coded_put(struct coded *c, struct str name, struct blob *b)
{
    size_t cost = cost_of(name, b);
    struct member *m;

    if (cost > CODED_ONE_MAX)
        return;
    while (c->bytes + cost > CODED_BYTES && evict(c))
        continue;
    m = member_new(name, b);
    map_put(&c->map, &m->node, hash_of(name));
    sieve_add(&c->sieve, &m->sieve);
    c->bytes += cost;
    atomic_fetch_add_explicit(&live, b != NULL, memory_order_relaxed);
}

size_t coded_bytes(const struct coded *c)
{
    return c->bytes;
}

long coded_live(void)
{
    return atomic_load_explicit(&live, memory_order_relaxed);
}
