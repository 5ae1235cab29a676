/*
 * Targets. Decoding comes first and happens once; "." and ".." are resolved in the decoded bytes,
 * so
 * "%2e%2e" is what it decodes to, while an encoded slash is refused: it would be a separator to
 * some and a letter to others. Most targets hold nothing to decode or resolve and are borrowed as
 * they are.
 */
#include "http/url.h"

#include "base/codec.h"
#include "http/scan.h"

/* RFC 3986 2.3 */
#define UNRESERVED                              \
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, \
             ['a' ... 'z'] = true, ['-'] = true, ['.'] = true, ['_'] = true, ['~'] = true

/* pchar and "/" (RFC 3986 3.3) */
static const bool is_path_char[256] = {
    UNRESERVED,    ['/'] = true, ['!'] = true, ['$'] = true, ['&'] = true,
    ['\''] = true, ['('] = true, [')'] = true, ['*'] = true, ['+'] = true,
    [','] = true,  [';'] = true, ['='] = true, [':'] = true, ['@'] = true,
};

/* What separates nothing in a query, for anyone. */
static const bool is_query_char[256] = {UNRESERVED, ['/'] = true, [':'] = true};

/* Decodes `s` into `to`, which has room for s.n bytes. SIZE_MAX when malformed. */
static size_t decode_into(char *to, struct str s)
{
    char *begin = to;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            *to++ = s.p[i];
            continue;
        }
        int high = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        int low = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;

        if (high < 0 || low < 0)
            return SIZE_MAX;
        *to++ = (char)(high << 4 | low);
        i += 2;
    }
    return (size_t)(to - begin);
}

struct str url_decode(struct arena *a, struct str s)
{
    char *to;
    size_t n;

    if (str_find_char(s, '%') < 0)
        return s;
    to = arena_alloc(a, s.n);
    n = to != NULL ? decode_into(to, s) : SIZE_MAX;
    return n != SIZE_MAX ? (struct str){to, n} : STR_NONE;
}

/* Starts with "/", and nothing in it needs decoding, checking or resolving. */
static bool is_plain(struct str path)
{
    char before = 0;

    for (size_t i = 0; i < path.n; before = path.p[i++]) {
        char c = path.p[i];

        if (!is_path_char[(unsigned char)c] || (before == '/' && (c == '/' || c == '.')))
            return false;
    }
    return path.n > 0 && path.p[0] == '/';
}

/* What decoding must not bring forth, and what must not be there raw. */
static enum url_error check_encoded(struct str path)
{
    static const char slashes[][4] = {"%2f", "%2F", "%5c", "%5C"};

    if (path.n == 0 || path.p[0] != '/' || str_find_char(path, '#') >= 0)
        return URL_MALFORMED;
    for (size_t i = 0; i < ARRAY_LEN(slashes); i++)
        if (str_find(path, str_of(slashes[i])) >= 0)
            return URL_ESCAPES;
    return str_find_char(path, '\\') >= 0 ? URL_ESCAPES : URL_OK;
}

static enum url_error check_decoded(struct str path)
{
    if (str_find_char(path, 0) >= 0)
        return URL_NUL;
    if (scan_control(path, 0) < path.n || !str_is_utf8(path))
        return URL_MALFORMED;
    return URL_OK;
}

/* Drops the last segment of what has been written: "/a/b/" becomes "/a/". False at the top. */
static bool drop_segment(const char *begin, char **to)
{
    if (*to - begin == 1)
        return false;
    do
        --*to;
    while ((*to)[-1] != '/');
    return true;
}

/* RFC 3986 5.2.4, in place: what is written never overtakes what is read. Written text ends in "/"
 * here. */
static enum url_error resolve(struct str *path)
{
    char *begin = (char *)path->p, *to = begin + 1;
    struct str rest = str_skip(*path, 1), segment;

    while (str_split(&rest, '/', &segment)) {
        if (segment.n == 0 || str_eq(segment, STR(".")))
            continue;
        if (str_eq(segment, STR(".."))) {
            if (!drop_segment(begin, &to))
                return URL_ESCAPES;
            continue;
        }
        memmove(to, segment.p, segment.n);
        to += segment.n;
        if (rest.p != NULL)
            *to++ = '/';
    }
    path->n = (size_t)(to - begin);
    return URL_OK;
}

static enum url_error decode_path(struct arena *a, struct str raw, struct str *ret)
{
    enum url_error e = check_encoded(raw);
    char *to;
    size_t n;

    if (e != URL_OK)
        return e;
    to = arena_alloc(a, raw.n);
    if (to == NULL)
        return URL_TOO_LONG;
    n = decode_into(to, raw);
    if (n == SIZE_MAX)
        return URL_MALFORMED;
    *ret = (struct str){to, n};
    e = check_decoded(*ret);
    return e == URL_OK ? resolve(ret) : e;
}

enum url_error url_parse(struct arena *a, struct str target, struct url *ret)
{
    ptrdiff_t mark = str_find_char(target, '?');
    struct url u = {.path = target, .query = STR_NONE};
    enum url_error e = URL_OK;

    if (mark >= 0) {
        u.path = str_first(target, (size_t)mark);
        u.query = str_skip(target, (size_t)mark + 1);
    }
    if (scan_control(u.query, 0) < u.query.n)
        return URL_MALFORMED;
    if (!is_plain(u.path))
        e = decode_path(a, u.path, &u.path);
    if (e == URL_OK)
        *ret = u;
    return e;
}

static size_t count_to_encode(struct str s, const bool stays[256])
{
    size_t count = 0;

    for (size_t i = 0; i < s.n; i++)
        count += !stays[(unsigned char)s.p[i]];
    return count;
}

static struct str encode(struct arena *a, struct str s, const bool stays[256])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = s.n + 2 * count_to_encode(s, stays);
    char *to, *begin;

    if (n == s.n)
        return s;
    to = begin = arena_alloc(a, n);
    if (begin == NULL)
        return STR_NONE;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (stays[c]) {
            *to++ = (char)c;
            continue;
        }
        *to++ = '%';
        *to++ = digits[c >> 4];
        *to++ = digits[c & 15];
    }
    return (struct str){begin, n};
}

struct str url_encode_path(struct arena *a, struct str path)
{
    return encode(a, path, is_path_char);
}

struct str url_encode_query(struct arena *a, struct str value)
{
    return encode(a, value, is_query_char);
}

bool url_next_param(struct str *rest, struct url_param *ret)
{
    struct str whole;
    ptrdiff_t equals;

    do {
        if (!str_split(rest, '&', &whole))
            return false;
    } while (whole.n == 0);
    equals = str_find_char(whole, '=');
    ret->whole = whole;
    ret->name = equals >= 0 ? str_first(whole, (size_t)equals) : whole;
    ret->value = str_skip(whole, equals >= 0 ? (size_t)equals + 1 : whole.n);
    return true;
}
