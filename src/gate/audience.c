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
        memset(m->tables[k].sets, 0, sizeof m->tables[k].sets);
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

/* All are compared: where a search ends is nothing that a branch could guess. */
int audience_way(const struct audience_set *set, uint64_t tag)
{
    unsigned found = 1u << AUDIENCE_WAYS;

    for (int w = 0; w < AUDIENCE_WAYS; w++)
        found |= (unsigned)(set->tags[w] == tag) << w;
    return __builtin_ctz(found);
}

/* A free one, or the one that weighs least. */
static int way_to_take(const struct audience_set *set)
{
    int least = 0;

    for (int w = 1; w < AUDIENCE_WAYS; w++)
        if (set->weights[w] < set->weights[least])
            least = w;
    return least;
}

static int take_place(struct audience *a, struct audience_table *t, uint64_t tag, struct str key)
{
    struct audience_set *set = &t->sets[audience_set_of(tag)];
    int w = way_to_take(set);
    struct audience_place *p = &t->places[audience_set_of(tag)][w];

    set->tags[w] = tag;
    set->weights[w]++; /* more than a free one */
    set->requests[w] = 0;
    set->stamps[w] = ++a->stamps;
    p->inherited = set->weights[w];
    sketch_clear(&p->viewers);
    p->key_n = MIN(key.n, sizeof p->key);
    memcpy(p->key, key.p, p->key_n);
    sketch_add(&t->keys, tag);
    return w;
}

/* Where a key is counted; `set` NULL: there is no key. */
struct spot {
    struct audience_set *set;
    struct audience_place *place;
    int way;
};

static struct spot find(struct audience *a, struct audience_table *t, struct str key)
{
    struct spot s = {0};
    uint64_t tag;

    if (key.n == 0)
        return s;
    tag = hash_bytes(hash_process_key(), key);
    tag += tag == 0;
    s.set = &t->sets[audience_set_of(tag)];
    s.way = audience_way(s.set, tag);
    if (s.way == AUDIENCE_WAYS)
        s.way = take_place(a, t, tag, key);
    s.place = &t->places[audience_set_of(tag)][s.way];
    return s;
}

/* ---- viewers ---- */

/*
 * One player asks for one stream again and again: then neither its id need be hashed nor sketches
 * be looked through. Who chooses addresses so that two viewers look like one here is counted once.
 */
static bool was_seen(struct audience_minute *m, const uint8_t id[VIEWER_ID_LEN],
                     const struct spot *spots)
{
    enum { WORDS = 3 }; /* the last two overlap */
    uint64_t words[WORDS], mixed = 1;
    uint64_t *seen;

    for (int i = 0; i < WORDS; i++)
        memcpy(&words[i], id + MIN(i * 8, VIEWER_ID_LEN - 8), sizeof words[i]);
    for (int i = 0; i < WORDS; i++)
        mixed = (mixed ^ words[i]) * 0x9e3779b97f4a7c15u;
    for (int k = 0; k < AUDIENCE_KINDS; k++)
        mixed = (mixed ^ (spots[k].set != NULL ? spots[k].set->stamps[spots[k].way] : 0)) *
                0x9e3779b97f4a7c15u;
    seen = &m->seen[(mixed >> 40) % AUDIENCE_SEEN];
    if (*seen == mixed)
        return true;
    *seen = mixed;
    return false;
}

static void see(struct audience_minute *m, const uint8_t id[VIEWER_ID_LEN],
                const struct spot *spots)
{
    uint64_t viewer;

    if (was_seen(m, id, spots))
        return;
    viewer = hash_bytes(hash_process_key(), (struct str){(const char *)id, VIEWER_ID_LEN});
    sketch_add(&m->viewers, viewer);
    for (int k = 0; k < AUDIENCE_KINDS; k++)
        if (spots[k].set != NULL)
            sketch_add(&spots[k].place->viewers, viewer);
}

void audience_note(struct audience *a, const struct audience_note *n, usec_t now)
{
    struct spot spots[AUDIENCE_KINDS];
    struct audience_minute *m;

    pthread_mutex_lock(&a->lock);
    m = minute_of(a, now);
    for (int k = 0; k < AUDIENCE_KINDS; k++) {
        spots[k] = find(a, &m->tables[k], n->keys[k]);
        if (spots[k].set == NULL)
            continue;
        spots[k].set->weights[spots[k].way] += n->bytes;
        spots[k].set->requests[spots[k].way] += n->is_first;
    }
    see(m, n->viewer, spots);
    pthread_mutex_unlock(&a->lock);
}
