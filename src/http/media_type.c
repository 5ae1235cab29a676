/* One table from suffix to content type. */
#include "http/media_type.h"

#include "base/mem.h"

/*    suffix     type (RFC 8216 4 and 10, IANA's registry) */
#define MEDIA_TYPES(X)                         \
    X("m3u8", "application/vnd.apple.mpegurl") \
    X("ts", "video/mp2t")                      \
    X("m4s", "video/iso.segment")              \
    X("mp4", "video/mp4")                      \
    X("m4v", "video/mp4")                      \
    X("m4a", "audio/mp4")                      \
    X("aac", "audio/aac")                      \
    X("mp3", "audio/mpeg")                     \
    X("ac3", "audio/ac3")                      \
    X("ec3", "audio/eac3")                     \
    X("vtt", "text/vtt")                       \
    X("webvtt", "text/vtt")                    \
    X("key", "application/octet-stream")       \
    X("mpd", "application/dash+xml")           \
    X("jpg", "image/jpeg")                     \
    X("jpeg", "image/jpeg")                    \
    X("png", "image/png")                      \
    X("gif", "image/gif")                      \
    X("svg", "image/svg+xml")                  \
    X("webp", "image/webp")                    \
    X("ico", "image/vnd.microsoft.icon")       \
    X("css", "text/css; charset=utf-8")        \
    X("js", "text/javascript; charset=utf-8")  \
    X("json", "application/json")              \
    X("html", "text/html; charset=utf-8")      \
    X("txt", "text/plain; charset=utf-8")      \
    X("xml", "application/xml")                \
    X("woff", "font/woff")                     \
    X("woff2", "font/woff2")                   \
    X("ttf", "font/ttf")

static const struct {
    struct str suffix, type;
} table[] = {
#define X(suffix, type) {{suffix, sizeof(suffix) - 1}, {type, sizeof(type) - 1}},
    MEDIA_TYPES(X)
#undef X
};

struct str media_type_or(struct str path, struct str otherwise)
{
    struct str name = str_skip(path, (size_t)(str_rfind_char(path, '/') + 1));
    ptrdiff_t dot = str_rfind_char(name, '.');
    struct str suffix = dot < 0 ? STR("") : str_skip(name, (size_t)dot + 1);

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq_nocase(suffix, table[i].suffix))
            return table[i].type;
    return otherwise.n > 0 ? otherwise : STR("application/octet-stream");
}

struct str media_type_of(struct str path)
{
    return media_type_or(path, STR_NONE);
}
