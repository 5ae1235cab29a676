/* What must hold with many threads at once. Built with -Db_sanitize=thread it looks for races, too.
 */
#include "cache/cache.h"

#include <pthread.h>
#include <stdio.h>

#include "base/test.h"

enum { THREADS = 8, ROUNDS = 2000, OPERATIONS = 20000, KEYS = 300, LIMIT = 512 << 10 };

static struct cache *cache;
static struct cache_entry *shared;
static pthread_barrier_t barrier;
static atomic_int winners;
static atomic_int over_limit, torn;

static void run_threads(void *(*f)(void *))
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, f, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

/* One byte value fills the whole blob, so a reader can tell a torn one. */
static void put_filled(struct str key, size_t n, char fill)
{
    struct blob *b = blob_new(n);
    struct cache_entry *e;

    memset(blob_bytes(b), fill, n);
    e = cache_put(cache, key,
                  &(struct cache_entry){.blob = b,
                                        .version = {.inode = (uint8_t)fill, .size = n},
                                        .etag = key,
                                        .derived = xmalloc(1),
                                        .derived_free = free,
                                        .derived_bytes = 1});
    cache_entry_unref(&e);
}

static void get_and_check(struct str key)
{
    struct cache_entry *e = cache_get(cache, key);
    struct str s;

    if (e == NULL)
        return;
    s = blob_str(e->blob);
    if (s.n != e->version.size || !str_eq(e->etag, key) || s.p[0] != s.p[s.n - 1] ||
        (uint8_t)s.p[0] != e->version.inode)
        atomic_fetch_add(&torn, 1);
    cache_entry_unref(&e);
}

static void hammer_once(unsigned *seed)
{
    char text[32];
    struct str key = {text, (size_t)snprintf(text, sizeof text, "/%d", rand_r(seed) % KEYS)};
    int what = rand_r(seed) % 16;
    struct cache_stats s;

    if (what < 10)
        get_and_check(key);
    else if (what < 14)
        put_filled(key, 1 + (size_t)rand_r(seed) % (rand_r(seed) % 32 == 0 ? 100000 : 4000),
                   (char)*seed);
    else if (what == 14)
        cache_drop(cache, key);
    else
        cache_turns_hot(cache, key, 3, (usec_t)rand_r(seed));
    cache_stats(cache, &s);
    if (s.bytes > LIMIT)
        atomic_fetch_add(&over_limit, 1);
}

static void *hammer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < OPERATIONS; i++)
        hammer_once(&seed);
    return NULL;
}

static void test_hammer(void **state)
{
    struct cache_stats s;

    cache = cache_new(LIMIT, LIMIT);
    run_threads(hammer);
    cache_stats(cache, &s);
    assert_int_equal(atomic_load(&over_limit), 0);
    assert_int_equal(atomic_load(&torn), 0);
    assert_int_equal(blob_live(), s.entries);
    assert_true(s.hits > 0 && s.misses > 0 && s.evictions > 0);
    for (int k = 0; k < KEYS; k++) {
        char text[32];

        cache_drop(cache, (struct str){text, (size_t)snprintf(text, sizeof text, "/%d", k)});
    }
    cache_stats(cache, &s);
    assert_int_equal(s.entries, 0);
    assert_int_equal(s.bytes, 0);
    cache_free(&cache);
    assert_int_equal(blob_live(), 0);
}

/* All threads ask at the same moment, once each round; the barrier keeps the rounds apart. */
static void *claim(void *arg)
{
    for (usec_t round = 1; round <= ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        if (cache_claim_check(shared, round * 100, 100))
            atomic_fetch_add(&winners, 1);
    }
    return NULL;
}

static void test_exactly_one_claims_a_check(void **state)
{
    cache = cache_new(LIMIT, LIMIT);
    atomic_store(&winners, 0);
    put_filled(STR("/a"), 10, 'a');
    shared = cache_get(cache, STR("/a"));
    run_threads(claim);
    assert_int_equal(atomic_load(&winners), ROUNDS);
    cache_entry_unref(&shared);
    cache_free(&cache);
    assert_int_equal(blob_live(), 0);
}

/* Each round is a window of its own, in which THREADS * 3 ask. */
static void *turn_hot(void *arg)
{
    for (usec_t round = 1; round <= ROUNDS; round++) {
        pthread_barrier_wait(&barrier);
        for (int i = 0; i < 3; i++)
            if (cache_turns_hot(cache, STR("/a"), 11, round * 100 * USEC_PER_SEC))
                atomic_fetch_add(&winners, 1);
        pthread_barrier_wait(&barrier);
    }
    return NULL;
}

static void test_exactly_one_sees_it_turn_hot(void **state)
{
    cache = cache_new(LIMIT, LIMIT);
    atomic_store(&winners, 0);
    run_threads(turn_hot);
    assert_int_equal(atomic_load(&winners), ROUNDS);
    cache_free(&cache);
}

TEST_MAIN(cmocka_unit_test(test_hammer), cmocka_unit_test(test_exactly_one_claims_a_check),
          cmocka_unit_test(test_exactly_one_sees_it_turn_hot))
