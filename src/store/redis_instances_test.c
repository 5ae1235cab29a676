/* Who shares a Redis: each hears of all that live, of no more than so many, and of none that died.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "store/instances.h"
#include "store/redis_testing.h"

static struct redis_server server;

static struct store *open_at(const char *prefix)
{
    struct store_redis_options o = {
        .connections = 1, .timeout = 5 * USEC_PER_SEC, .prefix = str_of(prefix)};

    return redis_server_open(&server, &conformance_rules, &o);
}

static int try_beat(struct world *w, const char *id, const char *text, unsigned ttl,
                    struct instance_beat *ret)
{
    *ret = (struct instance_beat){.arena = &w->arena, .text = str_of(text), .ttl = ttl};
    snprintf((char *)ret->id, sizeof ret->id, "%s", id);
    world_op(&ret->op);
    return world_wait(w, store_instance_beat(w->worker, ret));
}

static struct instance_beat beat(struct world *w, const char *id, const char *text, unsigned ttl)
{
    struct instance_beat b;

    assert_int_equal(try_beat(w, id, text, ttl, &b), 0);
    assert_true(b.count >= 1 && b.count <= INSTANCES_MAX);
    assert_string_equal((const char *)b.instances[0].id, id);
    assert_str(b.instances[0].text, text);
    return b;
}

static void assert_is(const struct instance *i, const char *id, const char *text)
{
    assert_string_equal((const char *)i->id, id);
    assert_str(i->text, text);
}

static void say(const char *command, const char *want)
{
    char answer[256];

    redis_server_say(&server, command, answer);
    assert_string_equal(answer, want);
}

static void test_all_hear_of_all(void **state)
{
    struct instance_beat heard;
    struct world a, b, other;

    world_open(&a, open_at("all:"));
    world_open(&b, open_at("all:"));
    world_open(&other, open_at("other:")); /* shares nothing with them */
    beat(&a, "c", "first", 100);
    beat(&b, "b", "second", 100);
    beat(&b, "a", "third", 100);
    beat(&a, "c", "first, later", 100);
    assert_int_equal(beat(&other, "d", "alone", 100).count, 1);
    heard = beat(&b, "b", "second", 100);
    assert_int_equal(heard.count, 3);
    assert_is(&heard.instances[1], "a", "third");
    assert_is(&heard.instances[2], "c", "first, later");
    world_close(&a);
    world_close(&b);
    world_close(&other);
}

/* By the clock of Redis, which no test moves. */
static void test_who_stops_beating_is_gone(void **state)
{
    struct world w;
    int tries = 0;

    world_open(&w, open_at("gone:"));
    beat(&w, "a", "dies", 1);
    assert_int_equal(beat(&w, "b", "lives", 100).count, 2);
    while (beat(&w, "b", "lives", 100).count > 1) {
        assert_true(tries++ < 500);
        usleep(10000); /* polls for the end of that second */
    }
    say("HLEN gone:instances", "1");
    world_close(&w);
}

static void test_no_more_than_so_many(void **state)
{
    struct world w;
    char id[16];

    world_open(&w, open_at("many:"));
    for (int i = 0; i < INSTANCES_MAX + 10; i++) {
        snprintf(id, sizeof id, "id%d", i);
        assert_int_equal(beat(&w, id, "text", 100).count, MIN(i + 1, (int)INSTANCES_MAX));
    }
    snprintf(id, sizeof id, "%d", INSTANCES_MAX);
    say("HLEN many:instances", id);
    assert_int_equal(beat(&w, "id0", "later", 100).count, INSTANCES_MAX);
    assert_is(&beat(&w, "id1", "text", 100).instances[1], "id0", "later"); /* who is kept goes on */
    world_close(&w);
}

static void test_the_key_expires(void **state)
{
    char answer[256];
    struct world w;

    world_open(&w, open_at("expire:"));
    beat(&w, "a", "text", 100);
    beat(&w, "b", "text", 10); /* takes nothing from the first */
    redis_server_say(&server, "TTL expire:instances", answer);
    assert_in_range(atoi(answer), 90, 100);
    world_close(&w);
}

static void test_what_others_wrote_there(void **state)
{
    struct instance_beat b;
    struct world w;

    world_open(&w, open_at("typed:"));
    say("HSET typed:instances x short", "1");
    assert_int_equal(beat(&w, "a", "text", 100).count, 1); /* and is gone */
    say("HLEN typed:instances", "1");
    say("DEL typed:instances", "1");
    say("SET typed:instances x", "OK");
    assert_int_equal(try_beat(&w, "a", "text", 100, &b), -EIO);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_hear_of_all),
        cmocka_unit_test(test_who_stops_beating_is_gone),
        cmocka_unit_test(test_no_more_than_so_many),
        cmocka_unit_test(test_the_key_expires),
        cmocka_unit_test(test_what_others_wrote_there),
    };
    int failed;

    redis_server_start(&server);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    return failed;
}
