#include "logs/queue.h"

#include "base/mem.h"
#include "base/test.h"

static char room[2 * LINE_BYTES_MAX], line[LINE_BYTES_MAX];

static struct str line_of(size_t n, char c)
{
    memset(line, c, n - 1);
    line[n - 1] = '\n';
    return (struct str){line, n};
}

static void test_empty(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);

    assert_true(line_queue_is_empty(q));
    assert_false(line_queue_is_filling(q));
    assert_int_equal(line_queue_take(q, room, sizeof room), 0);
}

/* Over the edge of the ring at every offset: what comes out is what went in. */
static void test_around_the_edge(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);

    for (size_t n = 1; n <= LINE_BYTES_MAX; n += 257) {
        struct str put = line_of(n, (char)('a' + n % 26));

        assert_true(line_queue_put(q, put));
        assert_int_equal(line_queue_take(q, room, sizeof room), n);
        assert_memory_equal(room, put.p, n);
        assert_true(line_queue_is_empty(q));
    }
}

/* Made in its place, wherever there is room in one piece: never over the edge, never over what
 * waits. */
static void test_made_in_its_place(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);
    unsigned made = 0;

    for (size_t n = 1; n <= LINE_BYTES_MAX; n += 257) {
        struct str put = line_of(n, (char)('a' + n % 26));
        char *place = line_queue_room(q, n);

        if (place != NULL) {
            memcpy(place, put.p, n);
            line_queue_made(q, n);
            made++;
        } else {
            assert_true(line_queue_put(q, put)); /* the edge is in the way */
        }
        assert_int_equal(line_queue_take(q, room, sizeof room), n);
        assert_memory_equal(room, put.p, n);
    }
    assert_true(made > 0 && made < line_queue_accepted(q));
    assert_true(line_queue_put(q, line_of(LINE_BYTES_MAX, 'a')));
    assert_null(line_queue_room(q, LINE_BYTES_MAX + 1));
    assert_int_equal(line_queue_dropped(q), 0);
}

static void test_what_finds_no_room_is_counted(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);

    assert_true(line_queue_put(q, line_of(LINE_BYTES_MAX, 'a')));
    assert_false(line_queue_is_filling(q));
    assert_true(line_queue_put(q, line_of(LINE_BYTES_MAX - 1, 'b')));
    assert_true(line_queue_is_filling(q));
    assert_false(line_queue_put(q, line_of(2, 'c')));
    assert_true(line_queue_put(q, line_of(1, 'd'))); /* fits to the byte */
    assert_false(line_queue_put(q, line_of(1, 'e')));
    assert_int_equal(line_queue_accepted(q), 3);
    assert_int_equal(line_queue_dropped(q), 2);
    assert_int_equal(line_queue_take(q, room, sizeof room), 2 * LINE_BYTES_MAX);
}

static void test_only_whole_lines_leave(void **state)
{
    AUTO(line_queue_free) struct line_queue *q = line_queue_new(0);

    for (int i = 0; i < 3; i++)
        assert_true(line_queue_put(q, line_of(LINE_BYTES_MAX / 2 - 1, 'x')));
    assert_int_equal(line_queue_take(q, room, LINE_BYTES_MAX), LINE_BYTES_MAX - 2);
    assert_int_equal(line_queue_take(q, room, LINE_BYTES_MAX), LINE_BYTES_MAX / 2 - 1);
    assert_int_equal(line_queue_take(q, room, LINE_BYTES_MAX), 0);
}

TEST_MAIN(cmocka_unit_test(test_empty), cmocka_unit_test(test_around_the_edge),
          cmocka_unit_test(test_made_in_its_place),
          cmocka_unit_test(test_what_finds_no_room_is_counted),
          cmocka_unit_test(test_only_whole_lines_leave))
