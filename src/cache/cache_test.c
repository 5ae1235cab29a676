#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

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

static void test_claim_check(void **state)
{
    static const struct {
        usec_t now;
        bool is_claimed;
    } cases[] = {{5, false}, {104, false}, {105, true}, {105, false}, {100, false},
                 {0, false}, {204, false}, {300, true}, {301, false}, {UINT64_MAX, true}};
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e = put(c, "/a", 1, 'x');

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(cache_claim_check(e, cases[i].now, 100) == cases[i].is_claimed);
        if (cases[i].is_claimed)
            assert_int_equal(atomic_load(&e->checked_at), cases[i].now);
    }
    cache_entry_unref(&e);
    end(c);
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

static struct cache_entry *put_file(struct cache *c, const char *key,
                                    const struct cache_version *version, int fd)
{
    return cache_put(c, str_of(key),
                     &(struct cache_entry){.fd = fd,
                                           .is_file = true,
                                           .version = *version,
                                           .etag = STR("\"t\""),
                                           .last_modified = 1});
}

static int open_file_of(const char *content)
{
    char path[] = "/tmp/cache_test.XXXXXX";
    int fd = mkstemp(path);

    assert_true(fd >= 0 && unlink(path) == 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

/* The descriptor lives as long as anybody reads from it, in or out of the index, and no longer. */
static void test_a_file_is_kept_open(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_version version = {.inode = 7, .size = 10};
    int fd = open_file_of("0123456789");
    struct cache_entry *e = put_file(c, "/f", &version, fd);
    struct body_view view;
    struct body *body;
    struct arena a;

    arena_init(&a, 10000);
    body = cache_body_new(&a, e, 3, 4);
    assert_non_null(body);
    cache_entry_unref(&e);
    cache_drop(c, STR("/f"));
    assert_true(is_open(fd)); /* the body holds it */
    assert_int_equal(body_peek(body, &view), 1);
    assert_int_equal(view.kind, BODY_FILE);
    assert_int_equal(view.fd, fd);
    assert_int_equal(view.offset, 3);
    assert_int_equal(view.length, 4);
    body_advance(body, 1);
    assert_int_equal(ftruncate(fd, 5), 0);
    assert_int_equal(body_peek(body, &view), -EIO); /* shorter than was promised */
    body_done(body);
    assert_false(is_open(fd));
    arena_done(&a);
    end(c);
}

static void test_open_files_have_a_cap(void **state)
{
    struct rlimit files = {CACHE_MAX_FILES * 2, CACHE_MAX_FILES * 2};
    struct cache *c = cache_new((size_t)CACHE_MAX_FILES * 8192, MB);
    struct cache_version version = {.inode = 7, .size = 1};
    int fd = open_file_of("x");

    (void)setrlimit(RLIMIT_NOFILE, &files);
    for (int i = 0; i < CACHE_MAX_FILES + 100; i++) {
        char key[32];
        struct cache_entry *e;

        snprintf(key, sizeof key, "/%d", i);
        e = put_file(c, key, &version, fcntl(fd, F_DUPFD_CLOEXEC, 3));
        cache_entry_unref(&e);
        assert_true(stats_of(c).entries <= CACHE_MAX_FILES);
    }
    assert_true(stats_of(c).evictions >= 100);
    assert_int_equal(stats_of(c).files, stats_of(c).entries);
    close(fd);
    end(c);
}

TEST_MAIN(cmocka_unit_test(test_a_file_is_kept_open), cmocka_unit_test(test_open_files_have_a_cap),
          cmocka_unit_test(test_put_and_get), cmocka_unit_test(test_keys_are_bytes),
          cmocka_unit_test(test_every_byte_is_accounted),
          cmocka_unit_test(test_new_version_takes_the_place), cmocka_unit_test(test_too_large),
          cmocka_unit_test(test_limit_is_never_exceeded),
          cmocka_unit_test(test_room_is_made_in_all_shards),
          cmocka_unit_test(test_a_scan_spares_what_is_hit),
          cmocka_unit_test(test_references_outlive_eviction_and_cache),
          cmocka_unit_test(test_claim_check), cmocka_unit_test(test_turns_hot))
