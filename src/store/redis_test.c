/* The store in a real Redis: the rules all backends share, and what is its own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/test.h"
#include "net/loop_testing.h"
#include "store/redis_testing.h"
#include "store/traffic.h"

static struct redis_server server;

static struct store *open_empty(const struct store_rules *rules)
{
    return redis_server_open(&server, rules, NULL);
}

static struct store *open_at(const char *prefix, usec_t verdict_ttl)
{
    struct store_redis_options o = {.connections = 2,
                                    .timeout = 5 * USEC_PER_SEC,
                                    .prefix = str_of(prefix),
                                    .verdict_ttl = verdict_ttl};

    return redis_server_open(&server, &conformance_rules, &o);
}

static void say(const char *command)
{
    char answer[256];

    redis_server_say(&server, command, answer);
}

/* Turns the loops of both until `is_so`. */
static void until(struct world *a, struct world *b, bool (*is_so)(struct world *w),
                  struct world *of)
{
    for (int i = 0; !is_so(of); i++) {
        assert_true(i < 100000);
        loop_turn(a->loop);
        loop_turn(b->loop);
        usleep(100); /* turns do not sleep */
    }
}

/* ---- two instances ---- */

static const struct step play = {.checks = ADMIT_GRANT | ADMIT_SESSION};
static struct store_session playing;

static bool is_refused(struct world *w)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(&play, viewer);
    return store_is_revoked(w->worker, viewer, STR("u1"), playing.ends);
}

static void test_two_instances_share_one_truth(void **state)
{
    static const struct step once = {ADMIT, .checks = ADMIT_USE,
                                     .use = {{.id = 'a', .mode = USE_BIND}}};
    struct step other = once;
    struct world a, b;

    world_open(&a, open_at("shared:", 0));
    world_open(&b, open_at("shared:", 0));
    world_grant(&a, &play);
    playing = world_session(&b, &play);
    assert_string_equal(world_session(&a, &play).id, playing.id);
    world_step(&a, &once);
    other.ua = "UA-2";
    other.want = REFUSED_OTHER_VIEWER;
    world_step(&b, &other);
    world_close(&a);
    world_close(&b);
}

static void test_revocations_are_heard(void **state)
{
    struct world a, b;

    world_open(&a, open_at("heard:", 0));
    world_open(&b, open_at("heard:", 0));
    store_housekeep(b.worker);
    world_grant(&a, &play);
    playing = world_session(&a, &play);
    assert_false(is_refused(&b));
    world_revoke(&a, &(struct step){0});
    assert_true(is_refused(&a)); /* at once where it was done */
    until(&a, &b, is_refused, &b);
    world_close(&a);
    world_close(&b);
}

/* What is heard while the last touches are on their way finds nobody who listens. */
static void test_a_worker_ends_while_it_hears(void **state)
{
    struct step again = play;
    uint8_t viewer[STORE_VIEWER_LEN];
    struct world a, b;

    world_open(&a, open_at("ends:", 0));
    world_open(&b, open_at("ends:", 0));
    store_housekeep(b.worker);
    for (int i = 0; i < 2; i++) { /* the first says that it listens */
        again.at = i;
        world_grant(&a, &again);
        playing = world_session(&a, &again);
        world_revoke(&a, &(struct step){.at = i});
        if (i == 0)
            until(&a, &b, is_refused, &b);
    }
    step_viewer(&play, viewer);
    store_touch(b.worker, viewer, STR("u1"), STR("movie1"), T0);
    world_close(&b);
    world_close(&a);
}

static void test_revocations_of_before_are_loaded(void **state)
{
    struct world a;
    struct store *late;
    struct buf error;

    world_open(&a, open_at("before:", 0));
    world_grant(&a, &play);
    playing = world_session(&a, &play);
    world_revoke(&a, &(struct step){0});
    world_close(&a);
    late = open_at("before:", 0);
    buf_init(&error, 1000);
    assert_int_equal(store_try(late, &error), 0);
    buf_done(&error);
    world_open(&a, late);
    assert_true(is_refused(&a));
    world_close(&a);
}

/* A primary that took over without the last revocations: what it is told next is still heard. */
static void test_a_set_back_hides_nothing(void **state)
{
    struct step again = play;
    struct world a, b;

    world_open(&a, open_at("back:", 0));
    world_open(&b, open_at("back:", 0));
    store_housekeep(b.worker);
    for (int i = 0; i < 2; i++) {
        again.at = i;
        world_grant(&a, &again);
        playing = world_session(&a, &again);
        world_revoke(&a, &(struct step){.at = i});
        until(&a, &b, is_refused, &b);
        say("DEL back:revoked back:revoked:ends");
        say("HSET back:meta revocations 0");
    }
    world_close(&a);
    world_close(&b);
}

/* More than one look brings, and than is told to who revokes. */
static void test_many_revocations_are_loaded(void **state)
{
    struct store_stats stats;
    struct world w;
    struct store *late;
    struct buf error;
    char key[32];

    world_open(&w, open_at("many:", 0));
    for (int i = 0; i < 2500; i++) {
        snprintf(key, sizeof key, "k%d", i);
        world_session(&w, &(struct step){.at = i, .checks = ADMIT_SESSION, .key = key});
    }
    store_housekeep(w.worker);
    assert_int_equal(world_revoke(&w, &(struct step){0}).sessions_ended, 2500);
    TURN_UNTIL(w.loop, revoked_count(w.store->revoked) == 2500);
    world_close(&w);
    late = open_at("many:", 0);
    buf_init(&error, 1000);
    assert_int_equal(store_try(late, &error), 0);
    buf_done(&error);
    assert_int_equal(revoked_count(late->revoked), 2500);
    redis_server_sweep(late, T0);
    store_stats(late, &stats);
    assert_int_equal(stats.revocations, 2500);
    store_close(&late);
}

/* ---- forgetting ---- */

static void test_scripts_are_loaded_again(void **state)
{
    struct store_stats stats;
    struct world w;

    world_open(&w, open_at("scripts:", 0));
    world_grant(&w, &play);
    say("SCRIPT FLUSH");
    world_session(&w, &play);
    store_stats(w.store, &stats);
    assert_int_equal(stats.reloads, 1);
    world_close(&w);
}

static void test_an_emptied_database_refuses(void **state)
{
    struct step again = {ADMIT, .checks = ADMIT_GRANT | ADMIT_SESSION, .want = REFUSED_NO_GRANT};
    struct world w;

    world_open(&w, open_at("emptied:", 0));
    world_grant(&w, &play);
    world_session(&w, &play);
    say("FLUSHALL");
    world_step(&w, &again);
    world_grant(&w, &play);
    world_session(&w, &play);
    world_close(&w);
}

/* A key is another program's: an error of this call, and nobody is let in. */
static void test_wrong_types_admit_nobody(void **state)
{
    struct store_stats stats;
    struct world w;

    world_open(&w, open_at("typed:", 0));
    say("SET typed:networks x");
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .want_error = -EIO});
    world_grant(&w, &(struct step){.want_error = -EIO});
    say("DEL typed:networks");
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .want = REFUSED_NO_GRANT});
    world_grant(&w, &(struct step){0});
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT});
    store_stats(w.store, &stats);
    assert_int_equal(stats.errors, 2);
    assert_true(stats.is_healthy);
    world_close(&w);
}

static unsigned end_all(struct world *w, const char *uid, int want_error)
{
    struct session_end e = {.now = T0, .uid = str_of(uid)};

    world_op(&e.op);
    assert_int_equal(world_wait(w, store_session_end(w->worker, &e)), want_error);
    return e.ended;
}

/* What failed half way can be done again: no session is gone whose gate tokens were not refused. */
static void test_half_an_end_is_no_end(void **state)
{
    struct world w;

    world_open(&w, open_at("half:", 0));
    world_grant(&w, &play);
    playing = world_session(&w, &play);
    say("SET half:revoked:ends x");
    end_all(&w, "u1", -EIO);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION, .may_not_begin = true});
    say("DEL half:revoked:ends");
    assert_int_equal(end_all(&w, "u1", 0), 1);
    assert_true(is_refused(&w));
    world_close(&w);
}

static void test_half_a_revocation_can_be_done_again(void **state)
{
    struct world w;

    world_open(&w, open_at("half2:", 0));
    world_grant(&w, &play);
    playing = world_session(&w, &play);
    say("RENAME half2:grants half2:aside");
    say("SET half2:grants x");
    world_revoke(&w, &(struct step){.want_error = -EIO});
    say("RENAME half2:aside half2:grants");
    assert_int_equal(world_revoke(&w, &(struct step){0}).grants_removed, 1);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .want = REFUSED_NO_GRANT});
    world_close(&w);
}

/* No session begins when its use cannot be taken. */
static void test_half_an_admission_is_none(void **state)
{
    struct step once = {ADMIT, .checks = ADMIT_SESSION | ADMIT_USE,
                        .use = {{.id = 'a', .mode = USE_BIND}}, .want_error = -EIO};
    struct world w;

    world_open(&w, open_at("half3:", 0));
    say("SET half3:uses x");
    world_step(&w, &once);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION, .may_not_begin = true,
                                  .want = REFUSED_NO_SESSION});
    say("DEL half3:uses");
    once.want_error = 0;
    world_step(&w, &once);
    world_close(&w);
}

/* Where one viewer's place is another program's, those behind it are touched all the same. */
static void test_touches_do_not_wait_for_each_other(void **state)
{
    redisContext *c = redisConnectUnix(server.address + 5);
    uint8_t viewer[STORE_VIEWER_LEN];
    struct world w;

    world_open(&w, open_at("touched:", 0));
    world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    step_viewer(&play, viewer);
    freeReplyObject(redisCommand(c, "LPUSH touched:p:%b\2u2movie1 x", viewer, sizeof viewer));
    freeReplyObject(redisCommand(c, "SET touched:p:%b\2u3movie1 x", viewer, sizeof viewer));
    redisFree(c);
    store_touch(w.worker, viewer, STR("u2"), STR("movie1"), T0 + 600);
    store_touch(w.worker, viewer, STR("u3"), STR("movie1"), T0 + 600);
    world_step(&w, &(struct step){TOUCH, .at = 600});
    world_step(&w,
               &(struct step){ADMIT, .at = 7500, .checks = ADMIT_SESSION, .may_not_begin = true});
    world_close(&w);
}

static void test_out_of_memory_refuses_writes_alone(void **state)
{
    struct world w;

    world_open(&w, open_at("memory:", 0));
    world_grant(&w, &play);
    world_session(&w, &play);
    say("CONFIG SET maxmemory 1");
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT | ADMIT_SESSION});
    world_step(&w,
               &(struct step){ADMIT, .checks = ADMIT_SESSION, .key = "new", .want_error = -ENOSPC});
    say("CONFIG SET maxmemory 0");
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION, .key = "new"});
    world_close(&w);
}

static void test_a_prefix_has_a_limit(void **state)
{
    struct store_redis_options o = {.server = STR("127.0.0.1:1"), .connections = 1};
    static char text[STORE_PREFIX_MAX + 1];
    struct store *s = NULL;
    struct buf error;

    memset(text, 'x', sizeof text);
    o.prefix = (struct str){text, sizeof text};
    buf_init(&error, 1000);
    assert_int_equal(store_open_redis(&o, &conformance_rules, &s, &error), -EINVAL);
    assert_null(s);
    assert_true(buf_str(&error).n > 0);
    buf_done(&error);
}

/* ---- verdicts ---- */

static void test_verdicts_are_reused_until_a_right_is_lost(void **state)
{
    static const struct step watch = {ADMIT, .checks = ADMIT_GRANT | ADMIT_SESSION,
                                      .may_not_begin = true};
    struct step refused = watch;
    struct store_stats stats;
    struct world w;

    world_open(&w, open_at("verdicts:", 60 * USEC_PER_SEC));
    world_grant(&w, &play);
    world_session(&w, &play);
    for (int i = 0; i < 3; i++)
        world_step(&w, &watch);
    store_stats(w.store, &stats);
    assert_int_equal(stats.reused, 2);
    world_revoke(&w, &(struct step){0});
    refused.want = REFUSED_NO_GRANT;
    world_step(&w, &refused);
    world_close(&w);
}

/* ---- keys ---- */

/* Each of its keys, with a report that waits and one who reports. */
static void count_traffic(struct world *w)
{
    struct traffic_counts c = {.first = T0, .last = T0, .requests = 1, .bytes = {1}};
    struct traffic_add add = {.now = T0, .number = 1, .source = "s"};
    struct traffic_take take = {.now = T0, .id = "id"};
    struct traffic_lead lead = {.now = T0, .holder = "h", .ttl = 10};
    struct buf lines;

    buf_init(&lines, TRAFFIC_LINE_MAX);
    traffic_add_line(&lines, STR("u1"), &c);
    add.lines = buf_str(&lines);
    world_op(&add.op);
    world_op(&take.op);
    world_op(&lead.op);
    assert_int_equal(world_wait(w, store_traffic_add(w->worker, &add)), 0);
    assert_int_equal(world_wait(w, store_traffic_take(w->worker, &take)), 0);
    assert_int_equal(take.taken, 1);
    add.number = 2;
    assert_int_equal(world_wait(w, store_traffic_add(w->worker, &add)), 0);
    assert_int_equal(world_wait(w, store_traffic_lead(w->worker, &lead)), 0);
    buf_done(&lines);
}

static redisReply *eval(const char *script)
{
    redisContext *c = redisConnectUnix(server.address + 5);
    redisReply *reply = redisCommand(c, "EVAL %s 0", script);

    redisFree(c);
    assert_non_null(reply);
    return reply;
}

/* Longer than its gate tokens: who revokes in their last second must find it. */
static void test_sessions_outlive_their_gate_tokens(void **state)
{
    redisReply *reply;
    struct world w;

    world_open(&w, open_at("last:", 0));
    world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    reply = eval("return redis.call('PTTL', redis.call('KEYS', 'last:s:*')[1])");
    assert_int_equal(reply->type, REDIS_REPLY_INTEGER);
    assert_true(reply->integer > conformance_rules.session_max * 1000);
    freeReplyObject(reply);
    world_close(&w);
}

static void test_all_keys_expire(void **state)
{
    redisReply *reply;
    struct world w;

    world_open(&w, open_at("expire:", 0));
    world_grant(&w, &play);
    world_grant(&w, &(struct step){.is_static = true, .ip = "2001:db8::1"});
    world_session(&w, &play);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION | ADMIT_USE, .key = "other",
                                  .use = {{.id = 'a', .mode = USE_COUNT, .max = 2}}});
    world_revoke(&w, &(struct step){.key = "movie1"});
    count_traffic(&w);
    reply = eval("local r = {} for _, k in ipairs(redis.call('KEYS', '*')) do "
                 "if redis.call('TTL', k) < 0 or string.sub(k, 1, 7) ~= 'expire:' then "
                 "r[#r + 1] = k end end return r");
    assert_int_equal(reply->type, REDIS_REPLY_ARRAY);
    for (size_t i = 0; i < reply->elements; i++)
        if (strstr(reply->element[i]->str, "expire:") != NULL)
            fail_msg("no TTL: %s", reply->element[i]->str);
    freeReplyObject(reply);
    world_close(&w);
}

int main(void)
{
    static const struct conformance c = {open_empty, redis_server_sweep};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_instances_share_one_truth),
        cmocka_unit_test(test_revocations_are_heard),
        cmocka_unit_test(test_a_worker_ends_while_it_hears),
        cmocka_unit_test(test_revocations_of_before_are_loaded),
        cmocka_unit_test(test_a_set_back_hides_nothing),
        cmocka_unit_test(test_many_revocations_are_loaded),
        cmocka_unit_test(test_scripts_are_loaded_again),
        cmocka_unit_test(test_an_emptied_database_refuses),
        cmocka_unit_test(test_wrong_types_admit_nobody),
        cmocka_unit_test(test_half_an_end_is_no_end),
        cmocka_unit_test(test_half_a_revocation_can_be_done_again),
        cmocka_unit_test(test_half_an_admission_is_none),
        cmocka_unit_test(test_touches_do_not_wait_for_each_other),
        cmocka_unit_test(test_out_of_memory_refuses_writes_alone),
        cmocka_unit_test(test_verdicts_are_reused_until_a_right_is_lost),
        cmocka_unit_test(test_sessions_outlive_their_gate_tokens),
        cmocka_unit_test(test_all_keys_expire),
        cmocka_unit_test(test_a_prefix_has_a_limit),
    };
    int failed;

    redis_server_start(&server);
    failed = conformance_run(&c) + cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    return failed;
}
