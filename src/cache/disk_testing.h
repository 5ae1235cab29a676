/* For tests: a disk tier in a folder of its own, and what is needed to wait for it. */
#ifndef CACHE_DISK_TESTING_H
#define CACHE_DISK_TESTING_H

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"
#include "cache/disk.h"
#include "net/loop_testing.h"

struct disk_world {
    char path[40];
    struct disk_settings settings;
    struct disk *disk;
    struct loop *loop;
};

static struct disk_world world;

static inline struct disk_stats world_stats(void)
{
    struct disk_stats s;

    disk_stats(world.disk, &s);
    return s;
}

#define DISK_UNTIL(condition)                                \
    do {                                                     \
        for (int round_ = 0; !(condition); round_++) {       \
            if (round_ == TURNS_MAX)                         \
                fail_msg("never came true: %s", #condition); \
            usleep(500);                                     \
        }                                                    \
    } while (0)

/* Until the folder is known and all that was stored is written. */
static inline void world_settle(void)
{
    DISK_UNTIL(world_stats().is_complete && world_stats().queued == 0);
}

static inline void world_open(void)
{
    struct buf error = {.cap = 1024};

    if (disk_open(&world.settings, &world.disk, &error) != 0)
        fail_msg("%.*s", STR_FMT(buf_str(&error)));
}

static inline void world_reopen(void)
{
    disk_close(&world.disk);
    world_open();
    world_settle();
}

static inline int world_setup(void **state)
{
    world = (struct disk_world){.path = "/tmp/hlsgate-disk-XXXXXX"};
    assert_non_null(mkdtemp(world.path));
    world.settings = (struct disk_settings){.path = world.path,
                                            .limit = 64 << 20,
                                            .max_object = 4 << 20,
                                            .max_queue = DISK_MAX_QUEUE,
                                            .max_index = DISK_MAX_INDEX};
    world.loop = loop_new();
    world_open();
    return 0;
}

static inline int world_remove_file(const char *path, const struct stat *st, int kind,
                                    struct FTW *ftw)
{
    return remove(path);
}

static inline void world_remove_folder(void)
{
    nftw(world.path, world_remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int world_teardown(void **state)
{
    loop_free(&world.loop);
    disk_close(&world.disk);
    world_remove_folder();
    assert_int_equal(blob_live(), 0);
    return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* ---- objects: the bytes of one follow from its key and size ---- */

/* "/live/7"; good until the next call on this thread. */
static inline struct str world_key(const char *prefix, int i)
{
    static _Thread_local char text[64];

    return (struct str){text, (size_t)snprintf(text, sizeof text, "%s%d", prefix, i)};
}

static inline void world_fill(char *to, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(i * 7 + (i >> 8) + (key.n > 0 ? (unsigned char)key.p[i % key.n] : 1));
}

static inline struct blob *world_blob(struct str key, size_t n)
{
    struct blob *b = blob_new(n);

    assert_non_null(b);
    world_fill(blob_bytes(b), n, key);
    return b;
}

static inline void world_store(struct str key, struct str meta, size_t n)
{
    struct blob *b = world_blob(key, n);

    disk_store(world.disk, key, meta, b, disk_purges(world.disk));
    blob_unref(&b);
}

static inline void world_check(const struct disk_load *load, struct str key)
{
    struct blob *want = world_blob(key, blob_str(load->blob).n);

    assert_true(str_eq(blob_str(load->blob), blob_str(want)));
    blob_unref(&want);
}

struct world_load {
    struct disk_load load;
    bool is_done;
    int err;
};

static inline void world_on_loaded(struct op *op, int err)
{
    struct world_load *l = container_of(op, struct world_load, load.op);

    l->is_done = true;
    l->err = err;
}

static inline int world_load_begin(struct world_load *l, struct str key)
{
    *l = (struct world_load){0};
    op_init(&l->load.op, world_on_loaded);
    return disk_load(world.disk, world.loop, key, &l->load);
}

/* What became of it; when it is 0 the bytes are right and `want_meta` and `n` came back. */
static inline int world_load(struct str key, struct str want_meta, size_t n)
{
    struct world_load l;
    int r = world_load_begin(&l, key);

    if (r < 0)
        return r;
    TURN_UNTIL(world.loop, l.is_done);
    if (l.err == 0) {
        assert_int_equal(blob_str(l.load.blob).n, n);
        assert_true(str_eq(l.load.meta, want_meta));
        world_check(&l.load, key);
    }
    disk_load_done(&l.load);
    return l.err;
}

/* ---- files ---- */

static struct {
    unsigned count;
    uint64_t blocks; /* bytes in whole blocks of 4 KiB */
    char last[128];
} world_found;

static inline int world_count_file(const char *path, const struct stat *st, int kind,
                                   struct FTW *ftw)
{
    if (kind != FTW_F || ftw->level != 3)
        return 0;
    world_found.count++;
    world_found.blocks += ((uint64_t)st->st_size + 4095) / 4096 * 4096;
    snprintf(world_found.last, sizeof world_found.last, "%s", path);
    return 0;
}

/* How many objects' files there are. */
static inline unsigned world_files(void)
{
    memset(&world_found, 0, sizeof world_found);
    nftw(world.path, world_count_file, 16, FTW_PHYS);
    return world_found.count;
}

static inline const char *world_only_file(void)
{
    assert_int_equal(world_files(), 1);
    return world_found.last;
}

#endif
