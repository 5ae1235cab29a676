/*
 * llhttp behind a wall: the only place that sees its header, whose names (HTTP_GET) collide with
 * those of request.h. Finds where things stand in one whole head; what they mean is h1_index.c's.
 */
#ifndef HTTP_H1_LEX_H
#define HTTP_H1_LEX_H

#include <stdint.h>

#include "base/mem.h"
#include "base/str.h"

struct h1_span {
    uint16_t at, n; /* from the first byte given to h1_parse() */
};

struct h1_index_field {
    struct h1_span name, value; /* the value without white space around it */
    uint8_t known;              /* enum http_known_field; not the lexer's */
};

struct h1_lexer {
    const char *base;              /* what spans count from */
    struct h1_index_field *fields; /* the caller's, room for max_fields */
    unsigned max_fields, field_count;
    struct str method; /* a literal: the method's own spelling */
    struct h1_span target;
};

/* Request line to empty line. NULL, or the reason why it is malformed: a literal. */
const char *h1_lex(struct h1_lexer *l, struct str head) MUST_CHECK;

static inline struct h1_span h1_span_of(const char *base, struct str s)
{
    return (struct h1_span){(uint16_t)(s.p - base), (uint16_t)s.n};
}

static inline struct str h1_span_str(const char *base, struct h1_span span)
{
    return (struct str){base + span.at, span.n};
}

#endif
