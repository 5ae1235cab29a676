#include "cache/cache.h"

#include <stdio.h>

#include "base/test.h"

enum { KB = 1024, MB = 1024 * KB };

static const struct cache_version version_1 = {.inode = 1, .size = 10, .mtime_sec = 100};
static const struct cache_version version_2 = {.inode = 2, .size = 20, .mtime_sec = 200};
static int derived_live;

static void derived_free(void *derived)
{
    derived_live--;
    free(derived);
}

static struct cache_entry *put(struct cache *c, const char *key, size_t n, char fill)
{
    struct blob *b = blob_new(n);

    assert_non_null(b);
    memset(blob_bytes(b), fill, n);
    derived_live++;
    return cache_put(c, str_of(key),
                     &(struct cache_entry){.blob = b,
                                           .version = version_1,
                                           .etag = STR("\"tag\""),
                                           .last_modified = 1000,
                                           .derived = xmalloc(10),
                                           .derived_free = derived_free,
                                           .derived_bytes = 10,
                                           .checked_at = 5});
}

static void put_and_leave(struct cache *c, const char *key, size_t n, char fill)
{
    struct cache_entry *e = put(c, key, n, fill);

    cache_entry_unref(&e);
}

static struct cache_stats stats_of(const struct cache *c)
{
    struct cache_stats s;

    cache_stats(c, &s);
    return s;
}

/* Every test ends here: nothing is left behind. */
static void end(struct cache *c)
{
    cache_free(&c);
    assert_null(c);
    assert_int_equal(blob_live(), 0);
    assert_int_equal(derived_live, 0);
}

static void test_put_and_get(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e, *again;

    assert_null(cache_get(c, STR("/a")));
    e = put(c, "/a", 100, 'x');
    again = cache_get(c, STR("/a"));
    assert_ptr_equal(e, again);
    assert_int_equal(blob_str(e->blob).n, 100);
    assert_str(e->etag, "\"tag\"");
    assert_memory_equal(&e->version, &version_1, sizeof version_1);
    assert_int_equal(e->last_modified, 1000);
    assert_int_equal(atomic_load(&e->checked_at), 5);
    assert_null(cache_get(c, STR("/A")));
    assert_null(cache_get(c, STR("")));
    assert_int_equal(stats_of(c).hits, 1);
    assert_int_equal(stats_of(c).misses, 3);
    assert_int_equal(stats_of(c).entries, 1);
    cache_entry_unref(&e);
    cache_entry_unref(&e); /* NULL is fine */
    cache_entry_unref(&again);
    end(c);
}

/* What peers send may hold anything. */
static void test_keys_are_bytes(void **state)
{
    static const struct str keys[] = {{"", 0},     {"\0", 1},   {"\0\0", 2},
                                      {"a\0b", 3}, {"a\0c", 3}, {"a", 1}};
    struct cache *c = cache_new(MB, MB);

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct cache_entry *e =
            cache_put(c, keys[i], &(struct cache_entry){.blob = blob_new(i), .version = version_1});

        cache_entry_unref(&e);
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct cache_entry *e = cache_get(c, keys[i]);

        assert_int_equal(blob_str(e->blob).n, i);
        assert_int_equal(e->etag.n, 0);
        cache_entry_unref(&e);
    }
    end(c);
}

static void test_every_byte_is_accounted(void **state)
{
    struct cache *c = cache_new(MB, MB);
    size_t one;

    put_and_leave(c, "/a", 1000, 'x');
    one = stats_of(c).bytes;
    assert_true(one > 1000 + 10 + 2 + 5 && one < 1000 + 10 + 2 + 5 + 400);
    put_and_leave(c, "/abc", 2000, 'x');
    assert_int_equal(stats_of(c).bytes, 2 * one + 1000 + 2);
    cache_drop(c, STR("/a"));
    assert_int_equal(stats_of(c).bytes, one + 1000 + 2);
    cache_drop(c, STR("/abc"));
    cache_drop(c, STR("/abc")); /* no longer there */
    assert_int_equal(stats_of(c).bytes, 0);
    assert_int_equal(stats_of(c).entries, 0);
    assert_int_equal(stats_of(c).evictions, 0);
    end(c);
}

static void test_new_version_takes_the_place(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *old = put(c, "/a", 100, 'o'), *found;
    struct cache_entry *new = cache_put(c, STR("/a"),
                                        &(struct cache_entry){.blob = blob_new(50),
                                                              .version = version_2,
                                                              .etag = STR("\"2\""),
                                                              .last_modified = 2,
                                                              .checked_at = 9});

    found = cache_get(c, STR("/a"));
    assert_ptr_equal(found, new);
    assert_int_equal(found->version.inode, 2);
    assert_int_equal(stats_of(c).entries, 1);
    assert_int_equal(blob_str(old->blob).p[99], 'o'); /* whoever is sending it goes on */
    cache_entry_unref(&old);
    assert_int_equal(blob_live(), 1);
    assert_int_equal(derived_live, 0);
    cache_entry_unref(&new);
    cache_entry_unref(&found);
    end(c);
}

static void test_too_large(void **state)
{
    static const struct {
        size_t limit, max_object, n;
        bool is_in;
    } cases[] =
        {
            {MB, 100, 100, true},   {MB, 100, 101, false},
            {MB, MB, MB, false}, /* its records do not fit */
            {MB, MB, MB / 2, true}, {MB, 4 * MB, 2 * MB, false},
            {0, MB, 0, false},      {MB, 0, 0, true},
            {MB, 0, 1, false},
        };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cache *c = cache_new(cases[i].limit, cases[i].max_object);
        struct cache_entry *e, *found;

        put_and_leave(c, "/a", 0, 'o');
        e = put(c, "/a", cases[i].n, 'x');
        assert_int_equal(blob_str(e->blob).n, cases[i].n); /* usable all the same */
        found = cache_get(c, STR("/a"));
        assert_ptr_equal(found, cases[i].is_in ? e : NULL); /* never the version it overtook */
        assert_int_equal(stats_of(c).rejected > 0, !cases[i].is_in);
        cache_entry_unref(&e);
        cache_entry_unref(&found);
        end(c);
    }
}

static void test_limit_is_never_exceeded(void **state)
{
    static const size_t limits[] = {10 * KB, 100 * KB, 1 * MB};
    unsigned seed = 1;

    for (size_t l = 0; l < ARRAY_LEN(limits); l++) {
        struct cache *c = cache_new(limits[l], limits[l]);

        for (int i = 0; i < 5000; i++) {
            char key[32];

            snprintf(key, sizeof key, "/%d", rand_r(&seed) % 1000);
            put_and_leave(
                c, key, (size_t)rand_r(&seed) % (rand_r(&seed) % 8 == 0 ? limits[l] : 2 * KB), 'x');
            assert_true(stats_of(c).bytes <= limits[l]);
        }
        assert_true(stats_of(c).bytes > limits[l] / 8); /* and it is used */
        assert_true(stats_of(c).evictions > 0);
        end(c);
    }
}

/* One large object may need the room of many small ones in all shards. */
static void test_room_is_made_in_all_shards(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e;

    for (int i = 0; i < 700; i++) {
        char key[32];

        snprintf(key, sizeof key, "/%d", i);
        put_and_leave(c, key, KB, 'x');
    }
    e = put(c, "/large", MB - 8 * KB, 'L');
    assert_int_equal(stats_of(c).rejected, 0);
    assert_true(stats_of(c).evictions >= 690);
    cache_entry_unref(&e);
    e = cache_get(c, STR("/large"));
    assert_non_null(e);
    cache_entry_unref(&e);
    end(c);
}

/* A flood of objects asked for once does not wash out what everybody watches. */
static void test_a_scan_spares_what_is_hit(void **state)
{
    struct cache *c = cache_new(MB, MB);
    int alive = 0;

    for (int i = 0; i < 5000; i++) {
        char key[32];

        snprintf(key, sizeof key, "/scan%d", i);
        put_and_leave(c, key, 2 * KB, 's');
        for (int h = 0; h < 50; h++) {
            struct cache_entry *e;

            snprintf(key, sizeof key, "/hot%d", h);
            if (i == 0)
                put_and_leave(c, key, 2 * KB, 'h');
            e = cache_get(c, str_of(key));
            alive += e != NULL && i == 4999;
            cache_entry_unref(&e);
        }
    }
    assert_int_equal(alive, 50);
    end(c);
}

static void test_references_outlive_eviction_and_cache(void **state)
{
    struct cache *c = cache_new(100 * KB, 100 * KB);
    struct cache_entry *held[200];

    for (int i = 0; i < 200; i++) {
        char key[32];

        snprintf(key, sizeof key, "/%d", i);
        held[i] = put(c, key, 3 * KB, (char)i);
    }
    assert_true(stats_of(c).entries < 34);
    cache_free(&c);
    assert_int_equal(blob_live(), 200);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(blob_str(held[i]->blob).p[3 * KB - 1], (char)i);
        assert_int_equal(*held[i]->etag.p, '"');
        cache_entry_unref(&held[i]);
    }
    assert_int_equal(blob_live(), 0);
    assert_int_equal(derived_live, 0);
}

static void test_turns_hot(void **state)
{
    struct cache *c = cache_new(MB, MB);

    assert_false(cache_turns_hot(c, STR("/a"), 3, 0));
    assert_false(cache_turns_hot(c, STR("/a"), 3, 1));
    assert_true(cache_turns_hot(c, STR("/a"), 3, 2));
    assert_false(cache_turns_hot(c, STR("/a"), 3, 3));
    cache_hot_failed(c, STR("/a"));
    assert_false(cache_turns_hot(c, STR("/a"), 3, 4));
    assert_false(cache_turns_hot(c, STR("/a"), 3, 5));
    assert_true(cache_turns_hot(c, STR("/a"), 3, 6));
    end(c);
}

/* ---- purging ---- */

struct wanted {
    struct str prefix;
    unsigned asked; /* how often */
};

static bool has_prefix(struct str key, void *arg)
{
    struct wanted *w = arg;

    w->asked++;
    return str_starts(key, w->prefix);
}

static unsigned purge(struct cache *c, const char *prefix)
{
    struct wanted w = {.prefix = str_of(prefix)};
    uint64_t entries = stats_of(c).entries;
    unsigned count = cache_purge(c, has_prefix, &w);

    assert_int_equal(w.asked, entries); /* each once, in all shards */
    assert_int_equal(stats_of(c).entries, entries - count);
    assert_int_equal(stats_of(c).blobs, entries - count);
    return count;
}

static bool is_cached(struct cache *c, const char *key)
{
    struct cache_entry *e = cache_get(c, str_of(key));
    bool is = e != NULL;

    cache_entry_unref(&e);
    return is;
}

static void put_numbered(struct cache *c, const char *folder, int n)
{
    for (int i = 0; i < n; i++) {
        char key[64];

        snprintf(key, sizeof key, "%s%d", folder, i);
        put_and_leave(c, key, 100, 'x');
    }
}

static void test_purge_takes_what_matches(void **state)
{
    struct cache *c = cache_new(MB, MB);

    assert_int_equal(purge(c, ""), 0);
    put_numbered(c, "/live/", 100);
    put_numbered(c, "/vod/", 50);
    assert_int_equal(purge(c, "/other"), 0);
    assert_int_equal(purge(c, "/live/7"), 11);
    assert_false(is_cached(c, "/live/7"));
    assert_true(is_cached(c, "/live/8"));
    assert_int_equal(purge(c, "/live/7"), 0);
    assert_int_equal(purge(c, "/live/"), 89);
    assert_true(is_cached(c, "/vod/49"));
    assert_int_equal(purge(c, ""), 50);
    assert_int_equal(stats_of(c).bytes, 0);
    assert_int_equal(stats_of(c).evictions, 0);
    end(c);
}

/* What was purged is out of eviction's reach, too, and what stays is not. */
static void test_a_purged_cache_goes_on(void **state)
{
    struct cache *c = cache_new(100 * KB, 100 * KB);

    for (int round = 0; round < 10; round++) {
        put_numbered(c, "/a/", 300);
        put_numbered(c, "/b/", 300);
        assert_true(stats_of(c).bytes <= 100 * KB);
        (void)purge(c, round % 2 == 0 ? "/a/1" : "/b/");
    }
    assert_true(stats_of(c).evictions > 0);
    (void)purge(c, "/");
    assert_int_equal(stats_of(c).bytes, 0);
    end(c);
}

static void test_a_purged_entry_lives_while_it_is_held(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e = put(c, "/a", 100, 'h');

    assert_int_equal(purge(c, "/a"), 1);
    assert_int_equal(stats_of(c).bytes, 0);
    assert_int_equal(blob_str(e->blob).p[99], 'h');
    put_and_leave(c, "/a", 100, 'n'); /* and does not come back */
    assert_int_equal(stats_of(c).entries, 1);
    cache_entry_unref(&e);
    assert_int_equal(blob_live(), 1);
    end(c);
}

TEST_MAIN(cmocka_unit_test(test_put_and_get), cmocka_unit_test(test_keys_are_bytes),
          cmocka_unit_test(test_every_byte_is_accounted),
          cmocka_unit_test(test_new_version_takes_the_place), cmocka_unit_test(test_too_large),
          cmocka_unit_test(test_limit_is_never_exceeded),
          cmocka_unit_test(test_room_is_made_in_all_shards),
          cmocka_unit_test(test_a_scan_spares_what_is_hit),
          cmocka_unit_test(test_references_outlive_eviction_and_cache),
          cmocka_unit_test(test_turns_hot), cmocka_unit_test(test_purge_takes_what_matches),
          cmocka_unit_test(test_a_purged_cache_goes_on),
          cmocka_unit_test(test_a_purged_entry_lives_while_it_is_held))
