/* One pass over the value, no copies. */
#include "http/field.h"

/* Up to the comma that ends the first element. */
static size_t element_length(struct str s)
{
    bool is_quoted = false;
    size_t i;

    for (i = 0; i < s.n && (is_quoted || s.p[i] != ','); i++) {
        if (s.p[i] == '"')
            is_quoted = !is_quoted;
        else if (s.p[i] == '\\' && is_quoted && i + 1 < s.n) /* RFC 9110 5.6.4: quoted-pair */
            i++;
    }
    return i;
}

bool http_list_next(struct str *rest, struct str *ret)
{
    while (rest->n > 0) {
        size_t n = element_length(*rest);
        struct str element = str_trim(str_first(*rest, n));

        *rest = str_skip(*rest, n + 1);
        if (element.n > 0) {
            *ret = element;
            return true;
        }
    }
    return false;
}

bool http_unquote(struct str s, struct str *ret)
{
    size_t i = 1;

    if (s.n < 2 || s.p[0] != '"')
        return false;
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    if (i != s.n - 1)
        return false;
    *ret = str_range(s.p + 1, s.p + i);
    return true;
}

bool http_digits(struct str s, uint64_t *ret)
{
    uint64_t v = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (!ascii_is_digit(s.p[i]))
            return false;
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            v = UINT64_MAX;
    }
    *ret = v;
    return s.n > 0;
}

bool http_etag_next(struct str *rest, struct str *ret)
{
    size_t quote;
    ptrdiff_t end;

    while (rest->n > 0 && (rest->p[0] == ',' || rest->p[0] == ' ' || rest->p[0] == '\t'))
        *rest = str_skip(*rest, 1);
    quote = str_starts(*rest, STR("W/")) ? 2 : 0;
    if (rest->n <= quote || rest->p[quote] != '"')
        return false;
    end = str_find_char(str_skip(*rest, quote + 1), '"');
    if (end < 0)
        return false;
    *ret = str_first(*rest, quote + 1 + (size_t)end + 1);
    *rest = str_skip(*rest, ret->n);
    return true;
}
