/* One table from suffix to content type, and the types that only origins name. */
#include "http/media_type.h"

#include "base/mem.h"

enum { BINARY, TEXT };

/* clang-format off */
/*    suffix     type (RFC 8216 4 and 10, IANA's registry) */
#define MEDIA_TYPES(X) \
    X("m3u8", "application/vnd.apple.mpegurl", TEXT) \
    X("m3u", "audio/mpegurl", TEXT)                  \
    X("ts", "video/mp2t", BINARY)                    \
    X("m4s", "video/iso.segment", BINARY)            \
    X("mp4", "video/mp4", BINARY)                    \
    X("m4v", "video/mp4", BINARY)                    \
    X("m4a", "audio/mp4", BINARY)                    \
    X("cmfv", "video/mp4", BINARY)                   \
    X("cmfa", "audio/mp4", BINARY)                   \
    X("webm", "video/webm", BINARY)                  \
    X("aac", "audio/aac", BINARY)                    \
    X("mp3", "audio/mpeg", BINARY)                   \
    X("ac3", "audio/ac3", BINARY)                    \
    X("ec3", "audio/eac3", BINARY)                   \
    X("vtt", "text/vtt", TEXT)                       \
    X("webvtt", "text/vtt", TEXT)                    \
    X("ttml", "application/ttml+xml", TEXT)          \
    X("key", "application/octet-stream", BINARY)     \
    X("mpd", "application/dash+xml", TEXT)           \
    X("jpg", "image/jpeg", BINARY)                   \
    X("jpeg", "image/jpeg", BINARY)                  \
    X("png", "image/png", BINARY)                    \
    X("gif", "image/gif", BINARY)                    \
    X("svg", "image/svg+xml", TEXT)                  \
    X("webp", "image/webp", BINARY)                  \
    X("avif", "image/avif", BINARY)                  \
    X("ico", "image/vnd.microsoft.icon", BINARY)     \
    X("css", "text/css; charset=utf-8", TEXT)        \
    X("js", "text/javascript; charset=utf-8", TEXT)  \
    X("mjs", "text/javascript; charset=utf-8", TEXT) \
    X("wasm", "application/wasm", BINARY)            \
    X("json", "application/json", TEXT)              \
    X("map", "application/json", TEXT)               \
    X("html", "text/html; charset=utf-8", TEXT)      \
    X("txt", "text/plain; charset=utf-8", TEXT)      \
    X("xml", "application/xml", TEXT)                \
    X("woff", "font/woff", BINARY)                   \
    X("woff2", "font/woff2", BINARY)                 \
    X("ttf", "font/ttf", BINARY)
/* clang-format on */

static const struct {
    struct str suffix;
    struct media_type media;
} table[] = {
#define X(suffix, type, is_text) {STR(suffix), {STR(type), is_text}},
    MEDIA_TYPES(X)
#undef X
};

/* Text, by other names than the table's: older ones of playlists and scripts. */
static const struct str other_text[] = {
    STR("application/x-mpegurl"),
    STR("audio/x-mpegurl"),
    STR("application/javascript"),
};

/* "text/css; charset=utf-8" is a text/css. */
static struct str without_parameters(struct str type)
{
    ptrdiff_t semicolon = str_find_char(type, ';');

    return semicolon < 0 ? type : str_trim(str_first(type, (size_t)semicolon));
}

static bool is_text_of_the_table(struct str type)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].media.is_text && str_eq_nocase(type, without_parameters(table[i].media.type)))
            return true;
    return false;
}

/* RFC 6839 3.1, RFC 7303 4.2: what is built on JSON or XML says so at its end. */
static bool is_text(struct str type)
{
    type = without_parameters(type);
    if (str_eq_nocase(str_first(type, strlen("text/")), STR("text/")))
        return !str_eq_nocase(type, STR("text/event-stream"));
    if (str_ends_nocase(type, STR("+json")) || str_ends_nocase(type, STR("+xml")))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(other_text); i++)
        if (str_eq_nocase(type, other_text[i]))
            return true;
    return is_text_of_the_table(type);
}

struct media_type media_type_of(struct str path, struct str otherwise)
{
    struct str name = str_skip(path, (size_t)(str_rfind_char(path, '/') + 1));
    ptrdiff_t dot = str_rfind_char(name, '.');
    struct str suffix = dot < 0 ? STR("") : str_skip(name, (size_t)dot + 1);

    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq_nocase(suffix, table[i].suffix))
            return table[i].media;
    if (otherwise.n > 0)
        return (struct media_type){otherwise, is_text(otherwise)};
    return (struct media_type){STR("application/octet-stream"), false};
}
