/*
 * Many threads on one tier, each with a loop of its own, as workers are; under TSan for races.
 * Whatever is loaded is whole and of its key, and the account holds at every moment.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "cache/disk_testing.h"

enum { THREADS = 6, OPERATIONS = 1000, KEYS = 60, KB = 1024, LIMIT = 1 << 20 };

static atomic_uint loaded, wrong, over_limit;

struct hand {
    pthread_t thread;
    unsigned seed;
    struct loop *loop;
};

static bool ends_with_digit(struct str key, void *digit)
{
    return key.p[key.n - 1] == *(const char *)digit;
}

static void load_and_check(struct hand *h, struct str key)
{
    struct world_load l = {0};
    struct blob *want;

    op_init(&l.load.op, world_on_loaded);
    if (disk_load(world.disk, h->loop, key, &l.load) < 0)
        return;
    if (rand_r(&h->seed) % 8 == 0) {
        disk_load_done(&l.load);
        return;
    }
    while (!l.is_done)
        loop_turn(h->loop);
    if (l.err == 0) {
        want = world_blob(key, blob_str(l.load.blob).n);
        atomic_fetch_add(&loaded, 1);
        if (!str_eq(blob_str(l.load.blob), blob_str(want)) || !str_eq(l.load.meta, key))
            atomic_fetch_add(&wrong, 1);
        blob_unref(&want);
    } else if (l.err != -ENOENT) {
        atomic_fetch_add(&wrong, 1);
    }
    disk_load_done(&l.load);
}

static void operate(struct hand *h)
{
    char text[32];
    struct str key = {text, (size_t)snprintf(text, sizeof text, "/%d", rand_r(&h->seed) % KEYS)};
    unsigned what = (unsigned)rand_r(&h->seed) % 100;
    struct blob *b;

    if (what < 60) {
        load_and_check(h, key);
    } else if (what < 90) {
        b = world_blob(key, (size_t)rand_r(&h->seed) % (60 * KB));
        disk_store(world.disk, key, key, b, disk_purges(world.disk));
        blob_unref(&b);
    } else if (what < 92) {
        disk_remove(world.disk, key);
    } else if (what == 92 && rand_r(&h->seed) % 8 == 0) {
        disk_purge(world.disk, ends_with_digit, &text[key.n - 1]);
    } else {
        disk_has(world.disk, key);
    }
    if (world_stats().bytes > LIMIT)
        atomic_fetch_add(&over_limit, 1);
}

static void *work(void *arg)
{
    for (int i = 0; i < OPERATIONS; i++)
        operate(arg);
    return NULL;
}

static void run_hands(struct hand *hands)
{
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&hands[i].thread, NULL, work, &hands[i]), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(hands[i].thread, NULL);
    while (world_stats().loading > 0) /* those that were cancelled */
        for (int i = 0; i < THREADS; i++)
            loop_turn(hands[i].loop);
}

static void many_threads(void **state)
{
    struct hand hands[THREADS];

    for (unsigned i = 0; i < THREADS; i++)
        hands[i] = (struct hand){.seed = i + 1, .loop = loop_new()};
    world.settings.limit = LIMIT;
    world.settings.max_queue = LIMIT;
    world_reopen();
    for (int round = 0; round < 3; round++) {
        run_hands(hands); /* the second and third begin while the folder is looked through */
        disk_close(&world.disk);
        world_open();
    }
    world_settle();
    for (int i = 0; i < THREADS; i++)
        loop_free(&hands[i].loop);
    assert_int_equal(world_stats().damaged, 0);
    assert_int_equal(world_stats().failed, 0);
    assert_true(atomic_load(&loaded) > 300);
    assert_int_equal(atomic_load(&wrong), 0);
    assert_int_equal(atomic_load(&over_limit), 0);
    assert_int_equal(world_files(), world_stats().objects);
    assert_int_equal(world_found.blocks, world_stats().bytes);
}

TEST_MAIN(WORLD_TEST(many_threads))
