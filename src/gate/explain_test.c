/* An explanation says what a request would meet, check by check, and changes nothing. */
#include "gate/testing.h"

#include "gate/journal.h"

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", PLAYLIST);
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/k.key", "0123456789abcdef");
}

/* Everything that a request may leave behind. */
struct traces {
    uint64_t grants, sessions, uses, revocations, entries, misses, journal;
    int64_t counters[STAT_COUNT];
};

static struct traces traces_of(struct world *w)
{
    struct store_stats s = world_records(w);
    struct cache_stats c;
    struct traces t = {s.grants, s.sessions, s.uses, s.revocations};
    struct journal_record *records;

    cache_stats(w->cache, &c);
    t.entries = c.entries;
    t.misses = c.misses;
    for (int i = 0; i < STAT_COUNT; i++)
        t.counters[i] = counted(w, i);
    for (int i = 0; i < JOURNAL_COUNT; i++)
        t.journal += journal_read(&w->worker->journal, 1, i, 100, &w->arena, &records);
    return t;
}

#define ONE_STREAM(more)                                 \
    "access: { policy: { playlist: [token, session] }, " \
    "max_streams: 1, on_max_streams: " #more " }\n"

static const struct {
    const char *name, *settings, *path, *ip;
    enum signed_as as;
    bool has_grant, has_session;
    enum outcome want;
    const char *check, *note; /* one of the notes, by its beginning */
} cases[] = {
    {"class", "", "/s/i.m3u8", VIEWER_IP, UNSIGNED, false, false, OUT_TOKEN_MISSING, "class",
     "playlist; stream key 's'"},
    {"no token", "", "/s/i.m3u8", VIEWER_IP, UNSIGNED, false, false, OUT_TOKEN_MISSING, "token",
     "none"},
    {"expired", "", "/s/i.m3u8", VIEWER_IP, TOO_LATE, false, false, OUT_TOKEN_EXPIRED, "token",
     "expired; uid 'u1'"},
    {"forged", "", "/s/i.m3u8", VIEWER_IP, OF_ANOTHER_PATH, false, false, OUT_TOKEN_BAD_SIG,
     "token", "bad signature"},
    {"no grant", "", "/s/i.m3u8", VIEWER_IP, TOKEN, false, false, OUT_NO_GRANT, "grant", "none"},
    {"grant", "", "/s/i.m3u8", VIEWER_IP, TOKEN, true, false, OUT_OK, "grant", "matches"},
    {"would begin", "", "/s/i.m3u8", VIEWER_IP, TOKEN, true, false, OUT_OK, "session",
     "would begin"},
    {"session lives", "", "/s/i.m3u8", VIEWER_IP, TOKEN, true, true, OUT_OK, "session", "lives"},
    {"carried on", "", "/s/i.m3u8", VIEWER_IP, TOO_LATE, true, true, OUT_OK, "token", "expired"},
    {"no session", "", "/s/1.ts", VIEWER_IP, UNSIGNED, false, false, OUT_NO_CREDENTIAL, "session",
     "none"},
    {"use limit", "", "/s/i.m3u8", VIEWER_IP, TOKEN, true, false, OUT_OK, "use_limit", "allows"},
    {"room for a stream", "access: { max_streams: 2 }\n", "/s/i.m3u8", VIEWER_IP, TOKEN, true,
     false, OUT_OK, "max_streams",
     "allows; streams of this uid beside this one: 0, max_streams: 2"},
    {"its own stream", "access: { max_streams: 1 }\n", "/s/i.m3u8", VIEWER_IP, TOKEN, true, true,
     OUT_OK, "max_streams", "allows; streams of this uid beside this one: 0, max_streams: 1"},
    {"no room", ONE_STREAM(deny), "/s/i.m3u8", OTHER_IP, TOKEN, false, true, OUT_TOO_MANY_STREAMS,
     "max_streams", "refuses; streams of this uid beside this one: 1, max_streams: 1"},
    {"room is made", ONE_STREAM(end_oldest), "/s/i.m3u8", OTHER_IP, TOKEN, false, true, OUT_OK,
     "max_streams", "ends the one idle for longest; streams of this uid beside this one: 1"},
    {"another title", ONE_STREAM(deny), "/t/i.m3u8", VIEWER_IP, TOKEN, false, true, OUT_OK,
     "max_streams",
     "takes the place of this viewer's own; streams of this uid beside this one: 1, max_streams: "
     "1"},
    {"origin", "", "/s/i.m3u8", VIEWER_IP, TOKEN, true, false, OUT_OK, "origin", "prefix /"},
    {"listed", "access: { fixed_whitelist: [ 192.0.2.7 ] }\n", "/s/1.ts", VIEWER_IP, UNSIGNED,
     false, false, OUT_OK, "fixed_whitelist", "the address is listed"},
    {"open", ALL_OPEN, "/s/1.ts", VIEWER_IP, UNSIGNED, false, false, OUT_OK, "store", "not asked"},
    {"redirect", "access: { policy: { key: [] }, key: { redirect: https://k.example } }\n",
     "/s/k.key", VIEWER_IP, UNSIGNED, false, false, OUT_KEY_REDIRECT, "class", "key"},
    {"API", "", "/api/test", VIEWER_IP, UNSIGNED, false, false, OUT_OK, "api",
     "answered by the API"},
    {"bad path", "", "/../x", VIEWER_IP, UNSIGNED, false, false, OUT_BAD_PATH, NULL, NULL},
    {"missing file", ALL_OPEN, "/s/missing.ts", VIEWER_IP, UNSIGNED, false, false, OUT_OK, "origin",
     "prefix /"}, /* nothing is opened */
};

static const char *target_of(struct world *w, size_t i)
{
    return world_sign_as(w, cases[i].path, cases[i].as);
}

static void prepare(struct world *w, size_t i)
{
    write_stream(w);
    world_write(w, "/t/i.m3u8", PLAYLIST);
    if (cases[i].has_grant)
        world_grant(w, "u1", VIEWER_IP, VIEWER_UA, "s");
    if (cases[i].has_session)
        assert_outcome(ask(w, usual(w, "/s/i.m3u8")), OUT_OK);
}

static void test_explanations(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct traces before, after;
        struct explanation e;

        world_open(&w, cases[i].settings);
        prepare(&w, i);
        before = traces_of(&w);
        e = world_explain(&w, target_of(&w, i), cases[i].ip);
        if (e.outcome != cases[i].want)
            print_error("%s: %.*s\n", cases[i].name, STR_FMT(outcome_row(e.outcome)->word));
        assert_int_equal(e.outcome, cases[i].want);
        if (cases[i].check != NULL &&
            !str_starts(fact_of(&w, &e.facts, cases[i].check).text, str_of(cases[i].note)))
            fail_msg("%s: %s is '%.*s'", cases[i].name, cases[i].check,
                     STR_FMT(fact_of(&w, &e.facts, cases[i].check).text));
        after = traces_of(&w);
        assert_memory_equal(&before, &after, sizeof before);
        world_close(&w);
    }
}

/* What it says is what then happens. */
static void test_it_tells_the_truth(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct explanation e;
        struct answer a;

        if (strcmp(cases[i].name, "missing file") == 0)
            continue;
        world_open(&w, cases[i].settings);
        prepare(&w, i);
        e = world_explain(&w, target_of(&w, i), cases[i].ip);
        a = ask(&w, target_of(&w, i), .ip = cases[i].ip);
        assert_outcome(a, e.outcome);
        world_close(&w);
    }
}

/* Explained a hundred times, a token is as good as new. */
static void test_nothing_is_spent(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "access: { policy: { playlist: [token, use_limit] },\n"
                   "          replay: { mode: count }, browser_adaptive: { enabled: on } }\n");
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    for (int i = 0; i < 100; i++)
        assert_int_equal(world_explain(&w, url, OTHER_IP).outcome, OUT_OK);
    assert_outcome(ask(&w, url), OUT_OK);
    assert_int_equal(world_explain(&w, url, OTHER_IP).outcome, OUT_TOKEN_USED_UP);
    world_close(&w);
}

static void test_a_gate_token(void **state)
{
    struct world w;
    struct traces before, after;
    struct explanation e;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    url = gate_scope(&w, "u1", "/s/1.ts", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA);
    before = traces_of(&w);
    e = world_explain(&w, url, VIEWER_IP);
    assert_int_equal(e.outcome, OUT_OK);
    assert_true(str_starts(fact_of(&w, &e.facts, "store").text, STR("not asked")));
    assert_int_equal(world_explain(&w, url, OTHER_IP).outcome, OUT_GATE_BAD_SIG);
    after = traces_of(&w);
    assert_int_equal(after.journal, before.journal);
    assert_int_equal(after.sessions + after.uses, before.sessions + before.uses);
    world_close(&w);
}

static void on_explained(struct op *op, int err)
{
    fail();
}

/* Asked by a connection that closes before the store has answered. */
static void test_cancelled(void **state)
{
    struct world w;
    struct explanation e = {.user_agent = STR(VIEWER_UA), .session_id = STR("")};

    world_open(&w, "");
    world_break_store(&w, 0);
    e.target = str_of(usual(&w, "/s/i.m3u8"));
    assert_int_equal(ip_parse(STR(VIEWER_IP), &e.client), 0);
    op_init(&e.op, on_explained);
    assert_int_equal(gate_explain(w.worker, &e), 0);
    op_cancel(&e.op);
    loop_turn(w.loop);
    assert_true(list_is_empty(&w.worker->requests));
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_explanations), cmocka_unit_test(test_it_tells_the_truth),
          cmocka_unit_test(test_nothing_is_spent), cmocka_unit_test(test_a_gate_token),
          cmocka_unit_test(test_cancelled))
