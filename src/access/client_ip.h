/* Who asks, when proxies stand in between. */
#ifndef ACCESS_CLIENT_IP_H
#define ACCESS_CLIENT_IP_H

#include "base/ip.h"

/*
 * The client behind trusted proxies: when `peer` is trusted, X-Forwarded-For (else Forwarded, else
 * X-Real-IP) is walked from the right over every trusted address; the first that is not trusted is
 * the client. Anything that is not an address ends the walk at the last trusted hop. An untrusted
 * peer is the client, whatever it claims. Several fields of one name are given joined by the caller
 * with ","; an empty one counts as absent. A peer of family IP_NONE (a Unix socket) is never
 * trusted: whoever trusts it passes the loopback address instead.
 */
struct ip ip_client(const struct ip_set *trusted, const struct ip *peer, struct str x_forwarded_for,
                    struct str forwarded, struct str x_real_ip);

#endif
