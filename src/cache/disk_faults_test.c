/* What disks and other people do to the folder: counted, cleaned up, and nothing more. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "cache/disk_testing.h"

enum { KB = 1024, HEAD = 40, SIZE = 2000 };

#define KEY STR("/live/ch1/s1.ts")
#define META STR("meta")

/* ---- damage ---- */

static void store_one(void)
{
    world_store(KEY, META, SIZE);
    world_settle();
}

static void flip_byte(const char *path, off_t at)
{
    int fd = open(path, O_RDWR);
    char c;

    assert_true(fd >= 0 && pread(fd, &c, 1, at) == 1);
    c ^= 0x10;
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void resize(const char *path, off_t n)
{
    assert_int_equal(truncate(path, n), 0);
}

/* A load finds it, and after that it is as if there had never been anything. */
static void expect_damage(void (*damage)(const char *path, off_t arg), off_t arg)
{
    uint64_t before = world_stats().damaged;

    store_one();
    damage(world_only_file(), arg);
    if (world_load(KEY, META, SIZE) != -EBADMSG)
        fail_msg("byte %ld", (long)arg);
    assert_int_equal(world_stats().damaged, before + 1);
    assert_false(disk_has(world.disk, KEY));
    assert_int_equal(world_load(KEY, META, SIZE), -ENOENT);
    DISK_UNTIL(world_files() == 0 && world_stats().bytes == 0);
    assert_int_equal(world_stats().hits, 0);
}

static void a_flipped_byte(void **state)
{
    off_t size = HEAD + (off_t)KEY.n + (off_t)META.n + SIZE;

    for (off_t at = 0; at < HEAD + (off_t)KEY.n + (off_t)META.n; at++)
        expect_damage(flip_byte, at);
    for (off_t at = size - SIZE; at < size; at += 133)
        expect_damage(flip_byte, at);
    expect_damage(flip_byte, size - 1);
}

static void a_file_of_another_length(void **state)
{
    static const off_t sizes[] = {0,
                                  1,
                                  HEAD - 1,
                                  HEAD,
                                  HEAD + 1,
                                  HEAD + 15,
                                  HEAD + 19,
                                  HEAD + 19 + 100,
                                  HEAD + 19 + SIZE - 1,
                                  HEAD + 19 + SIZE + 1,
                                  1 << 20};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        expect_damage(resize, sizes[i]);
}

/* What the start can see of it, in the head and in the length, is gone at once. */
static void damage_found_at_the_start(void **state)
{
    static const off_t places[] = {0, 7 /* the version */, 8, 16, 24, 32, HEAD, HEAD + 18};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        store_one();
        disk_close(&world.disk);
        flip_byte(world_only_file(), places[i]);
        world_open();
        world_settle();
        assert_int_equal(world_stats().damaged, 1);
        assert_int_equal(world_stats().objects, 0);
        assert_int_equal(world_files(), 0);
    }
}

static void a_whole_file_under_another_name(void **state)
{
    char other[128];
    const char *path;

    store_one();
    disk_close(&world.disk);
    path = world_only_file();
    snprintf(other, sizeof other, "%s", path);
    other[strlen(world.path) + sizeof "/a/bc/0123"] ^= 1; /* a digit, to another one or to none */
    assert_int_equal(rename(path, other), 0);
    world_open();
    world_settle();
    assert_false(disk_has(world.disk, KEY));
    assert_int_equal(world_stats().objects, 0);
}

/* As a kill leaves them, between the name of the new one and the end of the old one. */
static void two_versions_of_one_object(void **state)
{
    char newer[128];
    const char *older;

    store_one();
    disk_close(&world.disk);
    older = world_only_file();
    snprintf(newer, sizeof newer, "%s", older);
    newer[strlen(newer) - 1]++;
    assert_int_equal(link(older, newer), 0);
    world_open();
    world_settle();
    assert_int_equal(world_stats().objects, 1);
    assert_int_equal(world_stats().damaged, 0);
    assert_string_equal(world_only_file(), newer);
    assert_int_equal(world_load(KEY, META, SIZE), 0);
}

static void a_folder_that_lost_its_key(void **state)
{
    char identity[64];

    store_one();
    disk_close(&world.disk);
    snprintf(identity, sizeof identity, "%s/hlsgate-cache", world.path);
    resize(identity, 5);
    world_open();
    world_settle();
    assert_int_equal(world_stats().damaged, 1);
    assert_int_equal(world_files(), 0);
    store_one();
    world_reopen();
    assert_int_equal(world_load(KEY, META, SIZE), 0);
}

/* ---- what else lies in the folder ---- */

static void make_file(const char *name)
{
    char path[256];
    int fd;

    snprintf(path, sizeof path, "%s/%s", world.path, name);
    fd = open(path, O_CREAT | O_WRONLY | O_EXCL, 0600);
    assert_true(fd >= 0 && write(fd, "x", 1) == 1);
    close(fd);
}

static bool exists(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", world.path, name);
    return access(path, F_OK) == 0;
}

static void make_folder(const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/%s", world.path, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void leftovers_go_and_what_is_not_ours_stays(void **state)
{
    static const struct {
        const char *name;
        bool stays;
    } files[] = {
        {"new", false},
        {"a/bc/abc0123456789abc-0000000000000007", false}, /* named as ours, but empty of sense */
        {"a/bc/ab00123456789abc-0000000000000007", true},  /* belongs into another folder */
        {"a/bc/abc0123456789ABC-0000000000000007", true},
        {"a/bc/abc0123456789abc-000000000000007", true},
        {"a/bc/abc0123456789abc_0000000000000007", true},
        {"a/bc/abc0123456789abc-ffffffffffffffff", true},
        {"a/bc/note", true},
        {"a/note", true},
        {"note", true},
    };

    world_settle();
    disk_close(&world.disk);
    make_folder("a");
    make_folder("a/bc");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        make_file(files[i].name);
    world_open();
    world_settle();
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (exists(files[i].name) != files[i].stays)
            fail_msg("%s", files[i].name);
    assert_int_equal(world_stats().objects, 0);
    store_one();
    assert_int_equal(world_load(KEY, META, SIZE), 0);
}

/* Nothing of ours is a link. */
static void a_link_in_the_place_of_a_file(void **state)
{
    char secret[64];
    const char *path;

    store_one();
    make_file("secret");
    snprintf(secret, sizeof secret, "%s/secret", world.path);
    path = world_only_file();
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(secret, path), 0);
    assert_int_equal(world_load(KEY, META, SIZE), -ELOOP);
    assert_false(disk_has(world.disk, KEY));
    DISK_UNTIL(access(path, F_OK) < 0);
    assert_true(exists("secret"));
}

static void a_second_process_is_refused(void **state)
{
    struct disk *second = NULL;
    struct buf error = {.cap = 1024};

    assert_int_equal(disk_open(&world.settings, &second, &error), -EBUSY);
    assert_null(second);
    assert_true(str_ends(buf_str(&error), STR("is in use by another process")));
    store_one();
    disk_close(&world.disk);
    buf_clear(&error);
    assert_int_equal(disk_open(&world.settings, &second, &error), 0);
    disk_close(&second);
    world_open();
    buf_done(&error);
}

static void folders_that_cannot_be_used(void **state)
{
    static const struct {
        const char *path, *says;
    } cases[] = {
        {"/proc/hlsgate-no-such-folder", "cannot make the folder"},
        {"/dev/null", "cannot open the folder"},
        {"/proc/self/fdinfo", "cannot write into"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct disk_settings s = world.settings;
        struct buf error = {.cap = 1024};
        struct disk *d = NULL;

        s.path = cases[i].path;
        assert_true(disk_open(&s, &d, &error) < 0);
        assert_null(d);
        if (!str_starts(buf_str(&error), str_of(cases[i].says)))
            fail_msg("%.*s", STR_FMT(buf_str(&error)));
        buf_done(&error);
    }
}

/* ---- a disk that does not take or give ---- */

static void a_folder_that_is_gone(void **state)
{
    store_one();
    world_remove_folder();
    assert_int_equal(world_load(KEY, META, SIZE), -ENOENT);
    assert_false(disk_has(world.disk, KEY));
    for (int i = 0; i < 10; i++)
        world_store(world_key("/", i), META, 1000);
    world_settle();
    assert_int_equal(world_stats().failed, 10);
    assert_int_equal(world_stats().objects, 0);
    DISK_UNTIL(world_stats().bytes == 0);
}

static void set_file_limit(rlim_t n)
{
    struct rlimit l;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &l), 0);
    l.rlim_cur = n;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

/* The first bytes of a file go through, the rest does not. */
static void writes_that_fail_in_the_middle(void **state)
{
    struct rlimit before;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    world_store(STR("/kept"), META, SIZE);
    world_settle();
    set_file_limit(10 * KB);
    for (int i = 0; i < 10; i++)
        world_store(world_key("/", i), META, 100 * KB);
    world_settle();
    assert_int_equal(world_stats().failed, 10);
    assert_int_equal(world_files(), 1);
    assert_int_equal(world_stats().bytes, 4 * KB);
    assert_false(exists("new"));
    set_file_limit(before.rlim_cur);
    world_store(world_key("/", 1), META, 100 * KB);
    world_settle();
    assert_int_equal(world_load(world_key("/", 1), META, 100 * KB), 0);
    assert_int_equal(world_load(STR("/kept"), META, SIZE), 0);
}

/* Only a shortage, so the file stays. */
static void no_descriptors_left(void **state)
{
    struct rlimit before, none;

    store_one();
    assert_int_equal(world_load(KEY, META, SIZE), 0); /* the pool has its threads now */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(world_load(KEY, META, SIZE), -EMFILE);
    world_store(STR("/b"), META, 10);
    world_settle();
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(world_stats().failed, 1);
    assert_int_equal(world_stats().damaged, 0);
    assert_int_equal(world_load(KEY, META, SIZE), 0);
}

TEST_MAIN(WORLD_TEST(a_flipped_byte), WORLD_TEST(a_file_of_another_length),
          WORLD_TEST(damage_found_at_the_start), WORLD_TEST(a_whole_file_under_another_name),
          WORLD_TEST(two_versions_of_one_object), WORLD_TEST(a_folder_that_lost_its_key),
          WORLD_TEST(leftovers_go_and_what_is_not_ours_stays),
          WORLD_TEST(a_link_in_the_place_of_a_file), WORLD_TEST(a_second_process_is_refused),
          WORLD_TEST(folders_that_cannot_be_used), WORLD_TEST(a_folder_that_is_gone),
          WORLD_TEST(writes_that_fail_in_the_middle), WORLD_TEST(no_descriptors_left))
