/*
 * What the store decides: grant, session, use limit, in that order and behind the token. A refusal
 * spends nothing: after each one the records of the store are as they were.
 */
#include "gate/testing.h"

#include <errno.h>

#define MOBILE \
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/120.0 Mobile Safari/537.36"
#define QQ "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 MQQBrowser/13.0 Mobile Safari/537.36"
#define DESKTOP "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36"

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", PLAYLIST);
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/k.key", "0123456789abcdef");
    world_write(w, "/s/notes.bin", "bin");
    world_write(w, "/page.css", "css");
}

static void assert_unspent(struct world *w, const struct store_stats *before)
{
    struct store_stats now = world_records(w);

    assert_int_equal(now.sessions, before->sessions);
    assert_int_equal(now.uses, before->uses);
    assert_int_equal(now.grants, before->grants);
}

/* Activity that gate tokens have shown is written now, not seconds later. */
static void write_notes(struct world *w)
{
    store_worker_free(&w->store_worker);
    w->worker->store = w->store_worker = store_worker_new(w->store, w->loop);
}

/* ---- grants ---- */

static const struct {
    const char *path, *ip, *ua;
    enum outcome want;
} grant_cases[] = {
    {"/s/i.m3u8", VIEWER_IP, VIEWER_UA, OUT_OK},
    {"/s/i.m3u8", "192.0.2.200", VIEWER_UA, OUT_OK},
    {"/s/i.m3u8", OTHER_IP, VIEWER_UA, OUT_NO_GRANT},
    {"/s/i.m3u8", VIEWER_IP, "Other/1.0", OUT_NO_GRANT},
    {"/t/i.m3u8", VIEWER_IP, VIEWER_UA, OUT_GRANT_OTHER_STREAM},
    {"/s/notes.bin", VIEWER_IP, VIEWER_UA, OUT_OK},
    {"/t/notes.bin", VIEWER_IP, VIEWER_UA, OUT_GRANT_OTHER_STREAM},
    {"/page.css", VIEWER_IP, VIEWER_UA, OUT_OK}, /* any stream key will do */
    {"/page.css", OTHER_IP, VIEWER_UA, OUT_NO_GRANT},
};

static void test_grants(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(grant_cases); i++) {
        struct world w;
        struct answer a;

        world_open(&w, "access: { policy: { playlist: [token, grant], other: [grant] } }\n");
        write_stream(&w);
        world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
        a = ask(&w, usual(&w, grant_cases[i].path), .ip = grant_cases[i].ip,
                .ua = grant_cases[i].ua);
        if (a.outcome != grant_cases[i].want)
            print_error("case %zu\n", i);
        assert_outcome(a, grant_cases[i].want);
        if (a.outcome == OUT_OK)
            assert_str(a.uid, "u1"); /* the grant's, where no token is asked for */
        world_close(&w);
    }
}

static void test_a_grant_expires(void **state)
{
    struct world w;

    world_open(&w, "access: { policy: { other: [grant] } }\ngrant: { ttl: 60s }\n");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_OK);
    world_pass(&w, 61);
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_NO_GRANT);
    world_close(&w);
}

/* A static grant opens static files alone. */
static void test_a_static_grant(void **state)
{
    struct world w;

    world_open(&w, "");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "");
    assert_outcome(ask(&w, "/page.css"), OUT_OK);
    assert_true(ask(&w, usual(&w, "/s/i.m3u8")).outcome != OUT_OK);
    world_close(&w);
}

/* ---- the order of the checks ---- */

static void test_token_before_grant(void **state)
{
    struct world w;
    struct store_stats before;

    world_open(&w, "");
    write_stream(&w);
    before = world_records(&w);
    assert_outcome(ask(&w, "/s/i.m3u8"), OUT_TOKEN_MISSING);
    assert_outcome(ask(&w, signed_path(&w, "u1", "/s/i.m3u8", T0 - 1)), OUT_TOKEN_EXPIRED);
    assert_unspent(&w, &before);
    world_close(&w);
}

static void test_grant_before_session(void **state)
{
    struct world w;
    struct store_stats before;

    world_open(&w, "");
    write_stream(&w);
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_NO_GRANT);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "t");
    before = world_records(&w);
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_GRANT_OTHER_STREAM);
    assert_outcome(ask(&w, "/t/notes.bin"), OUT_NO_SESSION); /* no playlist: begins none */
    assert_unspent(&w, &before);
    world_close(&w);
}

static void test_grant_before_use_limit(void **state)
{
    struct world w;
    struct store_stats before;
    const char *url;

    world_open(&w, "access: { replay: { mode: count, max_uses: 1 } }\n");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url), OUT_OK);
    before = world_records(&w);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_NO_GRANT);
    assert_outcome(ask(&w, url), OUT_TOKEN_USED_UP);
    assert_unspent(&w, &before);
    world_close(&w);
}

static void test_session_before_use_limit(void **state)
{
    struct world w;
    struct store_stats before;
    struct answer a;

    world_open(&w, "access: { policy: { playlist: [token, use_limit],\n"
                   "                    segment: [credential, session, use_limit] },\n"
                   "          replay: { mode: count } }\n");
    write_stream(&w);
    world_write(&w, "/t/i.m3u8", "#EXTM3U\n");
    assert_outcome(ask(&w, signed_scope(&w, "u1", "/t/i.m3u8", "/", T0 + 60)), OUT_OK);
    before = world_records(&w);
    a = ask(&w, signed_scope(&w, "u1", "/s/1.ts", "/",
                             T0 + 60)); /* no session of this stream, and used up */
    assert_outcome(a, OUT_NO_SESSION);
    assert_unspent(&w, &before);
    world_close(&w);
}

/* A wrong viewer with a stolen URL cannot spend the right viewer's token. */
static void test_a_refusal_spends_nothing(void **state)
{
    static const char *const modes[] = {"access: { replay: { mode: bind } }\n",
                                        "access: { replay: { mode: count } }\n"};

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct world w;
        const char *url;

        world_open(&w, modes[i]);
        write_stream(&w);
        world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
        url = usual(&w, "/s/i.m3u8");
        for (int k = 0; k < 3; k++)
            assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_NO_GRANT);
        assert_int_equal(world_records(&w).uses + world_records(&w).sessions, 0);
        assert_outcome(ask(&w, url), OUT_OK);
        assert_int_equal(world_records(&w).uses, 1);
        assert_int_equal(world_records(&w).sessions, 1);
        world_close(&w);
    }
}

/* ---- use limits ---- */

#define TOKEN_USES(rest) "access: { policy: { playlist: [token, use_limit] }" rest " }\n"

static void test_bound_to_its_first_viewer(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES(""));
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    for (int i = 0; i < 5; i++) {
        assert_outcome(ask(&w, url), OUT_OK); /* live playlists are reloaded */
        world_pass(&w, 6);
    }
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    assert_outcome(ask(&w, url, .ua = "Other/1.0"), OUT_TOKEN_OTHER_VIEWER);
    assert_outcome(ask(&w, url, .ip = "192.0.2.8"), OUT_OK); /* the same network */
    assert_int_equal(world_records(&w).uses, 1);
    world_close(&w);
}

/* HEAD is judged as GET is, and leaves nothing behind; a part of a download binds as the whole. */
static void test_head_does_not_bind(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES(""));
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url, .method = "HEAD", .ip = OTHER_IP), OUT_OK);
    assert_int_equal(world_records(&w).uses, 0);
    assert_outcome(ask(&w, url, .fields = "Range: bytes=4-\r\n"), OUT_PARTIAL);
    assert_outcome(ask(&w, url, .method = "HEAD", .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    assert_outcome(ask(&w, url, .fields = "Range: bytes=4-\r\n", .ip = OTHER_IP),
                   OUT_TOKEN_OTHER_VIEWER);
    world_close(&w);
}

static void test_head_begins_nothing(void **state)
{
    struct world w;
    struct answer head, get;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    url = usual(&w, "/s/i.m3u8");
    head = ask(&w, url, .method = "HEAD");
    assert_outcome(head, OUT_OK);
    assert_null(answer_field(&head, "Set-Cookie").p);
    assert_int_equal(world_records(&w).sessions + world_records(&w).uses, 0);
    get = ask(&w, url);
    assert_outcome(get, OUT_OK);
    assert_int_equal(head.length, get.length);
    world_close(&w);
}

/* For as long as the token lives, though replay.ttl is shorter. */
static void test_bound_to_the_end(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES(", replay: { ttl: 60s }"));
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url), OUT_OK);
    world_pass(&w, 3600);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    assert_outcome(ask(&w, url), OUT_OK);
    world_close(&w);
}

/* A segment's token belongs to its first viewer, too, though its policy is `credential` alone. */
static void test_tokens_of_segments_bind(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    url = usual(&w, "/s/1.ts");
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    world_close(&w);
}

/* A stream key that cannot be stored was never granted: the viewer's fault, not the store's. */
static void test_overlong_stream_key(void **state)
{
    struct world w;
    char path[700];

    memset(path, 'x', sizeof path);
    path[0] = '/';
    strcpy(path + 600, "/a.bin");
    world_open(&w, "");
    assert_outcome(ask(&w, path), OUT_NOT_FOUND);
    world_close(&w);
}

static void test_ip_binds_exactly(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES("") "session: { bind: ip }\n");
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = "192.0.2.8"), OUT_TOKEN_OTHER_VIEWER);
    world_close(&w);
}

static void test_counted_tokens(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES(", replay: { mode: count, max_uses: 2, ttl: 100s }"));
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_OK); /* whoever uses it */
    assert_outcome(ask(&w, url, .ip = "203.0.113.1"), OUT_TOKEN_USED_UP);
    assert_outcome(ask(&w, url), OUT_TOKEN_USED_UP);
    world_pass(&w, 101);
    assert_outcome(ask(&w, url), OUT_OK); /* forgotten */
    world_close(&w);
}

static void test_a_retry_is_no_use(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, TOKEN_USES(", replay: { mode: count, retry: 10s }"));
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    assert_outcome(ask(&w, url), OUT_OK);
    world_pass(&w, 9);
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_USED_UP);
    world_pass(&w, 10);
    assert_outcome(ask(&w, url), OUT_TOKEN_USED_UP);
    world_close(&w);
}

static void test_counted_keys(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "access: { key: { mode: count, max_uses: 1, retry: 10s } }\n");
    write_stream(&w);
    url = gate_path(&w, "u1", "/s/k.key", T0 + 3600, VIEWER_IP, VIEWER_UA);
    assert_outcome(ask(&w, url), OUT_OK);
    world_pass(&w, 9);
    assert_outcome(ask(&w, url), OUT_OK); /* a retry */
    world_pass(&w, 30);
    assert_outcome(ask(&w, url), OUT_TOKEN_USED_UP);
    assert_outcome(ask(&w, url, .fields = "Range: bytes=8-\r\n"), OUT_PARTIAL);
    assert_outcome(ask(&w, url, .fields = "Range: bytes=0-\r\n"), OUT_TOKEN_USED_UP);
    world_close(&w);
}

static void test_keys_of_the_back_end(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    url = usual(&w, "/s/k.key"); /* a token, not a gate token: bound by the store */
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_OTHER_VIEWER);
    world_close(&w);
}

/* ---- browser-adaptive ---- */

static const struct {
    const char *ua;
    int uses, window;
} browser_cases[] = {
    {MOBILE, 1, 180},    {QQ, 2, 180},          {DESKTOP, 1, 120},
    {"curl/8.0", 1, 60}, {"Player/1.0", 1, 60}, {"", 1, 60},
};

static void test_browser_limits(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(browser_cases); i++) {
        const char *ua = browser_cases[i].ua, *url;
        struct world w;

        world_open(&w, TOKEN_USES(", browser_adaptive: { enabled: on }"));
        write_stream(&w);
        world_write(&w, "/s/j.m3u8", PLAYLIST);
        url = usual(&w, "/s/i.m3u8");
        for (int k = 0; k < browser_cases[i].uses; k++)
            assert_outcome(ask(&w, url, .ua = ua), OUT_OK);
        assert_outcome(ask(&w, url, .ua = ua), OUT_BROWSER_LIMIT);
        assert_outcome(ask(&w, usual(&w, "/s/j.m3u8"), .ua = ua), OUT_OK);
        world_pass(&w, browser_cases[i].window - 1);
        assert_outcome(ask(&w, url, .ua = ua), OUT_BROWSER_LIMIT);
        world_pass(&w, 1);
        assert_outcome(ask(&w, url, .ua = ua), OUT_OK);
        world_close(&w);
    }
}

/* Two limits at once: the one refuses, so the other is not spent. */
static void test_both_limits_or_none(void **state)
{
    struct world w;

    world_open(&w, TOKEN_USES(", replay: { mode: count, max_uses: 2 },\n"
                              "browser_adaptive: { enabled: on }"));
    write_stream(&w);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    for (int i = 0; i < 3; i++)
        assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_BROWSER_LIMIT);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .ip = OTHER_IP), OUT_OK);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .ip = "203.0.113.1"), OUT_TOKEN_USED_UP);
    world_close(&w);
}

/* ---- sessions ---- */

#define SESSIONS "access: { policy: { playlist: [token, session], other: [session] } }\n"

static void test_the_session_carries_on(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    url = signed_path(&w, "u1", "/s/i.m3u8", T0 + 60);
    assert_outcome(ask(&w, url), OUT_OK);
    world_pass(&w, 3700); /* token and grant are over */
    assert_outcome(ask(&w, url), OUT_OK);
    assert_outcome(ask(&w, url, .ip = OTHER_IP), OUT_TOKEN_EXPIRED);
    world_end_sessions(&w, "u1");
    assert_outcome(ask(&w, url), OUT_TOKEN_EXPIRED);
    world_close(&w);
}

static void test_strict_sessions(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, "session: { strict: on }\n");
    write_stream(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    url = signed_path(&w, "u1", "/s/i.m3u8", T0 + 4000);
    assert_outcome(ask(&w, url), OUT_OK);
    world_pass(&w, 3700);
    assert_outcome(ask(&w, url), OUT_NO_GRANT);
    world_pass(&w, 400);
    assert_outcome(ask(&w, url), OUT_TOKEN_EXPIRED);
    world_close(&w);
}

/* Segments of players that drop the query: the session alone is a credential. */
static void test_a_session_is_a_credential(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, SESSIONS);
    write_stream(&w);
    world_write(&w, "/t/1.ts", "other stream");
    assert_outcome(ask(&w, "/s/1.ts"), OUT_NO_CREDENTIAL);
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_NO_SESSION);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    a = ask(&w, "/s/1.ts");
    assert_outcome(a, OUT_OK);
    assert_str(a.uid, "u1");
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_OK);
    assert_outcome(ask(&w, "/t/1.ts"), OUT_NO_CREDENTIAL);
    assert_outcome(ask(&w, "/s/1.ts", .ip = OTHER_IP), OUT_NO_CREDENTIAL);
    a = ask(&w, signed_path(&w, "u1", "/s/1.ts", T0 - 1)); /* expired, carried on */
    assert_outcome(a, OUT_OK);
    world_pass(&w, 7201);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_NO_CREDENTIAL);
    world_close(&w);
}

/* "hlsgate_session=ID; ..." as "Cookie: hlsgate_session=ID" and as "X-Session-ID: ID" */
static const char *as_field(struct world *w, struct str cookie, const char *prefix, bool whole)
{
    struct str pair = str_first(cookie, (size_t)str_find_char(cookie, ';'));
    struct str id = str_skip(pair, (size_t)str_find_char(pair, '=') + 1);

    return arena_printf(&w->arena, "%s: %.*s\r\n", prefix, STR_FMT(whole ? pair : id)).p;
}

static void test_cookies(void **state)
{
    struct world w;
    struct answer a;
    struct str cookie;

    world_open(&w, SESSIONS);
    write_stream(&w);
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    cookie = answer_field(&a, "Set-Cookie");
    assert_true(str_starts(cookie, STR("hlsgate_session=")));
    assert_true(str_ends(cookie, STR("; Path=/; Max-Age=7200; HttpOnly; SameSite=Lax")));
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_null(answer_field(&a, "Set-Cookie").p); /* it goes on */

    a = ask(&w, "/s/1.ts", .fields = as_field(&w, cookie, "Cookie", true));
    assert_outcome(a, OUT_OK);
    a = ask(&w, "/s/1.ts", .fields = as_field(&w, cookie, "X-Session-ID", false));
    assert_outcome(a, OUT_OK);
    a = ask(&w, "/s/1.ts", .ip = OTHER_IP, .fields = as_field(&w, cookie, "Cookie", true));
    assert_outcome(a, OUT_NO_CREDENTIAL); /* a session is its viewer's */
    world_close(&w);
}

static void test_secure_cookie(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, SESSIONS "session: { cookie: sid }\n");
    write_stream(&w);
    a = ask(&w, usual(&w, "/s/i.m3u8"), .is_tls = true);
    assert_true(str_starts(answer_field(&a, "Set-Cookie"), STR("sid=")));
    assert_true(str_ends(answer_field(&a, "Set-Cookie"), STR("; Secure")));
    world_close(&w);

    world_open(&w, SESSIONS "session: { cookie: \"\" }\n");
    write_stream(&w);
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_null(answer_field(&a, "Set-Cookie").p);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
    world_close(&w);
}

/* A segment may begin a session where the policy has a token and it verified. */
static void test_who_may_begin(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, "access: { policy: { segment: [token, session], other: [session] } }\n");
    write_stream(&w);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_TOKEN_MISSING);
    a = ask(&w, signed_path(&w, "u1", "/s/1.ts", T0 - 1));
    assert_outcome(a, OUT_TOKEN_EXPIRED);
    assert_int_equal(world_records(&w).sessions, 0);
    assert_outcome(ask(&w, usual(&w, "/s/1.ts")), OUT_OK);
    assert_int_equal(counted(&w, STAT_SESSIONS_BEGUN), 1);
    assert_outcome(ask(&w, "/s/notes.bin"), OUT_OK);
    world_close(&w);
}

/* A gate token plays on, but with session.strict it needs its session, and begins no other. */
static void test_a_gate_token_begins_nothing(void **state)
{
    struct world w;
    const char *url;

    world_open(&w, SESSIONS "session: { strict: on }\n");
    write_stream(&w);
    url = gate_scope(&w, "u1", "/s/i.m3u8", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA);
    assert_outcome(ask(&w, url), OUT_NO_SESSION);
    assert_int_equal(world_records(&w).sessions, 0);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    assert_outcome(ask(&w, url), OUT_OK);
    world_close(&w);
}

/* Segments admitted by signature alone keep their session alive, also those of a rendition, whose
 * folder would be a stream of its own. */
static void test_segments_keep_the_session(void **state)
{
    static const char *const segments[] = {"1.ts", "720/1.ts"};

    for (size_t k = 0; k < ARRAY_LEN(segments); k++) {
        struct world w;
        const char *segment;
        struct answer list;

        world_open(&w, SESSIONS "session: { ttl: 100s }\n");
        world_write(&w, "/s/i.m3u8", "#EXTM3U\n1.ts\n720/1.ts\n");
        world_write(&w, "/s/1.ts", "one");
        world_write(&w, "/s/720/1.ts", "one");
        world_write(&w, "/s/notes.bin", "bin");
        list = ask(&w, usual(&w, "/s/i.m3u8"));
        segment = arena_printf(&w.arena, "/s/%s", line_of(&w, &list, segments[k])).p;
        for (int i = 0; i < 4; i++) {
            world_pass(&w, 60);
            assert_outcome(ask(&w, segment), OUT_OK);
            write_notes(&w);
        }
        assert_outcome(ask(&w, "/s/notes.bin"), OUT_OK);
        world_pass(&w, 101);
        assert_outcome(ask(&w, "/s/notes.bin"), OUT_NO_SESSION);
        world_close(&w);
    }
}

/* ---- streams at a time ---- */

#define ONE_STREAM(more) \
    "access: { policy: { playlist: [token, session] }, max_streams: 1" more " }\n"

static void write_streams(struct world *w)
{
    write_stream(w);
    world_write(w, "/t/i.m3u8", PLAYLIST);
    world_write(w, "/t/1.ts", "one");
    world_write(w, "/s/720/i.m3u8", PLAYLIST);
    world_write(w, "/s/720/1.ts", "one");
    world_write(w, "/s/master.m3u8", "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n720/i.m3u8\n");
}

static const char *segment_of(struct world *w, struct answer *list, const char *folder)
{
    return arena_printf(&w->arena, "%s%s", folder, line_of(w, list, "1.ts")).p;
}

static void test_one_stream_at_a_time(void **state)
{
    struct world w;
    struct answer list, a;
    const char *url;

    world_open(&w, ONE_STREAM(""));
    write_streams(&w);
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(list, OUT_OK);
    a = ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP);
    assert_outcome(a, OUT_TOO_MANY_STREAMS);
    assert_int_equal(a.status, 403);
    assert_outcome(ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP, .method = "HEAD"),
                   OUT_TOO_MANY_STREAMS);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .ip = OTHER_IP), OUT_TOO_MANY_STREAMS);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK); /* a reload */
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .method = "HEAD"), OUT_OK);
    url = signed_path(&w, "u2", "/t/i.m3u8", T0 + 60);
    assert_outcome(ask(&w, url), OUT_OK); /* of another uid, on the same device */
    for (int i = 0; i < 3; i++) {
        world_pass(&w, 30);
        assert_outcome(ask(&w, segment_of(&w, &list, "/s/")), OUT_OK);
        write_notes(&w);
    }
    assert_outcome(ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP), OUT_TOO_MANY_STREAMS);
    world_pass(&w, 60);
    assert_outcome(ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP), OUT_OK);
    world_close(&w);
}

/* A folder of each is a stream key of its own; the session that the master began stands for all. */
static void test_renditions_are_one_stream(void **state)
{
    struct world w;
    struct answer master, list;
    const char *url;

    world_open(&w, ONE_STREAM(""));
    write_streams(&w);
    master = ask(&w, usual(&w, "/s/master.m3u8"));
    url = arena_printf(&w.arena, "/s/%s", line_of(&w, &master, "720/i.m3u8")).p;
    list = ask(&w, url);
    assert_outcome(list, OUT_OK);
    assert_outcome(ask(&w, segment_of(&w, &list, "/s/720/")), OUT_OK);
    assert_int_equal(world_records(&w).sessions, 1);
    world_close(&w);
}

static void test_the_oldest_is_ended(void **state)
{
    struct world w;
    struct answer first, second;

    world_open(&w, ONE_STREAM(", on_max_streams: end_oldest"));
    write_streams(&w);
    first = ask(&w, usual(&w, "/s/i.m3u8"));
    second = ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP);
    assert_outcome(second, OUT_OK);
    assert_int_equal(counted(&w, STAT_STREAMS_ENDED), 1);
    assert_outcome(ask(&w, segment_of(&w, &first, "/s/")), OUT_REVOKED);
    assert_outcome(ask(&w, segment_of(&w, &second, "/t/"), .ip = OTHER_IP), OUT_OK);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK); /* begins again, and ends the other */
    assert_outcome(ask(&w, segment_of(&w, &second, "/t/"), .ip = OTHER_IP), OUT_REVOKED);
    world_close(&w);
}

/* One viewer is one player: it left the title before, whose links are over. */
static void test_who_changes_to_another_title(void **state)
{
    struct world w;
    struct answer first, second;

    world_open(&w, ONE_STREAM(""));
    write_streams(&w);
    first = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(ask(&w, usual(&w, "/t/i.m3u8"), .method = "HEAD"), OUT_OK);
    assert_outcome(ask(&w, segment_of(&w, &first, "/s/")), OUT_OK);
    second = ask(&w, usual(&w, "/t/i.m3u8"));
    assert_outcome(second, OUT_OK);
    assert_int_equal(counted(&w, STAT_STREAMS_ENDED), 1);
    assert_outcome(ask(&w, segment_of(&w, &first, "/s/")), OUT_REVOKED);
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .ip = OTHER_IP), OUT_TOO_MANY_STREAMS);
    assert_outcome(ask(&w, segment_of(&w, &second, "/t/")), OUT_OK);
    world_close(&w);
}

/* Its links are good without the store, until what they show is written. */
static void test_a_gate_token_does_not_pass_the_limit_for_long(void **state)
{
    struct world w;
    struct answer first, second;

    world_open(&w, ONE_STREAM(""));
    write_streams(&w);
    first = ask(&w, usual(&w, "/s/i.m3u8"));
    world_pass(&w, 60);
    second = ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP);
    assert_outcome(second, OUT_OK);
    assert_outcome(ask(&w, segment_of(&w, &first, "/s/")), OUT_OK);
    write_notes(&w);
    assert_outcome(ask(&w, segment_of(&w, &first, "/s/")), OUT_REVOKED);
    assert_outcome(ask(&w, segment_of(&w, &second, "/t/"), .ip = OTHER_IP), OUT_OK);
    world_close(&w);
}

static void test_who_is_no_stream(void **state)
{
    struct world w;

    world_open(&w, "access: { max_streams: 1, fixed_whitelist: [ " OTHER_IP " ] }\n");
    write_streams(&w);
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    world_grant(&w, "u1", VIEWER_IP, "Other/1.0", "");
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    assert_outcome(ask(&w, usual(&w, "/t/i.m3u8"), .ip = OTHER_IP), OUT_OK);
    assert_outcome(ask(&w, "/page.css", .ua = "Other/1.0"), OUT_OK); /* by a static grant */
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8")), OUT_OK);
    world_close(&w);
}

/* ---- a store that does not answer ---- */

static const struct {
    int error;
    enum outcome want;
} store_cases[] = {
    {-EAGAIN, OUT_STORE_DOWN}, {-ETIMEDOUT, OUT_STORE_DOWN}, {-EIO, OUT_STORE_DOWN},
    {-ENOMEM, OUT_STORE_DOWN}, {-ENOSPC, OUT_STORE_FULL},
};

static void test_a_broken_store(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(store_cases); i++) {
        struct world w;
        struct answer list, a;

        world_open(&w, SESSIONS);
        write_stream(&w);
        list = ask(&w, usual(&w, "/s/i.m3u8"));
        world_break_store(&w, store_cases[i].error);
        a = ask(&w, usual(&w, "/s/i.m3u8"));
        assert_outcome(a, store_cases[i].want);
        assert_field(&a, "Retry-After", "1");
        a = ask(&w, arena_printf(&w.arena, "/s/%s", line_of(&w, &list, "1.ts")).p);
        assert_outcome(a, OUT_OK); /* who watches goes on watching */
        world_close(&w);
    }
}

/* Two requests of one turn are one batch in the store: one session, one binding. */
static void test_two_at_once(void **state)
{
    struct world w;
    struct asking *a, *b, *thief;
    const char *url;

    world_open(&w, "access: { policy: { playlist: [token, session, use_limit] } }\n");
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    a = ask_begin(&w, url);
    b = ask_begin(&w, url);
    thief = ask_begin(&w, url, .ip = OTHER_IP);
    assert_outcome(world_ask_end(a), OUT_OK);
    assert_outcome(world_ask_end(b), OUT_OK);
    assert_outcome(world_ask_end(thief), OUT_TOKEN_OTHER_VIEWER);
    assert_true(str_eq(a->answer.body, b->answer.body));
    assert_int_equal(world_records(&w).sessions, 1);
    assert_int_equal(counted(&w, STAT_SESSIONS_BEGUN), 1);
    world_close(&w);
}

TEST_MAIN(
    cmocka_unit_test(test_grants), cmocka_unit_test(test_a_grant_expires),
    cmocka_unit_test(test_a_static_grant), cmocka_unit_test(test_token_before_grant),
    cmocka_unit_test(test_grant_before_session), cmocka_unit_test(test_grant_before_use_limit),
    cmocka_unit_test(test_session_before_use_limit),
    cmocka_unit_test(test_a_refusal_spends_nothing),
    cmocka_unit_test(test_bound_to_its_first_viewer), cmocka_unit_test(test_head_does_not_bind),
    cmocka_unit_test(test_head_begins_nothing), cmocka_unit_test(test_bound_to_the_end),
    cmocka_unit_test(test_tokens_of_segments_bind), cmocka_unit_test(test_overlong_stream_key),
    cmocka_unit_test(test_ip_binds_exactly), cmocka_unit_test(test_counted_tokens),
    cmocka_unit_test(test_a_retry_is_no_use), cmocka_unit_test(test_counted_keys),
    cmocka_unit_test(test_keys_of_the_back_end), cmocka_unit_test(test_browser_limits),
    cmocka_unit_test(test_both_limits_or_none), cmocka_unit_test(test_the_session_carries_on),
    cmocka_unit_test(test_strict_sessions), cmocka_unit_test(test_a_session_is_a_credential),
    cmocka_unit_test(test_cookies), cmocka_unit_test(test_secure_cookie),
    cmocka_unit_test(test_who_may_begin), cmocka_unit_test(test_a_gate_token_begins_nothing),
    cmocka_unit_test(test_segments_keep_the_session), cmocka_unit_test(test_one_stream_at_a_time),
    cmocka_unit_test(test_renditions_are_one_stream), cmocka_unit_test(test_the_oldest_is_ended),
    cmocka_unit_test(test_who_changes_to_another_title),
    cmocka_unit_test(test_a_gate_token_does_not_pass_the_limit_for_long),
    cmocka_unit_test(test_who_is_no_stream), cmocka_unit_test(test_a_broken_store),
    cmocka_unit_test(test_two_at_once))
