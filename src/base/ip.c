/*
 * Addresses and networks. Parsing is libc's inet_pton(), which is as strict as we want (no zone, no
 * octal, no leading zero, no short forms); formatting is our own, because inet_ntop() prints ::/96
 * with dots and costs a printf.
 *
 * Invariants: bytes past an IPv4 address's 4 are zero; bits past a network's prefix are zero; an
 * IPv4-mapped IPv6 address never exists in a `struct ip`.
 */
#include "base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/panic.h"

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

enum { MAPPED_BITS = 96, V4_BITS = 32, V6_BITS = 128 };

static struct ip ip_from_v4(const void *bytes)
{
    struct ip ip = {.family = IP_V4};

    memcpy(ip.bytes, bytes, 4);
    return ip;
}

static struct ip ip_from_v6(const uint8_t bytes[16])
{
    struct ip ip = {.family = IP_V6};

    if (memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0)
        return ip_from_v4(bytes + sizeof mapped_prefix);
    memcpy(ip.bytes, bytes, sizeof ip.bytes);
    return ip;
}

static unsigned family_bits(unsigned family)
{
    return family == IP_V4 ? V4_BITS : family == IP_V6 ? V6_BITS : 0;
}

int ip_parse(struct str text, struct ip *ret)
{
    char cstr[IP_TEXT_MAX];
    uint8_t bytes[16];

    if (text.n == 0 || text.n >= sizeof cstr || memchr(text.p, '\0', text.n) != NULL)
        return -1;
    memcpy(cstr, text.p, text.n);
    cstr[text.n] = '\0';
    if (inet_pton(AF_INET, cstr, bytes) == 1)
        *ret = ip_from_v4(bytes);
    else if (inet_pton(AF_INET6, cstr, bytes) == 1)
        *ret = ip_from_v6(bytes);
    else
        return -1;
    return 0;
}

int ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret)
{
    if (sa->sa_family == AF_INET)
        *ret = ip_from_v4(&((const struct sockaddr_in *)(const void *)sa)->sin_addr);
    else if (sa->sa_family == AF_INET6)
        *ret = ip_from_v6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr);
    else
        return -1;
    return 0;
}

static char *write_decimal(char *at, unsigned v)
{
    assert(v <= 255);
    if (v >= 100)
        *at++ = (char)('0' + v / 100);
    if (v >= 10)
        *at++ = (char)('0' + v / 10 % 10);
    *at++ = (char)('0' + v % 10);
    return at;
}

static char *write_v4(char *at, const uint8_t bytes[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = write_decimal(at, bytes[i]);
    }
    return at;
}

static unsigned v6_group(const uint8_t bytes[16], int i)
{
    return (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
}

/* RFC 5952 4.2: the first of the longest runs of zero groups is shortened, but never a single
 * group. */
static void longest_zero_run(const uint8_t bytes[16], int *ret_start, int *ret_length)
{
    *ret_start = -1;
    *ret_length = 1;
    for (int i = 0; i < 8; i++) {
        int n = 0;

        while (i + n < 8 && v6_group(bytes, i + n) == 0)
            n++;
        if (n > *ret_length) {
            *ret_start = i;
            *ret_length = n;
        }
        i += n;
    }
}

/* RFC 5952 4.1 and 4.3: no leading zeros, lower case. */
static char *write_hex_group(char *at, unsigned group)
{
    for (int shift = 12; shift >= 0; shift -= 4)
        if (shift == 0 || group >> shift != 0)
            *at++ = "0123456789abcdef"[group >> shift & 15];
    return at;
}

static char *write_v6(char *at, const uint8_t bytes[16])
{
    int start, length;

    longest_zero_run(bytes, &start, &length);
    for (int i = 0; i < 8; i++) {
        if (i == start) {
            *at++ = ':';
            i += length - 1;
            if (i == 7)
                *at++ = ':';
            continue;
        }
        if (i > 0)
            *at++ = ':';
        at = write_hex_group(at, v6_group(bytes, i));
    }
    return at;
}

struct str ip_format(const struct ip *ip, char ret[IP_TEXT_MAX])
{
    char *end = ret;

    switch (ip->family) {
    case IP_NONE:
        *end++ = '-';
        break;
    case IP_V4:
        end = write_v4(ret, ip->bytes);
        break;
    case IP_V6:
        end = write_v6(ret, ip->bytes);
        break;
    default:
        WRONG("address family");
    }
    return str_range(ret, end);
}

/* "0" to "128", one spelling each. */
static int prefix_parse(struct str text, unsigned max, unsigned *ret)
{
    uint64_t v;

    if (text.n > 3 || (text.n > 1 && text.p[0] == '0') || str_parse_u64(text, max, &v) < 0)
        return -1;
    *ret = (unsigned)v;
    return 0;
}

int ip_net_parse(struct str text, struct ip_net *ret)
{
    ptrdiff_t slash = str_find_char(text, '/');
    struct str address = slash < 0 ? text : str_first(text, (size_t)slash);
    unsigned prefix, mapped;
    struct ip ip;

    if (ip_parse(address, &ip) < 0)
        return -1;
    /* ::ffff:a.b.c.d/n became IPv4, so its n still counts the 96 bits that went. */
    mapped = ip.family == IP_V4 && str_find_char(address, ':') >= 0 ? MAPPED_BITS : 0;
    prefix = family_bits(ip.family) + mapped;
    if (slash >= 0 && prefix_parse(str_skip(text, (size_t)slash + 1), prefix, &prefix) < 0)
        return -1;
    if (prefix < mapped)
        return -1;
    *ret = ip_mask(&ip, prefix - mapped);
    return 0;
}

struct str ip_net_format(const struct ip_net *net, char ret[IP_NET_TEXT_MAX])
{
    char *at = ret + ip_format(&net->base, ret).n;

    *at++ = '/';
    return str_range(ret, write_decimal(at, net->prefix));
}

struct ip_net ip_mask(const struct ip *ip, unsigned prefix)
{
    struct ip_net net = {.base.family = ip->family, .prefix = (uint8_t)prefix};
    unsigned whole = prefix / 8, rest = prefix % 8;

    assert(prefix <= family_bits(ip->family));
    memcpy(net.base.bytes, ip->bytes, whole);
    if (rest > 0)
        net.base.bytes[whole] = ip->bytes[whole] & (uint8_t)(0xff << (8 - rest));
    return net;
}

bool ip_net_contains(const struct ip_net *net, const struct ip *ip)
{
    unsigned whole = net->prefix / 8, rest = net->prefix % 8;

    if (ip->family == IP_NONE || ip->family != net->base.family ||
        memcmp(ip->bytes, net->base.bytes, whole) != 0)
        return false;
    return rest == 0 || (ip->bytes[whole] ^ net->base.bytes[whole]) >> (8 - rest) == 0;
}

bool ip_eq(const struct ip *a, const struct ip *b)
{
    return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool ip_set_contains(const struct ip_set *s, const struct ip *ip)
{
    for (unsigned i = 0; i < s->count; i++)
        if (ip_net_contains(&s->nets[i], ip))
            return true;
    return false;
}
