/*
 * llhttp is generated in its loose mode, which takes UTF-8 in a target, but also spaces in a name
 * or before the version: whatever is found here is checked again by h1_index.c, and no framing
 * decision of llhttp is relied upon. It lives on the stack for the time of one head, since all of
 * it is there.
 */
#include "http/h1_lex.h"

#include <llhttp.h>

/* The head is in one piece, so each span is reported once, and not at all where it is empty. */
static int on_url(llhttp_t *parser, const char *at, size_t n)
{
    struct h1_lexer *l = parser->data;

    l->target = http_span_of(l->base, (struct str){at, n});
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct h1_lexer *l = parser->data;

    if (l->field_count == l->max_fields)
        return HPE_USER;
    l->fields[l->field_count++] = (struct http_field_span){
        .name = http_span_of(l->base, (struct str){at, n}),
        .value = http_span_of(l->base, (struct str){at + n, 0}),
    };
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct h1_lexer *l = parser->data;

    l->fields[l->field_count - 1].value = http_span_of(l->base, str_trim((struct str){at, n}));
    return 0;
}

/* The content is h1_body.c's: nothing after the head is for llhttp. */
static int on_headers_complete(llhttp_t *parser)
{
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
};

const char *h1_lex(struct h1_lexer *l, struct str head)
{
    llhttp_t parser;

    llhttp_init(&parser, HTTP_REQUEST, &settings);
    parser.data = l;
    if (llhttp_execute(&parser, head.p, head.n) != HPE_PAUSED)
        return parser.reason != NULL ? parser.reason : "head is malformed";
    l->method = str_of(llhttp_method_name((llhttp_method_t)parser.method));
    return NULL;
}
