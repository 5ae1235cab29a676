/*
 * llhttp behind a wall: the only place that sees its header, whose names (HTTP_GET) collide with
 * those of request.h. Finds where things stand in one whole head; what they mean is h1_index.c's.
 */
#ifndef HTTP_H1_LEX_H
#define HTTP_H1_LEX_H

#include "base/mem.h"
#include "base/str.h"
#include "http/span.h"

struct h1_lexer {
    const char *base;               /* what spans count from */
    struct http_field_span *fields; /* the caller's, room for max_fields */
    unsigned max_fields, field_count;
    struct str method; /* a literal: the method's own spelling */
    struct http_span target;
};

/* Request line to empty line. NULL, or the reason why it is malformed: a literal. */
const char *h1_lex(struct h1_lexer *l, struct str head) MUST_CHECK;

#endif
