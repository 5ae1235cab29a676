/*
 * Any bytes as a path: whatever opens is one of the files inside, by both methods; what the walk
 * opens, openat2 opens too.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "origin/folder_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static char top[] = "/tmp/hlsgate-fuzz-XXXXXX";
static struct origin *origin;
static ino_t inside[3];

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    return remove(path);
}

static void clean_up(void)
{
    origin_free(&origin);
    nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static ino_t make_file(int at, const char *name)
{
    int fd = openat(at, name, O_CREAT | O_WRONLY, 0644);
    struct stat st;

    assert(fd >= 0 && fstat(fd, &st) == 0);
    close(fd);
    return st.st_ino;
}

static void set_up(void)
{
    static const char *const links[][2] = {
        {"../secret", "o"}, {"..", "p"},     {"/", "r"},
        {"d", "l"},         {"../a", "d/c"}, {"../../secret", "d/o"},
        {"x", "y"},         {"y", "x"},      {"/proc/self/root", "m"}};
    struct buf error = {.cap = 256};
    char root[64];
    int at;

    assert(mkdtemp(top) != NULL);
    snprintf(root, sizeof root, "%s/root", top);
    assert(mkdir(root, 0755) == 0);
    at = open(root, O_PATH | O_DIRECTORY);
    assert(at >= 0 && mkdirat(at, "d", 0755) == 0 && mkdirat(at, "d/e", 0755) == 0);
    inside[0] = make_file(at, "a");
    inside[1] = make_file(at, "d/b");
    inside[2] = make_file(at, "d/e/a");
    make_file(at, "../secret");
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        assert(symlinkat(links[i][0], at, links[i][1]) == 0);
    close(at);
    assert(origin_folder_new(root, &origin, &error) == 0);
    atexit(clean_up);
}

static ino_t open_by(enum folder_method method, struct str path, int *ret_err)
{
    struct stat st = {0};
    int fd;

    origin_set_method(origin, method);
    fd = folder_open(origin, path, &st);
    *ret_err = MIN(fd, 0);
    if (fd < 0) {
        assert(fd == -ENOENT || fd == -EACCES || fd == -ENAMETOOLONG);
        return 0;
    }
    close(fd);
    assert(S_ISREG(st.st_mode));
    assert(st.st_ino == inside[0] || st.st_ino == inside[1] || st.st_ino == inside[2]);
    return st.st_ino;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static enum folder_method best;
    struct str path = {(const char *)data, n};
    int best_err, walk_err;
    ino_t by_best, by_walk;

    if (origin == NULL) {
        set_up();
        best = origin->method;
    }
    by_best = open_by(best, path, &best_err);
    by_walk = open_by(FOLDER_WALK, path, &walk_err);
    if (walk_err == 0)
        assert(best_err == 0 && by_best == by_walk);
    return 0;
}
