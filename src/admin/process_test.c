#include "admin/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

enum { FAR = 700 }; /* past what is asked about at once */

static unsigned descriptors_by_name(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;

    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 3; /* ".", "..", and its own */
}

static void test_descriptors(void **state)
{
    struct rlimit limit;
    struct process_figures f;
    int fd = fcntl(STDOUT_FILENO, F_DUPFD, FAR);

    assert_true(fd >= FAR);
    process_figures(&f);
    assert_int_equal(f.open_fds, descriptors_by_name());
    close(fd);
    process_figures(&f);
    assert_int_equal(f.open_fds, descriptors_by_name());
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(f.max_fds == limit.rlim_cur);
}

static void test_time_and_memory(void **state)
{
    struct process_figures f;

    process_figures(&f);
    assert_true(f.threads >= 1);
    assert_true(f.resident_bytes > 100000 && f.resident_bytes < f.virtual_bytes);
    for (struct process_figures later = f; later.cpu_seconds == f.cpu_seconds;)
        process_figures(&later); /* works until it shows */
}

/* The same as above, read the cheap way. */
static void test_what_is_cheap(void **state)
{
    uint64_t before = process_cpu_usec();
    struct process_figures f;

    process_figures(&f);
    assert_in_range(process_cpu_usec(), MAX(f.cpu_seconds - 0.1, 0) * 1e6,
                    (f.cpu_seconds + 0.1) * 1e6);
    assert_in_range(process_resident_bytes(), f.resident_bytes / 2, f.resident_bytes * 2);
    while (process_cpu_usec() == before)
        process_figures(&f); /* works until it shows */
    assert_true(process_cpu_usec() > before);
}

TEST_MAIN(cmocka_unit_test(test_descriptors), cmocka_unit_test(test_time_and_memory),
          cmocka_unit_test(test_what_is_cheap))
