/* What is stored comes back, up to the limits, also after a restart. */
#include <errno.h>

#include "cache/disk_internal.h"
#include "cache/disk_testing.h"

enum { KB = 1024, BLOCK = 4096 };

#define META STR("etag and such")

static void what_is_stored_is_loaded(void **state)
{
    static const struct {
        struct str key, meta;
        size_t n;
    } cases[] = {
        {{"/a.ts", 5}, {"meta", 4}, 1000}, {{"/b.ts", 5}, {"", 0}, 3 << 20},
        {{"/c.ts", 5}, {"\0\n", 2}, 0},    {{"", 0}, {"x", 1}, 1},
        {{"\0", 1}, {"y", 1}, 2},          {{"\0\0", 2}, {"z", 1}, 4096},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        world_store(cases[i].key, cases[i].meta, cases[i].n);
    world_settle();
    for (int opened = 0; opened < 2; opened++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            assert_true(disk_has(world.disk, cases[i].key));
            assert_int_equal(world_load(cases[i].key, cases[i].meta, cases[i].n), 0);
        }
        assert_int_equal(world_stats().objects, ARRAY_LEN(cases));
        assert_int_equal(world_stats().hits, ARRAY_LEN(cases));
        assert_int_equal(world_stats().misses, 0);
        world_reopen();
    }
}

static void what_is_not_there(void **state)
{
    assert_false(disk_has(world.disk, STR("/a")));
    assert_int_equal(world_load(STR("/a"), META, 0), -ENOENT);
    world_store(STR("/a"), META, 10);
    world_settle();
    assert_false(disk_has(world.disk, STR("/A")));
    assert_false(disk_has(world.disk, STR("/a\0")));
    assert_int_equal(world_stats().misses, 4);
}

static void a_newer_version_takes_the_place(void **state)
{
    for (int opened = 0; opened < 3; opened++) {
        size_t n = (size_t)opened * 5000;

        world_store(STR("/a"), META, n + 1);
        world_store(STR("/a"), STR("2"), n + 2);
        world_settle();
        assert_int_equal(world_load(STR("/a"), STR("2"), n + 2), 0);
        assert_int_equal(world_stats().objects, 1);
        DISK_UNTIL(world_files() == 1);
        world_reopen();
        assert_int_equal(world_load(STR("/a"), STR("2"), n + 2), 0);
    }
}

static void the_account_is_what_the_files_take(void **state)
{
    static const size_t sizes[] = {0, 1, 4000, 4096, 4097, 100000};
    uint64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        world_store(world_key("/", (int)i), META, sizes[i]);
        world_settle();
        assert_int_equal(world_files(), i + 1);
        assert_int_equal(world_stats().bytes, world_found.blocks);
        assert_true(world_stats().bytes >= sum + sizes[i]);
        sum = world_stats().bytes;
    }
    world_reopen();
    assert_int_equal(world_stats().bytes, sum);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        disk_remove(world.disk, world_key("/", (int)i));
    DISK_UNTIL(world_stats().bytes == 0);
    assert_int_equal(world_files(), 0);
}

static void the_limit_holds(void **state)
{
    world.settings.limit = 20 * BLOCK;
    world_reopen();
    for (int i = 0; i < 200; i++) {
        world_store(world_key("/", i), META, 100 + (size_t)i * 37 % (5 * BLOCK));
        assert_true(world_stats().bytes <= 20 * BLOCK);
    }
    world_settle();
    assert_true(world_stats().evicted > 100);
    assert_int_equal(world_stats().stored, 200);
    assert_int_equal(world_files(), world_stats().objects);
    assert_int_equal(world_found.blocks, world_stats().bytes);
    assert_int_equal(world_stats().failed, 0);
}

static void what_is_asked_for_stays(void **state)
{
    world.settings.limit = 100 * BLOCK;
    world_reopen();
    world_store(STR("/hot"), META, 100);
    world_settle();
    for (int i = 0; i < 300; i++) {
        world_store(world_key("/", i), META, 100);
        world_settle();
        assert_int_equal(world_load(STR("/hot"), META, 100), 0);
    }
    assert_int_equal(world_stats().evicted, 201);
}

static void a_smaller_limit_after_a_restart(void **state)
{
    for (int i = 0; i < 100; i++)
        world_store(world_key("/", i), META, 100);
    world_settle();
    world.settings.limit = 30 * BLOCK;
    world_reopen();
    assert_int_equal(world_stats().objects, 30);
    assert_int_equal(world_stats().bytes, 30 * BLOCK);
    assert_int_equal(world_stats().evicted, 70);
    assert_int_equal(world_files(), 30);
    world.settings.limit = BLOCK - 1;
    world_reopen();
    assert_int_equal(world_stats().objects, 0);
    assert_int_equal(world_files(), 0);
}

static void smaller_objects_after_a_restart(void **state)
{
    world_store(STR("/small"), META, 1000);
    world_store(STR("/large"), META, 1001);
    world_settle();
    world.settings.max_object = 1000;
    world_reopen();
    assert_true(disk_has(world.disk, STR("/small")));
    assert_false(disk_has(world.disk, STR("/large")));
    assert_int_equal(world_files(), 1);
    assert_int_equal(world_stats().damaged, 0);
}

static void the_index_has_a_limit_too(void **state)
{
    char key[DISK_MAX_KEY];

    memset(key, 'k', sizeof key);
    world.settings.max_index = 100 * (DISK_MAX_KEY + 200);
    world_reopen();
    for (int i = 0; i < 150; i++) {
        memcpy(key, &i, sizeof i);
        world_store((struct str){key, sizeof key}, META, 1);
    }
    world_settle();
    assert_true(world_stats().objects <= 100 && world_stats().objects > 95);
    assert_int_equal(world_stats().objects + world_stats().evicted, 150);
    world.settings.max_index /= 2;
    world_reopen();
    assert_true(world_stats().objects <= 50 && world_stats().objects > 45);
    assert_int_equal(world_files(), world_stats().objects);
}

static void what_is_too_large_is_dropped(void **state)
{
    char long_text[DISK_MAX_META + 1] = {0};

    world.settings.limit = 100 * KB;
    world.settings.max_object = 80 * KB;
    world.settings.max_queue = 40 * KB;
    world_reopen();
    world_store(STR("/object"), META, 80 * KB + 1);
    world_store(STR("/queue"), META, 40 * KB);
    world_store((struct str){long_text, DISK_MAX_KEY + 1}, META, 1);
    world_store(STR("/meta"), (struct str){long_text, sizeof long_text}, 1);
    world_settle();
    assert_int_equal(world_stats().dropped, 4);
    world.settings.max_queue = DISK_MAX_QUEUE;
    world.settings.limit = 50 * KB;
    world_reopen();
    world_store(STR("/limit"), META, 60 * KB);
    world_settle();
    assert_int_equal(world_stats().dropped, 1);
    assert_int_equal(world_files(), 0);
    world_store(STR("/fits"), META, 40 * KB);
    world_settle();
    assert_int_equal(world_load(STR("/fits"), META, 40 * KB), 0);
}

static void removed(void **state)
{
    world_store(STR("/a"), META, 10);
    world_store(STR("/b"), META, 10);
    world_settle();
    disk_remove(world.disk, STR("/a"));
    assert_false(disk_has(world.disk, STR("/a")));
    assert_int_equal(world_load(STR("/a"), META, 10), -ENOENT);
    assert_int_equal(world_load(STR("/b"), META, 10), 0);
    disk_remove(world.disk, STR("/a"));
    DISK_UNTIL(world_files() == 1);
    world_store(STR("/a"), STR("again"), 20);
    world_settle();
    assert_int_equal(world_load(STR("/a"), STR("again"), 20), 0);
}

/* It waits behind a larger one, or is being written, or is there: gone it is in every case. */
static void removed_on_the_way(void **state)
{
    for (int i = 0; i < 50; i++) {
        world_store(STR("/large"), META, 1 << 20);
        world_store(STR("/a"), META, (size_t)i * 10000);
        usleep((useconds_t)i * 50); /* lets it come more or less far */
        disk_remove(world.disk, STR("/a"));
        assert_false(disk_has(world.disk, STR("/a")));
        world_settle();
        assert_false(disk_has(world.disk, STR("/a")));
        DISK_UNTIL(world_files() == 1);
    }
    assert_int_equal(world_stats().objects, 1);
}

static bool begins_with(struct str key, void *prefix)
{
    return str_starts(key, str_of(prefix));
}

static void purged(void **state)
{
    char prefix[] = "/live/";

    for (int i = 0; i < 100; i++) {
        world_store(world_key("/live/", i), META, 10);
        world_store(world_key("/vod/", i), META, 10);
    }
    world_settle();
    assert_int_equal(disk_purge(world.disk, begins_with, prefix), 100);
    assert_int_equal(disk_purge(world.disk, begins_with, prefix), 0);
    for (int i = 0; i < 100; i++) {
        assert_false(disk_has(world.disk, world_key("/live/", i)));
        assert_true(disk_has(world.disk, world_key("/vod/", i)));
    }
    DISK_UNTIL(world_files() == 100);
    world_reopen();
    assert_int_equal(world_stats().objects, 100);
}

/* What is in the queue counts, and does not come. */
static void purged_on_the_way(void **state)
{
    char prefix[] = "/live/";
    unsigned count;

    for (int i = 0; i < 100; i++)
        world_store(world_key("/live/", i), META, 100 * KB);
    count = disk_purge(world.disk, begins_with, prefix);
    assert_int_equal(count, 100);
    world_settle();
    assert_int_equal(world_stats().objects, 0);
    DISK_UNTIL(world_files() == 0 && world_stats().bytes == 0);
}

/* What was asked for before a purge and has come after it may be what was purged. */
static void purged_before_it_came(void **state)
{
    uint64_t before = disk_purges(world.disk);
    struct blob *b = world_blob(STR("/live/1"), 10);
    char prefix[] = "/live/";

    disk_store(world.disk, STR("/live/1"), META, b, before);
    assert_int_equal(disk_purge(world.disk, begins_with, prefix), 1);
    disk_store(world.disk, STR("/live/1"), META, b, before);
    world_settle();
    assert_false(disk_has(world.disk, STR("/live/1")));
    assert_int_equal(world_stats().dropped, 1);
    disk_remove(world.disk, STR("/live/2")); /* of one object alone: no purge */
    disk_store(world.disk, STR("/live/1"), META, b, before + 1);
    world_settle();
    assert_true(disk_has(world.disk, STR("/live/1")));
    blob_unref(&b);
}

/* Right after the start, when most has not been found yet. A stop in the middle changes nothing. */
static void removed_before_it_was_found(void **state)
{
    char prefix[] = "/";

    for (int i = 0; i < 1000; i++)
        world_store(world_key("/", i), META, 10);
    world_settle();
    disk_close(&world.disk);
    world_open();
    for (int i = 0; i < 100; i++)
        disk_remove(world.disk, world_key("/", i * 10));
    world_reopen();
    assert_int_equal(world_stats().objects, 900);
    assert_false(disk_has(world.disk, STR("/990")));
    assert_true(disk_has(world.disk, STR("/991")));
    disk_close(&world.disk);
    world_open();
    disk_purge(world.disk, begins_with, prefix);
    world_reopen();
    assert_int_equal(world_stats().objects, 0);
    assert_int_equal(world_files(), 0);
}

/* Among them many that never were in the folder, as a gate removes what it does not keep. */
static void others_stay_whatever_is_removed_meanwhile(void **state)
{
    for (int i = 0; i < 500; i++)
        world_store(world_key("/", i), META, 10);
    world_settle();
    disk_close(&world.disk);
    world_open();
    for (int i = 0; i < 20000; i++)
        disk_remove(world.disk, world_key("/live/", i % 10000));
    disk_remove(world.disk, STR("/7"));
    world_settle();
    assert_false(disk_has(world.disk, STR("/7")));
    assert_int_equal(world_stats().objects, 499);
}

/* Past the cap, everything that is found counts as removed. */
static void removals_have_a_cap(void **state)
{
    struct disk_removed r;

    disk_removed_init(&r);
    for (uint64_t i = 0; i < DISK_MAX_REMOVED; i++) {
        disk_removed_add(&r, i * 7);
        disk_removed_add(&r, i * 7);
    }
    assert_true(disk_removed_has(&r, 0) && disk_removed_has(&r, 7 * (DISK_MAX_REMOVED - 1)));
    assert_false(disk_removed_has(&r, 7 * DISK_MAX_REMOVED) || disk_removed_has(&r, 1));
    disk_removed_add(&r, 7 * DISK_MAX_REMOVED);
    assert_true(disk_removed_has(&r, 1));
    disk_removed_done(&r);
}

static void a_load_that_is_cancelled(void **state)
{
    struct world_load l;

    world_store(STR("/a"), META, 1 << 20);
    world_settle();
    for (int turns = 0; turns < 20; turns++) {
        assert_int_equal(world_load_begin(&l, STR("/a")), 0);
        for (int i = 0; i < turns && !l.is_done; i++)
            loop_turn(world.loop);
        disk_load_done(&l.load);
        disk_load_done(&l.load); /* harmless */
    }
    assert_int_equal(world_load_begin(&l, STR("/a")), 0);
    TURN_UNTIL(world.loop, l.is_done);
    assert_int_equal(l.err, 0);
    world_check(&l.load, STR("/a"));
    disk_load_done(&l.load);
}

/* The file is open already, or its entry is gone: whole, or not there, never anything else. */
static void a_load_beside_a_removal(void **state)
{
    struct world_load l;

    for (int i = 0; i < 50; i++) {
        world_store(STR("/a"), META, 100 * KB);
        world_settle();
        assert_int_equal(world_load_begin(&l, STR("/a")), 0);
        disk_remove(world.disk, STR("/a"));
        TURN_UNTIL(world.loop, l.is_done);
        if (l.err == 0)
            world_check(&l.load, STR("/a"));
        else
            assert_int_equal(l.err, -ENOENT);
        disk_load_done(&l.load);
    }
    assert_int_equal(world_stats().damaged, 0);
}

/* A stop writes what waits. */
static void closing_loses_nothing(void **state)
{
    for (int i = 0; i < 100; i++)
        world_store(world_key("/", i), META, 100 * KB);
    world_reopen();
    assert_int_equal(world_stats().objects, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(world_load(world_key("/", i), META, 100 * KB), 0);
}

TEST_MAIN(WORLD_TEST(what_is_stored_is_loaded), WORLD_TEST(what_is_not_there),
          WORLD_TEST(a_newer_version_takes_the_place),
          WORLD_TEST(the_account_is_what_the_files_take), WORLD_TEST(the_limit_holds),
          WORLD_TEST(what_is_asked_for_stays), WORLD_TEST(a_smaller_limit_after_a_restart),
          WORLD_TEST(smaller_objects_after_a_restart), WORLD_TEST(the_index_has_a_limit_too),
          WORLD_TEST(what_is_too_large_is_dropped), WORLD_TEST(removed),
          WORLD_TEST(removed_on_the_way), WORLD_TEST(purged), WORLD_TEST(purged_on_the_way),
          WORLD_TEST(purged_before_it_came), WORLD_TEST(removed_before_it_was_found),
          WORLD_TEST(others_stay_whatever_is_removed_meanwhile),
          cmocka_unit_test(removals_have_a_cap), WORLD_TEST(a_load_that_is_cancelled),
          WORLD_TEST(a_load_beside_a_removal), WORLD_TEST(closing_loses_nothing))
