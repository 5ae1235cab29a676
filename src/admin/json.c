/*
 * From the words of the gate to JSON. Strings are looked at as UTF-8 once: the usual ones are valid
 * and handed on as they are; only the others are copied, with each byte that is part of no
 * character escaped.
 */
#include "admin/json.h"

#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/codec.h"
#include "base/panic.h"

void json_free(json_t **value)
{
    json_decref(TAKE(*value));
}

void json_put_at(json_t *object, struct str name, json_t *value)
{
    int r = json_object_setn_new(object, name.p, name.n, value);

    assert(r == 0);
}

void json_put(json_t *object, const char *name, json_t *value)
{
    json_put_at(object, str_of(name), value);
}

void json_put_int(json_t *object, const char *name, int64_t value)
{
    json_put(object, name, json_integer(value));
}

void json_put_str(json_t *object, const char *name, struct str value)
{
    json_put(object, name, json_of_str(value));
}

void json_put_bool(json_t *object, const char *name, bool value)
{
    json_put(object, name, json_boolean(value));
}

static json_t *escaped(struct str s)
{
    struct buf b;
    json_t *value;

    buf_init(&b, s.n * strlen("\\xff") + 1); /* and the NUL of printf */
    while (s.n > 0) {
        size_t n = str_utf8_char(s);

        if (n > 0)
            buf_add(&b, str_first(s, n));
        else
            buf_printf(&b, "\\x%02x", (unsigned char)s.p[0]);
        s = str_skip(s, MAX(n, (size_t)1));
    }
    value = json_stringn_nocheck(b.p, b.n);
    buf_done(&b);
    return value;
}

json_t *json_of_str(struct str s)
{
    if (s.n == 0)
        return json_string_nocheck("");
    return str_is_utf8(s) ? json_stringn_nocheck(s.p, s.n) : escaped(s);
}

json_t *json_of_ip(const struct ip *ip)
{
    char text[IP_TEXT_MAX];

    return json_of_str(ip_format(ip, text));
}

json_t *json_of_net(const struct ip_net *net)
{
    char text[IP_NET_TEXT_MAX];

    return json_of_str(ip_net_format(net, text));
}

json_t *json_of_hex(const void *bytes, size_t n)
{
    char text[HEX_LEN(JSON_HEX_MAX)];

    assert(n <= JSON_HEX_MAX);
    return json_stringn_nocheck(text, hex_encode(bytes, n, text));
}

json_t *json_of_time(usec_t unix_usec)
{
    time_t sec = (time_t)(unix_usec / USEC_PER_SEC);
    unsigned msec = (unsigned)(unix_usec % USEC_PER_SEC / USEC_PER_MSEC);
    char day[sizeof "-2147483648-11-22T10:00:00"];
    struct tm tm;

    gmtime_r(&sec, &tm);
    strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
    return json_sprintf("%s.%03uZ", day, msec);
}

struct str json_text(struct arena *a, const json_t *value)
{
    char *text = json_dumps(value, JSON_REAL_PRECISION(15));
    struct str pieces[] = {str_of(text), STR("\n")};
    struct str whole = arena_join(a, pieces, ARRAY_LEN(pieces));

    xfree_p(&text);
    return whole;
}
