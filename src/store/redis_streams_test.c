/*
 * The limit of streams in a real Redis: instances that share it, the ways round the store that must
 * not lead round the limit, and what it may not cost where there is none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "net/loop_testing.h"
#include "store/redis_testing.h"

enum { S = ADMIT_SESSION, IDLE = 60 };

#define PHONE .ua = "UA-2", .key = "movie2" /* another device, another title */

static struct redis_server server;

static struct store *open_limited(const char *prefix, unsigned max, bool ends_oldest, usec_t ttl)
{
    struct store_rules rules = conformance_rules;
    struct store_redis_options o = {.connections = 2,
                                    .timeout = 5 * USEC_PER_SEC,
                                    .prefix = str_of(prefix),
                                    .verdict_ttl = ttl};

    rules.max_streams = max;
    rules.streams_idle = IDLE;
    rules.streams_end_oldest = ends_oldest;
    return redis_server_open(&server, &rules, &o);
}

static void say(const char *command, const char *want)
{
    char answer[256];

    redis_server_say(&server, command, answer);
    if (want != NULL)
        assert_string_equal(answer, want);
}

/* ---- two instances ---- */

static void test_instances_share_the_limit(void **state)
{
    struct step movie1 = {ADMIT, .checks = S}, movie2 = {ADMIT, .checks = S, PHONE};
    struct world a, b;

    world_open(&a, open_limited("shared:", 1, false, 0));
    world_open(&b, open_limited("shared:", 1, false, 0));
    world_step(&a, &movie1);
    movie2.want = REFUSED_TOO_MANY_STREAMS;
    world_step(&b, &movie2);
    world_step(&b, &movie1); /* the same stream, wherever it is asked for */
    movie2.at = IDLE;
    movie2.want = ADMITTED;
    world_step(&b, &movie2);
    world_close(&a);
    world_close(&b);
}

static bool is_refused(struct world *w, const struct step *s, unix_t ends)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(s, viewer);
    return store_is_revoked(w->worker, viewer, STR("u1"), ends);
}

static void until_refused(struct world *a, struct world *b, const struct step *s, unix_t ends)
{
    for (int i = 0; !is_refused(b, s, ends); i++) {
        assert_true(i < 100000);
        loop_turn(a->loop);
        loop_turn(b->loop);
        usleep(100); /* turns do not sleep */
    }
}

static void test_the_ended_one_is_refused_everywhere(void **state)
{
    struct step first = {ADMIT, .checks = S}, second = {ADMIT, .checks = S, PHONE};
    struct step back = {TOUCH, .at = 100};
    struct store_session session;
    struct world a, b;

    world_open(&a, open_limited("heard:", 1, true, 0));
    world_open(&b, open_limited("heard:", 1, true, 0));
    store_housekeep(b.worker);
    session = world_session(&b, &first);
    world_step(&a, &second);
    assert_true(is_refused(&a, &first, session.ends)); /* at once where it was done */
    until_refused(&a, &b, &first, session.ends);

    first.at = 1;
    world_session(&a, &first); /* ends the second; */
    second.at = 99;
    session = world_session(&a, &second); /* which comes when it has lapsed, */
    world_step(&a, &back);                /* and is ended when it comes back by a gate token */
    assert_true(is_refused(&a, &second, session.ends));
    until_refused(&a, &b, &second, session.ends);
    world_close(&a);
    world_close(&b);
}

/* The title that a player left at one instance is over at the other. */
static void test_who_zaps_from_instance_to_instance(void **state)
{
    struct step last = {ADMIT, .checks = S}, next = {ADMIT, .checks = S, .key = "movie3"};
    struct step phone = {ADMIT, .checks = S, PHONE, .want = REFUSED_TOO_MANY_STREAMS};
    struct store_session session;
    struct world a, b;

    world_open(&a, open_limited("zaps:", 1, false, 0));
    world_open(&b, open_limited("zaps:", 1, false, 0));
    store_housekeep(b.worker);
    session = world_session(&b, &last);
    world_step(&a, &next);
    assert_true(is_refused(&a, &last, session.ends));
    until_refused(&a, &b, &last, session.ends);
    world_step(&b, &phone);
    world_close(&a);
    world_close(&b);
}

/* ---- ways round the store ---- */

static void test_no_verdict_outlives_its_stream(void **state)
{
    static const struct step watch = {ADMIT, .checks = S, .may_not_begin = true};
    struct store_stats stats;
    struct world w;
    usec_t begun;

    world_open(&w, open_limited("verdicts:", 1, false, 60 * USEC_PER_SEC));
    world_step(&w, &(struct step){ADMIT, .checks = S});
    begun = loop_now(w.loop);
    clock_set_fake(begun, T0);
    for (int i = 0; i < 2; i++)
        world_step(&w, &watch);
    store_stats(w.store, &stats);
    assert_int_equal(stats.reused, 1);
    clock_set_fake(begun + IDLE / 4 * USEC_PER_SEC, T0);
    loop_turn(w.loop);
    world_step(&w, &watch); /* it has not lapsed, but Redis is asked */
    store_stats(w.store, &stats);
    assert_int_equal(stats.reused, 1);
    clock_set_fake(0, -1);
    world_close(&w);
}

/* lua/admit_again.lua, which looks at nobody else. */
static void test_the_short_way_is_for_those_who_have_not_lapsed(void **state)
{
    static const struct step_use bound = {.id = 'a', .mode = USE_BIND};
    struct step movie1 = {ADMIT, .checks = S | ADMIT_USE, .use = {bound}};
    struct world w;

    world_open(&w, open_limited("again:", 1, false, 0));
    world_step(&w, &movie1);
    world_step(&w, &movie1);
    world_step(&w, &(struct step){ADMIT, .at = IDLE, .checks = S, PHONE});
    movie1.at = IDLE;
    movie1.want = REFUSED_TOO_MANY_STREAMS;
    world_step(&w, &movie1);
    world_close(&w);
}

/* ---- keys ---- */

static void test_entries_expire(void **state)
{
    char answer[256];
    struct world w;

    world_open(&w, open_limited("expire:", 2, false, 0));
    world_step(&w, &(struct step){ADMIT, .checks = S});
    redis_server_say(&server, "TTL expire:w:u1", answer);
    assert_in_range(atoi(answer), conformance_rules.session_max - 60,
                    conformance_rules.session_max);
    world_close(&w);
}

/* Nothing that is for the limit alone is looked at, so what stands there does not matter. */
static void test_without_a_limit_nothing_is_asked(void **state)
{
    struct world w;

    world_open(&w, open_limited("none:", 0, true, 0));
    say("SET none:w:u1 another-program's", "OK");
    world_step(&w, &(struct step){ADMIT, .checks = S});
    world_step(&w, &(struct step){ADMIT, .at = 100, .checks = S});
    world_step(&w, &(struct step){TOUCH, .at = 200});
    world_step(&w, &(struct step){ADMIT, .at = 7399, .checks = S, .may_not_begin = true});
    world_revoke(&w, &(struct step){.at = 7400});
    say("GET none:w:u1", "another-program's");
    world_close(&w);
}

static void test_wrong_types_admit_nobody(void **state)
{
    uint8_t viewer[STORE_VIEWER_LEN];
    struct world w;

    world_open(&w, open_limited("typed:", 1, false, 0));
    world_step(&w, &(struct step){ADMIT, .checks = S});
    world_step(&w, &(struct step){ADMIT, .checks = S, .uid = "u2"});
    say("SET typed:w:u1 x", "OK");
    world_step(&w, &(struct step){ADMIT, .checks = S, PHONE, .want_error = -EIO});
    step_viewer(&(struct step){0}, viewer); /* and touches do not wait for each other */
    store_touch(w.worker, viewer, STR("u1"), STR("movie1"), T0 + 50);
    world_step(&w, &(struct step){TOUCH, .at = 50, .uid = "u2"});
    world_step(&w, &(struct step){ADMIT, .at = 109, .checks = S, .uid = "u2", PHONE,
                                  .want = REFUSED_TOO_MANY_STREAMS});
    world_close(&w);
}

/* No room for a revocation: the limit holds all the same. */
static void test_without_room_for_revocations_the_new_one_is_refused(void **state)
{
    struct step first = {ADMIT, .checks = S}, second = {ADMIT, .checks = S, PHONE};
    char fill[200];
    struct world w;

    world_open(&w, open_limited("full:", 1, true, 0));
    world_step(&w, &first);
    snprintf(fill, sizeof fill,
             "for i = 1, %d do redis.call('ZADD', 'full:revoked', i, i) end return 1",
             STORE_MAX_REVOCATIONS);
    redisContext *c = redisConnectUnix(server.address + 5);
    freeReplyObject(redisCommand(c, "EVAL %s 0", fill));
    redisFree(c);
    second.want = REFUSED_TOO_MANY_STREAMS;
    world_step(&w, &second);
    world_step(&w, &first);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instances_share_the_limit),
        cmocka_unit_test(test_the_ended_one_is_refused_everywhere),
        cmocka_unit_test(test_who_zaps_from_instance_to_instance),
        cmocka_unit_test(test_no_verdict_outlives_its_stream),
        cmocka_unit_test(test_the_short_way_is_for_those_who_have_not_lapsed),
        cmocka_unit_test(test_entries_expire),
        cmocka_unit_test(test_without_a_limit_nothing_is_asked),
        cmocka_unit_test(test_wrong_types_admit_nobody),
        cmocka_unit_test(test_without_room_for_revocations_the_new_one_is_refused),
    };
    int failed;

    redis_server_start(&server);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    return failed;
}
