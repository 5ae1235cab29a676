/* What is answered again, to whom, for how long, and what a flood of different requests may not do.
 */
#include "store/verdicts.h"

#include "base/test.h"

#define NOW (1000 * USEC_PER_SEC)
#define TTL (2 * USEC_PER_SEC)
#define T0 1800000000

struct asked {
    struct arena arena;
    struct admission a;
    uint8_t ua_hash[STORE_UA_LEN], viewer[STORE_VIEWER_LEN];
};

static void ask_as(struct asked *q, const char *session_id)
{
    memset(q, 0, sizeof *q);
    arena_init(&q->arena, 1 << 16);
    memcpy(q->ua_hash, "agnt", sizeof q->ua_hash);
    memcpy(q->viewer, "0123456789abcdefghijkl", sizeof q->viewer);
    q->a = (struct admission){
        .arena = &q->arena,
        .checks = ADMIT_GRANT | ADMIT_SESSION,
        .may_begin = true,
        .now = T0,
        .ip = {.family = IP_V4, .bytes = {192, 0, 2, 7}},
        .ua_hash = q->ua_hash,
        .viewer = q->viewer,
        .uid = STR("u1"),
        .stream_key = STR("s"),
        .session_id = str_of(session_id),
    };
}

static void ask_usual(struct asked *q)
{
    ask_as(q, "");
}

static void done(struct asked *q)
{
    arena_done(&q->arena);
}

/* As the store would answer it. */
static void admit(struct admission *a)
{
    a->verdict = ADMITTED;
    a->has_session = true;
    a->session = (struct store_session){
        .id = "abcdefghijklmnopqrstuv", .uid = STR("u1"), .started = T0 - 60, .ends = T0 + 600};
    a->grant_uid = STR("g1");
    a->grant_matched = true;
}

static void put_usual(struct verdicts *v)
{
    struct asked q;

    ask_usual(&q);
    admit(&q.a);
    verdicts_put(v, &q.a, NOW, verdicts_version(v));
    done(&q);
}

static bool has_usual(struct verdicts *v, usec_t now)
{
    struct asked q;
    bool has;

    ask_usual(&q);
    has = verdicts_get(v, &q.a, now);
    done(&q);
    return has;
}

static void test_the_same_answer(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);
    struct asked q;

    assert_false(has_usual(v, NOW));
    put_usual(v);
    ask_usual(&q);
    q.a.now = T0 + 1; /* the time is no part of the question */
    q.a.session_is_new = true;
    q.a.use_count = 7;
    assert_true(verdicts_get(v, &q.a, NOW + 1));
    assert_int_equal(q.a.verdict, ADMITTED);
    assert_true(q.a.has_session && q.a.grant_matched);
    assert_false(q.a.session_is_new);
    assert_int_equal(q.a.use_count, 0);
    assert_string_equal(q.a.session.id, "abcdefghijklmnopqrstuv");
    assert_str(q.a.session.uid, "u1");
    assert_int_equal(q.a.session.started, T0 - 60);
    assert_int_equal(q.a.session.ends, T0 + 600);
    assert_str(q.a.grant_uid, "g1");
    verdicts_free(&v);
    assert_str(q.a.grant_uid, "g1"); /* in the admission's arena */
    done(&q);
}

/* ---- another question ---- */

static void other_checks(struct asked *q)
{
    q->a.checks |= ADMIT_GRANT_IP;
}

static void expired(struct asked *q)
{
    q->a.token_expired = true;
}

static void may_not_begin(struct asked *q)
{
    q->a.may_begin = false;
}

static void other_address(struct asked *q)
{
    q->a.ip.bytes[3]++;
}

static void other_family(struct asked *q)
{
    q->a.ip.family = IP_V6;
}

static void other_agent(struct asked *q)
{
    q->ua_hash[3]++;
}

static void other_viewer(struct asked *q)
{
    q->viewer[STORE_VIEWER_LEN - 1]++;
}

static void other_uid(struct asked *q)
{
    q->a.uid = STR("u2");
}

static void no_uid(struct asked *q)
{
    q->a.uid = STR("");
}

static void other_stream(struct asked *q)
{
    q->a.stream_key = STR("t");
}

/* The same bytes, cut elsewhere. */
static void shifted(struct asked *q)
{
    q->a.uid = STR("u1s");
    q->a.stream_key = STR("");
}

static void presented(struct asked *q)
{
    q->a.session_id = STR("abcdefghijklmnopqrstuv");
}

static void dry(struct asked *q)
{
    q->a.is_dry = true;
}

static void uses(struct asked *q)
{
    q->a.checks |= ADMIT_USE;
}

static void (*const others[])(struct asked *q) = {
    other_checks, expired, may_not_begin, other_address, other_family, other_agent, other_viewer,
    other_uid,    no_uid,  other_stream,  shifted,       presented,    dry,         uses,
};

static void test_another_question(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        struct verdicts *v = verdicts_new(8, TTL);
        struct asked q;

        put_usual(v);
        ask_usual(&q);
        others[i](&q);
        if (verdicts_get(v, &q.a, NOW))
            fail_msg("case %zu was answered", i);
        assert_true(has_usual(v, NOW));
        done(&q);
        verdicts_free(&v);
    }
}

/* ---- what is not kept ---- */

static void refused(struct asked *q)
{
    q->a.verdict = REFUSED_NO_GRANT;
}

static void begun(struct asked *q)
{
    q->a.session_is_new = true;
}

static void long_session_id(struct asked *q)
{
    q->a.session_id = STR("an id that nobody was ever given");
}

static void (*const changes[])(struct asked *q) = {refused, begun, dry, uses, long_session_id};

static void test_what_is_not_kept(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct verdicts *v = verdicts_new(8, TTL);
        struct asked q;

        ask_usual(&q);
        admit(&q.a);
        changes[i](&q);
        verdicts_put(v, &q.a, NOW, verdicts_version(v));
        if (verdicts_get(v, &q.a, NOW) || has_usual(v, NOW))
            fail_msg("case %zu was kept", i);
        done(&q);
        verdicts_free(&v);
    }
}

static void test_turned_off(void **state)
{
    struct verdicts *v = verdicts_new(8, 0);

    put_usual(v);
    assert_false(has_usual(v, NOW));
    verdicts_free(&v);
}

/* The longest of everything, and no session. */
static void test_long_strings(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);
    char uid[STORE_UID_MAX + 1], key[STORE_KEY_MAX + 1];
    struct asked q;

    memset(uid, 'u', sizeof uid);
    memset(key, 'k', sizeof key);
    ask_as(&q, "0123456789012345678901");
    q.a.uid = (struct str){uid, STORE_UID_MAX};
    q.a.stream_key = (struct str){key, STORE_KEY_MAX};
    q.a.session.uid = STR("of an earlier answer");
    verdicts_put(v, &q.a, NOW, verdicts_version(v));
    assert_true(verdicts_get(v, &q.a, NOW));
    assert_false(q.a.has_session);
    assert_str(q.a.grant_uid, "");
    q.a.uid.n++;
    assert_false(verdicts_get(v, &q.a, NOW));
    q.a.uid.n--;
    q.a.stream_key.n++;
    assert_false(verdicts_get(v, &q.a, NOW));
    done(&q);
    verdicts_free(&v);
}

/* ---- time ---- */

static void test_it_ends(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);

    put_usual(v);
    assert_true(has_usual(v, NOW + TTL - 1));
    assert_false(has_usual(v, NOW + TTL));
    assert_false(has_usual(v, NOW)); /* gone */
    verdicts_free(&v);
}

/* Counted from the store's answer, however often it is used meanwhile. */
static void test_using_it_does_not_prolong_it(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);

    put_usual(v);
    for (usec_t t = 0; t < TTL; t += TTL / 4)
        assert_true(has_usual(v, NOW + t));
    assert_false(has_usual(v, NOW + TTL));
    put_usual(v);
    put_usual(v); /* in place of the first */
    assert_true(has_usual(v, NOW));
    verdicts_free(&v);
}

static void test_no_longer_than_its_session(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);
    struct asked q;

    put_usual(v);
    ask_usual(&q);
    q.a.now = T0 + 599;
    assert_true(verdicts_get(v, &q.a, NOW));
    q.a.now = T0 + 600;
    assert_false(verdicts_get(v, &q.a, NOW));
    done(&q);
    verdicts_free(&v);
}

static void test_a_life_that_is_changed(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);

    verdicts_set_ttl(v, TTL / 2);
    put_usual(v);
    assert_true(has_usual(v, NOW + TTL / 2 - 1));
    assert_false(has_usual(v, NOW + TTL / 2));
    verdicts_set_ttl(v, 0);
    put_usual(v);
    assert_false(has_usual(v, NOW));
    verdicts_free(&v);
}

static void test_cleared(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);
    uint64_t before = verdicts_version(v);
    struct asked q;

    put_usual(v);
    verdicts_clear(v);
    assert_false(has_usual(v, NOW));

    ask_usual(&q);
    admit(&q.a);
    verdicts_put(v, &q.a, NOW, before); /* asked before, answered behind */
    assert_false(has_usual(v, NOW));
    done(&q);

    put_usual(v);
    assert_true(has_usual(v, NOW));
    verdicts_free(&v);
}

/* ---- many ---- */

static void put_number(struct verdicts *v, int i, usec_t now)
{
    struct str key;
    struct asked q;

    ask_usual(&q);
    key = arena_printf(&q.arena, "s%d", i);
    q.a.stream_key = key;
    admit(&q.a);
    verdicts_put(v, &q.a, now, verdicts_version(v));
    done(&q);
}

static bool has_number(struct verdicts *v, int i, usec_t now)
{
    struct asked q;
    bool has;

    ask_usual(&q);
    q.a.stream_key = arena_printf(&q.arena, "s%d", i);
    has = verdicts_get(v, &q.a, now);
    done(&q);
    return has;
}

static void test_the_oldest_goes_first(void **state)
{
    enum { MAX_KEPT = 16, FLOOD = 1000 };
    struct verdicts *v = verdicts_new(MAX_KEPT, TTL);

    for (int i = 0; i < FLOOD; i++)
        put_number(v, i, NOW);
    for (int i = 0; i < FLOOD; i++)
        assert_int_equal(has_number(v, i, NOW), i >= FLOOD - MAX_KEPT);
    put_number(v, FLOOD - MAX_KEPT, NOW); /* again: it is the youngest now */
    put_number(v, FLOOD, NOW);
    assert_true(has_number(v, FLOOD - MAX_KEPT, NOW));
    assert_false(has_number(v, FLOOD - MAX_KEPT + 1, NOW));
    verdicts_free(&v);
}

/* What is void or over makes room, and none of it is ever answered. */
static void test_full_of_the_past(void **state)
{
    enum { MAX_KEPT = 16 };
    struct verdicts *v = verdicts_new(MAX_KEPT, TTL);

    for (int i = 0; i < MAX_KEPT; i++)
        put_number(v, i, NOW);
    verdicts_clear(v);
    for (int i = 0; i < MAX_KEPT; i++)
        put_number(v, i + 100, NOW);
    for (int i = 0; i < MAX_KEPT; i++)
        assert_true(has_number(v, i + 100, NOW) && !has_number(v, i, NOW));
    for (int i = 0; i < MAX_KEPT; i++)
        put_number(v, i + 200, NOW + TTL);
    for (int i = 0; i < MAX_KEPT; i++)
        assert_true(has_number(v, i + 200, NOW + TTL) && !has_number(v, i + 100, NOW + TTL));
    verdicts_free(&v);
}

static void test_a_full_arena(void **state)
{
    struct verdicts *v = verdicts_new(8, TTL);
    struct asked q;

    put_usual(v);
    ask_usual(&q);
    q.arena.cap = 0;
    assert_false(verdicts_get(v, &q.a, NOW));
    done(&q);
    verdicts_free(&v);
}

TEST_MAIN(cmocka_unit_test(test_the_same_answer), cmocka_unit_test(test_another_question),
          cmocka_unit_test(test_what_is_not_kept), cmocka_unit_test(test_turned_off),
          cmocka_unit_test(test_long_strings), cmocka_unit_test(test_it_ends),
          cmocka_unit_test(test_using_it_does_not_prolong_it),
          cmocka_unit_test(test_no_longer_than_its_session),
          cmocka_unit_test(test_a_life_that_is_changed), cmocka_unit_test(test_cleared),
          cmocka_unit_test(test_the_oldest_goes_first), cmocka_unit_test(test_full_of_the_past),
          cmocka_unit_test(test_a_full_arena))
