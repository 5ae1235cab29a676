/*
 * Golden playlists: tests/golden/NAME.m3u8 spliced with credentials that name their target must be
 * NAME.expected, byte for byte. After a change on purpose, write them anew with
 * HLSGATE_GOLDEN=write and review the diff.
 */
#include "base/test.h"

#include <stdio.h>

#include "hls/fixture.h"
#include "hls/playlist.h"

enum { CAP = 8 << 20 };

static const struct golden {
    const char *name, *path, *folder;
    struct playlist facts;
} goldens[] = {
    {"master",
     "/video/2026-11-22/movie1/index.m3u8",
     "/video/2026-11-22/movie1/",
     {.kind = PLAYLIST_MASTER,
      .depends_on_authority = true,
      .point_count = 8,
      .scoped_count = 6,
      .target_count = 2}},
    {"media",
     "/video/2026-11-22/movie1/720p/index.m3u8",
     "/video/2026-11-22/movie1/",
     {.kind = PLAYLIST_MEDIA,
      .has_endlist = true,
      .depends_on_authority = true,
      .target_duration = 10,
      .point_count = 9,
      .scoped_count = 4,
      .target_count = 4}},
    {"fmp4",
     "/vod/movie1/index.m3u8",
     "/vod/movie1/",
     {.kind = PLAYLIST_MEDIA,
      .has_endlist = true,
      .target_duration = 6,
      .point_count = 5,
      .scoped_count = 3,
      .target_count = 2}},
    {"low_latency",
     "/live/ch1/2M/waitForMSN.m3u8",
     "/live/ch1/",
     {.kind = PLAYLIST_MEDIA,
      .target_duration = 4,
      .part_target_msec = 333,
      .point_count = 9,
      .scoped_count = 9}},
    {"drm",
     "/vod/movie1/index.m3u8",
     "/vod/movie1/",
     {.kind = PLAYLIST_MEDIA,
      .has_endlist = true,
      .depends_on_authority = true,
      .target_duration = 6,
      .point_count = 9,
      .scoped_count = 4,
      .target_count = 3}},
    {"tags",
     "/vod/movie1/index.m3u8",
     "/vod/movie1/",
     {.kind = PLAYLIST_MASTER, .point_count = 7, .scoped_count = 4, .target_count = 3}},
    {"crlf_bom",
     "/a/k/index.m3u8",
     "/a/",
     {.kind = PLAYLIST_MEDIA,
      .target_duration = 10,
      .point_count = 5,
      .scoped_count = 4,
      .target_count = 1}},
    {"hostile",
     "/video/2026-11-22/movie1/720p/index.m3u8",
     "/video/2026-11-22/movie1/",
     {.kind = PLAYLIST_MEDIA, .depends_on_authority = true}},
};

static void read_whole(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    char *to;

    if (f == NULL)
        fail_msg("%s: not there", path);
    to = buf_reserve(out, CAP - 1);
    assert_non_null(to);
    buf_added(out, fread(to, 1, CAP - 1, f));
    fclose(f);
}

static void write_whole(const char *path, struct str text)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(text.p, 1, text.n, f), text.n);
    assert_int_equal(fclose(f), 0);
}

static struct playlist *scan(struct str text, const char *path, const char *folder)
{
    struct playlist *p = NULL;

    assert_int_equal(playlist_scan(text, str_of(path), str_of(folder), STR("gate.example"), &p),
                     PLAYLIST_OK);
    return p;
}

static void splice(const struct playlist *p, struct buf *out)
{
    struct arena a;
    struct splice_body *s;

    arena_init(&a, CAP);
    s = splice_body_new(&a, p, STR("scoped"), fixture_own(&a, p));
    assert_non_null(s);
    fixture_drain(splice_body_get(s), SIZE_MAX, out);
    arena_done(&a);
}

static void check_text(const char *name, struct str got)
{
    struct buf want;
    char path[256];
    size_t i = 0;

    snprintf(path, sizeof path, "tests/golden/%s.expected", name);
    if (getenv("HLSGATE_GOLDEN") != NULL)
        write_whole(path, got);
    buf_init(&want, CAP);
    read_whole(path, &want);
    while (i < got.n && i < want.n && got.p[i] == want.p[i])
        i++;
    if (i < got.n || i < want.n)
        fail_msg("%s: differs from byte %zu: got '%.*s'", name, i,
                 STR_FMT(str_first(str_skip(got, i), 80)));
    buf_done(&want);
}

static void check_facts(const struct playlist *got, const struct playlist *want)
{
    assert_int_equal(got->kind, want->kind);
    assert_int_equal(got->has_endlist, want->has_endlist);
    assert_int_equal(got->depends_on_authority, want->depends_on_authority);
    assert_int_equal(got->target_duration, want->target_duration);
    assert_int_equal(got->part_target_msec, want->part_target_msec);
    if (want->point_count == 0) /* told by the text alone */
        return;
    assert_int_equal(got->point_count, want->point_count);
    assert_int_equal(got->scoped_count, want->scoped_count);
    assert_int_equal(got->target_count, want->target_count);
}

static void test_goldens(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(goldens); i++) {
        const struct golden *g = &goldens[i];
        struct playlist *p;
        struct buf text, got;
        char path[256];

        snprintf(path, sizeof path, "tests/golden/%s.m3u8", g->name);
        buf_init(&text, CAP);
        buf_init(&got, CAP);
        read_whole(path, &text);
        p = scan(buf_str(&text), g->path, g->folder);
        splice(p, &got);
        check_text(g->name, buf_str(&got));
        check_facts(p, &g->facts);
        playlist_free(&p);
        buf_done(&text);
        buf_done(&got);
    }
}

static void test_head(void **state)
{
    static const struct {
        const char *text;
        enum playlist_error want;
    } cases[] = {
        {"#EXTM3U", PLAYLIST_OK},
        {"#EXTM3U\n", PLAYLIST_OK},
        {"#EXTM3U\r\n", PLAYLIST_OK},
        {"#EXTM3U \n", PLAYLIST_OK},
        {"#EXTM3U\tx\n", PLAYLIST_OK},
        {"\xef\xbb\xbf#EXTM3U\n", PLAYLIST_OK},
        {"", PLAYLIST_NOT_HLS},
        {"#EXTM3", PLAYLIST_NOT_HLS},
        {"#EXTM3U8\n", PLAYLIST_NOT_HLS},
        {"#extm3u\n", PLAYLIST_NOT_HLS},
        {" #EXTM3U\n", PLAYLIST_NOT_HLS},
        {"\n#EXTM3U\n", PLAYLIST_NOT_HLS},
        {"\xef\xbb\xbf\xef\xbb\xbf#EXTM3U\n", PLAYLIST_NOT_HLS},
        {"\xef\xbb#EXTM3U\n", PLAYLIST_NOT_HLS},
        {"<html>", PLAYLIST_NOT_HLS},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct playlist *p = NULL;

        assert_int_equal(playlist_scan(str_of(cases[i].text), STR("/a"), STR("/"), STR(""), &p),
                         cases[i].want);
        assert_int_equal(p != NULL, cases[i].want == PLAYLIST_OK);
        playlist_free(&p);
    }
}

static void test_facts(void **state)
{
    static const struct {
        const char *lines;
        struct playlist want;
    } cases[] = {
        {"", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-ENDLIST", {.kind = PLAYLIST_MEDIA, .has_endlist = true}},
        {"#EXT-X-ENDLISTS", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-ENDLIST \r\n", {.kind = PLAYLIST_MEDIA, .has_endlist = true}},
        {"#EXT-X-TARGETDURATION:6", {.target_duration = 6, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION: 6 ", {.target_duration = 6, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION:5.5", {.target_duration = 6, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION:5.", {.target_duration = 5, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION:-5", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION:5.x", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION:99999999999999999999", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-TARGETDURATION", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-PART-INF:PART-TARGET=1.0", {.part_target_msec = 1000, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-PART-INF:A=\",PART-TARGET=9\",PART-TARGET=.2", {.kind = PLAYLIST_MEDIA}},
        {"#EXT-X-PART-INF:A=\",PART-TARGET=9\",PART-TARGET=0.25",
         {.part_target_msec = 250, .kind = PLAYLIST_MEDIA}},
        {"#EXT-X-STREAM-INF:BANDWIDTH=1\n", {.kind = PLAYLIST_MASTER}},
        {"#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=1\n", {.kind = PLAYLIST_MASTER}},
        {"#EXT-X-MEDIA:TYPE=AUDIO\n", {.kind = PLAYLIST_MASTER}},
        {"#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXTINF:1,\n", {.kind = PLAYLIST_MEDIA}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        struct playlist *p;

        snprintf(text, sizeof text, "#EXTM3U\n%s", cases[i].lines);
        p = scan(str_of(text), "/a/b.m3u8", "/a/");
        check_facts(p, &cases[i].want);
        playlist_free(&p);
    }
}

static void test_targets_are_distinct(void **state)
{
    struct playlist *p = scan(STR("#EXTM3U\n/b/1.ts\n/b/2.ts\n/b/./1.ts\n/%62/2.ts?x\n"
                                  "#EXT-X-KEY:URI=\"/b/1.ts\"\n#EXT-X-KEY:URI=\"k\"\n"),
                              "/a/b.m3u8", "/a/");
    static const uint32_t numbers[] = {0, 1, 0, 1, 0, 2};
    static const enum splice_kind kinds[] = {SPLICE_OWN, SPLICE_OWN, SPLICE_OWN,
                                             SPLICE_OWN, SPLICE_KEY, SPLICE_KEY};

    assert_int_equal(p->target_count, 3);
    assert_str(p->targets[0], "/b/1.ts");
    assert_str(p->targets[1], "/b/2.ts");
    assert_str(p->targets[2], "/a/k");
    assert_int_equal(p->point_count, ARRAY_LEN(numbers));
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        assert_int_equal(p->points[i].target, numbers[i]);
        assert_int_equal(p->points[i].kind, kinds[i]);
    }
    assert_true(p->points[3].has_query);
    assert_int_equal(playlist_footprint(p), sizeof *p + 6 * sizeof(struct splice_point) +
                                                3 * sizeof(struct str) + 7 + 7 + 4);
    playlist_free(&p);
}

static enum playlist_error scan_keys(unsigned count)
{
    struct playlist *p = NULL;
    enum playlist_error r;
    struct buf text;

    buf_init(&text, CAP);
    buf_add(&text, STR("#EXTM3U\n"));
    for (unsigned i = 0; i < count; i++)
        buf_printf(&text, "#EXT-X-KEY:METHOD=AES-128,URI=\"k%u\"\n", i);
    r = playlist_scan(buf_str(&text), STR("/a"), STR("/"), STR(""), &p);
    playlist_free(&p);
    buf_done(&text);
    return r;
}

static enum playlist_error scan_two_byte_lines(size_t count)
{
    struct playlist *p = NULL;
    enum playlist_error r;
    struct buf text;

    buf_init(&text, CAP);
    buf_add(&text, STR("#EXTM3U\n"));
    for (size_t i = 0; i < count; i++)
        buf_add(&text, STR("s\n"));
    r = playlist_scan(buf_str(&text), STR("/a"), STR("/"), STR(""), &p);
    playlist_free(&p);
    buf_done(&text);
    return r;
}

static void test_caps(void **state)
{
    assert_int_equal(scan_keys(PLAYLIST_MAX_TARGETS), PLAYLIST_OK);
    assert_int_equal(scan_keys(PLAYLIST_MAX_TARGETS + 1), PLAYLIST_TOO_MANY);
    assert_int_equal(scan_two_byte_lines(PLAYLIST_MAX_POINTS), PLAYLIST_OK);
    assert_int_equal(scan_two_byte_lines(PLAYLIST_MAX_POINTS + 1), PLAYLIST_TOO_MANY);
}

/* A line of 1 MiB of each kind: none gets a credential, and what follows still does. */
static void test_long_lines(void **state)
{
    static const char *const begins[] = {
        "",    "#",        "#EXT-X-KEY:URI=\"", "#EXT-X-KEY:A=",         "?",
        "%41", "#EXTINF:", "https://",          "#EXT-X-MAP:A=1,B=\"\","};

    for (size_t i = 0; i < ARRAY_LEN(begins); i++) {
        struct playlist *p;
        struct buf text;

        buf_init(&text, CAP);
        buf_printf(&text, "#EXTM3U\n%s", begins[i]);
        memset(buf_reserve(&text, 1 << 20), 'x', 1 << 20);
        buf_added(&text, 1 << 20);
        buf_add(&text, STR("\nseg.ts\n"));
        p = scan(buf_str(&text), "/a/b.m3u8", "/a/");
        assert_int_equal(p->point_count, begins[i][0] == '?' ? 2 : 1); /* its path is short */
        assert_int_equal(p->points[p->point_count - 1].offset, text.n - 1);
        playlist_free(&p);
        buf_done(&text);
    }
}

/* Every beginning of a golden playlist is one, too, or is refused; points stay inside. */
static void test_every_truncation(void **state)
{
    struct buf text;

    buf_init(&text, CAP);
    read_whole("tests/golden/hostile.m3u8", &text);
    for (size_t n = 0; n <= text.n; n++) {
        char *copy =
            xmemdup(text.p, n + 1); /* its own block, so that a read past the end is seen */
        struct playlist *p = NULL;
        struct str cut = {copy + 1, n};

        memmove(copy + 1, copy, n);
        if (playlist_scan(cut, STR("/a/b/c/d/e"), STR("/a/"), STR("gate.example"), &p) < 0)
            assert_true(n < 7);
        for (uint32_t i = 0; p != NULL && i < p->point_count; i++)
            assert_true(p->points[i].offset <= n);
        playlist_free(&p);
        free(copy);
    }
    buf_done(&text);
}

TEST_MAIN(cmocka_unit_test(test_goldens), cmocka_unit_test(test_head), cmocka_unit_test(test_facts),
          cmocka_unit_test(test_targets_are_distinct), cmocka_unit_test(test_caps),
          cmocka_unit_test(test_long_lines), cmocka_unit_test(test_every_truncation))
