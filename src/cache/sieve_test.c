/* Random traces against a model that does what the paper's pseudo-code says with an array and no
 * pointers. */
#include "cache/sieve.h"

#include "base/test.h"

enum { KEYS = 64, STEPS = 20000 };

struct item {
    int key;
    bool is_in;
    struct sieve_node node;
};

/* Oldest first; `hand` is an index, -1 = begin at the oldest. */
struct model {
    int keys[KEYS], n, hand;
    bool hit[KEYS]; /* by key */
};

static int model_find(const struct model *m, int key)
{
    for (int i = 0; i < m->n; i++)
        if (m->keys[i] == key)
            return i;
    return -1;
}

static void model_remove_at(struct model *m, int i)
{
    memmove(&m->keys[i], &m->keys[i + 1], (size_t)(m->n - i - 1) * sizeof *m->keys);
    m->n--;
    if (m->hand > i)
        m->hand--;
    if (m->hand == m->n) /* the youngest went from under the hand */
        m->hand = -1;
}

static int model_evict(struct model *m)
{
    int at = m->hand < 0 ? 0 : m->hand, key;

    if (m->n == 0)
        return -1;
    while (m->hit[m->keys[at]]) {
        m->hit[m->keys[at]] = false;
        at = (at + 1) % m->n;
    }
    key = m->keys[at];
    m->hand = at;
    model_remove_at(m, at);
    return key;
}

static void model_add(struct model *m, int key)
{
    m->hit[key] = false;
    m->keys[m->n++] = key;
}

static int evict(struct sieve *s)
{
    struct sieve_node *n = sieve_evict(s);
    struct item *i;

    if (n == NULL)
        return -1;
    i = container_of(n, struct item, node);
    i->is_in = false;
    return i->key;
}

static void ask_for(struct sieve *s, struct model *m, struct item *i, int room)
{
    if (i->is_in) {
        sieve_hit(&i->node);
        m->hit[i->key] = true;
        return;
    }
    if (m->n >= room)
        assert_int_equal(evict(s), model_evict(m));
    sieve_add(s, &i->node);
    model_add(m, i->key);
    i->is_in = true;
}

static void take_away(struct sieve *s, struct model *m, struct item *i)
{
    if (!i->is_in)
        return;
    sieve_remove(s, &i->node);
    model_remove_at(m, model_find(m, i->key));
    i->is_in = false;
}

static void run_trace(unsigned seed, int room)
{
    struct item items[KEYS] = {0};
    struct model m = {.hand = -1};
    struct sieve s;

    sieve_init(&s);
    for (int k = 0; k < KEYS; k++)
        items[k].key = k;
    for (int step = 0; step < STEPS; step++) {
        int key = (int)((unsigned)rand_r(&seed) % KEYS * ((unsigned)rand_r(&seed) % KEYS) /
                        KEYS); /* skewed */

        if (rand_r(&seed) % 16 == 0)
            take_away(&s, &m, &items[key]);
        else
            ask_for(&s, &m, &items[key], room);
    }
    while (m.n > 0)
        assert_int_equal(evict(&s), model_evict(&m));
    assert_int_equal(evict(&s), -1);
}

static void test_random_traces(void **state)
{
    static const int rooms[] = {1, 2, 3, 7, 20, KEYS - 1};

    for (unsigned seed = 1; seed <= 10; seed++)
        for (size_t i = 0; i < ARRAY_LEN(rooms); i++)
            run_trace(seed, rooms[i]);
}

/* Members a..g, a the oldest. What is hit, and who goes then, one after the other. */
static void test_order(void **state)
{
    static const struct {
        const char *hits, *victims;
    } cases[] = {
        {"", "abcdefg"},  {"a", "bcdefga"},    {"abc", "defgabc"},
        {"g", "abcdefg"}, {"aceg", "bdfaceg"}, {"abcdefg", "abcdefg"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct item items[7] = {0};
        struct sieve s;

        sieve_init(&s);
        for (int k = 0; k < 7; k++) {
            items[k].key = 'a' + k;
            sieve_add(&s, &items[k].node);
        }
        for (const char *hit = cases[i].hits; *hit != '\0'; hit++)
            sieve_hit(&items[*hit - 'a'].node);
        for (const char *want = cases[i].victims; *want != '\0'; want++)
            assert_int_equal(evict(&s), *want);
        assert_int_equal(evict(&s), -1);
    }
}

TEST_MAIN(cmocka_unit_test(test_random_traces), cmocka_unit_test(test_order))
