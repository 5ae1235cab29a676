/*
 * Hex, decimal and base64url (RFC 4648 section 5, without padding). Decoders are strict: any other
 * character, a wrong length or stray bits in the last character are refused, so one value has one
 * spelling.
 */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define HEX_LEN(bytes) ((bytes)*2)
#define BASE64URL_LEN(bytes) (((bytes)*4 + 2) / 3)

/* Writes HEX_LEN(n) or BASE64URL_LEN(n) characters, no NUL; returns how many. */
size_t hex_encode(const void *bytes, size_t n, char *ret_text);
size_t base64url_encode(const void *bytes, size_t n, char *ret_text);

/* Exactly `n` bytes, or -1: then what has been written says nothing. Hex digits are lower-case. */
int hex_decode(struct str text, void *ret_bytes, size_t n);
int base64url_decode(struct str text, void *ret_bytes, size_t n);

/* A decimal number without a NUL; returns how many characters. */
enum { DECIMAL_MAX = 20 };
size_t decimal_encode(uint64_t n, char ret_text[DECIMAL_MAX]);

/* One hex digit of either case as 0 to 15, else -1. */
int hex_digit(char c);

#endif
