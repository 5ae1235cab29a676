/*
 * Who a viewer is. The id is a plain concatenation, not a hash: it is stored, signed and compared,
 * and a dump of the store stays readable. Family and prefix stand in front, so addresses of two
 * kinds can never look alike.
 */
#include "access/viewer.h"

#include "access/digest.h"

void ua_hash(struct str user_agent, uint8_t ret[UA_HASH_LEN])
{
    uint8_t digest[MD5_LEN];

    md5(user_agent, digest);
    memcpy(ret, digest, UA_HASH_LEN);
}

static unsigned whole_prefix(const struct ip *ip)
{
    return ip->family == IP_V4 ? 32 : ip->family == IP_V6 ? 128 : 0;
}

static unsigned grant_prefix(const struct viewer_rules *rules, const struct ip *ip)
{
    return ip->family == IP_V4 ? rules->ipv4_prefix : ip->family == IP_V6 ? rules->ipv6_prefix : 0;
}

void viewer_init(struct viewer *v, const struct viewer_rules *rules, const struct ip *ip,
                 const uint8_t hash[UA_HASH_LEN])
{
    struct ip_net bound;

    v->ip = *ip;
    v->net = ip_mask(ip, grant_prefix(rules, ip));
    memcpy(v->ua_hash, hash, UA_HASH_LEN);

    bound = rules->bind == BIND_IP ? ip_mask(ip, whole_prefix(ip)) : v->net;
    v->id[0] = bound.base.family;
    v->id[1] = bound.prefix;
    memcpy(v->id + 2, bound.base.bytes, sizeof bound.base.bytes);
    memcpy(v->id + 2 + sizeof bound.base.bytes, hash, UA_HASH_LEN);
}
