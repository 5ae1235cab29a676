/* What is kept of an object, and for how long: bytes, an open file, or neither. */
#include "cache/cache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/test.h"

enum { KB = 1024, MB = 1024 * KB };

static struct cache_stats stats_of(const struct cache *c)
{
    struct cache_stats s;

    cache_stats(c, &s);
    return s;
}

static void end(struct cache *c)
{
    cache_free(&c);
    assert_int_equal(blob_live(), 0);
}

static void test_claim_check(void **state)
{
    static const struct {
        usec_t now;
        bool is_claimed;
    } cases[] = {{5, false}, {104, false}, {105, true}, {105, false}, {100, false},
                 {0, false}, {204, false}, {300, true}, {301, false}, {UINT64_MAX, true}};
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e =
        cache_put(c, STR("/a"), &(struct cache_entry){.blob = blob_new(1), .checked_at = 5});

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(cache_claim_check(e, cases[i].now, 100) == cases[i].is_claimed);
        if (cases[i].is_claimed)
            assert_int_equal(atomic_load(&e->checked_at), cases[i].now);
    }
    cache_entry_unref(&e);
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

/* Everything of the caller's may go once it has been put. */
static void test_strings_are_copied(void **state)
{
    struct cache *c = cache_new(MB, MB);
    char key[] = "/key", etag[] = "\"etag\"", type[] = "video/mp2t";
    struct cache_entry what = {.etag = str_of(etag), .type = str_of(type), .status = 404};
    struct cache_entry *e = cache_put(c, str_of(key), &what), *found;

    memset(key, '?', sizeof key);
    memset(etag, '?', sizeof etag);
    memset(type, '?', sizeof type);
    memset(&what, '?', sizeof what);
    found = cache_get(c, STR("/key"));
    assert_ptr_equal(found, e);
    assert_str(e->etag, "\"etag\"");
    assert_str(e->type, "video/mp2t");
    assert_int_equal(e->status, 404);
    cache_entry_unref(&e);
    cache_entry_unref(&found);
    end(c);
}

static void test_absent_strings_are_empty(void **state)
{
    struct cache *c = cache_new(MB, MB);
    struct cache_entry *e = cache_put(c, STR("/a"), &(struct cache_entry){.status = 200});

    assert_int_equal(e->etag.n, 0);
    assert_int_equal(e->type.n, 0);
    cache_entry_unref(&e);
    end(c);
}

/* What is remembered without bytes takes room as everything does, and goes as everything does. */
static void test_entries_without_bytes(void **state)
{
    struct cache *c = cache_new(10 * KB, 0);
    struct cache_entry *e;

    for (int i = 0; i < 1000; i++) {
        char key[32];

        snprintf(key, sizeof key, "/%d", i);
        e = cache_put(c, str_of(key), &(struct cache_entry){.status = 404, .fresh_until = 7});
        assert_null(e->blob);
        assert_false(e->is_file);
        assert_int_equal(atomic_load(&e->fresh_until), 7);
        cache_entry_unref(&e);
        assert_true(stats_of(c).bytes <= 10 * KB);
    }
    assert_true(stats_of(c).entries > 10);
    assert_true(stats_of(c).evictions > 900);
    assert_int_equal(stats_of(c).rejected, 0);
    assert_int_equal(stats_of(c).files, 0);
    assert_int_equal(stats_of(c).blobs, 0);
    end(c);
}

static void put_kind(struct cache *c, const char *key, int kind)
{
    struct cache_entry what = {.status = 200}, *e;

    if (kind == 'b')
        what.blob = blob_new(10);
    if (kind == 'f') {
        what.fd = open_file_of("x");
        what.is_file = true;
    }
    e = cache_put(c, str_of(key), &what);
    cache_entry_unref(&e);
}

static void assert_gauges(const struct cache *c, unsigned entries, unsigned files, unsigned blobs)
{
    assert_int_equal(stats_of(c).entries, entries);
    assert_int_equal(stats_of(c).files, files);
    assert_int_equal(stats_of(c).blobs, blobs);
}

static bool matches_all(struct str key, void *arg)
{
    return true;
}

/* Whatever way an entry goes: replaced, dropped, purged, overtaken. */
static void test_gauges_of_each_kind(void **state)
{
    struct cache *c = cache_new(MB, MB);

    put_kind(c, "/b", 'b');
    put_kind(c, "/f", 'f');
    put_kind(c, "/n", 'n');
    assert_gauges(c, 3, 1, 1);
    put_kind(c, "/b", 'f');
    assert_gauges(c, 3, 2, 0);
    put_kind(c, "/f", 'n');
    assert_gauges(c, 3, 1, 0);
    put_kind(c, "/n", 'b');
    assert_gauges(c, 3, 1, 1);
    cache_drop(c, STR("/b"));
    assert_gauges(c, 2, 0, 1);
    put_kind(c, "/b", 'b');
    put_kind(c, "/f", 'f');
    assert_int_equal(cache_purge(c, matches_all, NULL), 3);
    assert_gauges(c, 0, 0, 0);
    assert_int_equal(stats_of(c).bytes, 0);
    end(c);
}

TEST_MAIN(cmocka_unit_test(test_claim_check), cmocka_unit_test(test_a_file_is_kept_open),
          cmocka_unit_test(test_open_files_have_a_cap), cmocka_unit_test(test_strings_are_copied),
          cmocka_unit_test(test_absent_strings_are_empty),
          cmocka_unit_test(test_entries_without_bytes), cmocka_unit_test(test_gauges_of_each_kind))
