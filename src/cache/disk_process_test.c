/*
 * What needs a process of its own, to be killed or to have a disk of its own. The test that forks
 * first has not loaded anything yet: the pool's threads would be missing in its child.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "cache/disk_testing.h"

enum { KB = 1024, SIZE = 2000 };

#define META STR("meta")

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        _exit(10);
    close(fd);
}

static void map_to_root(const char *path, unsigned id)
{
    char text[32];

    snprintf(text, sizeof text, "0 %u 1", id);
    write_text(path, text);
}

/* A disk of 1 MiB in a mount namespace of the child's own; who is not root takes a user namespace
 * for it. */
static void mount_small_disk(void)
{
    bool is_root = geteuid() == 0;
    unsigned uid = geteuid(), gid = getegid();

    if (unshare(CLONE_NEWNS | (is_root ? 0 : CLONE_NEWUSER)) < 0)
        _exit(11);
    if (!is_root) {
        map_to_root("/proc/self/uid_map", uid);
        write_text("/proc/self/setgroups", "deny");
        map_to_root("/proc/self/gid_map", gid);
    }
    if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", world.path, "tmpfs", 0, "size=1m,mode=700") < 0)
        _exit(12);
}

/* It goes on evicting and keeping, as if the limit was what the disk has. */
static int use_small_disk(void)
{
    world.loop = loop_new();
    world_open();
    for (int i = 0; i < 200; i++) {
        world_store(world_key("/", i), META, 100 * KB);
        world_settle();
        if (world_load(world_key("/", i), META, 100 * KB) != 0)
            return 1;
    }
    if (world_stats().failed > 0 || world_stats().stored != 200 || world_stats().objects < 8 ||
        world_stats().bytes > 1 << 20)
        return 2;
    world_store(STR("/too large for it"), META, 2 << 20);
    world_settle();
    if (world_stats().failed != 1 || world_stats().bytes != 0)
        return 3;
    world_store(STR("/small"), META, SIZE);
    world_settle();
    return world_load(STR("/small"), META, SIZE) == 0 ? 0 : 4;
}

static void a_disk_that_is_smaller_than_the_limit(void **state)
{
    int status;
    pid_t child;

    disk_close(&world.disk);
    child = fork();
    if (child == 0) {
        mount_small_disk();
        _exit(use_small_disk());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    world_open();
}

/* ---- kill -9 ---- */

/* Stores for ever, and tells how many are written. */
static void store_until_killed(int pipe)
{
    uint64_t stored = 0;

    world_open();
    for (int i = 0;; i++) {
        world_store(world_key("/", i), META, (size_t)i * 977 % (64 * KB));
        DISK_UNTIL(world_stats().queued < 256 * KB);
        if (world_stats().stored > stored) {
            stored = world_stats().stored;
            if (write(pipe, &stored, sizeof stored) != sizeof stored)
                abort();
        }
    }
}

static uint64_t kill_in_the_middle(uint64_t at_least)
{
    uint64_t stored = 0, more;
    int fds[2], status;
    pid_t child;

    assert_int_equal(pipe(fds), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        store_until_killed(fds[1]);
    close(fds[1]);
    while (stored < at_least && read(fds[0], &stored, sizeof stored) == sizeof stored)
        continue;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    while (read(fds[0], &more, sizeof more) == sizeof more)
        stored = more;
    close(fds[0]);
    return stored;
}

/* Three in a row over the same folder: the first objects are those of the last round. */
static void killed_in_the_middle_of_writing(void **state)
{
    uint64_t stored[3];
    struct loop *loop = world.loop;

    disk_close(&world.disk);
    for (int round = 0; round < 3; round++)
        stored[round] = kill_in_the_middle(50 + 60 * (uint64_t)round);
    world.loop = loop;
    world_open();
    world_settle();
    assert_true(stored[2] >= 170);
    assert_true(world_stats().objects >= stored[2]);
    assert_int_equal(world_stats().damaged, 0);
    for (uint64_t i = 0; i < stored[2]; i++)
        assert_int_equal(world_load(world_key("/", (int)i), META, (size_t)i * 977 % (64 * KB)), 0);
    assert_int_equal(world_files(), world_stats().objects);
    assert_int_equal(world_found.blocks, world_stats().bytes);
}

TEST_MAIN(WORLD_TEST(a_disk_that_is_smaller_than_the_limit),
          WORLD_TEST(killed_in_the_middle_of_writing))
