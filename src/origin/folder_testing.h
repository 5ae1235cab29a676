/* For tests: a folder to serve from, with a secret beside it that nobody may reach. */
#ifndef ORIGIN_FOLDER_TESTING_H
#define ORIGIN_FOLDER_TESTING_H

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/test.h"

struct test_folder {
    char top[32]; /* holds "root/" and "secret" */
    char root[40];
    int root_fd;
};

static inline void test_folder_write(const struct test_folder *t, const char *name, const void *p,
                                     size_t n)
{
    int fd = openat(t->root_fd, name, O_CREAT | O_TRUNC | O_WRONLY, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, p, n), n);
    close(fd);
}

static inline void test_folder_init(struct test_folder *t)
{
    strcpy(t->top, "/tmp/hlsgate-origin-XXXXXX");
    assert_non_null(mkdtemp(t->top));
    assert_int_equal(chmod(t->top, 0755), 0);
    snprintf(t->root, sizeof t->root, "%s/root", t->top);
    assert_int_equal(mkdir(t->root, 0755), 0);
    t->root_fd = open(t->root, O_PATH | O_DIRECTORY);
    assert_true(t->root_fd >= 0);
    test_folder_write(t, "../secret", "secret", 6);
}

static inline int test_folder_remove(const char *path, const struct stat *st, int kind,
                                     struct FTW *ftw)
{
    return remove(path);
}

static inline void test_folder_done(struct test_folder *t)
{
    close(t->root_fd);
    nftw(t->top, test_folder_remove, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
