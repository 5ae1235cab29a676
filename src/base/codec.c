/* Tables and shifts. */
#include "base/codec.h"

#include <stdint.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t hex_encode(const void *bytes, size_t n, char *ret_text)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = hex_digits[b[i] >> 4];
        ret_text[2 * i + 1] = hex_digits[b[i] & 15];
    }
    return HEX_LEN(n);
}

size_t decimal_encode(uint64_t n, char ret_text[DECIMAL_MAX])
{
    char digits[DECIMAL_MAX], *end = digits + sizeof digits, *at = end;

    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    memcpy(ret_text, at, (size_t)(end - at));
    return (size_t)(end - at);
}

int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value of each digit plus one; 0: none, and upper case is none either. */
static const uint8_t hex_ranks[256] = {
    ['0'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ['a'] = 11, 12, 13, 14, 15, 16,
};

static inline unsigned hex_rank(char c)
{
    return hex_ranks[(unsigned char)c];
}

int hex_decode(struct str text, void *ret_bytes, size_t n)
{
    uint8_t *out = ret_bytes;

    if (text.n != HEX_LEN(n))
        return -1;
    for (size_t i = 0; i < text.n; i++)
        if (hex_rank(text.p[i]) == 0)
            return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((hex_rank(text.p[2 * i]) - 1) << 4 | (hex_rank(text.p[2 * i + 1]) - 1));
    return 0;
}

/* The first `count` of the four characters that 24 bits make. */
static inline char *base64_put(char *to, uint32_t bits, int count)
{
    for (int i = 0; i < count; i++)
        to[i] = base64_digits[bits >> (18 - 6 * i) & 63];
    return to + count;
}

/* Three bytes at a time: every credential of every playlist is written here. */
size_t base64url_encode(const void *bytes, size_t n, char *ret_text)
{
    const uint8_t *b = bytes;
    char *to = ret_text;

    for (; n >= 3; n -= 3, b += 3)
        to = base64_put(to, (uint32_t)(b[0] << 16 | b[1] << 8 | b[2]), 4);
    if (n == 2)
        to = base64_put(to, (uint32_t)(b[0] << 16 | b[1] << 8), 3);
    else if (n == 1)
        to = base64_put(to, (uint32_t)(b[0] << 16), 2);
    return (size_t)(to - ret_text);
}

/* The value of each character plus one; 0: not in the alphabet. */
static const uint8_t base64_ranks[256] = {
    ['A'] = 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,         12,         13,
    14,         15, 16, 17, 18, 19, 20, 21, 22, 23, 24,         25,         26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37,         38,         39,
    40,         41, 42, 43, 44, 45, 46, 47, 48, 49, 50,         51,         52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, ['-'] = 63, ['_'] = 64,
};

static inline uint32_t base64_value(char c)
{
    return base64_ranks[(unsigned char)c] - 1u;
}

/* The last one or two bytes' two or three characters, as 24 bits. */
static uint32_t base64_rest(const char *from, size_t n)
{
    uint32_t bits = n > 0 ? base64_value(from[0]) << 18 | base64_value(from[1]) << 12 : 0;

    return n > 1 ? bits | base64_value(from[2]) << 6 : bits;
}

/*
 * Three bytes at a time, as they were written. A character that is not in the alphabet sets bits
 * above the 24. RFC 4648 3.5: bits that belong to no byte are zero.
 */
int base64url_decode(struct str text, void *ret_bytes, size_t n)
{
    uint8_t *to = ret_bytes;
    const char *from = text.p;
    uint32_t bits, all = 0;

    if (text.n != BASE64URL_LEN(n))
        return -1;
    for (; n >= 3; n -= 3, from += 4, to += 3) {
        bits = base64_value(from[0]) << 18 | base64_value(from[1]) << 12 |
               base64_value(from[2]) << 6 | base64_value(from[3]);
        to[0] = (uint8_t)(bits >> 16);
        to[1] = (uint8_t)(bits >> 8);
        to[2] = (uint8_t)bits;
        all |= bits;
    }
    bits = base64_rest(from, n);
    if (n > 0)
        to[0] = (uint8_t)(bits >> 16);
    if (n > 1)
        to[1] = (uint8_t)(bits >> 8);
    return (all | bits) >> 24 == 0 && (bits & (n == 1 ? 0xffff : 0xff)) == 0 ? 0 : -1;
}
