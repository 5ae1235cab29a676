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
        {"/a/x.tar.png", "image/png"},
        {"x.key", "application/octet-stream"},
        {"/a/ts", "application/octet-stream"},
        {"/a.ts/b", "application/octet-stream"},
        {"/a/b.", "application/octet-stream"},
        {"/a/b.unknown", "application/octet-stream"},
        {"", "application/octet-stream"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(media_type_of(str_of(cases[i].path)), cases[i].want);
}

static void an_origins_word_for_what_we_do_not_know(void **state)
{
    assert_str(media_type_or(STR("/a.ts"), STR("text/html")), "video/mp2t");
    assert_str(media_type_or(STR("/a.xyz"), STR("text/html")), "text/html");
    assert_str(media_type_or(STR("/a.xyz"), STR("")), "application/octet-stream");
}

TEST_MAIN(cmocka_unit_test(an_origins_word_for_what_we_do_not_know),
          cmocka_unit_test(types_by_suffix))
