/*
 * Where things stand in the bytes of one head: offsets, so that the bytes may move. Apart from
 * head.h for h1_lex.c, which cannot see request.h.
 */
#ifndef HTTP_SPAN_H
#define HTTP_SPAN_H

#include <stdint.h>

#include "base/str.h"

struct http_span {
    uint16_t at, n; /* from the head's first byte */
};

struct http_field_span {
    struct http_span name, value; /* the value without white space around it */
    uint8_t known;                /* enum http_known_field */
};

static inline struct http_span http_span_of(const char *base, struct str s)
{
    return (struct http_span){(uint16_t)(s.p - base), (uint16_t)s.n};
}

static inline struct str http_span_str(const char *base, struct http_span span)
{
    return (struct str){base + span.at, span.n};
}

#endif
