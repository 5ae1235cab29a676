/*
 * A small state machine without state: each call cuts one attribute off the front. A quoted value
 * ends at the next quote (there is no escape inside, RFC 8216 4.2), a bare one at the comma; an
 * empty bare value, a missing "=" or a quote without its partner make the list invalid.
 */
#include "hls/attr.h"

static bool take_name(struct str *rest, struct str *ret_name)
{
    ptrdiff_t equals = str_find_char(*rest, '=');
    struct str name;

    if (equals < 0)
        return false;
    name = str_trim(str_first(*rest, (size_t)equals));
    if (name.n == 0 || str_find_char(name, ',') >= 0 || str_find_char(name, '"') >= 0)
        return false;
    *rest = str_skip(*rest, (size_t)equals + 1);
    *ret_name = name;
    return true;
}

static bool take_quoted(struct str *rest, struct str *ret_value)
{
    struct str inside = str_skip(*rest, 1);
    ptrdiff_t quote = str_find_char(inside, '"');

    if (quote < 0)
        return false;
    *ret_value = str_first(inside, (size_t)quote);
    *rest = str_trim(str_skip(inside, (size_t)quote + 1));
    return rest->n == 0 || rest->p[0] == ',';
}

static bool take_bare(struct str *rest, struct str *ret_value)
{
    ptrdiff_t comma = str_find_char(*rest, ',');
    size_t n = comma < 0 ? rest->n : (size_t)comma;

    *ret_value = str_trim(str_first(*rest, n));
    *rest = str_skip(*rest, n);
    return ret_value->n > 0 && str_find_char(*ret_value, '"') < 0;
}

int attr_next(struct str *rest, struct attr *ret)
{
    struct str at = str_trim(*rest);
    struct attr attr;

    if (at.n == 0)
        return 0;
    if (!take_name(&at, &attr.name))
        return -1;
    at = str_trim(at);
    attr.is_quoted = at.n > 0 && at.p[0] == '"';
    if (!(attr.is_quoted ? take_quoted(&at, &attr.value) : take_bare(&at, &attr.value)))
        return -1;
    *rest = str_skip(at, 1); /* the comma */
    *ret = attr;
    return 1;
}
