/* What may be opened and what may not, by both methods; opening on the pool, and giving up on it.
 */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "net/loop_testing.h"
#include "origin/folder_internal.h"
#include "origin/folder_testing.h"

enum { DEPTH = 400, NOBODY = 65534 };

static struct test_folder folder;
static bool has_device;                /* only root may make one */
static char deep_path[2 * DEPTH + 16]; /* "/d/d/.../f" */

static void link_to(const char *target, const char *name)
{
    assert_int_equal(symlinkat(target, folder.root_fd, name), 0);
}

static void make_folder(const char *name)
{
    assert_int_equal(mkdirat(folder.root_fd, name, 0755), 0);
}

static void make_deep(void)
{
    int at = dup(folder.root_fd);

    for (int i = 0; i < DEPTH; i++) {
        int next;

        assert_int_equal(mkdirat(at, "d", 0755), 0);
        next = openat(at, "d", O_PATH | O_DIRECTORY);
        close(at);
        at = next;
        strcat(deep_path, "/d");
    }
    close(openat(at, "f", O_CREAT | O_WRONLY, 0644));
    strcat(deep_path, "/f");
    close(at);
}

static void make_socket(const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "%s/%s", folder.root, name);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    close(fd);
}

static int make_tree(void **state)
{
    char long_name[NAME_MAX + 1], outside[64];

    test_folder_init(&folder);
    snprintf(outside, sizeof outside, "%s/secret", folder.top);
    test_folder_write(&folder, "a.ts", "0123456789", 10);
    test_folder_write(&folder, "empty", "", 0);
    test_folder_write(&folder, "..ts", "x", 1);
    test_folder_write(&folder, "with space \xff", "x", 1);
    make_folder("sub");
    test_folder_write(&folder, "sub/b.ts", "b", 1);
    make_folder("locked");
    test_folder_write(&folder, "locked/c.ts", "c", 1);
    assert_int_equal(fchmodat(folder.root_fd, "locked", 0700, 0), 0);
    test_folder_write(&folder, "private", "p", 1);
    assert_int_equal(fchmodat(folder.root_fd, "private", 0600, 0), 0);

    link_to("a.ts", "in-file");
    link_to("sub", "in-folder");
    link_to("../a.ts", "sub/in-by-climbing");
    link_to("../secret", "out-relative");
    link_to(outside, "out-absolute");
    link_to("/", "out-folder");
    link_to("..", "out-parent");
    link_to("sub/../../secret", "out-in-the-middle");
    link_to("loop-b", "loop-a");
    link_to("loop-a", "loop-b");
    link_to("nothing", "dangling");
    link_to("/dev/null", "null-device");
    link_to("/proc/self/root/etc/passwd", "magic");
    assert_int_equal(mkfifoat(folder.root_fd, "fifo", 0644), 0);
    make_socket("socket");
    has_device = mknodat(folder.root_fd, "device", S_IFCHR | 0644, makedev(1, 3)) == 0;
    memset(long_name, 'n', NAME_MAX);
    long_name[NAME_MAX] = '\0';
    test_folder_write(&folder, long_name, "l", 1);
    make_deep();
    return 0;
}

static int remove_tree(void **state)
{
    test_folder_done(&folder);
    return 0;
}

static struct origin *new_origin(enum folder_method method)
{
    struct buf error = {.cap = 256};
    struct origin *o = NULL;

    assert_int_equal(origin_folder_new(folder.root, &o, &error), 0);
    if (method == FOLDER_OPENAT2 && o->method != FOLDER_OPENAT2) {
        origin_free(&o);
        skip(); /* this kernel has none */
    }
    origin_set_method(o, method);
    return o;
}

static void check(struct origin *o, struct str path, int want)
{
    int got = origin_exists(o, path);

    if (got != want)
        fail_msg("'%.*s': got %s, want %s", (int)MIN(path.n, (size_t)100), path.p,
                 strerrorname_np(-got), strerrorname_np(-want));
}

struct path_case {
    const char *path;
    int by_openat2, by_walk;
};

static const struct path_case path_cases[] = {
    {"/a.ts", 0, 0},
    {"/empty", 0, 0},
    {"/..ts", 0, 0},
    {"/with space \xff", 0, 0},
    {"/sub/b.ts", 0, 0},
    {"/sub//b.ts", 0, 0},
    {"/sub/./b.ts", 0, 0},
    {"//a.ts", 0, 0},

    {"/nothing", -ENOENT, -ENOENT},
    {"/nothing/at/all", -ENOENT, -ENOENT},
    {"/a.ts/b", -ENOENT, -ENOENT},
    {"/a.ts/", -ENOENT, -ENOENT},
    {"/sub", -ENOENT, -ENOENT},
    {"/sub/", -ENOENT, -ENOENT},
    {"/sub/.", -ENOENT, -ENOENT},
    {"/", -ENOENT, -ENOENT},
    {"/.", -ENOENT, -ENOENT},
    {"", -ENOENT, -ENOENT},
    {"/dangling", -ENOENT, -EACCES},
    {"/A.TS", -ENOENT, -ENOENT},

    {"/..", -EACCES, -EACCES},
    {"/../secret", -EACCES, -EACCES},
    {"/sub/../../secret", -EACCES, -EACCES},
    {"/sub/../a.ts", -EACCES, -EACCES},
    {"/sub/..", -EACCES, -EACCES},
    {"../secret", -EACCES, -EACCES},
    {"/out-relative", -EACCES, -EACCES},
    {"/out-absolute", -EACCES, -EACCES},
    {"/out-in-the-middle", -EACCES, -EACCES},
    {"/out-folder", -EACCES, -EACCES},
    {"/out-folder/etc/passwd", -EACCES, -EACCES},
    {"/out-parent/secret", -EACCES, -EACCES},
    {"/out-parent/root/a.ts", -EACCES, -EACCES},
    {"/loop-a", -EACCES, -EACCES},
    {"/loop-a/b", -EACCES, -EACCES},
    {"/null-device", -EACCES, -EACCES},
    {"/magic", -EACCES, -EACCES},
    {"/fifo", -EACCES, -EACCES},
    {"/fifo/x", -ENOENT, -ENOENT},
    {"/socket", -EACCES, -EACCES},

    /* Symlinks that stay inside: followed by the kernel, refused by the walk. */
    {"/in-file", 0, -EACCES},
    {"/in-folder/b.ts", 0, -EACCES},
    {"/sub/in-by-climbing", 0, -EACCES},
    {"/in-folder/in-by-climbing", 0, -EACCES},
    {"/in-folder", -ENOENT, -EACCES},
};

static void check_paths(enum folder_method method)
{
    struct origin *o = new_origin(method);

    for (size_t i = 0; i < ARRAY_LEN(path_cases); i++) {
        const struct path_case *c = &path_cases[i];

        check(o, str_of(c->path), method == FOLDER_OPENAT2 ? c->by_openat2 : c->by_walk);
    }
    check(o, STR("/device"), has_device ? -EACCES : -ENOENT);
    check(o, STR("/a.ts\0"), -ENOENT);
    check(o, STR("/a.ts\0/../../secret"), -ENOENT);
    check(o, STR("/\0"), -ENOENT);
    origin_free(&o);
}

static void paths_by_openat2(void **state)
{
    check_paths(FOLDER_OPENAT2);
}

static void paths_by_the_walk(void **state)
{
    check_paths(FOLDER_WALK);
}

static void check_lengths(enum folder_method method)
{
    struct origin *o = new_origin(method);
    char path[3 * PATH_MAX];

    memset(path, 'n', sizeof path);
    path[0] = '/';
    check(o, (struct str){path, 1 + NAME_MAX}, 0);
    check(o, (struct str){path, 2 + NAME_MAX}, -ENAMETOOLONG);
    check(o, (struct str){path, sizeof path}, -ENAMETOOLONG);
    for (size_t i = 0; i < sizeof path; i += 2)
        path[i] = '/', path[i + 1] = 'd';
    check(o, (struct str){path, PATH_MAX}, -ENOENT); /* as long as may be: one past the depth */
    check(o, (struct str){path, PATH_MAX + 1}, -ENAMETOOLONG);
    check(o, (struct str){path, PATH_MAX + 2}, -ENAMETOOLONG);
    check(o, str_of(deep_path), 0);
    origin_free(&o);
}

static void lengths_by_openat2(void **state)
{
    check_lengths(FOLDER_OPENAT2);
}

static void lengths_by_the_walk(void **state)
{
    check_lengths(FOLDER_WALK);
}

/* Root reads everything, so this asks as nobody. */
static void what_we_may_not_read_is_denied(void **state)
{
    struct origin *o = new_origin(FOLDER_WALK);
    bool is_root = geteuid() == 0;

    for (int round = 0; round < 2; round++) {
        if (is_root)
            assert_int_equal(seteuid(NOBODY), 0);
        else
            assert_int_equal(fchmodat(folder.root_fd, "private", 0, 0) |
                                 fchmodat(folder.root_fd, "locked", 0, 0),
                             0);
        check(o, STR("/private"), -EACCES);
        check(o, STR("/locked/c.ts"), -EACCES);
        check(o, STR("/a.ts"), 0);
        if (is_root)
            assert_int_equal(seteuid(0), 0);
        origin_free(&o);
        o = new_origin(FOLDER_OPENAT2);
    }
    fchmodat(folder.root_fd, "locked", 0700, 0);
    origin_free(&o);
}

/* The file is opened under the root we were given, wherever that is moved. */
static void the_root_is_resolved_once(void **state)
{
    struct origin *o = new_origin(FOLDER_WALK);
    char moved[64];

    snprintf(moved, sizeof moved, "%s/moved", folder.top);
    assert_int_equal(rename(folder.root, moved), 0);
    check(o, STR("/a.ts"), 0);
    assert_int_equal(rename(moved, folder.root), 0);
    origin_free(&o);
}

static void a_bad_root_says_why(void **state)
{
    struct buf error = {.cap = 256};
    struct origin *o = NULL;

    assert_int_equal(origin_folder_new("/nonexistent/root", &o, &error), -ENOENT);
    assert_null(o);
    assert_str(buf_str(&error),
               "cannot open the root folder /nonexistent/root: No such file or directory");
    buf_clear(&error);
    assert_int_equal(origin_folder_new("/dev/null", &o, &error), -ENOTDIR);
    assert_true(error.n > 0);
    buf_done(&error);
    origin_free(&o);
}

/* Opening on the pool */

struct opener {
    struct origin_file file;
    int done, err;
};

static void on_opened(struct op *op, int err)
{
    struct opener *p = container_of(op, struct opener, file.op);

    p->done++;
    p->err = err;
}

static struct opener *start(struct origin *o, struct loop *l, const char *path)
{
    struct opener *p = xzalloc(sizeof *p);
    AUTO(xfree_p) char *copy = xstrdup(path); /* goes before the pool looks */

    op_init(&p->file.op, on_opened);
    origin_open(o, l, str_of(copy), &p->file);
    assert_int_equal(p->done, 0);
    return p;
}

static long open_descriptors(void)
{
    long count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void an_open_file_knows_its_version(void **state)
{
    struct origin *o = new_origin(FOLDER_WALK);
    struct loop *l = loop_new();
    struct opener *p = start(o, l, "/a.ts");
    struct arena a;
    struct stat st;
    char etag[64];

    TURN_UNTIL(l, p->done);
    assert_int_equal(p->err, 0);
    assert_true(p->file.is_open);
    assert_int_equal(fstatat(folder.root_fd, "a.ts", &st, 0), 0);
    assert_int_equal(p->file.size, 10);
    assert_int_equal(p->file.inode, st.st_ino);
    assert_int_equal(p->file.mtime_sec, st.st_mtim.tv_sec);
    assert_int_equal(p->file.mtime_nsec, st.st_mtim.tv_nsec);

    arena_init(&a, 1024);
    snprintf(etag, sizeof etag, "\"%lx-a-%lx\"", st.st_ino,
             st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec);
    assert_str(origin_file_etag(&a, &p->file), etag);
    arena_done(&a);

    origin_file_done(&p->file);
    origin_file_done(&p->file);
    assert_false(p->file.is_open);
    xfree_p(&p);
    loop_free(&l);
    origin_free(&o);
}

static void a_failed_open_leaves_nothing(void **state)
{
    static const struct {
        const char *path;
        int err;
    } cases[] = {{"/nothing", -ENOENT}, {"/sub", -ENOENT}, {"/fifo", -EACCES}, {"/..", -EACCES}};
    struct origin *o = new_origin(FOLDER_WALK);
    struct loop *l = loop_new();
    long before = 0;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct opener *p = start(o, l, cases[i].path);

        TURN_UNTIL(l, p->done);
        assert_int_equal(p->err, cases[i].err);
        assert_false(p->file.is_open);
        origin_file_done(&p->file);
        xfree_p(&p);
        if (i > 0)
            assert_int_equal(open_descriptors(), before);
        before = open_descriptors();
    }
    loop_free(&l);
    origin_free(&o);
}

static void a_very_long_path_is_not_copied_whole(void **state)
{
    struct origin *o = new_origin(FOLDER_WALK);
    struct loop *l = loop_new();
    AUTO(xfree_p) char *path = xzalloc(1 << 20);
    struct opener *p;

    memset(path, 'n', (1 << 20) - 1);
    path[0] = '/';
    p = start(o, l, path);
    TURN_UNTIL(l, p->done);
    assert_int_equal(p->err, -ENAMETOOLONG);
    xfree_p(&p);
    loop_free(&l);
    origin_free(&o);
}

/* At once, after a while, when the pool is ready but the loop has not heard: the struct goes each
 * time. */
static void giving_up_closes_the_file_at_any_time(void **state)
{
    static const unsigned waits_usec[] = {0, 50, 500, 5000};
    struct origin *o = new_origin(FOLDER_WALK);
    struct loop *l = loop_new();
    long before = open_descriptors();

    for (int i = 0; i < 100; i++) {
        struct opener *p = start(o, l, i % 2 == 0 ? "/a.ts" : "/nothing");

        usleep(waits_usec[i % ARRAY_LEN(waits_usec)]);
        if (i % 3 == 0)
            op_cancel(&p->file.op);
        else
            origin_file_done(&p->file);
        xfree_p(&p);
        if (i % 5 == 0)
            loop_turn(l);
    }
    origin_free(&o); /* what is still on the pool keeps it */
    loop_free(&l);
    assert_true(open_descriptors() < before); /* the loop's and the root's are gone too */
}

static void a_file_never_opened_is_done_without_harm(void **state)
{
    struct origin_file f = {0};

    if (fcntl(0, F_GETFD) < 0)
        assert_int_equal(open("/dev/null", O_RDONLY), 0);
    origin_file_done(&f);
    assert_true(fcntl(0, F_GETFD) >= 0); /* a zeroed struct does not own descriptor 0 */
    assert_int_equal(f.fd, -1);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(paths_by_openat2),
    cmocka_unit_test(paths_by_the_walk),
    cmocka_unit_test(lengths_by_openat2),
    cmocka_unit_test(lengths_by_the_walk),
    cmocka_unit_test(what_we_may_not_read_is_denied),
    cmocka_unit_test(the_root_is_resolved_once),
    cmocka_unit_test(a_bad_root_says_why),
    cmocka_unit_test(an_open_file_knows_its_version),
    cmocka_unit_test(a_failed_open_leaves_nothing),
    cmocka_unit_test(a_very_long_path_is_not_copied_whole),
    cmocka_unit_test(giving_up_closes_the_file_at_any_time),
    cmocka_unit_test(a_file_never_opened_is_done_without_harm),
};

int main(void)
{
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
