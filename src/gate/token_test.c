/* What a signature alone decides, and the gate tokens that playlists hand out. */
#include "gate/testing.h"

enum made { NONE, PATH, SCOPE, GATE_P, GATE_S };

static const struct token_case {
    const char *name;
    enum made made;
    const char *asked;
    const char *about; /* path or scope that is signed */
    int lives;         /* seconds */
    const char *ip;    /* for whom a gate token is made; NULL: who asks */
    enum outcome want;
} token_cases[] = {
    {"playlist without", NONE, "/s/i.m3u8", "", 0, NULL, OUT_TOKEN_MISSING},
    {"key without", NONE, "/s/k.key", "", 0, NULL, OUT_TOKEN_MISSING},
    {"segment without", NONE, "/s/1.ts", "", 0, NULL, OUT_NO_CREDENTIAL},

    {"path", PATH, "/s/i.m3u8", "/s/i.m3u8", 60, NULL, OUT_OK},
    {"path without its slash", PATH, "/s/i.m3u8", "s/i.m3u8", 60, NULL, OUT_OK},
    {"path of a segment", PATH, "/s/1.ts", "/s/1.ts", 60, NULL, OUT_OK},
    {"path of a key", PATH, "/s/k.key", "/s/k.key", 60, NULL, OUT_OK},
    {"another path", PATH, "/s/i.m3u8", "/t/i.m3u8", 60, NULL, OUT_TOKEN_BAD_SIG},
    {"path in its last second", PATH, "/s/i.m3u8", "/s/i.m3u8", 0, NULL, OUT_OK},
    {"path a second later", PATH, "/s/i.m3u8", "/s/i.m3u8", -1, NULL, OUT_TOKEN_EXPIRED},
    {"expired and of another path", PATH, "/s/i.m3u8", "/t", -1, NULL, OUT_TOKEN_BAD_SIG},

    {"scope", SCOPE, "/s/i.m3u8", "/s/", 60, NULL, OUT_OK},
    {"scope of a segment", SCOPE, "/s/1.ts", "/s/", 60, NULL, OUT_OK},
    {"another scope", SCOPE, "/s/i.m3u8", "/t/", 60, NULL, OUT_TOKEN_OUT_OF_SCOPE},
    {"expired, another scope", SCOPE, "/s/i.m3u8", "/t/", -1, NULL, OUT_TOKEN_OUT_OF_SCOPE},
    {"scope, for a key", SCOPE, "/s/k.key", "/s/", 60, NULL, OUT_TOKEN_OUT_OF_SCOPE},

    {"gate scope", GATE_S, "/s/1.ts", "/s/", 60, NULL, OUT_OK},
    {"gate scope, playlist", GATE_S, "/s/i.m3u8", "/s/", 60, NULL, OUT_OK},
    {"gate scope, its network", GATE_S, "/s/1.ts", "/s/", 60, "192.0.2.200", OUT_OK},
    {"gate scope, another network", GATE_S, "/s/1.ts", "/s/", 60, OTHER_IP, OUT_GATE_BAD_SIG},
    {"gate scope, another folder", GATE_S, "/s/1.ts", "/t/", 60, NULL, OUT_TOKEN_OUT_OF_SCOPE},
    {"gate scope, expired", GATE_S, "/s/1.ts", "/s/", -1, NULL, OUT_TOKEN_EXPIRED},
    {"gate scope, for a key", GATE_S, "/s/k.key", "/s/", 60, NULL, OUT_TOKEN_OUT_OF_SCOPE},
    {"gate path", GATE_P, "/s/k.key", "/s/k.key", 60, NULL, OUT_OK},
    {"gate path, another key", GATE_P, "/s/k.key", "/s/j.key", 60, NULL, OUT_GATE_BAD_SIG},
    {"gate path, another network", GATE_P, "/s/k.key", "/s/k.key", 60, OTHER_IP, OUT_GATE_BAD_SIG},
    {"gate path, expired", GATE_P, "/s/k.key", "/s/k.key", -1, NULL, OUT_TOKEN_EXPIRED},
};

static const char *made_url(struct world *w, const struct token_case *c)
{
    const char *ip = c->ip != NULL ? c->ip : VIEWER_IP;

    switch (c->made) {
    case NONE:
        return "";
    case PATH:
        return signed_path(w, "u1", c->about, T0 + c->lives);
    case SCOPE:
        return signed_scope(w, "u1", "", c->about, T0 + c->lives);
    case GATE_P:
        return gate_path(w, "u1", c->about, T0 + c->lives, ip, VIEWER_UA);
    case GATE_S:
        return gate_scope(w, "u1", "", c->about, T0 + c->lives, ip, VIEWER_UA);
    default:
        WRONG("kind of token");
    }
}

/* Signed for one path, asked for another. */
static const char *target_of(struct world *w, const struct token_case *c)
{
    const char *query = strchr(made_url(w, c), '?');

    return arena_printf(&w->arena, "%s%s", c->asked, query != NULL ? query : "").p;
}

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", PLAYLIST);
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/2.ts", "two");
    world_write(w, "/s/k.key", "0123456789abcdef");
}

static void test_tokens(void **state)
{
    struct world w;

    world_open(&w, TOKEN_ALONE);
    write_stream(&w);
    for (size_t i = 0; i < ARRAY_LEN(token_cases); i++) {
        const struct token_case *c = &token_cases[i];
        struct answer a = ask(&w, target_of(&w, c));

        if (a.outcome != c->want)
            print_error("%s\n", c->name);
        assert_outcome(a, c->want);
    }
    world_close(&w);
}

#define MAC43 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define MAC22 "AAAAAAAAAAAAAAAAAAAAAA"

static const struct {
    const char *query;
    enum outcome want;
} query_cases[] = {
    {"", OUT_TOKEN_MISSING},
    {"uid=u1&expires=1900000000", OUT_TOKEN_MISSING},
    {"token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=&expires=1900000000&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=a%3Ab&expires=1900000000&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=soon&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=1900000000&token=short", OUT_TOKEN_MALFORMED},
    {"uid=u1&uid=u1&expires=1900000000&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=1900000000&scope=s&token=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=1900000000&token=%zz", OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=1900000000&gate=" MAC43, OUT_TOKEN_MALFORMED},
    {"uid=u1&expires=1900000000&token=" MAC43, OUT_TOKEN_BAD_SIG},
    {"uid=u1&expires=1&token=" MAC43, OUT_TOKEN_BAD_SIG},
    {"uid=u1&expires=1900000000&gate=" MAC22, OUT_GATE_BAD_SIG},
    {"uid=u1&expires=1900000000&scope=/&gate=" MAC22, OUT_GATE_BAD_SIG},
};

static void test_hostile_queries(void **state)
{
    struct world w;

    world_open(&w, TOKEN_ALONE);
    write_stream(&w);
    for (size_t i = 0; i < ARRAY_LEN(query_cases); i++) {
        struct str target = arena_printf(&w.arena, "/s/i.m3u8?%s", query_cases[i].query);
        struct answer a = ask(&w, target.p);

        if (a.outcome != query_cases[i].want)
            print_error("%s\n", target.p);
        assert_outcome(a, query_cases[i].want);
        assert_str(a.uid, ""); /* bytes are counted to nobody whose signature is not right */
    }
    world_close(&w);
}

/* A refusal says its status alone; why is for the log. */
static void test_a_refusal_tells_nothing(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, TOKEN_ALONE);
    a = ask(&w, "/s/i.m3u8");
    assert_str(a.body, "{\"error\": \"Forbidden\"}\n");
    assert_field(&a, "Content-Type", "application/json");
    assert_field(&a, "Cache-Control", "no-store");
    a = ask(&w, "/s/i.m3u8", .method = "HEAD");
    assert_outcome(a, OUT_TOKEN_MISSING);
    assert_int_equal(a.length, strlen("{\"error\": \"Forbidden\"}\n"));
    world_close(&w);
}

/* ---- what a playlist hands out ---- */

#define NO_GRANTS "access: { policy: { playlist: [token, session, use_limit] } }\n"

static const char *in_folder(struct world *w, const char *line)
{
    return arena_printf(&w->arena, "/s/%s", line).p;
}

static const char *key_uri(struct world *w, const struct answer *a)
{
    struct str line = str_of(line_of(w, a, "#EXT-X-KEY"));
    struct str uri = str_skip(line, (size_t)str_find(line, STR("URI=\"")) + 5);

    return in_folder(w, arena_copy(&w->arena, str_first(uri, uri.n - 1)).p);
}

static void test_a_playlist_opens_its_stream(void **state)
{
    struct world w;
    struct answer list, a;
    const char *segment, *key;

    world_open(&w, NO_GRANTS);
    write_stream(&w);
    list = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(list, OUT_OK);
    assert_str(list.uid, "u1");
    segment = in_folder(&w, line_of(&w, &list, "1.ts"));
    key = key_uri(&w, &list);

    a = ask(&w, segment);
    assert_outcome(a, OUT_OK);
    assert_str(a.body, "one");
    assert_str(a.uid, "u1");
    assert_int_equal(counted(&w, STAT_GATE_TOKENS_ADMITTED), 1);
    for (int i = 0; i < 3; i++) {
        a = ask(&w, key); /* players fetch a key again */
        assert_outcome(a, OUT_OK);
    }
    a = ask(&w, segment, .ip = OTHER_IP);
    assert_outcome(a, OUT_GATE_BAD_SIG);
    a = ask(&w, segment, .ua = "Thief/1.0");
    assert_outcome(a, OUT_GATE_BAD_SIG);
    a = ask(&w, key, .ip = OTHER_IP);
    assert_outcome(a, OUT_GATE_BAD_SIG);
    world_close(&w);
}

/* One signed URL plays the whole stream: one grant, one session, however deep the playlists lie. */
static void test_from_master_to_segment(void **state)
{
    struct world w;
    struct answer master, child, a;

    world_open(&w, "");
    world_write(&w, "/v/2026-11-22/m/master.m3u8",
                "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n"
                "720/i.m3u8\n");
    world_write(&w, "/v/2026-11-22/m/720/i.m3u8", "#EXTM3U\n#EXTINF:6,\n1.ts\n");
    world_write(&w, "/v/2026-11-22/m/720/1.ts", "one");
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "m");
    master = ask(&w, usual(&w, "/v/2026-11-22/m/master.m3u8"));
    assert_outcome(master, OUT_OK);
    world_pass(&w, 3601); /* the grant and the token are over */
    child = ask(&w, arena_printf(&w.arena, "/v/2026-11-22/m/%s", line_of(&w, &master, "720")).p);
    assert_outcome(child, OUT_OK);
    a = ask(&w, arena_printf(&w.arena, "/v/2026-11-22/m/720/%s", line_of(&w, &child, "1.ts")).p);
    assert_outcome(a, OUT_OK);
    assert_str(a.body, "one");
    assert_int_equal(counted(&w, STAT_SESSIONS_BEGUN), 1);
    assert_int_equal(world_records(&w).sessions, 1);

    /* what the child hands out ends when the session does, not later */
    assert_non_null(strstr(line_of(&w, &child, "1.ts"), "expires=1800043200"));
    world_end_sessions(&w, "u1");
    child = ask(&w, arena_printf(&w.arena, "/v/2026-11-22/m/%s", line_of(&w, &master, "720")).p);
    assert_outcome(child, OUT_REVOKED);
    world_close(&w);
}

/* A rendition hands on the scope that let it in, so that its segments belong to the same stream. */
static void test_a_rendition_keeps_the_scope(void **state)
{
    struct world w;
    struct answer master, child;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/m/master.m3u8", "#EXTM3U\n720/i.m3u8\n");
    world_write(&w, "/m/720/i.m3u8", "#EXTM3U\n1.ts\n");
    world_write(&w, "/m/720/1.ts", "one");
    master = ask(&w, usual(&w, "/m/master.m3u8"));
    child = ask(&w, arena_printf(&w.arena, "/m/%s", line_of(&w, &master, "720")).p);
    assert_outcome(child, OUT_OK);
    assert_non_null(strstr(line_of(&w, &child, "1.ts"), "scope=/m/&"));
    assert_outcome(ask(&w, arena_printf(&w.arena, "/m/720/%s", line_of(&w, &child, "1.ts")).p),
                   OUT_OK);
    world_close(&w);
}

/* RFC 8216 6.2.1: what was in a playlist stays what it was. */
static void test_reloads_give_the_same_uris(void **state)
{
    struct world w;
    struct answer first, again, other;
    const char *url;

    world_open(&w, NO_GRANTS);
    write_stream(&w);
    url = usual(&w, "/s/i.m3u8");
    first = ask(&w, url);
    world_pass(&w, 600);
    again = ask(&w, url, .ip = "192.0.2.99");
    assert_outcome(again, OUT_OK);
    assert_true(str_eq(again.body, first.body));
    assert_int_equal(counted(&w, STAT_SESSIONS_BEGUN), 1);

    other = ask(&w, signed_path(&w, "u2", "/s/i.m3u8", T0 + 3600), .ip = OTHER_IP);
    assert_outcome(other, OUT_OK);
    assert_false(str_eq(other.body, first.body));
    world_close(&w);
}

/* Gate tokens live as long as the session may, however short the token that began it. */
static void test_a_film_outlives_its_token(void **state)
{
    struct world w;
    struct answer list, a;
    const char *segment;

    world_open(&w, NO_GRANTS "session: { max: 12h }\n");
    write_stream(&w);
    list = ask(&w, signed_path(&w, "u1", "/s/i.m3u8", T0 + 10));
    segment = in_folder(&w, line_of(&w, &list, "1.ts"));
    world_pass(&w, 12 * 3600);
    a = ask(&w, segment);
    assert_outcome(a, OUT_OK);
    world_pass(&w, 1);
    a = ask(&w, segment);
    assert_outcome(a, OUT_TOKEN_EXPIRED);
    world_close(&w);
}

static unsigned end_u1(struct world *w)
{
    return world_end_sessions(w, "u1");
}

static unsigned revoke_u1(struct world *w)
{
    return world_revoke(w, "u1");
}

static void test_revoked(void **state)
{
    static unsigned (*const ways[])(struct world * w) = {end_u1, revoke_u1};

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct world w;
        struct answer list, a;

        world_open(&w, NO_GRANTS);
        write_stream(&w);
        list = ask(&w, usual(&w, "/s/i.m3u8"));
        assert_int_equal(ways[i](&w), 1);
        a = ask(&w, in_folder(&w, line_of(&w, &list, "1.ts")));
        assert_outcome(a, OUT_REVOKED);
        a = ask(&w, key_uri(&w, &list));
        assert_outcome(a, OUT_REVOKED);

        list = ask(&w, usual(&w, "/s/i.m3u8")); /* the token may begin another session */
        assert_outcome(list, OUT_OK);
        a = ask(&w, in_folder(&w, line_of(&w, &list, "1.ts")));
        assert_outcome(a, OUT_OK);
        world_close(&w);
    }
}

/* A token for "/" would open everything there is. */
static void test_the_root_has_no_scope(void **state)
{
    struct world w;
    struct answer list, a;
    const char *line;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/i.m3u8", "#EXTM3U\n1.ts\nsub/2.ts\n");
    world_write(&w, "/1.ts", "one");
    world_write(&w, "/2.ts", "two");
    list = ask(&w, usual(&w, "/i.m3u8"));
    assert_outcome(list, OUT_OK);
    assert_int_equal(str_find(list.body, STR("scope=")), -1);
    line = line_of(&w, &list, "1.ts");
    a = ask(&w, arena_printf(&w.arena, "/%s", line).p);
    assert_outcome(a, OUT_OK);
    a = ask(&w, arena_printf(&w.arena, "/2.ts%s", strchr(line, '?')).p);
    assert_outcome(a, OUT_GATE_BAD_SIG);
    world_close(&w);
}

/* ---- the fixed whitelist ---- */

static void test_whitelisted(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, "access: { fixed_whitelist: [ 192.0.2.0/24 ] }\n");
    write_stream(&w);
    world_write(&w, "/s/page.css", "css");
    world_write(&w, "/s/other.bin", "bin");
    a = ask(&w, "/s/i.m3u8");
    assert_outcome(a, OUT_OK);
    assert_str(a.body, PLAYLIST);
    a = ask(&w, "/s/i.m3u8?uid=u1&expires=1900000000&token=" MAC43);
    assert_outcome(a, OUT_OK);
    assert_str(a.body, PLAYLIST);
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_non_null(strchr(line_of(&w, &a, "1.ts"), '?'));
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
    assert_outcome(ask(&w, "/s/k.key"), OUT_OK);
    assert_outcome(ask(&w, "/s/page.css"), OUT_OK);
    assert_outcome(ask(&w, "/s/other.bin"), OUT_OK);
    assert_int_equal(world_records(&w).sessions + world_records(&w).uses, 0);
    a = ask(&w, "/s/1.ts", .ip = OTHER_IP);
    assert_outcome(a, OUT_NO_CREDENTIAL);
    world_close(&w);
}

/* Who a viewer is comes from the proxy before us alone, and from the one field that it sets. */
static const struct {
    const char *field; /* the operator's */
    const char *peer, *fields;
    bool is_believed;
} proxy_cases[] = {
    {"x-forwarded-for", "10.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", true},
    {"x-forwarded-for", "10.0.0.1", "X-Forwarded-For: 203.0.113.5, 192.0.2.7\r\n", true},
    {"x-forwarded-for", "10.0.0.1", "X-Forwarded-For: 192.0.2.7, 203.0.113.5\r\n", false},
    {"x-forwarded-for", "10.0.0.1",
     "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: 203.0.113.5\r\n", false},
    {"x-forwarded-for", OTHER_IP, "X-Forwarded-For: 192.0.2.7\r\n", false},
    {"x-forwarded-for", "10.0.0.1", "X-Real-IP: 192.0.2.7\r\n", false},
    {"x-forwarded-for", "10.0.0.1", "Forwarded: for=192.0.2.7\r\n", false},
    {"forwarded", "10.0.0.1", "Forwarded: for=192.0.2.7\r\n", true},
    {"forwarded", "10.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", false},
    {"x-real-ip", "10.0.0.1", "X-Real-IP: 192.0.2.7\r\n", true},
    {"x-real-ip", "10.0.0.1", "X-Real-IP: 192.0.2.7\r\nX-Real-IP: 192.0.2.7\r\n", false},
    {"x-real-ip", "10.0.0.1", "", false},
};

static void test_whitelist_behind_a_proxy(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(proxy_cases); i++) {
        struct world w;
        struct answer a;
        char settings[200];

        snprintf(settings, sizeof settings,
                 "access: { fixed_whitelist: [ 192.0.2.7 ] }\n"
                 "trusted_proxies: [ 10.0.0.1 ]\nclient_ip_field: %s\n",
                 proxy_cases[i].field);
        world_open(&w, settings);
        write_stream(&w);
        a = ask(&w, "/s/1.ts", .ip = proxy_cases[i].peer, .fields = proxy_cases[i].fields);
        if ((a.outcome == OUT_OK) != proxy_cases[i].is_believed)
            print_error("case %zu\n", i);
        assert_outcome(a, proxy_cases[i].is_believed ? OUT_OK : OUT_NO_CREDENTIAL);
        world_close(&w);
    }
}

/* Asset lists and thumbnails are named by playlists too: what those give opens them without a
 * grant. */
static void test_a_gate_token_opens_what_asks_for_none(void **state)
{
    struct world w;
    const char *asset, *thumb;

    world_open(&w, "");
    world_write(&w, "/s/list.json", "{}");
    world_write(&w, "/s/1.jpg", "jpg");
    world_write(&w, "/t/1.jpg", "jpg");
    asset = gate_scope(&w, "u1", "/s/list.json", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA);
    thumb = gate_scope(&w, "u1", "/s/1.jpg", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA);
    assert_outcome(ask(&w, asset), OUT_OK);
    assert_outcome(ask(&w, thumb), OUT_OK);
    assert_outcome(ask(&w, thumb, .ip = OTHER_IP),
                   OUT_NO_GRANT); /* not his: as if it were not there */
    assert_outcome(ask(&w, gate_scope(&w, "u1", "/t/1.jpg", "/s/", T0 + 60, VIEWER_IP, VIEWER_UA)),
                   OUT_NO_GRANT);
    assert_outcome(ask(&w, gate_scope(&w, "u1", "/s/1.jpg", "/s/", T0 - 1, VIEWER_IP, VIEWER_UA)),
                   OUT_NO_GRANT);
    assert_outcome(ask(&w, "/s/1.jpg?gate=7"), OUT_NO_GRANT);
    assert_outcome(ask(&w, "/s/1.jpg"), OUT_NO_GRANT);
    assert_outcome(ask(&w, signed_path(&w, "u1", "/s/1.jpg", T0 + 60)),
                   OUT_NO_GRANT); /* no policy asks for it */
    world_grant(&w, "u1", VIEWER_IP, VIEWER_UA, "s");
    assert_outcome(ask(&w, "/s/1.jpg?gate=7"), OUT_OK);
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_tokens), cmocka_unit_test(test_hostile_queries),
          cmocka_unit_test(test_a_refusal_tells_nothing),
          cmocka_unit_test(test_a_playlist_opens_its_stream),
          cmocka_unit_test(test_from_master_to_segment),
          cmocka_unit_test(test_a_rendition_keeps_the_scope),
          cmocka_unit_test(test_reloads_give_the_same_uris),
          cmocka_unit_test(test_a_film_outlives_its_token), cmocka_unit_test(test_revoked),
          cmocka_unit_test(test_the_root_has_no_scope), cmocka_unit_test(test_whitelisted),
          cmocka_unit_test(test_whitelist_behind_a_proxy),
          cmocka_unit_test(test_a_gate_token_opens_what_asks_for_none))
