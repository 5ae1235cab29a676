#include "gate/purge.h"

#include "access/stream_key.h"

struct matching {
    const struct rules *rules;
    const struct purge *purge;
};

/* "ORIGIN:PATH" or "ORIGIN:PATH\nQUERY" */
struct str cache_key_path(struct str key)
{
    struct str path = str_skip(key, (size_t)(str_find_char(key, ':') + 1));
    ptrdiff_t end = str_find_char(path, '\n');

    return end < 0 ? path : str_first(path, (size_t)end);
}

static bool matches(struct str key, void *arg)
{
    const struct matching *m = arg;
    struct str path = cache_key_path(key);

    if (m->purge->path.p != NULL)
        return str_eq(path, m->purge->path);
    if (m->purge->prefix.p != NULL)
        return str_starts(path, m->purge->prefix);
    return str_eq(stream_key_of(m->rules->stream_key, path), m->purge->stream_key);
}

/* The disk first: what has been read from there before is in a flight, and goes with it. */
unsigned cache_purge_by(struct gate_worker *w, const struct rules *rules, const struct purge *p,
                        unsigned *ret_disk)
{
    struct matching m = {rules, p};
    unsigned count;

    *ret_disk = w->gate->disk != NULL ? disk_purge(w->gate->disk, matches, &m) : 0;
    count = cache_purge(w->gate->cache, matches, &m);
    atomic_fetch_add(&w->gate->purges, 1); /* what was made of them goes, too (compress.c) */
    return count;
}
