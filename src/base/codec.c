/* Tables and shifts. */
#include "base/codec.h"

#include <stdint.h>

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t hex_encode(const void *bytes, size_t n, char *ret_text)
{
    const uint8_t *b = bytes;

    for (size_t i = 0; i < n; i++) {
        ret_text[2 * i] = hex_digits[b[i] >> 4];
        ret_text[2 * i + 1] = hex_digits[b[i] & 15];
    }
    return HEX_LEN(n);
}

int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int hex_decode(struct str text, void *ret_bytes, size_t n)
{
    uint8_t *out = ret_bytes;

    if (text.n != HEX_LEN(n))
        return -1;
    for (size_t i = 0; i < text.n; i++)
        if (hex_digit(text.p[i]) < 0 || (text.p[i] >= 'A' && text.p[i] <= 'F'))
            return -1;
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)(hex_digit(text.p[2 * i]) << 4 | hex_digit(text.p[2 * i + 1]));
    return 0;
}

size_t base64url_encode(const void *bytes, size_t n, char *ret_text)
{
    const uint8_t *b = bytes;
    uint32_t bits = 0;
    size_t at = 0;
    int held = 0;

    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | b[i];
        for (held += 8; held >= 6; held -= 6)
            ret_text[at++] = base64_digits[bits >> (held - 6) & 63];
    }
    if (held > 0)
        ret_text[at++] = base64_digits[bits << (6 - held) & 63];
    return at;
}

static int base64url_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (ascii_is_digit(c))
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* Decodes into `out` when it is not NULL; -1 at the first character that is wrong. */
static int base64url_walk(struct str text, uint8_t *out)
{
    uint32_t bits = 0;
    size_t at = 0;
    int held = 0;

    for (size_t i = 0; i < text.n; i++) {
        int digit = base64url_digit(text.p[i]);

        if (digit < 0)
            return -1;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            if (out != NULL)
                out[at] = (uint8_t)(bits >> held);
            at++;
        }
    }
    return (bits & ((1u << held) - 1)) == 0 ? 0 : -1;
}

int base64url_decode(struct str text, void *ret_bytes, size_t n)
{
    if (text.n != BASE64URL_LEN(n) || base64url_walk(text, NULL) < 0)
        return -1;
    return base64url_walk(text, ret_bytes);
}
