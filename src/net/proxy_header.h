/*
 * The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): what a load balancer says
 * in front of a connection about who is behind it. Pure: bytes in, a verdict out.
 *
 * Strict where the text lets us: version 1 has at most 107 bytes and plain decimal ports; version 2
 * at most PROXY_HEADER_MAX, its lengths must add up, and its checksum, if it has one, must be
 * right. Whether the sender is believed is not decided here.
 */
#ifndef NET_PROXY_HEADER_H
#define NET_PROXY_HEADER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ip.h"
#include "base/str.h"

enum { PROXY_HEADER_MAX = 16 + 2048 }; /* bytes; longer ones (of 16 + 65535) are refused */

enum proxy_verdict {
    PROXY_MORE, /* all bytes so far belong to the header, and more are needed */
    PROXY_OK,
    PROXY_BAD
};

struct proxy_header {
    /* Of the client. IP_NONE: not said (LOCAL, UNKNOWN, AF_UNSPEC, Unix sockets): the peer itself.
     */
    struct ip source;
    bool is_tls; /* version 2, PP2_TYPE_SSL: the client came to the proxy over TLS */
};

/* `bytes` from the connection's first one on. `ret_n`: how many of them the header has, on OK. */
enum proxy_verdict proxy_header_parse(struct str bytes, struct proxy_header *ret, size_t *ret_n);

#endif
