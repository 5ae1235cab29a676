/*
 * Credentials in a query string: found, decoded, written. Values are borrowed from the query where
 * nothing had to be decoded, which is the rule. Whatever is doubtful (a name twice, a broken
 * escape) refuses the whole, because the origin behind us, or a proxy before us, might read it
 * otherwise than we do.
 */
#include "access/token.h"

#include "base/codec.h"
#include "base/mem.h"

static const struct {
    struct str name;
    size_t offset; /* of its value in struct token_params */
} params[] = {
    {STR("uid"), offsetof(struct token_params, uid)},
    {STR("expires"), offsetof(struct token_params, expires)},
    {STR("scope"), offsetof(struct token_params, scope)},
    {STR("token"), offsetof(struct token_params, token)},
    {STR("gate"), offsetof(struct token_params, gate)},
};

static int param_find(struct str name)
{
    for (unsigned i = 0; i < ARRAY_LEN(params); i++)
        if (str_eq(name, params[i].name))
            return (int)i;
    return -1;
}

bool token_is_param(struct str name)
{
    return param_find(name) >= 0;
}

/* One decoded byte at the start of `s`; how many characters it took, 0 for a broken escape. */
static size_t decode_one(struct str s, char *ret)
{
    int high, low;

    if (s.p[0] != '%') {
        *ret = s.p[0] == '+' ? ' ' : s.p[0];
        return 1;
    }
    high = s.n > 2 ? hex_digit(s.p[1]) : -1;
    low = s.n > 2 ? hex_digit(s.p[2]) : -1;
    if (high < 0 || low < 0)
        return 0;
    *ret = (char)(high << 4 | low);
    return 3;
}

static struct str decode(struct arena *a, struct str s)
{
    char *out;
    size_t n = 0;

    if (str_find_char(s, '%') < 0 && str_find_char(s, '+') < 0)
        return s;
    out = arena_alloc(a, s.n);
    if (out == NULL)
        return STR_NONE;
    while (s.n > 0) {
        size_t took = decode_one(s, out + n++);

        if (took == 0)
            return STR_NONE;
        s = str_skip(s, took);
    }
    return (struct str){out, n};
}

static void param_take(struct arena *a, struct str pair, struct token_params *ret)
{
    ptrdiff_t equals = str_find_char(pair, '=');
    size_t name_n = equals < 0 ? pair.n : (size_t)equals;
    int i = param_find(str_first(pair, name_n));
    struct str *value;

    if (i < 0)
        return;
    value = (struct str *)(void *)((char *)ret + params[i].offset);
    if (value->p != NULL) {
        ret->is_doubled = true;
        return;
    }
    *value = decode(a, str_skip(pair, name_n + 1));
    if (value->p == NULL)
        ret->is_doubled = true;
}

void token_params_parse(struct arena *a, struct str query, struct token_params *ret)
{
    struct str pair;

    *ret = (struct token_params){.is_doubled = false};
    while (str_split(&query, '&', &pair))
        param_take(a, pair, ret);
}

/* RFC 3986 2.3 (unreserved), and "/", which may stand in a query (3.4). */
static bool is_plain(char c)
{
    char lower = ascii_lower(c);

    return (lower >= 'a' && lower <= 'z') || (c >= '-' && c <= '9') || c == '_' || c == '~';
}

static size_t count_escapes(struct str s)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++)
        n += !is_plain(s.p[i]);
    return n;
}

static struct str encode(struct arena *a, struct str s)
{
    static const char digits[] = "0123456789ABCDEF"; /* RFC 3986 2.1 */
    size_t escapes = count_escapes(s), at = 0;
    char *out;

    if (escapes == 0)
        return s;
    out = arena_alloc(a, s.n + 2 * escapes);
    if (out == NULL)
        return STR_NONE; /* the arena stays full, so the join fails too */
    for (size_t i = 0; i < s.n; i++) {
        if (is_plain(s.p[i])) {
            out[at++] = s.p[i];
            continue;
        }
        out[at++] = '%';
        out[at++] = digits[(unsigned char)s.p[i] >> 4];
        out[at++] = digits[s.p[i] & 15];
    }
    return (struct str){out, at};
}

struct str token_query(struct arena *a, struct str uid, unix_t expires, struct str scope,
                       struct str mac_name, struct str mac)
{
    char number[DECIMAL_MAX];
    size_t n = decimal_encode((uint64_t)expires, number);
    const struct str pieces[] = {
        STR("uid="),
        encode(a, uid),
        STR("&expires="),
        {number, n},
        scope.p != NULL ? STR("&scope=") : STR(""),
        encode(a, scope),
        STR("&"),
        mac_name,
        STR("="),
        mac,
    };

    return arena_join(a, pieces, ARRAY_LEN(pieces));
}
