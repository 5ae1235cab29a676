/* Four workers at full speed while the file is renamed and opened anew again and again: every line
 * stands in exactly one of the files, or is counted as dropped. */
#include "logs/writer.h"

#include <pthread.h>

#include "logs/testing.h"

enum { WORKERS = 4, LINES = 20000, ROTATIONS = 20 };

static struct line_writer *writer;

static void *work(void *arg)
{
    unsigned number = (unsigned)(uintptr_t)arg;

    for (unsigned i = 0; i < LINES; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "worker %u line %u\n", number, i);

        line_writer_put(writer, number, (struct str){line, (size_t)n});
    }
    return NULL;
}

static void rotated(char ret[128], const struct test_place *p, int i)
{
    snprintf(ret, 128, "%s.%d", p->path, i);
}

static void rotate(const struct test_place *p, int i)
{
    char name[128];

    rotated(name, p, i);
    assert_int_equal(rename(p->path, name), 0);
    line_writer_turn_to(writer, target_at(LINES_TO_FILE, p->path));
}

static uint64_t seen[WORKERS][LINES];

static void look_through(const char *path)
{
    struct str all = text_of_file(path), rest = all, line;

    while (str_split(&rest, '\n', &line)) {
        unsigned number, i;
        char copy[64]; /* sscanf() looks for the end of the whole text, each time */

        if (line.n == 0 && rest.p == NULL)
            break;
        assert_true(line.n < sizeof copy);
        copy[str_copy_cut(copy, sizeof copy - 1, line)] = '\0';
        assert_int_equal(sscanf(copy, "worker %u line %u", &number, &i), 2);
        assert_true(number < WORKERS && i < LINES);
        seen[number][i]++;
    }
    free((void *)(uintptr_t)all.p);
}

static uint64_t written_once(void)
{
    uint64_t sum = 0;

    for (int w = 0; w < WORKERS; w++)
        for (int i = 0; i < LINES; i++) {
            assert_true(seen[w][i] <= 1);
            sum += seen[w][i];
        }
    return sum;
}

static void test_rotation_loses_no_line(void **state)
{
    struct line_writer_options o = {.queues = WORKERS, .queue_bytes = 1 << 20};
    struct line_writer_stats s;
    pthread_t threads[WORKERS];
    struct test_place p;
    char name[128];

    place_make(&p, "access.log");
    writer = line_writer_new(&o);
    line_writer_turn_to(writer, target_at(LINES_TO_FILE, p.path));
    assert_int_equal(line_writer_start(writer), 0);
    for (uintptr_t i = 0; i < WORKERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)i), 0);
    for (int i = 0; i < ROTATIONS; i++)
        rotate(&p, i);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    line_writer_stop(writer);
    line_writer_stats(writer, &s);
    for (int i = 0; i < ROTATIONS; i++) {
        rotated(name, &p, i);
        look_through(name);
        unlink(name);
    }
    look_through(p.path);
    assert_int_equal(s.accepted + s.dropped, WORKERS * LINES);
    assert_int_equal(written_once() + s.lost, s.accepted);
    assert_int_equal(s.lost, 0);
    line_writer_free(&writer);
    place_remove(&p);
}

TEST_MAIN(cmocka_unit_test(test_rotation_loses_no_line))
