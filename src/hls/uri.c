/*
 * Reference resolution for the targets of a playlist. Players resolve, then ask; the gate decodes,
 * then judges: a URI is located only when both must come to the same path, else it stays untouched:
 *
 * - "\" and control characters: browsers read them as "/" or drop them: "/\host/" is another host
 * - ".." after a run of slashes: a player takes an empty segment away, the gate a whole one
 * - "{$name}": a player puts a variable in its place (rfc8216bis 4.3), which may be a host
 * - ".." above "/", %2f, %5c, encoded control characters, bad escapes, not UTF-8: the gate refuses
 *   the request
 */
#include "hls/uri.h"

#include <string.h>

#include "base/codec.h"
#include "base/mem.h"

enum { PLAIN, FORBIDDEN, QUERY, FRAGMENT, BRACE };

static const unsigned char byte_class[256] = {
    [0x00 ... 0x1f] = FORBIDDEN,
    [0x7f] = FORBIDDEN,
    ['\\'] = FORBIDDEN,
    ['?'] = QUERY,
    ['#'] = FRAGMENT,
    ['{'] = BRACE,
};

/* RFC 3986 3: scheme ":" "//" authority path "?" query "#" fragment. What is absent is STR_NONE. */
struct reference {
    struct str scheme, authority, path, query;
    size_t end; /* of path and query */
};

/* What stands under construction in the scratch space. */
struct path {
    char *p;
    size_t n;
    unsigned char bits; /* all decoded bytes, or-ed: is any beyond ASCII? */
};

/* 0 when there is no scheme. */
static size_t scheme_length(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (c == ':')
            return i;
        if (c >= 'a' && c <= 'z')
            continue;
        if (i == 0 || !(ascii_is_digit(c) || c == '+' || c == '-' || c == '.'))
            return 0;
    }
    return 0;
}

/* Finds the query and the fragment; false when the URI holds what makes it unsafe to read. */
static bool split_ends(struct str uri, struct reference *r)
{
    size_t i;

    r->query = STR_NONE;
    for (i = 0; i < uri.n; i++) {
        unsigned char class = byte_class[(unsigned char)uri.p[i]];

        if (class == PLAIN)
            continue;
        if (class == FORBIDDEN || (class == BRACE && i + 1 < uri.n && uri.p[i + 1] == '$'))
            return false;
        if (class == QUERY && r->query.p == NULL)
            r->query = str_skip(uri, i + 1);
        if (class == FRAGMENT)
            break;
    }
    r->end = i;
    if (r->query.p != NULL)
        r->query.n = (size_t)(uri.p + i - r->query.p);
    return true;
}

static bool split(struct str uri, struct reference *r)
{
    size_t n;

    if (!split_ends(uri, r))
        return false;
    r->path = str_first(uri, r->query.p != NULL ? (size_t)(r->query.p - 1 - uri.p) : r->end);
    n = scheme_length(r->path);
    r->scheme = n > 0 ? str_first(r->path, n) : STR_NONE;
    if (n > 0)
        r->path = str_skip(r->path, n + 1);
    r->authority = STR_NONE;
    if (str_starts(r->path, STR("//"))) {
        struct str after = str_skip(r->path, 2);
        ptrdiff_t slash = str_find_char(after, '/');

        r->authority = slash < 0 ? after : str_first(after, (size_t)slash);
        r->path = str_skip(after, r->authority.n);
    }
    return true;
}

static bool is_http(struct str scheme)
{
    return str_eq_nocase(scheme, STR("http")) || str_eq_nocase(scheme, STR("https"));
}

/* RFC 3986 6.2.3: an empty port and the scheme's own say nothing. */
static struct str without_default_port(struct str authority, struct str scheme)
{
    struct str port = str_eq_nocase(scheme, STR("http"))    ? STR(":80")
                      : str_eq_nocase(scheme, STR("https")) ? STR(":443")
                                                            : STR(":");

    if (str_ends(authority, port))
        return str_first(authority, authority.n - port.n);
    if (str_ends(authority, STR(":")))
        return str_first(authority, authority.n - 1);
    return authority;
}

static bool is_this_host(const struct uri_base *base, const struct reference *r)
{
    return base->authority.n > 0 && r->authority.n > 0 &&
           str_eq_nocase(without_default_port(r->authority, r->scheme),
                         without_default_port(base->authority, r->scheme));
}

/* The gate refuses doubled parameters, so who brings his own gets none of ours. */
static bool has_credentials(struct str query)
{
    static const struct str names[] = {STR("uid"), STR("expires"), STR("scope"), STR("token"),
                                       STR("gate")};
    struct str param;

    while (query.n > 0 && str_split(&query, '&', &param)) {
        ptrdiff_t equals = str_find_char(param, '=');
        struct str name = equals < 0 ? param : str_first(param, (size_t)equals);

        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            if (str_eq(name, names[i]))
                return true;
        }
    }
    return false;
}

/* The octet of "%xx" at `p`; -1 when it is none, or one that no path may hold. */
static int decode_escape(const char *p, const char *end)
{
    int high, low, c;

    if (end - p < 3)
        return -1;
    high = hex_digit(p[1]);
    low = hex_digit(p[2]);
    if (high < 0 || low < 0)
        return -1;
    c = high * 16 + low;
    return byte_class[c] == FORBIDDEN || c == '/' ? -1 : c;
}

/* Writes a segment behind the path without making it part of it; its decoded length, or -1. */
static ptrdiff_t decode_segment(struct path *path, const char *p, const char *end)
{
    char *begin = path->p + path->n, *out = begin;

    while (p < end) {
        int c = (unsigned char)*p;

        if (c == '%') {
            if ((c = decode_escape(p, end)) < 0)
                return -1;
            p += 2;
        }
        p++;
        path->bits |= (unsigned char)c;
        *out++ = (char)c;
    }
    return out - begin;
}

static bool path_pop(struct path *path)
{
    if (path->n == 1)
        return false;
    do
        path->n--;
    while (path->p[path->n - 1] != '/');
    return true;
}

/* RFC 3986 5.2.4, on the decoded segments of `raw`; `path` ends with "/". */
static bool path_add(struct path *path, struct str raw)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    bool had_run = false;

    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        ptrdiff_t n = decode_segment(path, p, slash != NULL ? slash : end);
        struct str segment = {path->p + path->n, (size_t)n};

        if (n < 0)
            return false;
        had_run |= n == 0;
        if (str_eq(segment, STR(".."))) {
            if (had_run || !path_pop(path))
                return false;
        } else if (n > 0 && !str_eq(segment, STR("."))) {
            path->n += segment.n;
            if (slash != NULL)
                path->p[path->n++] = '/';
        }
        p = slash != NULL ? slash + 1 : end;
    }
    return true;
}

static void path_begin(struct path *path, struct str folder)
{
    memcpy(path->p, folder.p, folder.n);
    path->n = folder.n;
    path->bits = 0;
}

/* RFC 3986 5.2.2 and 5.2.3, for a reference to this host. */
static bool resolve(const struct uri_base *base, const struct reference *r, char *scratch,
                    struct str *ret)
{
    struct path path = {.p = scratch};
    bool is_rooted = r->authority.p != NULL || str_starts(r->path, STR("/"));

    if (r->path.n == 0 && !is_rooted) {
        *ret = base->path;
        return r->query.p !=
               NULL; /* else the player keeps the query of the base, credentials and all */
    }
    if (base->path.n + r->path.n + 1 > URI_MAX_TARGET)
        return false;
    path_begin(&path, is_rooted
                          ? STR("/")
                          : str_first(base->path, (size_t)str_rfind_char(base->path, '/') + 1));
    if (!path_add(&path, is_rooted ? str_skip(r->path, 1) : r->path))
        return false;
    *ret = (struct str){path.p, path.n};
    return path.bits < 0x80 || str_is_utf8(*ret);
}

enum uri_place uri_locate(const struct uri_base *base, struct str uri, char *scratch,
                          struct uri_target *ret, bool *ret_names_host)
{
    struct reference r;
    struct str path;

    if (!split(uri, &r) || (r.scheme.p != NULL && !(is_http(r.scheme) && r.authority.p != NULL)))
        return URI_ELSEWHERE;
    *ret_names_host |= r.authority.p != NULL;
    if (r.authority.p != NULL && !is_this_host(base, &r))
        return URI_ELSEWHERE;
    if (has_credentials(r.query) || !resolve(base, &r, scratch, &path))
        return URI_ELSEWHERE;
    *ret = (struct uri_target){.path = path, .end = r.end, .has_query = r.query.p != NULL};
    return URI_HERE;
}
