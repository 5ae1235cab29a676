/* What stands in the log for a request tells why, check by check, and nothing that is secret. */
#include "gate/testing.h"

#include "gate/journal.h"

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", PLAYLIST);
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/k.key", "0123456789abcdef");
}

static struct facts newest(struct world *w)
{
    struct journal_record *all;

    assert_int_equal(journal_read(&w->worker->journal, 1, JOURNAL_RECENT, 1, &w->arena, &all), 1);
    return all[0].facts;
}

/* A check's sentence begins so. */
static void assert_told(struct world *w, const char *check, const char *want, bool is_decisive)
{
    struct facts f = newest(w);
    struct fact fact = fact_of(w, &f, check);

    if (!str_starts(fact.text, str_of(want)))
        fail_msg("%s is '%.*s', not '%s'", check, STR_FMT(fact.text), want);
    assert_int_equal(fact.is_decisive, is_decisive);
}

static void test_of_one_let_in(void **state)
{
    struct world w;

    world_open(&w, "");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    assert_told(&w, "class", "playlist; stream key 's'; checks token, grant, session, use_limit",
                false);
    assert_told(&w, "viewer", "network 192.0.2.0/24, User-Agent ", false);
    assert_told(&w, "token", "verifies; uid 'u1', expires ", false);
    assert_told(&w, "grant", "matches; uid 'u1'", false);
    assert_told(&w, "session", "begins", false);
    assert_told(&w, "use_limit", "allows; use number 1", false);
    assert_told(&w, "origin", "prefix /, filesystem", false);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    assert_told(&w, "session", "lives; uid 'u1'; its gate tokens end at ", false);
    world_close(&w);
}

static void assert_no_secret(struct world *w, const char *url)
{
    struct str signature = str_skip(str_of(strstr(url, "token=")), strlen("token="));
    struct facts f = newest(w);
    struct fact told[FACTS_MAX];
    unsigned n = facts_tell(&f, &w->arena, told);
    struct str kept = {(const char *)&f, sizeof f};

    signature = str_first(signature, 16); /* a part of it is too much */
    for (unsigned i = 0; i < n; i++)
        assert_true(str_find(told[i].text, signature) < 0);
    assert_true(str_find(kept, signature) < 0);
}

/* The same checks, seen by another viewer with the same URL. */
static void test_of_one_refused(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_NO_GRANT);
    assert_told(&w, "token", "verifies; uid 'u1'", false);
    assert_told(&w, "grant", "none; uid 'u1'; network 198.51.100.0/24, User-Agent ", true);
    assert_told(&w, "use_limit", "not reached", false);
    assert_no_secret(&w, url);
    world_grant(&w, "u1", OTHER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    assert_told(&w, "grant", "matches; uid 'u1'", false);
    assert_told(&w, "use_limit", "refuses; another viewer used it first; use number ", true);
    world_close(&w);
}

static void test_of_a_gate_token(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    url = gate_scope(&w, "u1", "/s/1.ts", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA);
    assert_outcome(ask(&w, url), OUT_OK);
    assert_told(&w, "token", "verifies; uid 'u1', expires ", false);
    assert_told(&w, "revocation", "none", false);
    assert_told(&w, "store", "not asked", false);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_GATE_BAD_SIG);
    assert_told(&w, "token", "bad signature; uid 'u1', expires ", true);
    world_close(&w);
}

/* What the session of world_grant()'s viewer was given, which began at T0. */
static const char *gate_of_session(struct world *w, const char *path)
{
    return gate_scope(w, "u1", path, "/s/", T0 + w->rules->store.session_max, VIEWER_IP, VIEWER_UA);
}

/* Where a gate token is asked for, and where nobody asked for the one that came. */
static void test_of_a_revoked_gate_token(void **state)
{
    struct world w;
    const char *segment, *other;

    world_open(&w, "access: { policy: { other: [grant] } }\n");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    segment = gate_of_session(&w, "/s/1.ts");
    other = gate_of_session(&w, "/s/x.bin");
    world_revoke(&w, "u1");
    assert_outcome(ask(&w, segment), OUT_REVOKED);
    assert_told(&w, "token", "verifies; uid 'u1'", false);
    assert_told(&w, "revocation", "revoked: session or grant", true);
    assert_outcome(ask(&w, other), OUT_NO_GRANT);
    assert_told(&w, "token", "verifies; uid 'u1'", false);
    assert_told(&w, "revocation", "revoked", false);
    assert_told(&w, "grant", "none; network ", true);
    world_close(&w);
}

/* A key needs a token of its own. */
static void test_of_a_folders_token_at_a_key(void **state)
{
    struct world w;

    world_open(&w, "");
    write_stream(&w);
    assert_outcome(ask(&w, gate_scope(&w, "u1", "/s/k.key", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA)),
                   OUT_TOKEN_OUT_OF_SCOPE);
    assert_told(&w, "token", "out of scope; uid 'u1', expires ", true);
    assert_null(fact_of(&w, (struct facts[]){newest(&w)}, "revocation").text.p);
    world_close(&w);
}

/* A name that is no gate token of ours is seen all the same. */
static void test_of_what_nobody_asked_for(void **state)
{
    struct world w;

    world_open(&w, "");
    assert_outcome(ask(&w, "/s/x.bin?gate=AAAAAAAAAAAAAAAAAAAAAA&uid=u9&expires=2000000000"),
                   OUT_NO_GRANT);
    assert_told(&w, "token", "bad signature; uid 'u9'", false);
    assert_told(&w, "grant", "none", true);
    world_close(&w);
}

static void test_before_the_gate(void **state)
{
    struct facts f;
    struct world w;

    world_open(&w, "");
    assert_outcome(ask(&w, "/../x"), OUT_BAD_PATH);
    assert_told(&w, "request", "path is malformed or leaves the root", true);
    f = newest(&w);
    assert_null(fact_of(&w, &f, "class").text.p);
    world_close(&w);
}

/* Which check it was is known of all that the gate denies. */
static void test_each_denial_has_its_check(void **state)
{
    for (int o = 0; o < OUTCOME_COUNT; o++)
        if (outcome_row((enum outcome)o)->class == DENIED &&
            facts_check_of((enum outcome)o) == FACT_CHECK_REQUEST)
            fail_msg("no check decides %.*s", STR_FMT(outcome_row((enum outcome)o)->word));
}

static struct facts longest(void)
{
    struct facts f = {.outcome = OUT_BROWSER_LIMIT,
                      .is_classified = true,
                      .checks = (1 << CHECK_COUNT) - 1,
                      .is_whitelisted = true,
                      .is_api = true,
                      .is_token_judged = true,
                      .token_verdict = TOKEN_OUT_OF_SCOPE,
                      .token_kind = GATE_SCOPE,
                      .store = STORE_ANSWERED,
                      .asked = ADMIT_GRANT | ADMIT_SESSION | ADMIT_USE,
                      .admitted = REFUSED_USED_UP,
                      .refused_use = 1,
                      .grant_matched = true,
                      .has_session = true,
                      .streams_counted = true,
                      .has_origin = true,
                      .uid_n = FACTS_UID_MAX,
                      .token_uid_n = FACTS_UID_MAX,
                      .stream_key_n = FACTS_STREAM_KEY_MAX,
                      .scope_n = FACTS_SCOPE_MAX,
                      .prefix_n = FACTS_PREFIX_MAX};

    memset(f.uid, 'u', sizeof f.uid);
    memset(f.token_uid, 't', sizeof f.token_uid);
    memset(f.stream_key, 's', sizeof f.stream_key);
    memset(f.scope, '/', sizeof f.scope);
    memset(f.prefix, 'p', sizeof f.prefix);
    return f;
}

/* In an arena of any size: sentences are whole or not there. */
static void test_told_in_little_room(void **state)
{
    struct facts f = longest();
    unsigned most = 0;

    for (size_t room = 1; room < 4096; room += 16) {
        struct fact told[FACTS_MAX];
        struct arena a;
        unsigned n;

        arena_init(&a, room);
        n = facts_tell(&f, &a, told);
        for (unsigned i = 0; i < n; i++)
            assert_true(told[i].text.n > 0);
        most = MAX(most, n);
        arena_done(&a);
    }
    assert_int_equal(most, 10);
}

TEST_MAIN(cmocka_unit_test(test_of_one_let_in), cmocka_unit_test(test_of_one_refused),
          cmocka_unit_test(test_of_a_gate_token), cmocka_unit_test(test_of_a_revoked_gate_token),
          cmocka_unit_test(test_of_a_folders_token_at_a_key),
          cmocka_unit_test(test_of_what_nobody_asked_for), cmocka_unit_test(test_before_the_gate),
          cmocka_unit_test(test_each_denial_has_its_check),
          cmocka_unit_test(test_told_in_little_room))
