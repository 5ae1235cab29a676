/* Which answers are compressed, for whom, how often, and what their fields then say. */
#include "gate/testing.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <stdio.h>

#include "base/hash.h"
#include "gate/coded.h"

enum { LINES = 60 };

/* A playlist, or any other text, that is worth it; another one for each `salt`. */
static const char *text_of(struct world *w, int salt, int lines)
{
    struct buf b;
    struct str copy;

    buf_init(&b, 32 << 20);
    buf_printf(&b, "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXT-X-MEDIA-SEQUENCE:%d\n", salt);
    for (int i = 0; i < lines; i++)
        buf_printf(&b, "#EXTINF:6.0,\nsegment%05d.ts\n", i);
    buf_add(&b, STR("#EXT-X-ENDLIST\n"));
    copy = arena_copy(&w->arena, buf_str(&b));
    buf_done(&b);
    return copy.p;
}

static struct str decoded(struct world *w, const struct answer *a)
{
    size_t room = 64 << 20, n = room;
    char *to = arena_alloc(&w->arena, room);
    struct str coding = answer_field(a, "Content-Encoding");

    assert_non_null(to);
    if (str_eq(coding, STR("gzip"))) {
        struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

        assert_int_equal(libdeflate_gzip_decompress(d, a->body.p, a->body.n, to, room, &n),
                         LIBDEFLATE_SUCCESS);
        libdeflate_free_decompressor(d);
        return (struct str){to, n};
    }
    if (coding.n == 0)
        return a->body;
    assert_str(coding, "br");
    assert_int_equal(
        BrotliDecoderDecompress(a->body.n, (const uint8_t *)a->body.p, &n, (uint8_t *)to),
        BROTLI_DECODER_RESULT_SUCCESS);
    return (struct str){to, n};
}

/* ---- what is negotiated ---- */

#define AE "Accept-Encoding: "

static const struct {
    const char *settings, *path, *fields;
    const char *coding; /* "": identity */
    const char *vary;
} cases[] = {
    {"", "/s/i.m3u8", "", "", "Origin, Accept-Encoding"},
    {"", "/s/i.m3u8", AE "gzip\r\n", "gzip", "Origin, Accept-Encoding"},
    {"", "/s/i.m3u8", AE "gzip, deflate, br\r\n", "br", "Origin, Accept-Encoding"},
    {"", "/s/i.m3u8", AE "gzip, br;q=0.1\r\n", "gzip", "Origin, Accept-Encoding"},
    {"", "/s/i.m3u8", AE "identity\r\n", "", "Origin, Accept-Encoding"},
    {"", "/s/i.m3u8", AE "gzip\r\nRange: bytes=0-\r\n", "", "Origin, Accept-Encoding"},
    {"", "/s/t.json", AE "gzip\r\n", "gzip", "Origin, Accept-Encoding"},
    {"", "/s/t.vtt", AE "gzip\r\n", "gzip", "Origin, Accept-Encoding"},
    {"", "/s/t.js", AE "br\r\n", "br", "Origin, Accept-Encoding"},
    {"", "/s/t.js", "", "", "Origin, Accept-Encoding"},
    {"", "/s/t.ts", AE "gzip\r\n", "", "Origin"},
    {"", "/s/t.png", AE "gzip, identity;q=0\r\n", "", "Origin"},
    {"", "/s/t.key", AE "gzip\r\n", "", "Origin"},
    {"", "/s/t.bin", AE "gzip\r\n", "", "Origin"},
    {"access: { suffixes: { key: [.txt] }, policy: { key: [], playlist: [], segment: [], static: "
     "[], other: [] } }\n",
     "/s/t.txt", AE "gzip\r\n", "", "Origin"},
    {"compression: { gzip: off }\n", "/s/i.m3u8", AE "gzip, br;q=0.1\r\n", "br",
     "Origin, Accept-Encoding"},
    {"compression: { brotli: off }\n", "/s/i.m3u8", AE "br\r\n", "", "Origin, Accept-Encoding"},
    {"compression: { gzip: off, brotli: off }\n", "/s/i.m3u8", AE "gzip\r\n", "", "Origin"},
    {"compression: { min_size: 64KiB }\n", "/s/i.m3u8", AE "gzip\r\n", "",
     "Origin, Accept-Encoding"},
    {"compression: { min_size: 64KiB }\n", "/s/i.m3u8", AE "gzip, *;q=0\r\n", "gzip",
     "Origin, Accept-Encoding"},
    {"compression: { max_size: 1KiB }\n", "/s/i.m3u8", AE "gzip\r\n", "",
     "Origin, Accept-Encoding"},
    {"compression: { max_size: 1KiB }\n", "/s/t.js", AE "gzip\r\n", "", "Origin, Accept-Encoding"},
    {"cache: { file_copy_max: 0, hot_after: 1 }\n", "/s/t.js", AE "gzip\r\n", "gzip",
     "Origin, Accept-Encoding"},
    {"cors: { credentials: off }\n", "/s/i.m3u8", AE "gzip\r\n", "gzip", "Accept-Encoding"},
};

static void open_with(struct world *w, const char *settings)
{
    char text[1024];

    snprintf(text, sizeof text, "%s%s", strstr(settings, "access:") != NULL ? "" : ALL_OPEN,
             settings);
    world_open(w, text);
}

/* HEAD is GET without the content, 304 without what is of the content. */
static void check_head_and_304(struct world *w, size_t i, const struct answer *get)
{
    struct answer head = ask(w, cases[i].path, .method = "HEAD", .fields = cases[i].fields);
    struct str fields = arena_printf(&w->arena, "%sIf-None-Match: %.*s\r\n", cases[i].fields,
                                     STR_FMT(answer_field(get, "ETag")));
    struct answer same = ask(w, cases[i].path, .fields = fields.p);

    if (strstr(cases[i].fields, "Range") == NULL) {
        assert_int_equal(head.length, get->length);
        assert_field(&head, "Content-Encoding", cases[i].coding);
        assert_true(str_eq(answer_field(&head, "ETag"), answer_field(get, "ETag")));
    }
    assert_field(&head, "Vary", cases[i].vary);
    assert_outcome(same, OUT_NOT_MODIFIED);
    assert_field(&same, "Vary", cases[i].vary);
    assert_true(str_eq(answer_field(&same, "ETag"), answer_field(get, "ETag")));
    assert_null(answer_field(&same, "Content-Encoding").p);
}

static void check(size_t i)
{
    struct world w;
    const char *text;

    open_with(&w, cases[i].settings);
    text = text_of(&w, (int)i, LINES);
    world_write(&w, cases[i].path, text);
    for (int round = 0; round < 2; round++) { /* made, and remembered */
        struct answer a = ask(&w, cases[i].path, .fields = cases[i].fields);
        bool is_coded = *cases[i].coding != '\0';

        if (!str_eq(answer_field(&a, "Content-Encoding"), str_of(cases[i].coding)))
            print_error("case %zu: %s\n", i, cases[i].path);
        assert_field(&a, "Content-Encoding", cases[i].coding);
        assert_field(&a, "Vary", cases[i].vary);
        assert_str(decoded(&w, &a), text);
        assert_int_equal(a.body.n < strlen(text), is_coded);
        if (is_coded)
            assert_true(str_ends(answer_field(&a, "ETag"),
                                 arena_printf(&w.arena, "-%s\"", cases[i].coding)));
        check_head_and_304(&w, i, &a);
    }
    if (strstr(cases[i].fields, "Range") == NULL) /* which a HEAD does not have */
        assert_int_equal(counted(&w, STAT_COMPRESSIONS), *cases[i].coding != '\0');
    world_close(&w);
}

static void test_what_is_negotiated(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(i);
}

/* ---- viewers' copies ---- */

static void test_a_viewers_copy(void **state)
{
    struct world w;
    struct answer plain, coded, other;
    struct str fields;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", text_of(&w, 1, LINES));
    plain = ask(&w, usual(&w, "/s/i.m3u8"));
    for (int i = 0; i < 3; i++) {
        coded = ask(&w, usual(&w, "/s/i.m3u8"), .fields = AE "gzip\r\n");
        assert_field(&coded, "Content-Encoding", "gzip");
        assert_true(str_eq(decoded(&w, &coded), plain.body));
    }
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 1);
    other = ask(&w, signed_path(&w, "u2", "/s/i.m3u8", T0 + 60), .fields = AE "gzip\r\n");
    assert_true(str_find(decoded(&w, &other), STR("uid=u2&")) > 0);
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 2);
    assert_int_equal(counted(&w, STAT_COMPRESSED), 4);
    assert_true(counted(&w, STAT_COMPRESSION_SAVED) > (int64_t)plain.body.n * 2);
    fields = arena_printf(&w.arena, AE "gzip\r\nIf-None-Match: %.*s\r\n",
                          STR_FMT(answer_field(&coded, "ETag")));
    assert_outcome(ask(&w, usual(&w, "/s/i.m3u8"), .fields = fields.p), OUT_NOT_MODIFIED);
    world_close(&w);
}

/* The plain bytes' tag is another representation's: what the viewer has is not what is sent. */
static void test_a_tag_is_of_one_coding(void **state)
{
    static const struct {
        const char *has, *takes;
        enum outcome want;
    } tags[] = {
        {"", "", OUT_NOT_MODIFIED},     {"", AE "gzip\r\n", OUT_OK},
        {"-gzip", "", OUT_OK},          {"-gzip", AE "gzip\r\n", OUT_NOT_MODIFIED},
        {"-gzip", AE "br\r\n", OUT_OK}, {"-br", AE "br\r\n", OUT_NOT_MODIFIED},
    };
    struct world w;
    struct str etag;
    struct answer a;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/i.m3u8", text_of(&w, 1, LINES));
    a = ask(&w, "/s/i.m3u8");
    etag = answer_field(&a, "ETag");
    for (size_t i = 0; i < 2 * ARRAY_LEN(tags); i++) {
        struct str field =
            arena_printf(&w.arena, "%sIf-%sMatch: %.*s%s\"\r\n", tags[i / 2].takes,
                         i % 2 == 0 ? "None-" : "", (int)etag.n - 1, etag.p, tags[i / 2].has);
        enum outcome want = tags[i / 2].want;

        if (i % 2 == 1)
            want = want == OUT_OK ? OUT_PRECONDITION : OUT_OK;
        assert_outcome(ask(&w, "/s/i.m3u8", .fields = field.p), want);
    }
    a = ask(&w, "/s/i.m3u8", .fields = AE "gzip\r\nIf-None-Match: *\r\n");
    assert_outcome(a, OUT_NOT_MODIFIED);
    assert_true(str_ends(answer_field(&a, "ETag"), STR("-gzip\"")));
    world_close(&w);
}

/* A viewer who names the compressed bytes has them: nothing is compressed to tell him so. */
static void test_a_304_costs_no_compression(void **state)
{
    struct world w;
    struct answer a;
    struct str etag, field;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/i.m3u8", text_of(&w, 1, LINES));
    a = ask(&w, "/s/i.m3u8");
    etag = answer_field(&a, "ETag");
    field =
        arena_printf(&w.arena, AE "br\r\nIf-None-Match: %.*s-br\"\r\n", (int)etag.n - 1, etag.p);
    assert_outcome(ask(&w, "/s/i.m3u8", .fields = field.p), OUT_NOT_MODIFIED);
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 0);
    world_close(&w);
}

/* ---- no gain ---- */

static void test_what_does_not_shrink(void **state)
{
    struct world w;
    struct answer a;
    char noise[2000];

    world_open(&w, ALL_OPEN);
    random_bytes(noise, sizeof noise);
    world_write_bytes(&w, "/s/t.txt", (struct str){noise, sizeof noise});
    for (int i = 0; i < 3; i++) {
        a = ask(&w, "/s/t.txt", .fields = AE "gzip\r\n");
        assert_null(answer_field(&a, "Content-Encoding").p);
        assert_int_equal(a.body.n, sizeof noise);
        assert_field(&a, "Vary", "Origin, Accept-Encoding");
        assert_false(str_ends(answer_field(&a, "ETag"), STR("-gzip\"")));
    }
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 1); /* it is known that it is in vain */
    a = ask(&w, "/s/t.txt", .fields = AE "gzip, identity;q=0\r\n");
    assert_field(&a, "Content-Encoding", "gzip");
    assert_true(str_eq(decoded(&w, &a), (struct str){noise, sizeof noise}));
    world_close(&w);
}

/* ---- the limits ---- */

static void test_what_is_remembered_has_a_limit(void **state)
{
    struct world w;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/i.m3u8", text_of(&w, 1, 6000));
    for (int i = 0; i < 400; i++) {
        const char *uid = arena_printf(&w.arena, "user%d", i).p;
        struct answer a =
            ask(&w, signed_path(&w, uid, "/s/i.m3u8", T0 + 60), .fields = AE "br\r\n");

        assert_field(&a, "Content-Encoding", "br");
        a.body = STR("");
    }
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 400);
    assert_in_range(coded_live(), 10, 399);
    world_close(&w);
}

static void test_a_large_one(void **state)
{
    struct world w;
    const char *text;
    struct answer a;

    world_open(&w, ALL_OPEN "compression: { max_size: 16MiB }\n");
    text = text_of(&w, 1, 200000);
    world_write(&w, "/s/i.m3u8", text);
    a = ask(&w, "/s/i.m3u8", .fields = AE "gzip\r\n");
    assert_field(&a, "Content-Encoding", "gzip");
    assert_true(str_eq(decoded(&w, &a), str_of(text)));
    world_close(&w);
}

/* Which is more than a file that is kept open for others. */
static void test_a_file_that_stays_open(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, ALL_OPEN "cache: { file_copy_max: 0, hot_after: 1 }\n");
    world_write(&w, "/s/t.js", text_of(&w, 1, LINES));
    for (int i = 0; i < 4; i++) {
        a = ask(&w, "/s/t.js", .fields = i % 2 == 0 ? "" : AE "gzip\r\n");
        assert_field(&a, "Content-Encoding", i % 2 == 0 ? "" : "gzip");
        assert_str(decoded(&w, &a), text_of(&w, 1, LINES));
    }
    assert_int_equal(counted(&w, STAT_FILES_OPENED), 2);
    assert_int_equal(counted(&w, STAT_COMPRESSIONS), 1);
    world_close(&w);
}

/* ---- the API ---- */

static void test_the_api(void **state)
{
    struct world w;
    struct answer a;
    const char *text;

    world_open(&w, "");
    text = text_of(&w, 1, LINES);
    a = ask(&w, "/api/test", .method = "POST", .content = text, .fields = AE "br\r\n");
    assert_outcome(a, OUT_OK);
    assert_field(&a, "Content-Encoding", "br");
    assert_field(&a, "Vary", "Accept-Encoding"); /* any origin may read it, without credentials */
    assert_str(decoded(&w, &a), text);
    a = ask(&w, "/api/test", .method = "POST", .content = text);
    assert_null(answer_field(&a, "Content-Encoding").p);
    assert_str(a.body, text);
    assert_field(&a, "Vary", "Accept-Encoding");
    a = ask(&w, "/api/test", .method = "POST", .content = "short", .fields = AE "br\r\n");
    assert_null(answer_field(&a, "Content-Encoding").p);
    assert_str(a.body, "short");
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_what_is_negotiated), cmocka_unit_test(test_a_viewers_copy),
          cmocka_unit_test(test_a_tag_is_of_one_coding),
          cmocka_unit_test(test_a_304_costs_no_compression),
          cmocka_unit_test(test_what_does_not_shrink),
          cmocka_unit_test(test_what_is_remembered_has_a_limit), cmocka_unit_test(test_a_large_one),
          cmocka_unit_test(test_a_file_that_stays_open), cmocka_unit_test(test_the_api))
