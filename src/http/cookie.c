/* The Cookie field as RFC 6265 4.2.1 writes it, read as 5.4 lets user agents send it. */
#include "http/cookie.h"

#include <inttypes.h>

static struct str unquote(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

struct str cookie_get(struct str field_value, struct str name)
{
    struct str pair;

    while (str_split(&field_value, ';', &pair)) {
        ptrdiff_t equals = str_find_char(pair, '=');

        if (equals >= 0 && str_eq(str_trim(str_first(pair, (size_t)equals)), name))
            return unquote(str_trim(str_skip(pair, (size_t)equals + 1)));
    }
    return STR_NONE;
}

struct str cookie_write(struct arena *a, const struct cookie *c)
{
    return arena_printf(a, "%.*s=%.*s; Path=/; Max-Age=%" PRIu64 "; HttpOnly; SameSite=%s%s",
                        STR_FMT(c->name), STR_FMT(c->value), c->max_age,
                        c->is_strict ? "Strict" : "Lax", c->is_secure ? "; Secure" : "");
}
