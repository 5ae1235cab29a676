/*
 * The viewer: one player, as sessions, use limits and gate tokens all mean it. Client network (or
 * the exact address, by `session.bind`) and User-Agent.
 */
#ifndef ACCESS_VIEWER_H
#define ACCESS_VIEWER_H

#include "base/ip.h"

enum viewer_bind { BIND_NETWORK, BIND_IP };

enum { UA_HASH_LEN = 4, VIEWER_ID_LEN = 22 };

struct viewer_rules {
    enum viewer_bind bind;
    uint8_t ipv4_prefix, ipv6_prefix; /* grant.ipv4_prefix, grant.ipv6_prefix */
};

struct viewer {
    struct ip ip;                 /* exact */
    struct ip_net net;            /* masked as grants are */
    uint8_t ua_hash[UA_HASH_LEN]; /* outside it is 8 hex digits (compat) */
    /* What is stored and signed: family, prefix, masked (or exact) address, ua_hash. */
    uint8_t id[VIEWER_ID_LEN];
};

/* MD5's first 4 bytes; an absent User-Agent hashes as the empty string. */
void ua_hash(struct str user_agent, uint8_t ret[UA_HASH_LEN]);

void viewer_init(struct viewer *v, const struct viewer_rules *rules, const struct ip *ip,
                 const uint8_t hash[UA_HASH_LEN]);

#endif
