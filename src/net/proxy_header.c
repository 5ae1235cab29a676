/* The two versions share nothing but their purpose. Both are refused at the first byte that is not
 * theirs, so that a client which speaks HTTP at once does not wait for a time limit. */
#include "net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* ---- version 1: a line of text ---- */

enum {
    LINE_MAX_V1 = 107
}; /* section 2.1: "PROXY TCP6", two addresses of 39, two ports of 5, CRLF */

static int parse_port(struct str s)
{
    uint64_t port;

    if (s.n > 1 && s.p[0] == '0') /* section 2.1: no heading zeroes */
        return -1;
    return str_parse_u64(s, UINT16_MAX, &port);
}

/* An address as the family writes it. An IPv4-mapped one is an IPv6 address here. */
static int parse_address(struct str s, bool is_v6, struct ip *ret)
{
    if ((str_find_char(s, ':') >= 0) != is_v6)
        return -1;
    return ip_parse(s, ret);
}

/* What stands behind "PROXY TCP4 ": exactly four words with single spaces. */
static int parse_words(struct str rest, bool is_v6, struct ip *ret)
{
    struct str source, target, port, target_port, more;
    struct ip ignored;

    if (!str_split(&rest, ' ', &source) || !str_split(&rest, ' ', &target) ||
        !str_split(&rest, ' ', &port) || !str_split(&rest, ' ', &target_port) ||
        str_split(&rest, ' ', &more))
        return -1;
    if (parse_port(port) < 0 || parse_port(target_port) < 0 ||
        parse_address(target, is_v6, &ignored) < 0)
        return -1;
    return parse_address(source, is_v6, ret);
}

static enum proxy_verdict parse_line(struct str line, struct proxy_header *ret)
{
    static const struct str tcp4 = STR("PROXY TCP4 "), tcp6 = STR("PROXY TCP6 "),
                            unknown = STR("PROXY UNKNOWN");
    struct proxy_header h = {.source.family = IP_NONE};
    int r = -1;

    if (str_starts(line, tcp4))
        r = parse_words(str_skip(line, tcp4.n), false, &h.source);
    else if (str_starts(line, tcp6))
        r = parse_words(str_skip(line, tcp6.n), true, &h.source);
    else if (str_starts(line, unknown)) /* what follows is to be ignored */
        r = line.n == unknown.n || line.p[unknown.n] == ' ' ? 0 : -1;
    if (r < 0)
        return PROXY_BAD;
    *ret = h;
    return PROXY_OK;
}

static enum proxy_verdict parse_v1(struct str bytes, struct proxy_header *ret, size_t *ret_n)
{
    struct str start = str_first(bytes, LINE_MAX_V1);
    ptrdiff_t cr = str_find_char(start, '\r'), lf = str_find_char(start, '\n');
    enum proxy_verdict verdict;

    if (lf >= 0 ? cr != lf - 1 : cr >= 0 && (size_t)cr + 1 < start.n)
        return PROXY_BAD;
    if (lf < 0)
        return start.n < LINE_MAX_V1 ? PROXY_MORE : PROXY_BAD;
    verdict = parse_line(str_first(start, (size_t)cr), ret);
    if (verdict == PROXY_OK)
        *ret_n = (size_t)lf + 1;
    return verdict;
}

/* ---- version 2: binary ---- */

enum { FIXED_V2 = 16, COMMAND_LOCAL = 0x20, COMMAND_PROXY = 0x21 };

enum {
    TLV_CRC32C = 0x03,
    TLV_SSL = 0x20,
    SSL_CLIENT = 1, /* bit of the value's first byte: it came over TLS */
    SSL_BYTES_MIN = 5,
};

static const char signature_v2[12] = "\r\n\r\n\0\r\nQUIT\n";

static size_t number_16(const char *p)
{
    return (size_t)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

/* Bytes of the two addresses with their ports (section 2.2); -1: a family nobody has heard of. */
static int address_bytes(uint8_t family)
{
    switch (family) {
    case 0x00: /* AF_UNSPEC */
        return 0;
    case 0x11: /* IPv4, stream and datagram */
    case 0x12:
        return 4 + 4 + 2 + 2;
    case 0x21: /* IPv6 */
    case 0x22:
        return 16 + 16 + 2 + 2;
    case 0x31: /* AF_UNIX */
    case 0x32:
        return 108 + 108;
    default:
        return -1;
    }
}

static void read_source(uint8_t family, struct str payload, struct ip *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    int r = 0;

    *ret = (struct ip){.family = IP_NONE};
    if (family >> 4 == 1) {
        memcpy(&v4.sin_addr, payload.p, sizeof v4.sin_addr);
        r = ip_from_sockaddr((struct sockaddr *)&v4, ret);
    } else if (family >> 4 == 2) {
        memcpy(&v6.sin6_addr, payload.p, sizeof v6.sin6_addr);
        r = ip_from_sockaddr((struct sockaddr *)&v6, ret);
    }
    (void)r; /* both families are known to it */
}

static uint32_t crc32c_add(uint32_t crc, uint8_t byte)
{
    crc ^= byte;
    for (int bit = 0; bit < 8; bit++)
        crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
    return crc;
}

/* Section 2.2.3: over the whole header, with zeros in place of the checksum itself. */
static bool crc_is_right(struct str header, struct str checksum)
{
    size_t at = (size_t)(checksum.p - header.p);
    uint32_t crc = UINT32_MAX, claimed;

    if (checksum.n != sizeof claimed)
        return false;
    for (size_t i = 0; i < header.n; i++)
        crc = crc32c_add(crc, i - at < checksum.n ? 0 : (uint8_t)header.p[i]);
    memcpy(&claimed, checksum.p, sizeof claimed);
    return ntohl(claimed) == ~crc;
}

static bool next_tlv(struct str *rest, uint8_t *ret_type, struct str *ret_value)
{
    size_t n = rest->n >= 3 ? number_16(rest->p + 1) : 0;

    if (rest->n < 3 || n > rest->n - 3)
        return false;
    *ret_type = (uint8_t)rest->p[0];
    *ret_value = str_first(str_skip(*rest, 3), n);
    *rest = str_skip(*rest, 3 + n);
    return true;
}

/* One checksum is all that a header needs: 290 of them would be computed for 10 ms, for anybody. */
static int read_tlvs(struct str header, struct str rest, struct proxy_header *h)
{
    bool has_checksum = false;
    struct str value;
    uint8_t type;

    while (rest.n > 0) {
        if (!next_tlv(&rest, &type, &value))
            return -1;
        if (type == TLV_CRC32C && (has_checksum || !crc_is_right(header, value)))
            return -1;
        has_checksum |= type == TLV_CRC32C;
        if (type == TLV_SSL && value.n < SSL_BYTES_MIN)
            return -1;
        if (type == TLV_SSL)
            h->is_tls = (value.p[0] & SSL_CLIENT) != 0;
    }
    return 0;
}

static enum proxy_verdict parse_whole_v2(struct str header, struct proxy_header *ret)
{
    struct proxy_header h = {.source.family = IP_NONE};
    uint8_t command = (uint8_t)header.p[12], family = (uint8_t)header.p[13];
    struct str payload = str_skip(header, FIXED_V2);
    int n = address_bytes(family);

    /* Section 2.2: of LOCAL and AF_UNSPEC all that follows is skipped, whatever it is. */
    if (command == COMMAND_PROXY && n != 0) {
        if (n < 0 || payload.n < (size_t)n ||
            read_tlvs(header, str_skip(payload, (size_t)n), &h) < 0)
            return PROXY_BAD;
        read_source(family, payload, &h.source);
    }
    *ret = h;
    return PROXY_OK;
}

static enum proxy_verdict parse_v2(struct str bytes, struct proxy_header *ret, size_t *ret_n)
{
    uint8_t command = bytes.n > 12 ? (uint8_t)bytes.p[12] : COMMAND_LOCAL;
    enum proxy_verdict verdict;
    size_t n;

    if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
        return PROXY_BAD;
    if (bytes.n < FIXED_V2)
        return PROXY_MORE;
    n = FIXED_V2 + number_16(bytes.p + 14);
    if (n > PROXY_HEADER_MAX)
        return PROXY_BAD;
    if (bytes.n < n)
        return PROXY_MORE;
    verdict = parse_whole_v2(str_first(bytes, n), ret);
    if (verdict == PROXY_OK)
        *ret_n = n;
    return verdict;
}

static bool begins_like(struct str bytes, struct str start)
{
    size_t n = MIN(bytes.n, start.n);

    return str_eq(str_first(bytes, n), str_first(start, n));
}

enum proxy_verdict proxy_header_parse(struct str bytes, struct proxy_header *ret, size_t *ret_n)
{
    struct str v2 = {signature_v2, sizeof signature_v2};

    if (bytes.n == 0)
        return PROXY_MORE;
    if (begins_like(bytes, STR("PROXY ")))
        return parse_v1(bytes, ret, ret_n);
    return begins_like(bytes, v2) ? parse_v2(bytes, ret, ret_n) : PROXY_BAD;
}
