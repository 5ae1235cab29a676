/*
 * access.on_store_failure: whom a signature lets in while the store is away, what he is given then,
 * and that nobody else profits.
 */
#include "gate/testing.h"

#include <errno.h>
#include <stdio.h>

#define LET_IN "access: { on_store_failure: allow_signed }\n"

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k.key\"\n1.ts\nc.m3u8\n");
    world_write(w, "/s/c.m3u8", "#EXTM3U\n1.ts\n");
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/k.key", "0123456789abcdef");
    world_write(w, "/s/notes.bin", "bin");
    world_write(w, "/page.css", "css");
}

/* From now on the store is away. */
static void open_away(struct world *w, const char *settings)
{
    world_open(w, settings);
    write_stream(w);
    world_break_store(w, -EAGAIN);
}

static const char *child(struct world *w, const struct answer *list, const char *begin)
{
    return arena_printf(&w->arena, "/s/%s", line_of(w, list, begin)).p;
}

static const char *key_of(struct world *w, const struct answer *list)
{
    struct str line = str_of(line_of(w, list, "#EXT-X-KEY"));
    struct str uri = str_skip(line, (size_t)str_find(line, STR("k.key")));

    return arena_printf(&w->arena, "/s/%.*s", (int)uri.n - 1, uri.p).p; /* without its quote */
}

/* ---- who is let in ---- */

static const struct {
    const char *name, *more; /* of `access` */
    const char *path;
    enum signed_as as;
    enum outcome want;
} cases[] = {
    {"playlist", "", "/s/i.m3u8", TOKEN, OUT_OK},
    {"segment of the back end's", "", "/s/1.ts", TOKEN, OUT_OK},
    {"key of the back end's", "", "/s/k.key", TOKEN, OUT_OK},
    {"counted", ", replay: { mode: count }", "/s/i.m3u8", TOKEN, OUT_OK},
    {"counted key", ", key: { mode: count }", "/s/k.key", GATE_TOKEN, OUT_OK},
    {"browser", ", browser_adaptive: { enabled: on }", "/s/c.m3u8", GATE_TOKEN, OUT_OK},
    {"too late", "", "/s/i.m3u8", TOO_LATE, OUT_STORE_DOWN},
    {"forged", "", "/s/i.m3u8", OF_ANOTHER_PATH, OUT_TOKEN_BAD_SIG},
    {"unsigned", "", "/s/i.m3u8", UNSIGNED, OUT_TOKEN_MISSING},
    {"by session", "", "/s/1.ts", UNSIGNED, OUT_STORE_DOWN},
    {"by grant and session", "", "/s/notes.bin", UNSIGNED, OUT_STORE_DOWN},
    {"by address", "", "/page.css", UNSIGNED, OUT_STORE_DOWN},
    {"a token that nobody asks for", "", "/page.css", TOKEN, OUT_STORE_DOWN},
};

static void open_case(struct world *w, size_t i)
{
    char settings[256];

    snprintf(settings, sizeof settings, "access: { on_store_failure: allow_signed%s }\n",
             cases[i].more);
    world_open(w, settings);
    write_stream(w);
    world_grant(w, "u1", VIEWER_IP, VIEWER_UA, "s"); /* which nobody can look up */
    assert_outcome(ask(w, signed_path(w, "u1", "/s/i.m3u8", T0 + 7200)), OUT_OK);
    world_break_store(w, -EAGAIN);
}

static void test_who_is_let_in(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct explanation e;
        struct answer a;
        const char *url;

        open_case(&w, i);
        url = world_sign_as(&w, cases[i].path, cases[i].as);
        e = world_explain(&w, url, VIEWER_IP);
        assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), 0);
        a = ask(&w, url);
        if (a.outcome != cases[i].want)
            print_error("%s\n", cases[i].name);
        assert_outcome(a, cases[i].want);
        assert_int_equal(e.outcome, a.outcome);
        assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), cases[i].want == OUT_OK);
        if (a.status == 503)
            assert_field(&a, "Retry-After", "1");
        world_close(&w);
    }
}

/* With session.strict a gate token needs the store, too. */
static void test_strict_sessions(void **state)
{
    struct world w;

    open_away(&w, LET_IN "session: { strict: on }\n");
    assert_outcome(ask(&w, gate_scope(&w, "u1", "/s/c.m3u8", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA)),
                   OUT_OK);
    assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), 1);
    world_close(&w);
}

static const struct {
    int error;
    enum outcome want;
} errors[] = {
    {-EAGAIN, OUT_OK}, {-ETIMEDOUT, OUT_OK},      {-EIO, OUT_OK},
    {-ENOSPC, OUT_OK}, {-ENOMEM, OUT_STORE_DOWN}, {-EINVAL, OUT_NOT_FOUND},
};

static void test_which_troubles(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct world w;

        world_open(&w, LET_IN);
        write_stream(&w);
        world_break_store(&w, errors[i].error);
        assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), errors[i].want);
        world_close(&w);
    }
}

/* The default lets nobody in. */
static void test_denied_by_default(void **state)
{
    struct world w;

    world_open(&w, "");
    write_stream(&w);
    world_break_store(&w, -EIO);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_STORE_DOWN);
    world_break_store(&w, -ENOSPC);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_STORE_FULL);
    assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), 0);
    world_close(&w);
}

/* ---- what he is given ---- */

static void test_the_stream_plays(void **state)
{
    static const char *const children[] = {"1.ts", "c.m3u8"};
    struct world w;
    struct answer list;

    open_away(&w, LET_IN);
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(list, OUT_OK);
    assert_null(answer_field(&list, "Set-Cookie").p); /* no session has begun */
    assert_true(str_eq(ask(&w, usual(&w, "/s/i.m3u8")).body, list.body));
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        const char *url = child(&w, &list, children[i]);

        assert_non_null(strstr(url, "expires=1800003600&"));
        assert_outcome(ask(&w, url), OUT_OK);
        assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_GATE_BAD_SIG);
    }
    assert_outcome(ask(&w, key_of(&w, &list)), OUT_OK);
    assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), 2); /* the children by signature alone */
    world_close(&w);
}

/* No longer than the token would have. */
static void test_it_ends_with_the_token(void **state)
{
    struct world w;
    struct answer list;

    open_away(&w, LET_IN);
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    world_pass(&w, 3600);
    assert_outcome(ask(&w, child(&w, &list, "1.ts")), OUT_OK);
    world_pass(&w, 1);
    assert_outcome(ask(&w, child(&w, &list, "1.ts")), OUT_TOKEN_EXPIRED);
    assert_outcome(ask(&w, key_of(&w, &list)), OUT_TOKEN_EXPIRED);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_STORE_DOWN);
    world_close(&w);
}

/* A child's playlist hands its own end on. */
static void test_children_of_children(void **state)
{
    struct world w;
    struct answer list;

    open_away(&w, LET_IN "session: { strict: on }\n");
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    list = ask(&w, child(&w, &list, "c.m3u8"));
    assert_outcome(list, OUT_OK);
    assert_non_null(strstr(line_of(&w, &list, "1.ts"), "expires=1800003600&"));
    world_close(&w);
}

/* Nothing is left behind, and all is as usual again. */
static void test_the_store_comes_back(void **state)
{
    struct world w;
    struct answer list;
    const char *url;

    world_open(&w, "access: { policy: { playlist: [token, session, use_limit] },\n"
                   "          on_store_failure: allow_signed }\n");
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    world_break_store(&w, -ETIMEDOUT);
    list = ask(&w, url, .ip = OTHER_IP);
    assert_outcome(list, OUT_OK);
    world_mend_store(&w);
    assert_int_equal(world_records(&w).sessions + world_records(&w).uses, 0);
    assert_outcome(ask(&w, url), OUT_OK); /* bound to him now */
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    assert_outcome(ask(&w, child(&w, &list, "1.ts"), .ip = OTHER_IP), OUT_OK);
    assert_int_equal(counted(&w, STAT_LET_IN_UNCHECKED), 1);
    world_close(&w);
}

/* ---- revocations ---- */

static void test_who_was_revoked_is_refused(void **state)
{
    struct world w;
    struct answer list;

    world_open(&w, LET_IN);
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(list, OUT_OK);
    world_revoke(&w, "u1");
    world_break_store(&w, -EAGAIN);
    assert_outcome(ask(&w, child(&w, &list, "1.ts")), OUT_REVOKED);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_STORE_DOWN);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .ip = OTHER_IP), OUT_OK); /* another viewer */
    assert_outcome(ask(&w, signed_path(&w, "u2", "/s/i.m3u8", T0 + 60)), OUT_OK);
    world_close(&w);
}

/* ---- explained, and given up ---- */

static void test_it_is_explained(void **state)
{
    struct world w;
    struct explanation e;

    open_away(&w, LET_IN);
    e = world_explain(&w, usual(&w, "/s/i.m3u8"), VIEWER_IP);
    assert_int_equal(e.outcome, OUT_OK);
    assert_true(str_starts(fact_of(&w, &e.facts, "store").text,
                           STR("out of reach: let in by the signature")));
    assert_null(fact_of(&w, &e.facts, "grant").text.p); /* nobody has looked */
    e = world_explain(&w, "/s/1.ts", VIEWER_IP);
    assert_int_equal(e.outcome, OUT_STORE_DOWN);
    assert_true(str_starts(fact_of(&w, &e.facts, "store").text, STR("out of reach: ")));
    assert_true(fact_of(&w, &e.facts, "store").is_decisive);
    world_close(&w);
}

/* The store neither answers nor fails: the connection's patience ends first. */
static void test_a_store_that_hangs(void **state)
{
    for (int is_allowed = 0; is_allowed < 2; is_allowed++) {
        struct world w;
        struct asking *a;

        world_open(&w, is_allowed ? LET_IN : "");
        write_stream(&w);
        world_break_store(&w, 0);
        a = ask_begin(&w, usual(&w, "/s/i.m3u8"));
        req_expire(a->req);
        assert_outcome(world_ask_end(a), is_allowed ? OUT_OK : OUT_STORE_DOWN);
        assert_true(a->answer.must_close);
        world_close(&w);
    }
}

TEST_MAIN(cmocka_unit_test(test_who_is_let_in), cmocka_unit_test(test_strict_sessions),
          cmocka_unit_test(test_which_troubles), cmocka_unit_test(test_denied_by_default),
          cmocka_unit_test(test_the_stream_plays), cmocka_unit_test(test_it_ends_with_the_token),
          cmocka_unit_test(test_children_of_children), cmocka_unit_test(test_the_store_comes_back),
          cmocka_unit_test(test_who_was_revoked_is_refused), cmocka_unit_test(test_it_is_explained),
          cmocka_unit_test(test_a_store_that_hangs))
