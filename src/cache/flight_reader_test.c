/* Those who wait for a flight: told once, on their own loops, and only of what they have not seen.
 */
#include <errno.h>

#include "cache/flight_testing.h"

/* A flight of "/a" with four viewers: two at loop 0, one each at loops 1 and 2. */
struct scene {
    struct world world;
    struct crew crew;
    struct viewer viewers[4];
};

static const int loop_of[] = {0, 0, 1, 2};

static void begin(struct scene *s)
{
    *s = (struct scene){0};
    world_init(&s->world, MB, MB);
    for (size_t i = 0; i < ARRAY_LEN(s->viewers); i++) {
        s->viewers[i] = viewer_new();
        s->viewers[i].world = &s->world;
        if (i == 0)
            crew_begin(&s->crew, &s->world, &s->viewers[0], "/a");
        else
            join(&s->world, &s->viewers[i], "/a", loop_of[i]);
    }
}

static void end(struct scene *s)
{
    if (s->crew.flight != NULL)
        crew_lose(&s->crew, -EIO);
    for (size_t i = 0; i < ARRAY_LEN(s->viewers); i++)
        flight_leave(&s->viewers[i].reader);
    world_done(&s->world);
}

static void wait_all(struct scene *s)
{
    for (size_t i = 0; i < ARRAY_LEN(s->viewers); i++)
        wait_for_news(&s->viewers[i]);
}

static void assert_calls(const struct scene *s, unsigned a, unsigned b, unsigned c, unsigned d)
{
    assert_int_equal(s->viewers[0].calls, a);
    assert_int_equal(s->viewers[1].calls, b);
    assert_int_equal(s->viewers[2].calls, c);
    assert_int_equal(s->viewers[3].calls, d);
}

/* ---- waking ---- */

static void test_told_once_for_each_wait(void **state)
{
    struct scene s;

    begin(&s);
    wait_all(&s);
    world_turn(&s.world);
    assert_calls(&s, 0, 0, 0, 0); /* nothing has happened */
    crew_grow(&s.crew, 100);
    assert_calls(&s, 0, 0, 0, 0); /* never from within the producer's call */
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 1, 1);
    crew_add(&s.crew, "some");
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 1, 1); /* nobody has asked */
    wait_for_news(&s.viewers[1]);
    wait_for_news(&s.viewers[3]);
    crew_add(&s.crew, "more");
    crew_add(&s.crew, "and more");
    world_turn(&s.world);
    assert_calls(&s, 1, 2, 1, 2);
    wait_for_news(&s.viewers[2]);
    crew_lose(&s.crew, -EIO);
    world_turn(&s.world);
    assert_calls(&s, 1, 2, 2, 2);
    end(&s);
}

static void test_told_on_its_own_loop(void **state)
{
    struct scene s;

    begin(&s);
    wait_all(&s);
    crew_grow(&s.crew, 100);
    TURN_UNTIL(s.world.loops[1], s.viewers[2].calls == 1);
    assert_calls(&s, 0, 0, 1, 0);
    TURN_UNTIL(s.world.loops[0], s.viewers[0].calls == 1);
    assert_calls(&s, 1, 1, 1, 0);
    TURN_UNTIL(s.world.loops[2], s.viewers[3].calls == 1);
    end(&s);
}

static void test_each_end_is_told(void **state)
{
    for (int how = 0; how < 4; how++) {
        struct cache_entry *e = NULL;
        struct scene s;

        begin(&s);
        wait_all(&s);
        if (how == 0)
            flight_land(s.crew.flight, &(struct cache_entry){.status = 404}, true);
        else if (how == 1)
            flight_lose(s.crew.flight, -EIO);
        else if (how == 2)
            flight_send_alone(s.crew.flight, 0, 0);
        else
            flight_land_same(s.crew.flight,
                             e = cache_put(s.world.cache, STR("/a"), &(struct cache_entry){0}));
        crew_leave(&s.crew);
        cache_entry_unref(&e);
        world_turn(&s.world);
        assert_calls(&s, 1, 1, 1, 1);
        end(&s);
    }
}

/* False, and no call to come, when what is waited for is there already. */
static void test_no_wait_for_what_is_there(void **state)
{
    struct scene s;
    struct flight_reader *r = &s.viewers[2].reader;

    begin(&s);
    crew_grow(&s.crew, 100);
    assert_false(flight_wait(r, FLIGHT_ASKED, 0));
    assert_false(flight_wait(r, FLIGHT_ASKED, FLIGHT_ANY_BYTES));
    crew_add(&s.crew, "some");
    assert_false(flight_wait(r, FLIGHT_GROWING, 0));
    assert_false(flight_wait(r, FLIGHT_GROWING, 3));
    world_turn(&s.world);
    assert_calls(&s, 0, 0, 0, 0);
    assert_true(flight_wait(r, FLIGHT_GROWING, 4));
    crew_lose(&s.crew, -EIO);
    assert_false(flight_wait(r, FLIGHT_GROWING, 4)); /* it had waited, and sees for itself */
    world_turn(&s.world);
    assert_calls(&s, 0, 0, 0, 0);
    end(&s);
}

/* News that was on its way when a reader began to wait is no news to it. */
static void test_not_told_of_what_it_has_seen(void **state)
{
    struct scene s;

    begin(&s);
    crew_grow(&s.crew, 100);
    wait_for_news(&s.viewers[0]);
    crew_add(&s.crew, "some");
    wait_for_news(&s.viewers[1]);
    world_turn(&s.world);
    assert_calls(&s, 1, 0, 0, 0);
    crew_add(&s.crew, "more");
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 0, 0);
    end(&s);
}

/* A range in the middle waits for its own first byte, not for those before it. */
static void test_told_when_there_is_more_than_that(void **state)
{
    struct scene s;

    begin(&s);
    crew_grow(&s.crew, 100);
    assert_true(flight_wait(&s.viewers[0].reader, FLIGHT_GROWING, 8));
    crew_add(&s.crew, "some");
    world_turn(&s.world);
    assert_true(flight_wait(&s.viewers[1].reader, FLIGHT_GROWING, 7));
    crew_add(&s.crew, "more");
    world_turn(&s.world);
    assert_calls(&s, 0, 1, 0, 0);
    crew_add(&s.crew, "!");
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 0, 0);
    end(&s);
}

static void test_bytes_are_not_told_to_who_waits_for_the_state(void **state)
{
    struct scene s;

    begin(&s);
    crew_grow(&s.crew, 100);
    assert_true(flight_wait(&s.viewers[0].reader, FLIGHT_GROWING, FLIGHT_ANY_BYTES));
    for (int i = 0; i < 10; i++) {
        crew_add(&s.crew, "some");
        world_turn(&s.world);
    }
    assert_calls(&s, 0, 0, 0, 0);
    crew_lose(&s.crew, -EIO);
    world_turn(&s.world);
    assert_calls(&s, 1, 0, 0, 0);
    end(&s);
}

/* ---- leaving ---- */

static void test_leaving_before_the_news_arrives(void **state)
{
    struct scene s;

    begin(&s);
    wait_all(&s);
    crew_grow(&s.crew, 100);
    flight_leave(&s.viewers[1].reader);
    flight_leave(&s.viewers[2].reader); /* nobody sits at loop 1 when its message comes */
    flight_leave(&s.viewers[2].reader); /* harmless */
    world_turn(&s.world);
    assert_calls(&s, 1, 0, 0, 1);
    end(&s);
}

static void test_leaving_while_it_waits(void **state)
{
    struct scene s;

    begin(&s);
    wait_all(&s);
    flight_leave(&s.viewers[1].reader);
    flight_leave(&s.viewers[2].reader);
    crew_grow(&s.crew, 100);
    world_turn(&s.world);
    assert_calls(&s, 1, 0, 0, 1);
    end(&s);
}

/* A seat whose message is still to come can be sat in again. */
static void test_joining_before_old_news_arrives(void **state)
{
    struct scene s;

    begin(&s);
    wait_all(&s);
    crew_grow(&s.crew, 100);
    flight_leave(&s.viewers[2].reader);
    join(&s.world, &s.viewers[2], "/a", 1);
    wait_for_news(&s.viewers[2]);
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 0, 1);
    crew_add(&s.crew, "some");
    world_turn(&s.world);
    assert_calls(&s, 1, 1, 1, 1);
    end(&s);
}

/* The flight's end is not the readers': they stay as long as they like. */
static void test_what_has_ended_is_held_by_its_readers(void **state)
{
    struct scene s;

    begin(&s);
    crew_grow(&s.crew, 4);
    crew_add(&s.crew, "some");
    crew_land(&s.crew, false);
    world_turn(&s.world);
    assert_int_equal(world_stats(&s.world).flights, 1);
    for (size_t i = 0; i < ARRAY_LEN(s.viewers); i++) {
        assert_str(blob_str(flight_entry(s.viewers[i].reader.flight)->blob), "some");
        flight_leave(&s.viewers[i].reader);
    }
    assert_int_equal(world_stats(&s.world).flights, 0);
    assert_int_equal(blob_live(), 0);
    end(&s);
}

/* ---- what changed() may do ---- */

static void leave(struct viewer *v)
{
    flight_leave(&v->reader);
}

static void leave_with_other(struct viewer *v)
{
    flight_leave(&v->other->reader);
    flight_leave(&v->reader);
}

static void let_other_leave(struct viewer *v)
{
    flight_leave(&v->other->reader);
}

static void join_anew(struct viewer *v)
{
    flight_leave(&v->reader);
    join(v->world, v, "/a", 0);
    wait_for_news(v);
}

static void let_other_join_anew(struct viewer *v)
{
    join_anew(v->other);
}

static void wait_again(struct viewer *v)
{
    wait_for_news(v);
}

/* The two at loop 0 share a seat: the first is told, and does this to itself or to the second. */
static const struct {
    void (*then)(struct viewer *v);
    unsigned first, second;             /* calls after the first news */
    unsigned first_later, second_later; /* and after the next ones */
} acts[] = {
    {leave, 1, 1, 1, 1},     {leave_with_other, 1, 0, 1, 0},    {let_other_leave, 1, 0, 1, 0},
    {join_anew, 1, 1, 2, 1}, {let_other_join_anew, 1, 0, 1, 1}, {wait_again, 1, 1, 2, 1},
};

static void check_act(size_t act, bool first_acts)
{
    struct viewer *actor, *other;
    struct scene s;

    begin(&s);
    actor = &s.viewers[first_acts ? 0 : 1];
    other = &s.viewers[first_acts ? 1 : 0];
    actor->then = acts[act].then;
    actor->other = other;
    wait_for_news(actor);
    wait_for_news(other);
    crew_grow(&s.crew, 100);
    world_turn(&s.world);
    assert_int_equal(actor->calls, acts[act].first);
    if (first_acts) /* else it had been told when the actor was */
        assert_int_equal(other->calls, acts[act].second);
    else
        assert_int_equal(other->calls, 1);
    crew_add(&s.crew, "some");
    world_turn(&s.world);
    assert_int_equal(actor->calls, acts[act].first_later);
    assert_int_equal(other->calls, acts[act].second_later + (!first_acts && acts[act].second == 0));
    actor->then = NULL;
    end(&s);
}

static void test_what_changed_may_do(void **state)
{
    for (size_t act = 0; act < ARRAY_LEN(acts); act++) {
        check_act(act, true);
        check_act(act, false);
    }
}

static void leave_all(struct viewer *v)
{
    for (; v != NULL; v = v->other)
        flight_leave(&v->reader);
}

/* Everybody at the loop goes at once, the seat under the one that is told among them. */
static void test_the_whole_seat_leaves(void **state)
{
    for (int crowd = 1; crowd <= 2; crowd++) {
        struct scene s;

        begin(&s);
        s.viewers[0].then = leave_all;
        s.viewers[0].other = &s.viewers[1];
        flight_leave(&s.viewers[2].reader);
        flight_leave(&s.viewers[3].reader);
        if (crowd == 1)
            flight_leave(&s.viewers[1].reader);
        wait_for_news(&s.viewers[0]);
        crew_grow(&s.crew, 100);
        world_turn(&s.world);
        assert_calls(&s, 1, 0, 0, 0);
        assert_false(flight_has_readers(s.crew.flight));
        assert_int_equal(s.crew.deserted, 1);
        end(&s);
    }
}

TEST_MAIN(cmocka_unit_test(test_told_once_for_each_wait),
          cmocka_unit_test(test_told_on_its_own_loop), cmocka_unit_test(test_each_end_is_told),
          cmocka_unit_test(test_no_wait_for_what_is_there),
          cmocka_unit_test(test_not_told_of_what_it_has_seen),
          cmocka_unit_test(test_told_when_there_is_more_than_that),
          cmocka_unit_test(test_bytes_are_not_told_to_who_waits_for_the_state),
          cmocka_unit_test(test_leaving_before_the_news_arrives),
          cmocka_unit_test(test_leaving_while_it_waits),
          cmocka_unit_test(test_joining_before_old_news_arrives),
          cmocka_unit_test(test_what_has_ended_is_held_by_its_readers),
          cmocka_unit_test(test_what_changed_may_do), cmocka_unit_test(test_the_whole_seat_leaves))
