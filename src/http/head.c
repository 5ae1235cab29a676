/* Rules that hold for a request's head in HTTP/1.1 and HTTP/2 alike: one table each. */
#include "http/head.h"

/* What a target may not hold: white space and controls, and what no client sends raw. */
static const bool is_bad_in_target[256] = {
    [0 ... ' '] = true, ['"'] = true,  ['#'] = true,  ['<'] = true,
    ['>'] = true,       ['\\'] = true, [0x7f] = true,
};

/* RFC 3986 3.2.2 and 3.2.3, without user information: it has no place in http (RFC 9110 4.2.4). */
static const bool is_host_char[256] = {
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['-'] = true, ['.'] = true,
    ['_'] = true,         ['~'] = true,         ['%'] = true,         ['!'] = true, ['$'] = true,
    ['&'] = true,         ['\''] = true,        ['('] = true,         [')'] = true, ['*'] = true,
    ['+'] = true,         [','] = true,         [';'] = true,         ['='] = true, [':'] = true,
    ['['] = true,         [']'] = true,
};

enum http_method http_method_of(struct str text)
{
    static const struct str texts[] = {
#define X(name, text) {text, sizeof(text) - 1},
        HTTP_METHODS(X)
#undef X
    };

    for (unsigned i = 0; i < HTTP_OTHER; i++)
        if (str_eq(text, texts[i]))
            return (enum http_method)i;
    return HTTP_OTHER;
}

bool http_is_clean_target(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_bad_in_target[(unsigned char)s.p[i]])
            return false;
    return true;
}

size_t http_host_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && is_host_char[(unsigned char)s.p[n]])
        n++;
    return n;
}

void http_head_fill(struct http_head *ret, struct http_field *fields,
                    const struct http_field_span *spans, unsigned count, const char *bytes)
{
    memset(ret->known, 0, sizeof ret->known);
    ret->fields = fields;
    ret->field_count = count;
    for (unsigned i = 0; i < count; i++) {
        struct str value = http_span_str(bytes, spans[i].value);

        fields[i] = (struct http_field){http_span_str(bytes, spans[i].name), value};
        if (spans[i].known < FIELD_KNOWN_COUNT && ret->known[spans[i].known].p == NULL)
            ret->known[spans[i].known] = value;
    }
}
