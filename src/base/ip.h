/*
 * IP addresses and networks in one form: 16 bytes plus a family, so that a masked address is a key
 * that can be compared, hashed and stored. IPv4-mapped IPv6 addresses (::ffff:1.2.3.4) become IPv4
 * on the way in.
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "base/str.h"

enum ip_family { IP_NONE, IP_V4, IP_V6 };

struct ip {
    uint8_t family;    /* enum ip_family */
    uint8_t bytes[16]; /* network order; IPv4 in the first 4, the rest zero */
};

/* Whom a peer on a Unix socket counts as: it is on this machine. */
#define IP_LOOPBACK ((struct ip){.family = IP_V4, .bytes = {127, 0, 0, 1}})

struct ip_net {
    struct ip base; /* bits past the prefix are zero */
    uint8_t prefix; /* 0 to 32, or 0 to 128 */
};

enum { IP_TEXT_MAX = 46, IP_NET_TEXT_MAX = 50 };

/* No zone, no brackets, no leading zeros in IPv4. */
int ip_parse(struct str text, struct ip *ret) MUST_CHECK;
int ip_from_sockaddr(const struct sockaddr *sa, struct ip *ret) MUST_CHECK; /* AF_UNIX: -1 */

/* RFC 5952, without a NUL behind it; "-" for IP_NONE. */
struct str ip_format(const struct ip *ip, char ret[IP_TEXT_MAX]);

/* "10.0.0.0/8" or a bare address (whole prefix). Host bits are cleared. */
int ip_net_parse(struct str text, struct ip_net *ret) MUST_CHECK;
struct str ip_net_format(const struct ip_net *net, char ret[IP_NET_TEXT_MAX]);

/* `prefix` is at most 32 or 128; more is a bug. IP_NONE has prefix 0. */
struct ip_net ip_mask(const struct ip *ip, unsigned prefix);
bool ip_net_contains(const struct ip_net *net, const struct ip *ip);
bool ip_eq(const struct ip *a, const struct ip *b);

/* A list of networks from the configuration (trusted proxies, the fixed whitelist). */
struct ip_set {
    struct ip_net *nets; /* owned */
    unsigned count;
};
bool ip_set_contains(const struct ip_set *s, const struct ip *ip);

#endif
