#include "logs/writer.h"

#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "logs/testing.h"

enum {
    QUEUE = 2 * LINE_BYTES_MAX,
    PIPE_LINES = 2 /* of the longest, in a pipe of 64 KiB */
};

static pthread_mutex_t told_lock = PTHREAD_MUTEX_INITIALIZER;
static char told[4096];

static void remember(const char *sentence)
{
    pthread_mutex_lock(&told_lock);
    snprintf(told + strlen(told), sizeof told - strlen(told), "%s\n", sentence);
    pthread_mutex_unlock(&told_lock);
}

static struct line_writer *writer_to(struct line_target *t)
{
    struct line_writer_options o = {.queues = 2, .queue_bytes = QUEUE, .tell = remember};
    struct line_writer *w = line_writer_new(&o);

    told[0] = '\0';
    line_writer_turn_to(w, t);
    assert_int_equal(line_writer_start(w), 0);
    return w;
}

static struct line_writer_stats end(struct line_writer **w)
{
    struct line_writer_stats s;

    line_writer_stop(*w);
    line_writer_stats(*w, &s);
    line_writer_free(w);
    return s;
}

static void put(struct line_writer *w, unsigned queue, const char *line)
{
    line_writer_put(w, queue, str_of(line));
}

static void test_lines_of_all_queues_arrive(void **state)
{
    struct test_place p;
    struct line_writer *w;
    struct line_writer_stats s;
    struct str text;

    place_make(&p, "access.log");
    w = writer_to(target_at(LINES_TO_FILE, p.path));
    put(w, 0, "a\n");
    put(w, 1, "b\n");
    s = end(&w);
    text = text_of_file(p.path);
    assert_true(str_eq(text, STR("a\nb\n")) || str_eq(text, STR("b\na\n")));
    free((void *)(uintptr_t)text.p);
    assert_int_equal(s.accepted, 2);
    assert_int_equal(s.dropped + s.lost, 0);
    assert_string_equal(told, "");
    place_remove(&p);
}

static void wait_for_size(const char *path, off_t size)
{
    usec_t until = clock_monotonic() + 10 * USEC_PER_SEC;
    struct stat st = {0};

    while (clock_monotonic() < until && st.st_size < size)
        assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, size);
}

/* The first line after a silence wakes the writer, each time. */
static void test_asleep_it_is_woken(void **state)
{
    struct test_place p;
    struct line_writer *w;

    place_make(&p, "access.log");
    w = writer_to(target_at(LINES_TO_FILE, p.path));
    for (int i = 1; i <= 50; i++) {
        put(w, (unsigned)i % 2, "a\n");
        wait_for_size(p.path, 2 * i);
    }
    end(&w);
    place_remove(&p);
}

static void test_without_a_target_lines_go_nowhere(void **state)
{
    struct line_writer *w = writer_to(NULL);
    struct line_writer_stats s;

    put(w, 0, "a\n");
    s = end(&w);
    assert_int_equal(s.accepted, 1);
    assert_int_equal(s.dropped + s.lost, 0);
}

static void test_full_disk_loses_and_says_so(void **state)
{
    struct line_writer *w = writer_to(target_at(LINES_TO_FILE, "/dev/full"));
    struct line_writer_stats s;

    put(w, 0, "a\n");
    put(w, 0, "b\n");
    s = end(&w);
    assert_int_equal(s.lost, 2);
    assert_non_null(strstr(told, "No space left on device"));
}

/* Nobody reads: the queue fills, what comes then is dropped and counted, and a stop does not wait
 * for long. */
static void test_pipe_that_nobody_reads(void **state)
{
    static char line[LINE_BYTES_MAX];
    struct line_writer_stats s;
    struct line_writer *w;
    struct test_place p;
    uint64_t count = 0;
    int reader;
    usec_t began;

    place_make(&p, "pipe");
    assert_int_equal(mkfifo(p.path, 0600), 0);
    reader = open(p.path, O_RDONLY | O_NONBLOCK);
    w = writer_to(target_at(LINES_TO_FILE, p.path));
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    do { /* what pipe, batch and queue take, and more */
        line_writer_put(w, 0, (struct str){line, sizeof line});
        line_writer_stats(w, &s);
        count++;
    } while (s.accepted <= PIPE_LINES || s.dropped == 0);
    began = clock_monotonic();
    s = end(&w);
    assert_true(clock_monotonic() - began < 8 * USEC_PER_SEC);
    assert_int_equal(s.accepted + s.dropped, count);
    assert_true(s.dropped > 0 && s.lost > 0 && s.lost <= s.accepted);
    assert_non_null(strstr(told, "lines are dropped"));
    assert_non_null(strstr(told, "lines are lost"));
    close(reader);
    place_remove(&p);
}

/* Out of a target that takes nothing into one that does: what is left of the batch follows, from
 * the next whole line on. */
static void test_turned_to_another_target_while_stuck(void **state)
{
    static char line[LINE_BYTES_MAX];
    struct test_place pipe, file;
    struct line_writer_stats s;
    struct line_writer *w;
    struct str text;
    int reader;

    place_make(&pipe, "pipe");
    place_make(&file, "access.log");
    assert_int_equal(mkfifo(pipe.path, 0600), 0);
    reader = open(pipe.path, O_RDONLY | O_NONBLOCK);
    w = writer_to(target_at(LINES_TO_FILE, pipe.path));
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 3; i++) /* more than a pipe takes */
        line_writer_put(w, i == 0 ? 0 : 1, (struct str){line, sizeof line});
    line_writer_turn_to(w, target_at(LINES_TO_FILE, file.path));
    put(w, 0, "last\n");
    s = end(&w);
    text = text_of_file(file.path);
    assert_true(str_find(text, STR("last\n")) >= 0);
    assert_int_equal((text.n - strlen("last\n")) % LINE_BYTES_MAX, 0);
    assert_true(s.lost <= 1);
    free((void *)(uintptr_t)text.p);
    close(reader);
    place_remove(&pipe);
    place_remove(&file);
}

TEST_MAIN(cmocka_unit_test(test_lines_of_all_queues_arrive),
          cmocka_unit_test(test_asleep_it_is_woken),
          cmocka_unit_test(test_without_a_target_lines_go_nowhere),
          cmocka_unit_test(test_full_disk_loses_and_says_so),
          cmocka_unit_test(test_pipe_that_nobody_reads),
          cmocka_unit_test(test_turned_to_another_target_while_stuck))
