/* A viewer's copy of a playlist: golden texts, hosts, ranges, and what passes through untouched. */
#include "gate/testing.h"

#define MAC22 "??????????????????????"
#define MAC_LEN (sizeof MAC22 - 1)

/* Every MAC of a text becomes question marks: they are judged by being used, elsewhere. */
static const char *without_macs(struct world *w, struct str body)
{
    char *text = (char *)(uintptr_t)arena_copy(&w->arena, body).p;

    for (char *at = text; (at = strstr(at, "gate=")) != NULL;) {
        at += strlen("gate=");
        assert_true(strlen(at) >= strlen(MAC22));
        memcpy(at, MAC22, strlen(MAC22));
    }
    return text;
}

/* Expires at T0 + 3600, the token's end: no session in this policy. */
#define S "uid=u1&expires=1800003600&scope=/s/&gate=" MAC22
#define OWN "uid=u1&expires=1800003600&gate=" MAC22

static const struct {
    const char *name, *path, *text, *want;
} golden[] = {
    {"media", "/s/i.m3u8", "#EXTM3U\n#EXTINF:6,\n1.ts\n", "#EXTM3U\n#EXTINF:6,\n1.ts?" S "\n"},
    {"below", "/s/i.m3u8", "#EXTM3U\na/b/1.ts\n", "#EXTM3U\na/b/1.ts?" S "\n"},
    {"elsewhere on this host", "/s/i.m3u8", "#EXTM3U\n/t/1.ts\n", "#EXTM3U\n/t/1.ts?" OWN "\n"},
    {"climbs out", "/s/i.m3u8", "#EXTM3U\n../t/1.ts\n", "#EXTM3U\n../t/1.ts?" OWN "\n"},
    {"another host", "/s/i.m3u8", "#EXTM3U\nhttps://a.example/1.ts\n",
     "#EXTM3U\nhttps://a.example/1.ts\n"},
    {"this very host", "/s/i.m3u8", "#EXTM3U\nhttps://gate.example/s/1.ts\n",
     "#EXTM3U\nhttps://gate.example/s/1.ts?" S "\n"},
    {"has a query", "/s/i.m3u8", "#EXTM3U\n1.ts?v=2\n", "#EXTM3U\n1.ts?v=2&" S "\n"},
    {"key", "/s/i.m3u8", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k.key\"\n",
     "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k.key?" OWN "\"\n"},
    {"skd", "/s/i.m3u8", "#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\"\n",
     "#EXTM3U\n#EXT-X-KEY:METHOD=SAMPLE-AES,URI=\"skd://k\"\n"},
    {"CRLF", "/s/i.m3u8", "#EXTM3U\r\n1.ts\r\n", "#EXTM3U\r\n1.ts?" S "\r\n"},
    {"no line end", "/s/i.m3u8", "#EXTM3U\n1.ts", "#EXTM3U\n1.ts?" S},
    {"dated", "/v/2026-11-22/m/720/i.m3u8", "#EXTM3U\n../1080/1.ts\n",
     "#EXTM3U\n../1080/1.ts?uid=u1&expires=1800003601&scope=/v/2026-11-22/m/&gate=" MAC22 "\n"},
    {"root", "/i.m3u8", "#EXTM3U\n1.ts\n",
     "#EXTM3U\n1.ts?uid=u1&expires=1800003602&gate=" MAC22 "\n"},
};

static void test_golden(void **state)
{
    struct world w;

    world_open(&w, TOKEN_ALONE "cache: { check: 0 }\nsession: { max: 1h }\n");
    for (size_t i = 0; i < ARRAY_LEN(golden); i++) {
        struct answer a;

        world_write(&w, golden[i].path, golden[i].text);
        a = ask(&w, usual(&w, golden[i].path));
        assert_outcome(a, OUT_OK);
        if (strcmp(without_macs(&w, a.body), golden[i].want) != 0)
            print_error("%s\n", golden[i].name);
        assert_string_equal(without_macs(&w, a.body), golden[i].want);
        assert_field(&a, "Content-Type", "application/vnd.apple.mpegurl");
        assert_field(&a, "Cache-Control", "no-cache, no-store, must-revalidate");
        assert_int_equal(answer_field(&a, "ETag").n, strlen("\"") + MAC_LEN + strlen("\""));
        assert_null(answer_field(&a, "Last-Modified").p);
    }
    assert_int_equal(counted(&w, STAT_PLAYLISTS_REWRITTEN), ARRAY_LEN(golden));
    world_close(&w);
}

/* Scanned once, spliced for each. */
static void test_one_scan_for_all(void **state)
{
    struct world w;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    for (int i = 0; i < 5; i++) {
        struct str uid = arena_printf(&w.arena, "user%d", i);
        struct answer a = ask(&w, signed_path(&w, uid.p, "/s/i.m3u8", T0 + 60));

        assert_outcome(a, OUT_OK);
        assert_true(str_find(a.body, uid) > 0);
    }
    assert_int_equal(counted(&w, STAT_PLAYLISTS_SCANNED), 1);
    assert_int_equal(counted(&w, STAT_FILES_OPENED), 1);
    world_close(&w);
}

/* A uid is the back end's: whatever it holds, it stays one value of one parameter. */
static void test_odd_uids(void **state)
{
    static const char *const uids[] = {"a&b=c", "a b", "100%", "\"quoted\"", "#x", "\xc3\xa9"};

    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        struct world w;
        struct answer list, a;

        world_open(&w, TOKEN_ALONE);
        world_write(&w, "/s/i.m3u8", PLAYLIST);
        world_write(&w, "/s/1.ts", "one");
        list = ask(&w, signed_path(&w, uids[i], "/s/i.m3u8", T0 + 60));
        assert_outcome(list, OUT_OK);
        a = ask(&w, arena_printf(&w.arena, "/s/%s", line_of(&w, &list, "1.ts")).p);
        assert_outcome(a, OUT_OK);
        assert_str(a.uid, uids[i]);
        world_close(&w);
    }
}

/* ---- the host by which a viewer came ---- */

static void test_another_authority(void **state)
{
    static const struct {
        const char *host;
        bool a_gets, b_gets; /* a credential on the URI of host a, of host b */
    } cases[] = {
        {"a.example", true, false}, {"b.example", false, true},  {"a.example", true, false},
        {"A.Example", true, false}, {"c.example", false, false},
    };
    struct world w;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", "#EXTM3U\nhttp://a.example/s/1.ts\nhttp://b.example/s/2.ts\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a = ask(&w, usual(&w, "/s/i.m3u8"), .host = cases[i].host);

        assert_outcome(a, OUT_OK);
        assert_int_equal(strchr(line_of(&w, &a, "http://a.example"), '?') != NULL, cases[i].a_gets);
        assert_int_equal(strchr(line_of(&w, &a, "http://b.example"), '?') != NULL, cases[i].b_gets);
    }
    assert_int_equal(counted(&w, STAT_FILES_OPENED), 1);
    world_close(&w);
}

/* ---- the name of a copy ---- */

#define TWO_HOSTS "#EXTM3U\nhttp://a.example/s/1.ts\n2.ts\n"
#define IN_ROOT "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"k.key\"\n1.ts\n"

static const struct copy {
    const char *path, *text, *uid, *host, *ip;
    int64_t expires; /* from T0 */
    bool is_another; /* than the first one of its path */
} copies[] = {
    {"/s/i.m3u8", PLAYLIST, "u1", WORLD_HOST, VIEWER_IP, 60, false},
    {"/s/i.m3u8", PLAYLIST, "u1", WORLD_HOST, VIEWER_IP, 60, false},
    {"/s/i.m3u8", PLAYLIST, "u1", "other.example", VIEWER_IP, 60, true}, /* PLAYLIST names a host */
    {"/s/i.m3u8", PLAYLIST, "u2", WORLD_HOST, VIEWER_IP, 60, true},
    {"/s/i.m3u8", PLAYLIST, "u1", WORLD_HOST, VIEWER_IP, 61, false}, /* one session, one end */
    {"/s/i.m3u8", PLAYLIST, "u1", WORLD_HOST, OTHER_IP, 60, true},
    {"/s/i.m3u8", PLAYLIST "#\n", "u1", WORLD_HOST, VIEWER_IP, 60, true},
    {"/s/i.m3u8", PLAYLIST, "u1", WORLD_HOST, VIEWER_IP, 60, false},
    {"/s/j.m3u8", "#EXTM3U\n1.ts\n", "u1", WORLD_HOST, VIEWER_IP, 60, false},
    {"/s/j.m3u8", "#EXTM3U\n1.ts\n", "u1", "other.example", VIEWER_IP, 60, false},
    {"/s/h.m3u8", TWO_HOSTS, "u1", "a.example", VIEWER_IP, 60, false},
    {"/s/h.m3u8", TWO_HOSTS, "u1", "b.example", VIEWER_IP, 60, true},
    {"/i.m3u8", IN_ROOT, "u1", WORLD_HOST, VIEWER_IP, 60, false},
    {"/i.m3u8", IN_ROOT, "u2", WORLD_HOST, VIEWER_IP, 60, true},
};

/* One name, one content; and another name, another content. */
static void test_etags_name_copies(void **state)
{
    struct world w;
    struct answer first = {0};

    world_open(&w, TOKEN_ALONE "cache: { check: 0 }\n");
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        const struct copy *c = &copies[i];
        struct answer a;
        struct str field;

        world_write(&w, c->path, c->text);
        a = ask(&w, signed_path(&w, c->uid, c->path, T0 + c->expires), .host = c->host,
                .ip = c->ip);
        assert_outcome(a, OUT_OK);
        if (i == 0 || strcmp(copies[i - 1].path, c->path) != 0)
            first = a;
        if (str_eq(answer_field(&a, "ETag"), answer_field(&first, "ETag")) == c->is_another)
            print_error("case %zu\n", i);
        assert_int_equal(!str_eq(answer_field(&a, "ETag"), answer_field(&first, "ETag")),
                         c->is_another);
        field = arena_printf(&w.arena, "If-None-Match: %.*s\r\n",
                             STR_FMT(answer_field(&first, "ETag")));
        a = ask(&w, signed_path(&w, c->uid, c->path, T0 + c->expires), .host = c->host, .ip = c->ip,
                .fields = field.p);
        assert_outcome(a, c->is_another ? OUT_OK : OUT_NOT_MODIFIED);
        assert_field(&a, "Cache-Control", "no-cache, no-store, must-revalidate");
    }
    world_close(&w);
}

/* A session has one end: its viewer's copies are the same at every reload. */
static void test_a_reload_is_answered_304(void **state)
{
    struct world w;
    struct answer a;
    struct str field;

    world_open(&w, "access: { policy: { playlist: [token, session] } }\n");
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    field = arena_printf(&w.arena, "If-None-Match: W/\"x\", %.*s\r\n",
                         STR_FMT(answer_field(&a, "ETag")));
    world_pass(&w, 6);
    for (int i = 0; i < 2; i++) {
        a = ask(&w, usual(&w, "/s/i.m3u8"), .fields = field.p, .method = i == 0 ? "GET" : "HEAD");
        assert_outcome(a, OUT_NOT_MODIFIED);
        assert_null(answer_field(&a, "Content-Type").p);
    }
    world_close(&w);
}

/* ---- ranges of a copy ---- */

static void test_ranges(void **state)
{
    struct world w;
    struct answer whole;
    const char *url;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    url = usual(&w, "/s/i.m3u8");
    whole = ask(&w, url);
    for (size_t first = 0; first < whole.body.n; first += 7) {
        for (size_t n = 1; first + n <= whole.body.n; n += 31) {
            struct str range =
                arena_printf(&w.arena, "Range: bytes=%zu-%zu\r\n", first, first + n - 1);
            struct answer a = ask(&w, url, .fields = range.p);

            assert_outcome(a, OUT_PARTIAL);
            assert_true(str_eq(a.body, str_first(str_skip(whole.body, first), n)));
        }
    }
    assert_outcome(ask(&w, url, .fields = "Range: bytes=99999-\r\n"), OUT_BAD_RANGE);
    assert_int_equal(ask(&w, url, .method = "HEAD").length, whole.body.n);
    world_close(&w);
}

/* Parts of a copy are cut out of one and the same text. */
static void test_several_ranges(void **state)
{
    struct world w;
    struct answer whole, a;
    struct str field;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    whole = ask(&w, usual(&w, "/s/i.m3u8"));
    field = arena_printf(&w.arena, "Range: bytes=%zu-,0-99,120-199\r\n", whole.body.n - 50);
    a = ask(&w, usual(&w, "/s/i.m3u8"), .fields = field.p);
    assert_outcome(a, OUT_PARTIAL);
    assert_true(str_find(a.body, str_skip(whole.body, whole.body.n - 50)) > 0);
    assert_true(str_find(a.body, str_first(whole.body, 100)) > 0);
    assert_true(str_find(a.body, str_first(str_skip(whole.body, 120), 80)) > 0);
    world_close(&w);
}

/* Larger than the window that splices are rendered in. */
static void test_a_long_playlist(void **state)
{
    struct world w;
    struct buf text;
    struct answer a, part;

    buf_init(&text, 1 << 20);
    buf_add(&text, STR("#EXTM3U\n"));
    for (int i = 0; i < 5000; i++)
        buf_printf(&text, "#EXTINF:6,\n%d.ts\n", i);
    world_open(&w, TOKEN_ALONE);
    world_write_bytes(&w, "/s/i.m3u8", buf_str(&text));
    a = ask(&w, usual(&w, "/s/i.m3u8"));
    assert_outcome(a, OUT_OK);
    assert_true(a.body.n > 5000 * strlen(S));
    assert_true(strstr(line_of(&w, &a, "4999.ts"), "gate=") != NULL);
    part = ask(&w, usual(&w, "/s/i.m3u8"), .fields = "Range: bytes=200000-\r\n");
    assert_true(str_eq(part.body, str_skip(a.body, 200000)));
    world_close(&w);
    buf_done(&text);
}

/* ---- what is no playlist, or too much of one ---- */

static void test_not_hls_passes_through(void **state)
{
    static const char *const texts[] = {"", "hello\n", "#EXTM3", " #EXTM3U\n1.ts\n",
                                        "<html>#EXTM3U</html>"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct world w;
        struct answer a;

        world_open(&w, TOKEN_ALONE);
        world_write(&w, "/s/i.m3u8", texts[i]);
        a = ask(&w, usual(&w, "/s/i.m3u8"));
        assert_outcome(a, OUT_OK);
        assert_str(a.body, texts[i]);
        assert_int_equal(counted(&w, STAT_PLAYLISTS_NOT_HLS), 1);
        assert_int_equal(counted(&w, STAT_PLAYLISTS_REWRITTEN), 0);
        world_close(&w);
    }
}

static void test_too_many_targets(void **state)
{
    struct world w;
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_add(&text, STR("#EXTM3U\n"));
    for (int i = 0; i <= 4096; i++)
        buf_printf(&text, "/t/%d.ts\n", i);
    world_open(&w, TOKEN_ALONE);
    world_write_bytes(&w, "/s/over.m3u8", buf_str(&text));
    text.n -= strlen("/t/4096.ts\n");
    world_write_bytes(&w, "/s/full.m3u8", buf_str(&text));
    assert_outcome(ask(&w, usual(&w, "/s/over.m3u8")), OUT_PLAYLIST_TOO_LARGE);
    assert_outcome(ask(&w, usual(&w, "/s/full.m3u8")), OUT_OK);
    world_close(&w);
    buf_done(&text);
}

/* Without a token there is nothing to hand on: the playlist as it is, with its validators. */
static void test_without_a_token(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    a = ask(&w, "/s/i.m3u8");
    assert_str(a.body, PLAYLIST);
    assert_non_null(answer_field(&a, "ETag").p);
    a = ask(
        &w, "/s/i.m3u8",
        .fields =
            arena_printf(&w.arena, "If-None-Match: %.*s\r\n", STR_FMT(answer_field(&a, "ETag"))).p);
    assert_outcome(a, OUT_NOT_MODIFIED);
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_golden), cmocka_unit_test(test_one_scan_for_all),
          cmocka_unit_test(test_odd_uids), cmocka_unit_test(test_another_authority),
          cmocka_unit_test(test_etags_name_copies), cmocka_unit_test(test_a_reload_is_answered_304),
          cmocka_unit_test(test_ranges), cmocka_unit_test(test_several_ranges),
          cmocka_unit_test(test_a_long_playlist), cmocka_unit_test(test_not_hls_passes_through),
          cmocka_unit_test(test_too_many_targets), cmocka_unit_test(test_without_a_token))
