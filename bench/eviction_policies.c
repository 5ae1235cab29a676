/*
 * SIEVE is the one of src/cache/sieve.c. The other two are here to be compared with: LRU, and
 * S3-FIFO (Yang et al., SOSP 2023) with its parameters: a tenth of the bytes for newcomers, ghosts
 * of as many bytes as the main part, counters up to 3.
 */
#include "base/mem.h"
#include "cache/sieve.h"
#include "eviction.h"

/* ---- SIEVE ---- */

static void init_sieve(void *shard, uint64_t limit)
{
    sieve_init(shard);
}

static void add_sieve(void *shard, void *node, uint32_t size)
{
    sieve_add(shard, node);
}

static void hit_sieve(void *shard, void *node)
{
    sieve_hit(node);
}

static void *evict_sieve(void *shard)
{
    return sieve_evict(shard);
}

/* ---- LRU ---- */

/* Newest first. */
static void init_lru(void *shard, uint64_t limit)
{
    list_init(shard);
}

static void add_lru(void *shard, void *node, uint32_t size)
{
    list_prepend(shard, node);
}

static void hit_lru(void *shard, void *node)
{
    list_remove(node);
    list_prepend(shard, node);
}

static void *evict_lru(void *shard)
{
    struct list *oldest = ((struct list *)shard)->prev;

    if (oldest == shard)
        return NULL;
    list_remove(oldest);
    return oldest;
}

/* ---- S3-FIFO ---- */

enum place { OUT, SMALL, MAIN, GHOST };
enum { MAX_HITS = 3 };

struct s3 {
    uint64_t limit;
    struct s3_fifo {
        struct list newest_first;
        uint64_t bytes;
    } fifos[GHOST + 1]; /* by place; none for OUT */
};

struct s3_node {
    struct list link;
    uint32_t size;
    uint8_t place, hits;
};

static void init_s3(void *shard, uint64_t limit)
{
    struct s3 *s = shard;

    s->limit = limit;
    for (int place = SMALL; place <= GHOST; place++)
        list_init(&s->fifos[place].newest_first);
}

static void s3_move(struct s3 *s, struct s3_node *n, enum place to)
{
    if (n->place != OUT) {
        list_remove(&n->link);
        s->fifos[n->place].bytes -= n->size;
    }
    n->place = to;
    if (to != OUT) {
        list_prepend(&s->fifos[to].newest_first, &n->link);
        s->fifos[to].bytes += n->size;
    }
}

static struct s3_node *s3_oldest(struct s3 *s, enum place place)
{
    struct s3_fifo *f = &s->fifos[place];

    if (list_is_empty(&f->newest_first))
        return NULL;
    return LIST_ENTRY(f->newest_first.prev, struct s3_node, link);
}

static struct s3_node *s3_evict_main(struct s3 *s)
{
    struct s3_node *n;

    while ((n = s3_oldest(s, MAIN)) != NULL) {
        if (n->hits == 0) {
            s3_move(s, n, OUT);
            return n;
        }
        n->hits--;
        s3_move(s, n, MAIN);
    }
    return NULL;
}

static void s3_leave_ghost(struct s3 *s, struct s3_node *n)
{
    s3_move(s, n, GHOST);
    while (s->fifos[GHOST].bytes > s->limit - s->limit / 10)
        s3_move(s, s3_oldest(s, GHOST), OUT);
}

/* Those that were hit more than once are promoted; the first that was not goes. */
static struct s3_node *s3_evict_small(struct s3 *s)
{
    struct s3_node *n;

    while ((n = s3_oldest(s, SMALL)) != NULL) {
        if (n->hits <= 1) {
            s3_leave_ghost(s, n);
            return n;
        }
        n->hits = 0;
        s3_move(s, n, MAIN);
    }
    return NULL;
}

static void *evict_s3(void *shard)
{
    struct s3 *s = shard;
    struct s3_node *n = NULL;

    if (s->fifos[SMALL].bytes >= s->limit / 10)
        n = s3_evict_small(s);
    if (n == NULL)
        n = s3_evict_main(s);
    return n != NULL ? n : s3_evict_small(s);
}

static void add_s3(void *shard, void *node, uint32_t size)
{
    struct s3_node *n = node;
    bool was_ghost = n->place == GHOST;

    s3_move(shard, n, OUT);
    n->size = size;
    n->hits = 0;
    s3_move(shard, n, was_ghost ? MAIN : SMALL);
}

static void hit_s3(void *shard, void *node)
{
    struct s3_node *n = node;

    n->hits += n->hits < MAX_HITS;
}

/* ---- the table ---- */

const struct policy policies[] = {
    {"SIEVE", sizeof(struct sieve), sizeof(struct sieve_node), init_sieve, add_sieve, hit_sieve,
     evict_sieve},
    {"S3-FIFO", sizeof(struct s3), sizeof(struct s3_node), init_s3, add_s3, hit_s3, evict_s3},
    {"LRU", sizeof(struct list), sizeof(struct list), init_lru, add_lru, hit_lru, evict_lru},
};
const size_t policy_count = ARRAY_LEN(policies);
