#include "traffic/file_type.h"

#include "base/mem.h"
#include "base/test.h"

static void test_types(void **state)
{
    static const struct {
        const char *path, *type;
    } cases[] = {
        {"/v/1.ts", "ts"},
        {"/v/1.TS", "ts"},
        {"/v/index.m3u8", "m3u8"},
        {"/v/k.key", "key"},
        {"/v/init.mp4", "mp4"},
        {"/v/1.m4s", "m4s"},
        {"/v/1.webvtt", "vtt"},
        {"/v/a.m4a", "audio"},
        {"/v/poster.jpeg", "image"},
        {"/v/a.woff2", "font"},
        {"/v/a.tar.txt", "txt"},
        {"/v/a.verylongsuffix", "default"},
        {"/v/a.12345678", "default"},
        {"/v.ts/file", "default"},
        {"/v/ts", "default"},
        {"/v/a.", "default"},
        {".ts", "ts"},
        {".", "default"},
        {"", "default"},
        {"/v/\xff\xff.ts", "ts"},
        {"/v/a.\xff", "default"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(file_type_word(file_type_of(str_of(cases[i].path))), cases[i].type);
}

TEST_MAIN(cmocka_unit_test(test_types))
