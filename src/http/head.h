/*
 * What the parsers of both protocols share (h1_index.c, h2_head.c): which characters a target and
 * an authority may hold, and how fields become a http_head's.
 */
#ifndef HTTP_HEAD_H
#define HTTP_HEAD_H

#include "http/request.h"
#include "http/span.h"

enum http_method http_method_of(struct str text);

/* No white space, no control character, and nothing that no client sends raw: "<>\# and ". */
bool http_is_clean_target(struct str s);

/* How many of the first characters a Host may hold: RFC 3986 3.2.2 and 3.2.3, no user information.
 */
size_t http_host_length(struct str s);

static inline bool http_is_clean_host(struct str s)
{
    return http_host_length(s) == s.n;
}

/* Fills `fields` (ret->fields, ret->known) from spans into `bytes`. */
void http_head_fill(struct http_head *ret, struct http_field *fields,
                    const struct http_field_span *spans, unsigned count, const char *bytes);

#endif
