/*
 * Who is behind the proxies. Lists are walked from the right, because each proxy appends what it
 * saw: everything to the left of the first untrusted address was written by somebody who may lie.
 *
 * Elements are cut at every comma, also at one inside quotes: nothing that names an address needs a
 * comma, and what a viewer wrote on the left (an opening quote, say) can then never swallow what a
 * proxy appended. An element that does not parse as a whole is no address and ends the walk.
 */
#include "access/client_ip.h"

typedef int (*element_fn)(struct str element, struct ip *ret);

/* RFC 7239 section 6: a port, or an obfuscated one. */
static bool is_port(struct str s)
{
    uint64_t number;

    if (s.n > 1 && s.p[0] == '_')
        return true;
    return s.n <= 5 && str_parse_u64(s, 65535, &number) == 0;
}

static int bracketed_parse(struct str node, struct ip *ret)
{
    ptrdiff_t close = str_find_char(node, ']');
    struct str host, rest;

    if (close < 0)
        return -1;
    host = str_range(node.p + 1, node.p + close);
    rest = str_skip(node, (size_t)close + 1);
    if (str_find_char(host, ':') < 0) /* brackets are for IPv6 */
        return -1;
    if (rest.n > 0 && (rest.p[0] != ':' || !is_port(str_skip(rest, 1))))
        return -1;
    return ip_parse(host, ret);
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:80". */
static int node_parse(struct str node, struct ip *ret)
{
    ptrdiff_t colon = str_find_char(node, ':');

    if (node.n > 0 && node.p[0] == '[')
        return bracketed_parse(node, ret);
    if (colon < 0 || colon != str_rfind_char(node, ':'))
        return ip_parse(node, ret);
    if (!is_port(str_skip(node, (size_t)colon + 1)))
        return -1;
    return ip_parse(str_first(node, (size_t)colon), ret);
}

static int plain_element(struct str element, struct ip *ret)
{
    return node_parse(str_trim(element), ret);
}

/* The value of a pair without its quotes. An address needs no quoted-pair (RFC 9110 5.6.4), so none
 * is accepted. */
static int value_unquote(struct str value, struct str *ret)
{
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
        value = str_range(value.p + 1, value.p + value.n - 1);
    if (str_find_char(value, '"') >= 0 || str_find_char(value, '\\') >= 0)
        return -1;
    *ret = value;
    return 0;
}

/* RFC 7239 section 4: `for=192.0.2.1;proto=https`. */
static int forwarded_element(struct str element, struct ip *ret)
{
    struct str rest = element, pair, value, node = STR_NONE;

    while (str_split(&rest, ';', &pair)) {
        ptrdiff_t equals;

        pair = str_trim(pair);
        equals = str_find_char(pair, '=');
        if (equals < 0 || value_unquote(str_skip(pair, (size_t)equals + 1), &value) < 0)
            return -1;
        if (!str_eq_nocase(str_first(pair, (size_t)equals), STR("for")))
            continue;
        if (node.p != NULL) /* "Each parameter MUST NOT occur more than once per field-value" */
            return -1;
        node = value;
    }
    return node_parse(node, ret);
}

static struct ip walk(const struct ip_set *trusted, const struct ip *peer, struct str list,
                      element_fn parse)
{
    struct ip client = *peer;

    while (list.p != NULL && ip_set_contains(trusted, &client)) {
        ptrdiff_t comma = str_rfind_char(list, ',');
        struct ip next;

        if (parse(str_skip(list, (size_t)(comma + 1)), &next) < 0)
            break;
        client = next;
        list = comma < 0 ? STR_NONE : str_first(list, (size_t)comma);
    }
    return client;
}

struct ip ip_client(const struct ip_set *trusted, const struct ip *peer, struct str x_forwarded_for,
                    struct str forwarded, struct str x_real_ip)
{
    if (x_forwarded_for.n > 0)
        return walk(trusted, peer, x_forwarded_for, plain_element);
    if (forwarded.n > 0)
        return walk(trusted, peer, forwarded, forwarded_element);
    return walk(trusted, peer, x_real_ip, plain_element);
}
