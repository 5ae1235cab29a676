/* A producer and a consumer at full speed: every line that was accepted comes out whole, once and
 * in order. */
#include "logs/queue.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/test.h"

enum { LINES = 200000 };

static atomic_bool is_done;

static void *produce(void *arg)
{
    struct line_queue *q = arg;

    for (int i = 0; i < LINES; i++) {
        char line[64];
        int n = snprintf(line, sizeof line, "%d%.*s\n", i, i % 40,
                         " of lines that differ in length, too, so.");

        (void)line_queue_put(q, (struct str){line, (size_t)n});
    }
    atomic_store(&is_done, true);
    return NULL;
}

static uint64_t consume(struct line_queue *q, int *last)
{
    static char room[LINE_BYTES_MAX];
    struct str all = {room, line_queue_take(q, room, sizeof room)}, line;
    uint64_t count = 0;

    if (all.n == 0)
        return 0;
    assert_int_equal(all.p[all.n - 1], '\n');
    all.n--;
    while (str_split(&all, '\n', &line)) {
        int number = atoi(line.p);

        assert_true(number > *last);
        *last = number;
        count++;
    }
    return count;
}

static void test_nothing_is_torn(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);
    pthread_t producer;
    uint64_t count = 0;
    int last = -1;

    assert_int_equal(pthread_create(&producer, NULL, produce, q), 0);
    for (bool was_done = false; !was_done || !line_queue_is_empty(q);) {
        was_done = atomic_load(&is_done);
        count += consume(q, &last);
    }
    pthread_join(producer, NULL);
    assert_int_equal(count, line_queue_accepted(q));
    assert_int_equal(count + line_queue_dropped(q), LINES);
}

TEST_MAIN(cmocka_unit_test(test_nothing_is_torn))
