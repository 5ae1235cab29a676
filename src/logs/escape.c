/* Runs of harmless bytes are found by a table and copied as a whole; the rest goes one by one. */
#include "logs/escape.h"

#include "base/mem.h"

/* In which forms a byte may stand as it is. */
enum { IN_JSON = 1, IN_QUOTES = 2, IN_BARE = 4 };

#define BARE (IN_JSON | IN_QUOTES | IN_BARE)
#define SEEN (IN_JSON | IN_QUOTES)

/* RFC 3986 3.3: pchar, "/", without "%", which is what escapes here. */
static const uint8_t harmless[256] = {
    [' '] = SEEN, ['#'] = SEEN,         ['%'] = SEEN,         ['<'] = SEEN,         ['>'] = SEEN,
    ['?'] = SEEN, ['['] = SEEN,         [']'] = SEEN,         ['^'] = SEEN,         ['`'] = SEEN,
    ['{'] = SEEN, ['|'] = SEEN,         ['}'] = SEEN,         ['!'] = BARE,         ['$'] = BARE,
    ['&'] = BARE, ['\''] = BARE,        ['('] = BARE,         [')'] = BARE,         ['*'] = BARE,
    ['+'] = BARE, [','] = BARE,         ['-'] = BARE,         ['.'] = BARE,         ['/'] = BARE,
    [':'] = BARE, [';'] = BARE,         ['='] = BARE,         ['@'] = BARE,         ['_'] = BARE,
    ['~'] = BARE, ['0' ... '9'] = BARE, ['A' ... 'Z'] = BARE, ['a' ... 'z'] = BARE,
};

static const char hex[] = "0123456789abcdef";

static char *copy(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static struct str harmless_run(struct str s, uint8_t form)
{
    size_t n = 0;

    while (n < s.n && harmless[(uint8_t)s.p[n]] & form)
        n++;
    return str_first(s, n);
}

static char *hex_byte(char *to, const char *escape, uint8_t byte)
{
    to = copy(to, str_of(escape));
    *to++ = hex[byte >> 4];
    *to++ = hex[byte & 15];
    return to;
}

static char *escape_bytes(char *to, struct str s, uint8_t form, const char *escape)
{
    while (s.n > 0) {
        struct str run = harmless_run(s, form);

        to = copy(to, run);
        s = str_skip(s, run.n);
        if (s.n > 0)
            to = hex_byte(to, escape, (uint8_t)s.p[0]);
        s = str_skip(s, 1);
    }
    return to;
}

char *line_quoted(char *to, struct str s)
{
    return escape_bytes(to, s, IN_QUOTES, "\\x");
}

char *line_bare(char *to, struct str s)
{
    return s.n > 0 ? escape_bytes(to, s, IN_BARE, "%") : copy(to, STR("-"));
}

/* ---- JSON ---- */

static char *json_char(char *to, struct str c)
{
    uint32_t code = str_code_point(c);

    if (code == '"' || code == '\\')
        *to++ = '\\';
    if (!code_point_is_unseen(code))
        return copy(to, c);
    to = hex_byte(to, "\\u", (uint8_t)(code >> 8));
    return hex_byte(to, "", (uint8_t)code);
}

char *line_json(char *to, struct str s)
{
    while (s.n > 0) {
        struct str run = harmless_run(s, IN_JSON);
        size_t n;

        to = copy(to, run);
        s = str_skip(s, run.n);
        if (s.n == 0)
            break;
        n = str_utf8_char(s);
        to = n > 0 ? json_char(to, str_first(s, n)) : hex_byte(to, "\\\\x", (uint8_t)s.p[0]);
        s = str_skip(s, MAX(n, (size_t)1));
    }
    return to;
}

/* ---- our own ---- */

char *line_raw(char *to, struct str s)
{
    return copy(to, s);
}

char *line_u64(char *to, uint64_t n)
{
    char digits[LINE_NUMBER_MAX], *at = digits + sizeof digits;

    do
        *--at = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    return copy(to, str_range(at, digits + sizeof digits));
}

/* `n` with `places` digits, zeros in front. */
static char *padded(char *to, unsigned n, int places)
{
    for (int i = places - 1; i >= 0; i--, n /= 10)
        to[i] = (char)('0' + n % 10);
    return to + places;
}

char *line_fraction(char *to, usec_t at)
{
    *to++ = '.';
    return padded(to, (unsigned)(at % USEC_PER_SEC / USEC_PER_MSEC), 3);
}

char *line_msec(char *to, usec_t usec)
{
    to = line_u64(to, usec / USEC_PER_MSEC);
    *to++ = '.';
    return padded(to, (unsigned)(usec % USEC_PER_MSEC), 3);
}

char *line_sec(char *to, usec_t usec)
{
    to = line_u64(to, usec / USEC_PER_SEC);
    *to++ = '.';
    return padded(to, (unsigned)(usec % USEC_PER_SEC), 6);
}
