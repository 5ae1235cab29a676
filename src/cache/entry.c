/* What is kept of an object: its record, its references, its end. */
#include <stdlib.h>
#include <unistd.h>

#include "base/panic.h"
#include "cache/cache_internal.h"

static struct str copy_to(char **at, struct str s)
{
    struct str copy = {*at, s.n};

    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

struct entry *entry_new(struct str key, const struct cache_entry *seen)
{
    size_t size = sizeof(struct entry) + key.n + seen->etag.n + seen->type.n;
    struct entry *e = xzalloc(size);
    char *at = e->bytes;

    e->seen = *seen;
    atomic_init(&e->refs, 1);
    e->key = copy_to(&at, key);
    e->seen.etag = copy_to(&at, seen->etag);
    e->seen.type = copy_to(&at, seen->type);
    e->cost = size + seen->derived_bytes;
    if (seen->blob != NULL)
        e->cost += blob_footprint(seen->blob);
    return e;
}

static void entry_free(struct entry *e)
{
    if (e->seen.derived != NULL && e->seen.derived_free != NULL)
        e->seen.derived_free(e->seen.derived);
    if (e->seen.is_file)
        close(e->seen.fd);
    blob_unref(&e->seen.blob);
    free(e);
}

struct cache_entry *cache_entry_ref(struct cache_entry *e)
{
    unsigned before = atomic_fetch_add_explicit(&entry_of(e)->refs, 1, memory_order_relaxed);

    assert(before > 0);
    return e;
}

void cache_entry_unref(struct cache_entry **e)
{
    struct cache_entry *gone = TAKE(*e);

    if (gone != NULL &&
        atomic_fetch_sub_explicit(&entry_of(gone)->refs, 1, memory_order_acq_rel) == 1)
        entry_free(entry_of(gone));
}

bool cache_claim_check(struct cache_entry *e, usec_t now, usec_t interval)
{
    usec_t last = atomic_load_explicit(&e->checked_at, memory_order_relaxed);

    if (now < last ||
        now - last < interval) /* `last` may come from a worker whose clock is ahead */
        return false;
    return atomic_compare_exchange_strong_explicit(&e->checked_at, &last, now, memory_order_relaxed,
                                                   memory_order_relaxed);
}

static void release_entry(void *owner)
{
    struct cache_entry *e = owner;

    cache_entry_unref(&e);
}

struct body *cache_body_new(struct arena *a, struct cache_entry *e, uint64_t first, uint64_t length)
{
    struct file_body *f;

    if (e->blob != NULL)
        return blob_body_new(a, e->blob, first, length);
    assert(first <= e->version.size && length <= e->version.size - first);
    f = ARENA_NEW(a, struct file_body);
    if (f == NULL)
        return NULL;
    file_body_init(f, e->fd, first, length, release_entry, cache_entry_ref(e));
    return &f->body;
}
