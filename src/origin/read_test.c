/* Reading whole files on the pool: their bytes, or -EAGAIN when they are not the version that was
 * opened. */
#include <errno.h>
#include <sys/resource.h>

#include "net/loop_testing.h"
#include "origin/folder_testing.h"
#include "origin/origin.h"

enum { BIG = 3 * 1024 * 1024 + 17 };

static struct test_folder folder;

struct reader {
    struct origin_file file;
    struct origin_read read;
    int opened, done, err, released;
};

static void on_opened(struct op *op, int err)
{
    struct reader *r = container_of(op, struct reader, file.op);

    assert_int_equal(err, 0);
    r->opened++;
}

static void on_read(struct op *op, int err)
{
    struct reader *r = container_of(op, struct reader, read.op);

    r->done++;
    r->err = err;
}

static struct reader *open_file(struct loop *l, const char *path)
{
    struct buf error = {.cap = 256};
    struct reader *r = xzalloc(sizeof *r);
    struct origin *o = NULL;

    assert_int_equal(origin_folder_new(folder.root, &o, &error), 0);
    op_init(&r->file.op, on_opened);
    origin_open(o, l, str_of(path), &r->file);
    origin_free(&o);
    TURN_UNTIL(l, r->opened);
    return r;
}

static void start_reading(struct loop *l, struct reader *r)
{
    op_init(&r->read.op, on_read);
    r->read.bytes = xmalloc(r->file.size);
    assert_int_equal(origin_read(l, &r->file, &r->read), 0);
    assert_int_equal(r->done, 0);
}

static void reader_free(struct reader *r)
{
    origin_file_done(&r->file);
    free(r->read.bytes);
    free(r);
}

static char *pattern(size_t n)
{
    char *p = xmalloc(n);

    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i * 2654435761u >> 13);
    return p;
}

static void every_byte_arrives(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, 65536, 65537, BIG};
    struct loop *l = loop_new();

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        AUTO(xfree_p) char *bytes = pattern(sizes[i]);
        struct reader *r;

        test_folder_write(&folder, "f", bytes, sizes[i]);
        r = open_file(l, "/f");
        assert_int_equal(r->file.size, sizes[i]);
        start_reading(l, r);
        TURN_UNTIL(l, r->done);
        assert_int_equal(r->err, 0);
        assert_memory_equal(r->read.bytes, bytes, sizes[i]);
        reader_free(r);
    }
    loop_free(&l);
}

/* The descriptor is duplicated: the file may be done while the pool still reads. */
static void the_file_may_be_done_meanwhile(void **state)
{
    struct loop *l = loop_new();
    AUTO(xfree_p) char *bytes = pattern(BIG);
    struct reader *r;

    test_folder_write(&folder, "f", bytes, BIG);
    r = open_file(l, "/f");
    start_reading(l, r);
    origin_file_done(&r->file);
    TURN_UNTIL(l, r->done);
    assert_int_equal(r->err, 0);
    assert_memory_equal(r->read.bytes, bytes, BIG);
    reader_free(r);
    loop_free(&l);
}

static void cut_short(void)
{
    test_folder_write(&folder, "f", "01234", 5);
}

static void grow(void)
{
    test_folder_write(&folder, "f", "0123456789x", 11);
}

static void rewrite_in_place(void)
{
    static const struct timespec another_time[2] = {{1, 0}, {1, 0}};

    test_folder_write(&folder, "f", "abcdefghij", 10);
    assert_int_equal(utimensat(folder.root_fd, "f", another_time, 0), 0);
}

static void move_the_time_by_a_nanosecond(void)
{
    struct stat st;
    struct timespec t[2];

    assert_int_equal(fstatat(folder.root_fd, "f", &st, 0), 0);
    t[0] = t[1] = (struct timespec){st.st_mtim.tv_sec, st.st_mtim.tv_nsec ^ 1};
    assert_int_equal(utimensat(folder.root_fd, "f", t, 0), 0);
}

static void replace_by_rename(void)
{
    test_folder_write(&folder, "new", "abcdefghij", 10);
    assert_int_equal(renameat(folder.root_fd, "new", folder.root_fd, "f"), 0);
}

static void changes_are_noticed(void **state)
{
    static const struct {
        void (*change)(void);
        int want;
    } cases[] = {
        {cut_short, -EAGAIN},        {grow, -EAGAIN},
        {rewrite_in_place, -EAGAIN}, {move_the_time_by_a_nanosecond, -EAGAIN},
        {replace_by_rename, 0}, /* ours is the old file, whole */
    };
    struct loop *l = loop_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reader *r;

        test_folder_write(&folder, "f", "0123456789", 10);
        r = open_file(l, "/f");
        cases[i].change();
        start_reading(l, r);
        TURN_UNTIL(l, r->done);
        assert_int_equal(r->err, cases[i].want);
        if (cases[i].want == 0)
            assert_memory_equal(r->read.bytes, "0123456789", 10);
        reader_free(r);
    }
    loop_free(&l);
}

static void on_released(void *arg)
{
    xfree_p(arg);
}

/* The struct goes at once, the bytes when release() says so. */
static void a_cancelled_read_releases_the_bytes_once(void **state)
{
    static const unsigned waits_usec[] = {0, 50, 500, 5000};
    struct loop *l = loop_new();
    AUTO(xfree_p) char *bytes = pattern(BIG);

    test_folder_write(&folder, "f", bytes, BIG);
    for (int i = 0; i < 20; i++) {
        struct reader *r = open_file(l, "/f");
        char *volatile held; /* NULL once it is released */

        r->read.release = on_released;
        r->read.arg = (void *)&held;
        start_reading(l, r);
        held = TAKE(r->read.bytes);
        usleep(waits_usec[(size_t)i % ARRAY_LEN(waits_usec)]);
        op_cancel(&r->read.op);
        assert_int_equal(r->done, 0);
        reader_free(r);
        assert_non_null(held);
        TURN_UNTIL(l, held == NULL);
    }
    loop_free(&l);
}

static void no_descriptor_left_fails_at_once(void **state)
{
    struct loop *l = loop_new();
    struct rlimit before, none = {0};
    struct reader *r;

    test_folder_write(&folder, "f", "0123456789", 10);
    r = open_file(l, "/f");
    op_init(&r->read.op, on_read);
    r->read.bytes = xmalloc(r->file.size);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_true(origin_read(l, &r->file, &r->read) < 0);
    assert_false(op_is_under_way(&r->read.op));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    reader_free(r);
    loop_free(&l);
}

static int setup(void **state)
{
    test_folder_init(&folder);
    return 0;
}

static int teardown(void **state)
{
    test_folder_done(&folder);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_byte_arrives),
    cmocka_unit_test(the_file_may_be_done_meanwhile),
    cmocka_unit_test(changes_are_noticed),
    cmocka_unit_test(a_cancelled_read_releases_the_bytes_once),
    cmocka_unit_test(no_descriptor_left_fails_at_once),
};

int main(void)
{
    return cmocka_run_group_tests(tests, setup, teardown);
}
