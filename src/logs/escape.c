/* Runs of harmless bytes are found by a table, or sixteen at a time where nearly all are harmless,
 * and copied as a whole; the rest goes one by one. */
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

enum { DIGITS_MAX = 20 }; /* of 64 bits */

static const char hex[] = "0123456789abcdef";

enum { AT_ONCE = 16 };
typedef uint8_t bytes
    __attribute__((vector_size(AT_ONCE))); /* what all machines have registers for */

/* Are they all SEEN: printable ASCII but what ends a text in quotes, or escapes? Copies them in any
 * case. */
static inline bool copy_piece(char *to, const char *p)
{
    uint64_t halves[2];
    bytes b, wrong;

    memcpy(&b, p, sizeof b);
    memcpy(to, &b, sizeof b);
    wrong = (bytes)((b < ' ') | (b > '~') | (b == '"') | (b == '\\'));
    memcpy(halves, &wrong, sizeof halves);
    return (halves[0] | halves[1]) == 0;
}

/* Whole pieces off the front of `s`, and where all of them were harmless, the last bytes as one. */
static size_t copy_pieces(char *to, struct str s)
{
    size_t n = 0;

    while (n + AT_ONCE <= s.n && copy_piece(to + n, s.p + n))
        n += AT_ONCE;
    if (n > 0 && n + AT_ONCE > s.n && copy_piece(to + s.n - AT_ONCE, s.p + s.n - AT_ONCE))
        return s.n;
    return n;
}

/* What may stand as it is, off the front of `s`. How much that was; behind it there may be bytes
 * that are to be written again. */
static size_t copy_harmless(char *to, struct str s, uint8_t form)
{
    size_t n = form == IN_BARE ? 0 : copy_pieces(to, s);

    for (; n < s.n && harmless[(uint8_t)s.p[n]] & form; n++)
        to[n] = s.p[n];
    return n;
}

static char *hex_byte(char *to, const char *escape, uint8_t byte)
{
    to = line_raw(to, str_of(escape));
    *to++ = hex[byte >> 4];
    *to++ = hex[byte & 15];
    return to;
}

static char *escape_bytes(char *to, struct str s, uint8_t form, const char *escape)
{
    while (s.n > 0) {
        size_t n = copy_harmless(to, s, form);

        to += n;
        s = str_skip(s, n);
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
    return s.n > 0 ? escape_bytes(to, s, IN_BARE, "%") : line_raw(to, STR("-"));
}

/* ---- JSON ---- */

static char *json_char(char *to, struct str c)
{
    uint32_t code = str_code_point(c);

    if (code == '"' || code == '\\')
        *to++ = '\\';
    if (!code_point_is_unseen(code))
        return line_raw(to, c);
    to = hex_byte(to, "\\u", (uint8_t)(code >> 8));
    return hex_byte(to, "", (uint8_t)code);
}

char *line_json(char *to, struct str s)
{
    while (s.n > 0) {
        size_t n = copy_harmless(to, s, IN_JSON);

        to += n;
        s = str_skip(s, n);
        if (s.n == 0)
            break;
        n = str_utf8_char(s);
        to = n > 0 ? json_char(to, str_first(s, n)) : hex_byte(to, "\\\\x", (uint8_t)s.p[0]);
        s = str_skip(s, MAX(n, (size_t)1));
    }
    return to;
}

/* ---- our own ---- */

/* `n` with `places` digits, zeros in front. */
static char *padded(char *to, uint64_t n, int places)
{
    for (int i = places - 1; i >= 0; i--, n /= 10)
        to[i] = (char)('0' + n % 10);
    return to + places;
}

char *line_u64(char *to, uint64_t n)
{
    int places = 1;

    for (uint64_t limit = 10; n >= limit && places < DIGITS_MAX; limit *= 10)
        places++;
    return padded(to, n, places);
}

char *line_fraction(char *to, usec_t at)
{
    *to++ = '.';
    return padded(to, at % USEC_PER_SEC / USEC_PER_MSEC, 3);
}

char *line_msec(char *to, usec_t usec)
{
    to = line_u64(to, usec / USEC_PER_MSEC);
    *to++ = '.';
    return padded(to, usec % USEC_PER_MSEC, 3);
}

char *line_sec(char *to, usec_t usec)
{
    to = line_u64(to, usec / USEC_PER_SEC);
    *to++ = '.';
    return padded(to, usec % USEC_PER_SEC, 6);
}
