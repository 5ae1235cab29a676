/*
 * Strings between parsers: a pointer and a length, passed by value, never owned. The bytes belong
 * to whoever made them (an arena, a configuration snapshot, a literal) and may hold NUL.
 * NUL-terminated strings exist only at the border to libc.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_NONE ((struct str){NULL, 0}) /* "there is none", unlike the empty string STR("") */
#define STR_FMT(s) (int)(s).n, (s).p     /* for "%.*s" */

static inline struct str str_of(const char *cstr)
{
    return (struct str){cstr, cstr != NULL ? strlen(cstr) : 0};
}

static inline struct str str_range(const char *begin, const char *end)
{
    return (struct str){begin, (size_t)(end - begin)};
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* `s` from `from` on; empty when it is shorter. */
static inline struct str str_skip(struct str s, size_t from)
{
    return from < s.n ? (struct str){s.p + from, s.n - from} : (struct str){s.p + s.n, 0};
}

static inline struct str str_first(struct str s, size_t n)
{
    return (struct str){s.p, n < s.n ? n : s.n};
}

/* As much of it as there is room for; how much. No NUL. */
static inline size_t str_copy_cut(char *to, size_t room, struct str from)
{
    size_t n = from.n < room ? from.n : room;

    if (n > 0)
        memcpy(to, from.p, n);
    return n;
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool str_eq_nocase(struct str a, struct str b); /* ASCII */
int str_cmp(struct str a, struct str b);        /* bytes, then length */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ends_nocase(struct str s, struct str suffix);
struct str str_trim(struct str s); /* SP and HTAB on both sides */

/* Where `c` or `needle` first stands in `s`; -1 when it does not. */
ptrdiff_t str_find_char(struct str s, char c);
ptrdiff_t str_rfind_char(struct str s, char c);
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_nocase(struct str s, struct str needle);

/*
 * Cuts the next piece before `sep` off `rest`. False when nothing is left; "a,,b," gives "a", "",
 * "b", "". `rest->p` becomes NULL after the last piece.
 */
bool str_split(struct str *rest, char sep, struct str *ret_piece);

/* A whole decimal number without sign, at most `max`. -1 (ret untouched) for anything else. */
int str_parse_u64(struct str s, uint64_t max, uint64_t *ret);

/* Equal, in time that depends on the lengths alone: for secrets. */
bool str_eq_secret(struct str a, struct str b);

/* Well-formed UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool str_is_utf8(struct str s);
/* Bytes of the character that `s` begins with; 0: it begins with none. */
size_t str_utf8_char(struct str s);
/* Of the one character that `c` is. */
uint32_t str_code_point(struct str c);
/* What nobody sees in a line but its reader or terminal obeys: controls, what some take for the
 * end of the line, what turns the direction of others' text. Escaped in all logs. */
bool code_point_is_unseen(uint32_t c);

#endif
