/*
 * Addresses as text: literal addresses only, so parsing never waits for a name server. What
 * net_address_format() writes, net_address_parse() reads.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

#include "net/listener.h"

static int parse_unix(struct str path, struct net_address *ret)
{
    struct sockaddr_un *un = &ret->u.unix_path;

    if (path.n == 0 || path.n >= sizeof un->sun_path || str_find_char(path, '\0') >= 0)
        return -1;
    *ret = (struct net_address){.length = (socklen_t)sizeof *un};
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    return 0;
}

static int parse_v4(const char *host, uint16_t port, struct net_address *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};

    if (inet_pton(AF_INET, host, &v4.sin_addr) != 1)
        return -1;
    *ret = (struct net_address){.length = sizeof v4};
    memcpy(&ret->u, &v4, sizeof v4);
    return 0;
}

static int parse_v6(const char *host, uint16_t port, struct net_address *ret)
{
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

    if (inet_pton(AF_INET6, host, &v6.sin6_addr) != 1)
        return -1;
    *ret = (struct net_address){.length = sizeof v6};
    memcpy(&ret->u, &v6, sizeof v6);
    return 0;
}

int net_address_parse(struct str text, struct net_address *ret)
{
    ptrdiff_t colon = str_rfind_char(text, ':');
    char host_z[INET6_ADDRSTRLEN] = "";
    struct str host;
    uint64_t port;
    bool is_v6;

    if (str_starts(text, STR("unix:")))
        return parse_unix(str_skip(text, 5), ret);
    if (colon < 0 || str_parse_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port) < 0)
        return -1;
    host = str_first(text, (size_t)colon);
    is_v6 = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    if (is_v6)
        host = (struct str){host.p + 1, host.n - 2};
    if (host.n == 0 || host.n >= sizeof host_z || str_find_char(host, '\0') >= 0)
        return -1;
    memcpy(host_z, host.p, host.n);
    return is_v6 ? parse_v6(host_z, (uint16_t)port, ret) : parse_v4(host_z, (uint16_t)port, ret);
}

static void format_unix(const struct net_address *a, char *ret, size_t room)
{
    size_t begin = offsetof(struct sockaddr_un, sun_path);
    size_t n = a->length > begin ? a->length - begin : 0; /* a peer has no path */

    snprintf(ret, room, "unix:%.*s", (int)n, a->u.unix_path.sun_path);
}

void net_address_format(const struct net_address *a, char *ret, size_t room)
{
    const struct sockaddr_in *v4 = (const void *)&a->u;
    const struct sockaddr_in6 *v6 = (const void *)&a->u;
    char host[INET6_ADDRSTRLEN];

    switch (a->u.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
        snprintf(ret, room, "%s:%u", host, ntohs(v4->sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
        snprintf(ret, room, "[%s]:%u", host, ntohs(v6->sin6_port));
        break;
    case AF_UNIX:
        format_unix(a, ret, room);
        break;
    default:
        WRONG("an address of no family we open");
    }
}
