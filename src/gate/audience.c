/*
 * Notes. A key's hash names its set, and is compared instead of its text: the hash is keyed with a
 * secret, so nobody can choose two keys that share one. Of the minutes the older one is emptied
 * when the next one's first note comes.
 */
#include "gate/audience_internal.h"

#include <stdlib.h>

#include "base/hash.h"

#define NO_MINUTE UINT64_MAX

struct audience *audience_new(usec_t now)
{
    struct audience *a = xzalloc(sizeof *a);

    pthread_mutex_init(&a->lock, NULL);
    a->began = now;
    for (int i = 0; i < AUDIENCE_MINUTES; i++)
        a->minutes[i].number = NO_MINUTE;
    return a;
}

static void end_table(struct audience_table *t)
{
    for (int s = 0; s < AUDIENCE_SETS; s++)
        for (int w = 0; w < AUDIENCE_WAYS; w++)
            sketch_done(&t->places[s][w].viewers);
    sketch_done(&t->keys);
}

void audience_free(struct audience **a)
{
    struct audience *old = TAKE(*a);

    if (old == NULL)
        return;
    for (int i = 0; i < AUDIENCE_MINUTES; i++) {
        for (int k = 0; k < AUDIENCE_KINDS; k++)
            end_table(&old->minutes[i].tables[k]);
        sketch_done(&old->minutes[i].viewers);
    }
    pthread_mutex_destroy(&old->lock);
    free(old);
}

/* ---- minutes ---- */

/* Places are emptied when they are taken. */
static void begin_minute(struct audience_minute *m, uint64_t number)
{
    for (int k = 0; k < AUDIENCE_KINDS; k++) {
        memset(m->tables[k].tags, 0, sizeof m->tables[k].tags);
        memset(m->tables[k].weights, 0, sizeof m->tables[k].weights);
        sketch_clear(&m->tables[k].keys);
    }
    sketch_clear(&m->viewers);
    memset(m->seen, 0, sizeof m->seen);
    m->number = number;
}

static struct audience_minute *minute_of(struct audience *a, usec_t now)
{
    uint64_t number = now / AUDIENCE_WINDOW;
    struct audience_minute *m = &a->minutes[number % AUDIENCE_MINUTES];

    if (m->number != number)
        begin_minute(m, number);
    return m;
}

/* ---- places ---- */

static unsigned set_of(uint64_t tag)
{
    return tag % AUDIENCE_SETS;
}

/* AUDIENCE_WAYS: in none. All are compared: where a search ends is nothing that a branch could
 * guess. */
static int way_of(const uint64_t tags[AUDIENCE_WAYS], uint64_t tag)
{
    unsigned found = 1u << AUDIENCE_WAYS;

    for (int w = 0; w < AUDIENCE_WAYS; w++)
        found |= (unsigned)(tags[w] == tag) << w;
    return __builtin_ctz(found);
}

const struct audience_place *audience_find(const struct audience_table *t, uint64_t tag)
{
    unsigned set = set_of(tag);
    int w = way_of(t->tags[set], tag);

    return w < AUDIENCE_WAYS ? &t->places[set][w] : NULL;
}

/* A free one, or the one that weighs least. */
static int way_to_take(const struct audience_table *t, unsigned set)
{
    int least = 0;

    for (int w = 1; w < AUDIENCE_WAYS; w++)
        if (t->weights[set][w] < t->weights[set][least])
            least = w;
    return least;
}

static int take_place(struct audience *a, struct audience_table *t, uint64_t tag, struct str key)
{
    unsigned set = set_of(tag);
    int w = way_to_take(t, set);
    struct audience_place *p = &t->places[set][w];

    p->bytes = p->requests = 0;
    p->stamp = ++a->stamps;
    sketch_clear(&p->viewers);
    p->key_n = MIN(key.n, sizeof p->key);
    memcpy(p->key, key.p, p->key_n);
    t->tags[set][w] = tag;
    sketch_add(&t->keys, tag);
    return w;
}

/* NULL: there is no key. */
static struct audience_place *count(struct audience *a, struct audience_table *t, struct str key,
                                    uint64_t bytes)
{
    struct audience_place *p;
    uint64_t tag;
    unsigned set;
    int w;

    if (key.n == 0)
        return NULL;
    tag = hash_bytes(hash_process_key(), key);
    tag += tag == 0;
    set = set_of(tag);
    w = way_of(t->tags[set], tag);
    if (w == AUDIENCE_WAYS)
        w = take_place(a, t, tag, key);
    t->weights[set][w] += bytes + 1; /* what has nothing weighs more than nothing */
    p = &t->places[set][w];
    p->bytes += bytes;
    return p;
}

/* ---- viewers ---- */

/*
 * One player asks for one stream again and again: then neither its id need be hashed nor sketches
 * be looked through. Who chooses addresses so that two viewers look like one here is counted once.
 */
static bool was_seen(struct audience_minute *m, const uint8_t id[VIEWER_ID_LEN],
                     struct audience_place *const *places)
{
    enum { WORDS = 3 }; /* the last two overlap */
    uint64_t words[WORDS], mixed = 1;
    uint64_t *seen;

    for (int i = 0; i < WORDS; i++)
        memcpy(&words[i], id + MIN(i * 8, VIEWER_ID_LEN - 8), sizeof words[i]);
    for (int i = 0; i < WORDS; i++)
        mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15u;
    for (int k = 0; k < AUDIENCE_KINDS; k++)
        mixed = (mixed ^ (places[k] != NULL ? places[k]->stamp : 0)) * 0x9e3779b97f4a7c15u;
    seen = &m->seen[(mixed >> 40) % AUDIENCE_SEEN];
    if (*seen == mixed)
        return true;
    *seen = mixed;
    return false;
}

static void see(struct audience_minute *m, const uint8_t id[VIEWER_ID_LEN],
                struct audience_place *const *places)
{
    uint64_t viewer;

    if (was_seen(m, id, places))
        return;
    viewer = hash_bytes(hash_process_key(), (struct str){(const char *)id, VIEWER_ID_LEN});
    sketch_add(&m->viewers, viewer);
    for (int k = 0; k < AUDIENCE_KINDS; k++)
        if (places[k] != NULL)
            sketch_add(&places[k]->viewers, viewer);
}

void audience_note(struct audience *a, const struct audience_note *n, usec_t now)
{
    struct audience_place *places[AUDIENCE_KINDS];
    struct audience_minute *m;

    pthread_mutex_lock(&a->lock);
    m = minute_of(a, now);
    for (int k = 0; k < AUDIENCE_KINDS; k++) {
        places[k] = count(a, &m->tables[k], n->keys[k], n->bytes);
        if (places[k] != NULL)
            places[k]->requests += n->is_first;
    }
    see(m, n->viewer, places);
    pthread_mutex_unlock(&a->lock);
}
