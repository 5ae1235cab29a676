/*
 * What looks at more than verdicts, which conformance_stories.c does: answers, lists, revocations,
 * cancelled calls, housekeeping.
 */
#include "store/conformance.h"

#include <errno.h>
#include <stdio.h>

#include "base/test.h"
#include "net/loop_testing.h"
#include "store/instances.h"

static const struct conformance *backend;

static void open_world(struct world *w, const struct store_rules *rules)
{
    world_open(w, backend->open_empty(rules));
}

static void test_stories(void **state)
{
    conformance_stories(backend->open_empty);
}

/* ---- grants ---- */

static void test_grant_answers(void **state)
{
    struct world w;
    struct grant_put g;
    char text[IP_NET_TEXT_MAX];

    open_world(&w, &conformance_rules);
    g = world_grant(&w, &(struct step){.key = "a"});
    assert_true(g.is_new);
    assert_int_equal(g.keys, 1);
    assert_int_equal(g.pairs, 1);
    assert_str(ip_net_format(&g.stored_net, text), "192.0.2.0/24");
    world_grant(&w, &(struct step){.key = "b"});
    world_grant(&w, &(struct step){.key = "c"});
    g = world_grant(&w, &(struct step){.key = "d"});
    assert_false(g.is_new);
    assert_int_equal(g.keys, 3);
    assert_int_equal(g.keys_evicted, 1);
    assert_str(g.all_keys[0], "b");
    assert_str(g.all_keys[2], "d");
    for (int i = 0; i < 4; i++)
        world_grant(&w, &(struct step){.ip = (const char *[]){"10.0.0.1", "10.0.1.1", "10.0.2.1",
                                                              "10.0.3.1"}[i]});
    g = world_grant(&w, &(struct step){.ip = "2001:db8:1:2:3::1"});
    assert_int_equal(g.pairs, 5);
    assert_int_equal(g.pairs_evicted, 1);
    assert_str(ip_net_format(&g.stored_net, text), "2001:db8:1:2::/64");
    g = world_grant(&w, &(struct step){.at = 3600, .ip = "10.9.0.1"}); /* all others have expired */
    assert_int_equal(g.pairs, 1);
    assert_int_equal(g.pairs_evicted, 0);
    world_close(&w);
}

static void test_grant_list(void **state)
{
    struct grant_list all = {.uid = STR(""), .limit = 100, .now = T0 + 10};
    struct world w;

    open_world(&w, &conformance_rules);
    world_grant(&w, &(struct step){.key = "a"});
    world_grant(&w, &(struct step){.key = "b", .at = 5});
    world_grant(&w, &(struct step){.uid = "u2", .ip = "2001:db8::1", .is_static = true});
    world_op(&all.op);
    all.arena = &w.arena;
    assert_int_equal(world_wait(&w, store_grant_list(w.worker, &all)), 0);
    assert_int_equal(all.total, 2);
    assert_int_equal(all.count, 2);
    assert_str(all.grants[0].uid, "u1");
    assert_int_equal(all.grants[0].key_count, 2);
    assert_str(all.grants[0].keys[1], "b");
    assert_int_equal(all.grants[0].created, T0);
    assert_int_equal(all.grants[0].expires, T0 + 5 + 3600);
    assert_true(all.grants[1].is_static);
    all.uid = STR("u2");
    all.limit = 1;
    assert_int_equal(world_wait(&w, store_grant_list(w.worker, &all)), 0);
    assert_int_equal(all.total, 1);
    assert_str(all.grants[0].uid, "u2");
    all.now = T0 + 3600;
    assert_int_equal(world_wait(&w, store_grant_list(w.worker, &all)), 0);
    assert_int_equal(all.count, 0);
    world_close(&w);
}

static void test_bad_calls(void **state)
{
    static char long_text[STORE_KEY_MAX + 2];
    struct world w;
    struct admission a;

    memset(long_text, 'x', STORE_KEY_MAX + 1);
    open_world(&w, &conformance_rules);
    world_grant(&w, &(struct step){.key = long_text, .want_error = -EINVAL});
    world_grant(&w, &(struct step){.uid = long_text, .want_error = -EINVAL});
    world_grant(&w, &(struct step){.uid = "", .want_error = -EINVAL});
    world_grant(&w, &(struct step){.key = "", .want_error = -EINVAL});
    world_revoke(&w, &(struct step){.uid = "", .want_error = -EINVAL});
    step_admission(&(struct step){.key = long_text, .checks = ADMIT_SESSION}, &w.arena, &a);
    assert_int_equal(store_admit(w.worker, &a), -EINVAL);
    long_text[STORE_KEY_MAX] = '\0'; /* the longest that are allowed */
    world_grant(&w,
                &(struct step){.key = long_text, .uid = long_text + STORE_KEY_MAX - STORE_UID_MAX});
    world_session(&w, &(struct step){.checks = ADMIT_GRANT | ADMIT_SESSION,
                                     .key = long_text,
                                     .uid = long_text + STORE_KEY_MAX - STORE_UID_MAX});
    world_close(&w);
}

/* ---- sessions ---- */

static void test_session_ids(void **state)
{
    static const struct step begin = {.checks = ADMIT_SESSION, .uid = "u1"};
    struct store_session first, second, got;
    struct world w;

    open_world(&w, &conformance_rules);
    first = world_session(&w, &begin);
    assert_int_equal(strlen(first.id), STORE_SESSION_ID_LEN);
    assert_int_equal(first.ends, T0 + 43200);
    second = world_session(&w, &(struct step){.checks = ADMIT_SESSION, .uid = "u2"});
    assert_string_not_equal(first.id, second.id);
    got = world_session(
        &w, &(struct step){.checks = ADMIT_SESSION, .uid = "", .session_id = second.id});
    assert_string_equal(got.id, second.id); /* the id says which */
    assert_str(got.uid, "u2");
    got = world_session(&w,
                        &(struct step){.checks = ADMIT_SESSION, .uid = "", .session_id = first.id});
    assert_str(got.uid, "u1");
    got = world_session(
        &w, &(struct step){.checks = ADMIT_SESSION, .uid = "u2", .session_id = first.id});
    assert_string_equal(got.id, second.id); /* the id of another uid is ignored */
    got = world_session(
        &w, &(struct step){
                .checks = ADMIT_SESSION, .uid = "u1", .key = "movie2", .session_id = first.id});
    assert_string_not_equal(got.id, first.id); /* of another stream, too */
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION, .may_not_begin = true,
                                  .ua = "UA-9", .session_id = first.id, /* of another viewer */
                                  .want = REFUSED_NO_SESSION});
    got = world_session(
        &w, &(struct step){.checks = ADMIT_SESSION, .session_id = "!!!not-a-session-id-!!"});
    assert_string_equal(got.id, first.id);
    world_close(&w);
}

static void test_session_uid_comes_from_the_grant(void **state)
{
    struct store_session got;
    struct world w;

    open_world(&w, &conformance_rules);
    world_grant(&w, &(struct step){.uid = "u7"});
    got = world_session(&w, &(struct step){.checks = ADMIT_GRANT | ADMIT_SESSION, .uid = ""});
    assert_str(got.uid, "u7");
    world_close(&w);
}

static void test_sessions_of_one_second_differ(void **state)
{
    struct store_session a, b, c;
    struct world w;

    open_world(&w, &conformance_rules);
    a = world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "a"});
    b = world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "b"});
    c = world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "c", .uid = "u2"});
    assert_int_equal(b.ends, a.ends + 1); /* a gate token names one session */
    assert_int_equal(c.ends, a.ends);
    for (int i = 2; i < 40; i++) {
        char key[16];

        snprintf(key, sizeof key, "k%d", i);
        b = world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = key});
        assert_int_equal(b.ends, a.ends + i);
        assert_int_equal(b.started, T0 + i);
    }
    world_close(&w);
}

static void test_session_list(void **state)
{
    struct session_list all = {.uid = STR(""), .limit = 100, .now = T0 + 100};
    char text[IP_TEXT_MAX];
    struct world w;

    open_world(&w, &conformance_rules);
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .ip = "192.0.2.77"});
    world_session(&w,
                  &(struct step){.checks = ADMIT_SESSION, .uid = "u2", .key = "movie2", .at = 50});
    world_op(&all.op);
    all.arena = &w.arena;
    assert_int_equal(world_wait(&w, store_session_list(w.worker, &all)), 0);
    assert_int_equal(all.total, 2);
    assert_int_equal(all.count, 2);
    all.uid = STR("u1");
    assert_int_equal(world_wait(&w, store_session_list(w.worker, &all)), 0);
    assert_int_equal(all.count, 1);
    assert_str(all.sessions[0].stream_key, "movie1");
    assert_str(ip_format(&all.sessions[0].ip, text), "192.0.2.77");
    assert_memory_equal(all.sessions[0].ua_hash, "UA-1", STORE_UA_LEN);
    all.uid = STR("");
    all.now = T0 + 7200; /* the first one is idle now */
    assert_int_equal(world_wait(&w, store_session_list(w.worker, &all)), 0);
    assert_int_equal(all.count, 1);
    assert_str(all.sessions[0].uid, "u2");
    world_close(&w);
}

/* Nothing to list is no failure, with an arena that has given out nothing yet either. */
static void test_lists_of_nothing(void **state)
{
    struct session_list sessions = {.uid = STR(""), .limit = 100, .now = T0};
    struct grant_list grants = {.uid = STR("u1"), .limit = 100, .now = T0};
    struct world w;

    open_world(&w, &conformance_rules);
    world_op(&sessions.op);
    sessions.arena = &w.arena;
    assert_int_equal(world_wait(&w, store_session_list(w.worker, &sessions)), 0);
    assert_int_equal(sessions.count, 0);
    world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    arena_done(&w.arena);
    arena_init(&w.arena, 4096);
    sessions.limit = 0;
    assert_int_equal(world_wait(&w, store_session_list(w.worker, &sessions)), 0);
    assert_int_equal(sessions.count, 0);
    world_op(&grants.op);
    grants.arena = &w.arena;
    assert_int_equal(world_wait(&w, store_grant_list(w.worker, &grants)), 0);
    assert_int_equal(grants.count, 0);
    world_close(&w);
}

/* Where any uid will do it is the same one in all stores: the shorter, then the smaller. */
static void test_any_uid_is_the_first(void **state)
{
    static const char *const uids[] = {"u10", "b", "a", "c"};
    struct step step = {.checks = ADMIT_SESSION, .uid = ""};
    struct world w;

    open_world(&w, &conformance_rules);
    for (int i = 0; i < (int)ARRAY_LEN(uids); i++)
        world_session(&w, &(struct step){.checks = ADMIT_SESSION, .uid = uids[i], .at = i});
    step.at = 10;
    assert_str(world_session(&w, &step).uid, "a");
    world_close(&w);
}

/* ---- revocations ---- */

static bool is_revoked(struct world *w, const struct step *s, const struct store_session *session)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(s, viewer);
    return store_is_revoked(w->worker, viewer, session->uid, session->ends);
}

static void test_revoked_gate_tokens(void **state)
{
    static const struct step play = {.checks = ADMIT_GRANT | ADMIT_SESSION};
    struct store_session before, after;
    struct grant_revoke g;
    struct world w;

    open_world(&w, &conformance_rules);
    world_grant(&w, &play);
    before = world_session(&w, &play);
    assert_false(is_revoked(&w, &play, &before));
    g = world_revoke(&w, &(struct step){0});
    assert_int_equal(g.grants_removed, 1);
    assert_int_equal(g.sessions_ended, 1);
    assert_true(is_revoked(&w, &play, &before));
    assert_false(is_revoked(&w, &(struct step){.ua = "UA-2"}, &before));
    world_grant(&w, &play); /* in the same second: what was revoked stays revoked */
    after = world_session(&w, &play);
    assert_int_equal(after.ends, before.ends + 1);
    assert_false(is_revoked(&w, &play, &after));
    g = world_revoke(&w, &(struct step){.uid = "nobody"});
    assert_int_equal(g.grants_removed + g.sessions_ended, 0);
    assert_false(is_revoked(&w, &play, &after));
    world_close(&w);
}

/* Idle sessions and those of an expired grant: their gate tokens would play on. */
static void test_revoking_reaches_idle_sessions(void **state)
{
    static const struct step play = {.checks = ADMIT_GRANT | ADMIT_SESSION};
    struct step later = play;
    struct store_session idle, live;
    struct grant_revoke g;
    struct world w;

    open_world(&w, &conformance_rules);
    world_grant(&w, &play);
    idle = world_session(&w, &play);
    later.at = 8000;
    world_grant(&w, &later);
    live = world_session(&w, &later);
    assert_int_not_equal(idle.ends, live.ends);
    g = world_revoke(&w,
                     &(struct step){.at = 12000, .ip = "192.0.2.1"}); /* the grants have expired */
    assert_int_equal(g.grants_removed, 0);
    assert_int_equal(g.sessions_ended, 2);
    assert_true(is_revoked(&w, &play, &idle));
    assert_true(is_revoked(&w, &play, &live));
    world_close(&w);
}

static unsigned end_sessions(struct world *w, const char *id, const char *uid)
{
    struct session_end e = {.now = T0 + 5, .id = str_of(id), .uid = str_of(uid)};

    world_op(&e.op);
    assert_int_equal(world_wait(w, store_session_end(w->worker, &e)), 0);
    return e.ended;
}

static void test_session_end(void **state)
{
    static const struct step a = {.checks = ADMIT_SESSION, .key = "a"},
                             b = {.checks = ADMIT_SESSION, .key = "b"};
    struct store_session sa, sb, again;
    struct world w;

    open_world(&w, &conformance_rules);
    sa = world_session(&w, &a);
    sb = world_session(&w, &b);
    assert_int_equal(end_sessions(&w, sa.id, ""), 1);
    assert_int_equal(end_sessions(&w, sa.id, ""), 0);
    assert_int_equal(end_sessions(&w, "too short", ""), 0);
    assert_true(is_revoked(&w, &a, &sa));
    assert_false(is_revoked(&w, &b, &sb));
    again = world_session(&w, &a);
    assert_string_not_equal(again.id, sa.id);
    assert_int_equal(end_sessions(&w, "", "u1"), 2);
    assert_true(is_revoked(&w, &b, &sb));
    assert_int_equal(end_sessions(&w, "", "u1"), 0);
    world_close(&w);
}

/* ---- instances ---- */

static void test_who_beats_hears_itself_first(void **state)
{
    static char long_text[INSTANCE_TEXT_MAX + 1];
    struct instance_beat b = {.id = "0123456789abcde", .text = STR("{\"a\":\0\xff}"), .ttl = 10};
    struct world w;

    open_world(&w, &conformance_rules);
    world_op(&b.op);
    b.arena = &w.arena;
    assert_int_equal(world_wait(&w, store_instance_beat(w.worker, &b)), 0);
    assert_int_equal(b.count, 1);
    assert_memory_equal(b.instances[0].id, b.id, INSTANCE_ID_LEN);
    assert_true(str_eq(b.instances[0].text, b.text));
    memset(long_text, 'x', sizeof long_text);
    b.text = (struct str){long_text, INSTANCE_TEXT_MAX};
    assert_int_equal(world_wait(&w, store_instance_beat(w.worker, &b)), 0);
    assert_true(str_eq(b.instances[0].text, b.text));
    b.text.n++;
    assert_int_equal(store_instance_beat(w.worker, &b), -EINVAL);
    b.text = STR("");
    assert_int_equal(world_wait(&w, store_instance_beat(w.worker, &b)), 0);
    b.ttl = 0;
    assert_int_equal(store_instance_beat(w.worker, &b), -EINVAL);
    b.ttl = INSTANCE_TTL_MAX + 1;
    assert_int_equal(store_instance_beat(w.worker, &b), -EINVAL);
    world_close(&w);
}

/* ---- the queue ---- */

static void never(struct op *op, int err)
{
    fail_msg("a cancelled call was answered");
}

static void test_cancelled_calls_are_not_run(void **state)
{
    static const struct step begin = {.checks = ADMIT_SESSION};
    struct admission cancelled;
    struct world w;

    open_world(&w, &conformance_rules);
    step_admission(&begin, &w.arena, &cancelled);
    op_init(&cancelled.op, never);
    if (store_admit(w.worker, &cancelled) == 0)
        op_cancel(&cancelled.op);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION, .may_not_begin = true,
                                  .want = REFUSED_NO_SESSION});
    world_close(&w);
}

static int answers;

static void count_answer(struct op *op, int err)
{
    assert_int_equal(err, 0);
    answers++;
}

/* Many calls of one turn are one batch; each is decided with what those before it have taken. */
static void test_one_turn_decides_in_order(void **state)
{
    static const struct step once = {.checks = ADMIT_USE, .use = {{'t', USE_COUNT, 3}}};
    struct admission a[8];
    struct world w;
    int started, admitted = 0;

    open_world(&w, &conformance_rules);
    answers = 0;
    for (size_t i = 0; i < ARRAY_LEN(a); i++) {
        step_admission(&once, &w.arena, &a[i]);
        op_init(&a[i].op, count_answer);
        started = store_admit(w.worker, &a[i]);
        assert_true(started >= 0);
        answers += started > 0;
    }
    TURN_UNTIL(w.loop, answers == (int)ARRAY_LEN(a));
    for (size_t i = 0; i < ARRAY_LEN(a); i++)
        admitted += a[i].verdict == ADMITTED;
    assert_int_equal(admitted, 3);
    world_close(&w);
}

/* ---- expiry ---- */

static void test_sweep_removes_what_has_expired(void **state)
{
    struct store_stats stats;
    struct world w;

    open_world(&w, &conformance_rules);
    world_grant(&w, &(struct step){0});
    world_grant(&w, &(struct step){.uid = "u2", .at = 3000});
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_SESSION | ADMIT_USE,
                                  .use = {{.id = 'a', .mode = USE_BIND}}});
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .uid = "u2"});
    end_sessions(&w, "", "u2");
    backend->housekeep(w.store, T0 + 3600);
    store_stats(w.store, &stats);
    assert_int_equal(stats.grants, 1);
    assert_int_equal(stats.sessions, 1);
    assert_int_equal(stats.uses, 1);
    assert_int_equal(stats.revocations, 1);
    world_step(&w, &(struct step){ADMIT, .at = 3600, .checks = ADMIT_GRANT, .uid = "u2"});
    backend->housekeep(w.store, T0 + 43200);
    store_stats(w.store, &stats);
    assert_int_equal(stats.revocations, 1); /* its gate tokens are good in their last second */
    backend->housekeep(w.store, T0 + 43201);
    store_stats(w.store, &stats);
    assert_int_equal(stats.grants + stats.sessions + stats.uses + stats.revocations, 0);
    assert_true(stats.is_healthy);
    world_close(&w);
}

static void test_the_last_second_can_be_revoked(void **state)
{
    static const struct step play = {.checks = ADMIT_SESSION};
    uint8_t viewer[STORE_VIEWER_LEN];
    struct store_session s;
    struct grant_revoke g;
    struct world w;

    open_world(&w, &conformance_rules);
    s = world_session(&w, &play);
    step_viewer(&play, viewer);
    backend->housekeep(w.store, s.ends);
    g = world_revoke(&w, &(struct step){.at = (int)(s.ends - T0)});
    assert_int_equal(g.sessions_ended, 0); /* it is over */
    assert_true(store_is_revoked(w.worker, viewer, s.uid, s.ends));
    world_close(&w);
}

static void test_new_rules_count_at_once(void **state)
{
    struct store_rules rules = conformance_rules;
    struct world w;

    open_world(&w, &rules);
    world_grant(&w, &(struct step){.ip = "10.1.2.3"});
    rules.ipv4_prefix = 16;
    rules.session_ttl = 10;
    store_set_rules(w.store, &rules);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .ip = "10.1.9.9",
                                  .want = REFUSED_NO_GRANT});
    world_step(
        &w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .ip = "10.1.2.9"}); /* as it was stored */
    world_grant(&w, &(struct step){.ip = "10.1.2.3"});
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT, .ip = "10.1.9.9"});
    world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    for (int i = 1; i < 5; i++) /* a short life slides as well as a long one */
        world_step(
            &w, &(struct step){ADMIT, .at = i * 9, .checks = ADMIT_SESSION, .may_not_begin = true});
    world_step(&w, &(struct step){ADMIT, .at = 46, .checks = ADMIT_SESSION, .may_not_begin = true,
                                  .want = REFUSED_NO_SESSION});
    world_close(&w);
}

static struct step nth_session(struct world *w, int i, int at)
{
    return (struct step){ADMIT, .at = at, .checks = ADMIT_SESSION,
                         .key = arena_printf(&w->arena, "stream%d", i).p};
}

/* Else one viewer could push the ends of its sessions past session_max, and their number past what
 * can be revoked. */
static void test_sessions_have_a_pace(void **state)
{
    struct step s;
    struct world w;

    open_world(&w, &conformance_rules);
    for (int i = 0; i <= STORE_SESSIONS_AHEAD; i++) {
        s = nth_session(&w, i, 0);
        world_step(&w, &s);
    }
    s = nth_session(&w, 100, 0);
    s.want = REFUSED_TOO_FAST;
    world_step(&w, &s);
    s.checks |= ADMIT_USE; /* which comes after it */
    s.use[0] = (struct step_use){.id = 'a', .mode = USE_COUNT, .max = 0};
    world_step(&w, &s);
    s = nth_session(&w, 100, 0);
    s.ua = "UA-2"; /* another viewer has a pace of its own */
    s.want = ADMITTED;
    world_step(&w, &s);
    s = nth_session(&w, 0, 0); /* what has begun goes on */
    world_step(&w, &s);
    s = nth_session(&w, 100, 1);
    world_step(&w, &s);
    world_close(&w);
}

/* The dead session that began under the longer rule ends later than the live one of the same place.
 */
static void test_a_lowered_session_max_hides_nothing(void **state)
{
    struct store_rules rules = conformance_rules;
    struct store_session live;
    struct world w;

    open_world(&w, &rules);
    world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    rules.session_max = 3 * 3600;
    store_set_rules(w.store, &rules);
    live = world_session(&w, &(struct step){.at = 7300, .checks = ADMIT_SESSION});
    for (int i = 1; i < 4; i++) {
        struct store_session again = world_session(
            &w,
            &(struct step){.at = 7300 + i * 3000, .checks = ADMIT_SESSION, .may_not_begin = true});

        assert_string_equal(again.id, live.id); /* found, and its activity is written */
    }
    world_close(&w);
}

int conformance_run(const struct conformance *c)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_grant_answers),
        cmocka_unit_test(test_grant_list),
        cmocka_unit_test(test_bad_calls),
        cmocka_unit_test(test_session_ids),
        cmocka_unit_test(test_session_uid_comes_from_the_grant),
        cmocka_unit_test(test_sessions_of_one_second_differ),
        cmocka_unit_test(test_session_list),
        cmocka_unit_test(test_lists_of_nothing),
        cmocka_unit_test(test_any_uid_is_the_first),
        cmocka_unit_test(test_revoked_gate_tokens),
        cmocka_unit_test(test_revoking_reaches_idle_sessions),
        cmocka_unit_test(test_session_end),
        cmocka_unit_test(test_who_beats_hears_itself_first),
        cmocka_unit_test(test_cancelled_calls_are_not_run),
        cmocka_unit_test(test_one_turn_decides_in_order),
        cmocka_unit_test(test_sweep_removes_what_has_expired),
        cmocka_unit_test(test_the_last_second_can_be_revoked),
        cmocka_unit_test(test_new_rules_count_at_once),
        cmocka_unit_test(test_sessions_have_a_pace),
        cmocka_unit_test(test_a_lowered_session_max_hides_nothing),
    };

    backend = c;
    return conformance_traffic(c->open_empty) + conformance_streams(c->open_empty) +
           cmocka_run_group_tests_name("store conformance", tests, NULL, NULL);
}
