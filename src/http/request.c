/*
 * What both codecs share: names of fields. Known names are told apart by length and one letter
 * alone, then compared once; request_test checks that every row of the table is found that way.
 */
#include "http/request.h"

static const struct str known_names[FIELD_KNOWN_COUNT] = {
#define X(name, text) {text, sizeof(text) - 1},
    HTTP_KNOWN_FIELDS(X)
#undef X
};

/* RFC 9110 5.6.2: tchar */
static const bool is_tchar[256] = {
    ['!'] = true,         ['#'] = true,         ['$'] = true,         ['%'] = true, ['&'] = true,
    ['\''] = true,        ['*'] = true,         ['+'] = true,         ['-'] = true, ['.'] = true,
    ['^'] = true,         ['_'] = true,         ['`'] = true,         ['|'] = true, ['~'] = true,
    ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
};

bool http_is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_tchar[(unsigned char)s.p[i]])
            return false;
    return s.n > 0;
}

/* The only row of that length that begins so, or, behind "if-", goes on so. */
static enum http_known_field candidate(struct str name, char first)
{
    switch (name.n) {
    case 4:
        return FIELD_HOST;
    case 5:
        return FIELD_RANGE;
    case 6:
        return first == 'c' ? FIELD_COOKIE : first == 'o' ? FIELD_ORIGIN : FIELD_EXPECT;
    case 8:
        return ascii_lower(name.p[3]) == 'm' ? FIELD_IF_MATCH : FIELD_IF_RANGE;
    case 9:
        return first == 'f' ? FIELD_FORWARDED : FIELD_X_REAL_IP;
    case 10:
        return first == 'u' ? FIELD_USER_AGENT : FIELD_CONNECTION;
    case 12:
        return first == 'c' ? FIELD_CONTENT_TYPE : FIELD_X_SESSION_ID;
    case 13:
        return first == 'a' ? FIELD_AUTHORIZATION : FIELD_IF_NONE_MATCH;
    case 14:
        return FIELD_CONTENT_LENGTH;
    case 15:
        return first == 'a' ? FIELD_ACCEPT_ENCODING : FIELD_X_FORWARDED_FOR;
    case 17:
        return first == 't' ? FIELD_TRANSFER_ENCODING : FIELD_IF_MODIFIED_SINCE;
    case 19:
        return FIELD_IF_UNMODIFIED_SINCE;
    case 29:
        return FIELD_ACCESS_CONTROL_REQUEST_METHOD;
    case 30:
        return FIELD_ACCESS_CONTROL_REQUEST_HEADERS;
    default:
        return FIELD_KNOWN_COUNT;
    }
}

struct str http_method_name(enum http_method m)
{
    static const struct str names[] = {
#define X(name, text) STR(text),
        HTTP_METHODS(X)
#undef X
    };

    return names[m];
}

enum http_known_field http_known_field(struct str name)
{
    char first = name.n > 0 ? ascii_lower(name.p[0]) : 0;
    enum http_known_field k = candidate(name, first);

    if (k == FIELD_KNOWN_COUNT || first != known_names[k].p[0] ||
        !str_eq_nocase(name, known_names[k]))
        return FIELD_KNOWN_COUNT;
    return k;
}

struct str http_head_get(const struct http_head *h, struct str name)
{
    for (unsigned i = 0; i < h->field_count; i++)
        if (str_eq_nocase(h->fields[i].name, name))
            return h->fields[i].value;
    return STR_NONE;
}

unsigned http_head_count(const struct http_head *h, struct str name)
{
    unsigned count = 0;

    for (unsigned i = 0; i < h->field_count; i++)
        count += str_eq_nocase(h->fields[i].name, name);
    return count;
}
