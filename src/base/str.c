/* Searching, splitting and comparing of borrowed strings. */
#include "base/str.h"

#include "base/mem.h"

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (ascii_lower(a.p[i]) != ascii_lower(b.p[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = MIN(a.n, b.n);
    int r = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return r != 0 ? r : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq(str_first(s, prefix.n), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_skip(s, s.n - suffix.n), suffix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq_nocase(str_skip(s, s.n - suffix.n), suffix);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.n > 0 && is_blank(s.p[0]))
        s = str_skip(s, 1);
    while (s.n > 0 && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *at = s.n > 0 ? memchr(s.p, c, s.n) : NULL;

    return at != NULL ? at - s.p : -1;
}

ptrdiff_t str_rfind_char(struct str s, char c)
{
    const char *at = s.n > 0 ? memrchr(s.p, c, s.n) : NULL;

    return at != NULL ? at - s.p : -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    const char *at;

    if (needle.n == 0)
        return 0;
    at = s.n > 0 ? memmem(s.p, s.n, needle.p, needle.n) : NULL;
    return at != NULL ? at - s.p : -1;
}

ptrdiff_t str_find_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.n <= s.n; i++)
        if (str_eq_nocase(str_first(str_skip(s, i), needle.n), needle))
            return (ptrdiff_t)i;
    return -1;
}

bool str_split(struct str *rest, char sep, struct str *ret_piece)
{
    ptrdiff_t at;

    if (rest->p == NULL)
        return false;
    at = str_find_char(*rest, sep);
    if (at < 0) {
        *ret_piece = *rest;
        *rest = STR_NONE;
    } else {
        *ret_piece = str_first(*rest, (size_t)at);
        *rest = str_skip(*rest, (size_t)at + 1);
    }
    return true;
}

int str_parse_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t v = 0;

    if (s.n == 0)
        return -1;
    for (size_t i = 0; i < s.n; i++) {
        uint64_t digit;

        if (!ascii_is_digit(s.p[i]))
            return -1;
        digit = (uint64_t)(s.p[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return -1;
        v = v * 10 + digit;
    }
    if (v > max)
        return -1;
    *ret = v;
    return 0;
}

bool str_eq_secret(struct str a, struct str b)
{
    volatile unsigned char diff = 0;

    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        diff |= (unsigned char)(a.p[i] ^ b.p[i]);
    return diff == 0;
}

/* The length of the well-formed sequence at `p` (RFC 3629 section 4), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    static const struct {
        unsigned char lead_from, lead_to, second_from, second_to, length;
    } rows[] = {
        {0x00, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (p[0] < rows[i].lead_from || p[0] > rows[i].lead_to)
            continue;
        if (rows[i].length > n)
            return 0;
        if (rows[i].length > 1 && (p[1] < rows[i].second_from || p[1] > rows[i].second_to))
            return 0;
        for (size_t k = 2; k < rows[i].length; k++)
            if (p[k] < 0x80 || p[k] > 0xBF)
                return 0;
        return rows[i].length;
    }
    return 0;
}

bool str_is_utf8(struct str s)
{
    while (s.n > 0) {
        size_t n = utf8_sequence((const unsigned char *)s.p, s.n);

        if (n == 0)
            return false;
        s = str_skip(s, n);
    }
    return true;
}

size_t str_utf8_char(struct str s)
{
    return s.n > 0 ? utf8_sequence((const unsigned char *)s.p, s.n) : 0;
}

uint32_t str_code_point(struct str c)
{
    const uint8_t *b = (const uint8_t *)c.p;

    switch (c.n) {
    case 1:
        return b[0];
    case 2:
        return (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
    case 3:
        return (uint32_t)(b[0] & 0x0f) << 12 | (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
    default:
        return (uint32_t)(b[0] & 0x07) << 18 | (uint32_t)(b[1] & 0x3f) << 12 |
               (uint32_t)(b[2] & 0x3f) << 6 | (b[3] & 0x3f);
    }
}

bool code_point_is_unseen(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0x61c || c == 0x200e || c == 0x200f ||
           (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}
