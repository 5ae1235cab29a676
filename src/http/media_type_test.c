#include "http/media_type.h"

#include "base/mem.h"
#include "base/test.h"

static void types_by_suffix(void **state)
{
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/a/index.m3u8", "application/vnd.apple.mpegurl"},
        {"/a/INDEX.M3U8", "application/vnd.apple.mpegurl"},
        {"/a/0001.ts", "video/mp2t"},
        {"/a/0001.m4s", "video/iso.segment"},
        {"/a/sub.vtt", "text/vtt"},
        {"/a/list.m3u", "audio/mpegurl"},
        {"/a/1.cmfv", "video/mp4"},
        {"/a/x.tar.png", "image/png"},
        {"x.key", "application/octet-stream"},
        {"/a/ts", "application/octet-stream"},
        {"/a.ts/b", "application/octet-stream"},
        {"/a/b.", "application/octet-stream"},
        {"/a/b.unknown", "application/octet-stream"},
        {"", "application/octet-stream"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(media_type_of(str_of(cases[i].path), STR_NONE).type, cases[i].want);
}

static void an_origins_word_for_what_we_do_not_know(void **state)
{
    assert_str(media_type_of(STR("/a.ts"), STR("text/html")).type, "video/mp2t");
    assert_str(media_type_of(STR("/a.xyz"), STR("text/html")).type, "text/html");
    assert_str(media_type_of(STR("/a.xyz"), STR("")).type, "application/octet-stream");
}

static void what_is_worth_compressing(void **state)
{
    static const struct {
        const char *path, *type;
        bool want;
    } cases[] = {
        {"/a.m3u8", "", true},
        {"/a.vtt", "", true},
        {"/a.json", "", true},
        {"/a.ts", "", false},
        {"/a.m4s", "text/plain", false},
        {"/a.png", "", false},
        {"/a.svg", "", true},
        {"/a.woff2", "", false},
        {"/a.key", "", false},
        {"/a", "", false},
        {"/a", "application/json", true},
        {"/a", "Application/JSON ; charset=utf-8", true},
        {"/a", "application/vnd.apple.mpegurl", true},
        {"/a", "application/x-mpegURL", true},
        {"/a", "audio/mpegurl", true},
        {"/a", "audio/mpeg", false},
        {"/a", "text/html", true},
        {"/a", "text/x-anything; a=b", true},
        {"/a", "text/event-stream", false},
        {"/a", "application/problem+json", true},
        {"/a", "application/ttml+xml", true},
        {"/a", "image/svg+xml", true},
        {"/a", "video/mp2t", false},
        {"/a", "application/octet-stream", false},
        {"/a", "text", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (media_type_of(str_of(cases[i].path), str_of(cases[i].type)).is_text != cases[i].want)
            fail_msg("%s, %s", cases[i].path, cases[i].type);
}

TEST_MAIN(cmocka_unit_test(what_is_worth_compressing),
          cmocka_unit_test(an_origins_word_for_what_we_do_not_know),
          cmocka_unit_test(types_by_suffix))
