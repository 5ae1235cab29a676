/* What readers of a flight are fed: ranges of it, byte for byte, as soon as they are there. */
#include <errno.h>

#include "base/buf.h"
#include "cache/flight_testing.h"

/* A flight of "/a" and one reader with a body. */
struct scene {
    struct world world;
    struct crew crew;
    struct viewer viewer;
    struct arena arena;
    struct body *body;
    unsigned more; /* how often on_more() was called */
    struct buf got;
};

static void on_more(struct body *b)
{
    ((struct scene *)b->puller)->more++;
}

static void begin(struct scene *s, uint64_t length)
{
    *s = (struct scene){.viewer = viewer_new()};
    buf_init(&s->got, MB);
    arena_init(&s->arena, 64 * KB);
    world_init(&s->world, MB, MB);
    crew_begin(&s->crew, &s->world, &s->viewer, "/a");
    crew_grow(&s->crew, length);
}

static void open_body(struct scene *s, uint64_t first, uint64_t length)
{
    s->body = flight_body_new(&s->arena, &s->viewer.reader, first, length);
    assert_non_null(s->body);
    assert_true(s->body->left == length);
    s->body->on_more = on_more;
    s->body->puller = s;
}

/* Pulls what is there, at most `step` bytes at a time. What peek() says at last; 0 with nothing
 * left: it ended. */
static int pull(struct scene *s, size_t step)
{
    while (s->body->left > 0) {
        struct body_view view;
        int r = body_peek(s->body, &view);

        if (r <= 0)
            return r;
        assert_int_not_equal(view.kind, BODY_FILE);
        assert_int_equal(view.iov_count, 1);
        assert_true(view.iov[0].iov_len > 0 && view.iov[0].iov_len <= s->body->left);
        step = MIN(step, view.iov[0].iov_len);
        buf_add(&s->got, (struct str){view.iov[0].iov_base, step});
        body_advance(s->body, step);
    }
    return 0;
}

static void end(struct scene *s)
{
    body_done(s->body);
    assert_null(s->viewer.reader.flight); /* it has left with its body */
    if (s->crew.flight != NULL)
        crew_lose(&s->crew, -EIO);
    buf_done(&s->got);
    arena_done(&s->arena);
    world_done(&s->world);
}

/* ---- whole ---- */

static const struct {
    uint64_t first, length;
    const char *want;
} ranges[] = {
    {0, 10, "0123456789"},
    {0, BODY_LENGTH_UNKNOWN, "0123456789"},
    {0, 1, "0"},
    {3, 4, "3456"},
    {4, BODY_LENGTH_UNKNOWN, "456789"},
    {9, 1, "9"},
    {9, BODY_LENGTH_UNKNOWN, "9"},
    {0, 0, ""},
    {10, 0, ""},
    {10, BODY_LENGTH_UNKNOWN, ""},
};

enum { PIECES = 3 }; /* the body is opened before the first, the second, the third, or after it */

static void feed_piece(struct scene *s, size_t cut, int piece)
{
    struct str all = STR("0123456789");

    if (piece == 0)
        assert_true(flight_add(s->crew.flight, str_first(all, cut)));
    else if (piece == 1)
        assert_true(flight_add(s->crew.flight, str_skip(all, cut)));
    else
        crew_land(&s->crew, true);
    world_turn(&s->world);
}

static void check_range(size_t range, uint64_t length, size_t cut, int opened_before, size_t step)
{
    struct scene s;

    begin(&s, length);
    for (int piece = 0; piece <= PIECES; piece++) {
        if (piece == opened_before)
            open_body(&s, ranges[range].first, ranges[range].length);
        if (piece >= opened_before)
            assert_int_equal(pull(&s, step), 0);
        if (piece < PIECES)
            feed_piece(&s, cut, piece);
    }
    assert_int_equal(s.body->left, 0);
    assert_str(buf_str(&s.got), ranges[range].want);
    end(&s);
}

/* Known length or not, however it arrives, however late one comes. */
static void test_every_range_in_every_split(void **state)
{
    for (size_t range = 0; range < ARRAY_LEN(ranges); range++) {
        for (size_t cut = 0; cut <= 10; cut++) {
            for (int opened_before = 0; opened_before <= PIECES; opened_before++) {
                size_t step = 1 + (cut + (size_t)opened_before) % 4;

                check_range(range, 10, cut, opened_before, step);
                check_range(range, BODY_LENGTH_UNKNOWN, cut, opened_before, 100);
            }
        }
    }
}

static void test_empty_and_of_unknown_length(void **state)
{
    struct scene s;

    begin(&s, BODY_LENGTH_UNKNOWN);
    open_body(&s, 0, BODY_LENGTH_UNKNOWN);
    assert_int_equal(pull(&s, 1), 0);
    assert_true(s.body->left > 0);
    crew_land(&s.crew, true);
    world_turn(&s.world);
    assert_int_equal(s.more, 1);
    assert_int_equal(pull(&s, 1), 0);
    assert_int_equal(s.body->left, 0);
    end(&s);
}

/* ---- more ---- */

static void test_more_is_called_once_for_each_empty_peek(void **state)
{
    struct scene s;

    begin(&s, 100);
    open_body(&s, 0, 100);
    crew_add(&s.crew, "some");
    world_turn(&s.world);
    assert_int_equal(s.more, 0); /* nobody has looked */
    assert_int_equal(pull(&s, 100), 0);
    world_turn(&s.world);
    assert_int_equal(s.more, 0);
    crew_add(&s.crew, "more");
    assert_int_equal(s.more, 0); /* never from within the producer */
    crew_add(&s.crew, "and more");
    world_turn(&s.world);
    assert_int_equal(s.more, 1);
    assert_int_equal(pull(&s, 100), 0);
    assert_int_equal(pull(&s, 100), 0); /* twice is once */
    crew_lose(&s.crew, -ECONNRESET);
    world_turn(&s.world);
    assert_int_equal(s.more, 2);
    assert_int_equal(pull(&s, 100), -EIO);
    assert_str(buf_str(&s.got), "somemoreand more");
    end(&s);
}

static void test_a_range_waits_for_its_own_bytes(void **state)
{
    struct scene s;

    begin(&s, 100);
    open_body(&s, 8, 4);
    assert_int_equal(pull(&s, 100), 0);
    crew_add(&s.crew, "01234567");
    world_turn(&s.world);
    assert_int_equal(s.more, 0);
    crew_add(&s.crew, "89abcdef");
    world_turn(&s.world);
    assert_int_equal(s.more, 1);
    assert_int_equal(pull(&s, 100), 0);
    assert_int_equal(s.body->left, 0); /* before the flight has landed */
    assert_str(buf_str(&s.got), "89ab");
    end(&s);
}

/* Whoever waited for the head is served by the body from now on, news that is on its way included.
 */
static void test_a_body_takes_over_from_its_reader(void **state)
{
    struct scene s;

    begin(&s, 100);
    wait_for_news(&s.viewer);
    crew_add(&s.crew, "some");
    s.body = flight_body_new(&s.arena, &s.viewer.reader, 0, 100);
    world_turn(&s.world); /* no puller yet */
    assert_int_equal(s.viewer.calls, 0);
    end(&s);
}

static void test_done_in_the_middle(void **state)
{
    struct scene s;

    begin(&s, 100);
    open_body(&s, 0, 100);
    assert_int_equal(pull(&s, 100), 0);
    crew_add(&s.crew, "some");
    body_done(s.body); /* the message is on its way */
    assert_false(flight_has_readers(s.crew.flight));
    world_turn(&s.world);
    assert_int_equal(s.more, 0);
    end(&s);
}

/* ---- broken ---- */

/* What is there is given before the bad news is, and all of a range that is there is whole. */
static void test_lost_in_the_middle(void **state)
{
    struct scene s;

    begin(&s, 100);
    crew_add(&s.crew, "some");
    open_body(&s, 0, 100);
    crew_lose(&s.crew, -ECONNRESET);
    assert_int_equal(pull(&s, 1), -EIO);
    assert_str(buf_str(&s.got), "some");
    end(&s);

    begin(&s, BODY_LENGTH_UNKNOWN);
    crew_add(&s.crew, "some");
    open_body(&s, 1, BODY_LENGTH_UNKNOWN);
    crew_lose(&s.crew, -ECONNRESET);
    assert_int_equal(pull(&s, 1), -EIO); /* never taken for its end */
    assert_true(s.body->left > 0);
    assert_str(buf_str(&s.got), "ome");
    end(&s);

    begin(&s, 100);
    crew_add(&s.crew, "some");
    open_body(&s, 1, 2);
    crew_lose(&s.crew, -ECONNRESET);
    assert_int_equal(pull(&s, 1), 0);
    assert_str(buf_str(&s.got), "om");
    end(&s);
}

/* A range was promised of an object whose length nobody knew, and it turns out shorter. */
static void test_shorter_than_was_promised(void **state)
{
    struct scene s;

    begin(&s, BODY_LENGTH_UNKNOWN);
    open_body(&s, 2, 10);
    crew_add(&s.crew, "some");
    crew_land(&s.crew, true);
    assert_int_equal(pull(&s, 100), -EIO);
    assert_str(buf_str(&s.got), "me");
    end(&s);

    begin(&s, BODY_LENGTH_UNKNOWN);
    open_body(&s, 100, 1);
    crew_add(&s.crew, "some");
    crew_land(&s.crew, true);
    assert_int_equal(pull(&s, 100), -EIO);
    end(&s);
}

static void promise_too_much(void *arg)
{
    struct scene *s = arg;

    (void)flight_body_new(&s->arena, &s->viewer.reader, 5, 6);
}

static void begin_behind_the_end(void *arg)
{
    struct scene *s = arg;

    (void)flight_body_new(&s->arena, &s->viewer.reader, 11, BODY_LENGTH_UNKNOWN);
}

static void test_a_range_outside_is_a_bug(void **state)
{
    struct scene s;

    begin(&s, 10);
    assert_true(dies(promise_too_much, &s));
    assert_true(dies(begin_behind_the_end, &s));
    open_body(&s, 5, 5);
    end(&s);
}

static void test_full_arena(void **state)
{
    struct arena small;
    struct scene s;

    begin(&s, 10);
    arena_init(&small, 16);
    assert_null(flight_body_new(&small, &s.viewer.reader, 0, 10));
    assert_true(flight_has_readers(s.crew.flight)); /* it may try something else */
    arena_done(&small);
    open_body(&s, 0, 10);
    end(&s);
}

/* It is fed to the end though the cache has let go of everything. */
static void test_outlives_the_entry(void **state)
{
    struct scene s;

    begin(&s, BODY_LENGTH_UNKNOWN);
    open_body(&s, 0, BODY_LENGTH_UNKNOWN);
    crew_add(&s.crew, "0123456789");
    crew_land(&s.crew, true);
    cache_drop(s.world.cache, STR("/a"));
    assert_int_equal(world_stats(&s.world).bytes, 0);
    assert_int_equal(pull(&s, 3), 0);
    assert_str(buf_str(&s.got), "0123456789");
    end(&s);
}

TEST_MAIN(cmocka_unit_test(test_every_range_in_every_split),
          cmocka_unit_test(test_empty_and_of_unknown_length),
          cmocka_unit_test(test_more_is_called_once_for_each_empty_peek),
          cmocka_unit_test(test_a_range_waits_for_its_own_bytes),
          cmocka_unit_test(test_a_body_takes_over_from_its_reader),
          cmocka_unit_test(test_done_in_the_middle), cmocka_unit_test(test_lost_in_the_middle),
          cmocka_unit_test(test_shorter_than_was_promised),
          cmocka_unit_test(test_a_range_outside_is_a_bug), cmocka_unit_test(test_full_arena),
          cmocka_unit_test(test_outlives_the_entry))
