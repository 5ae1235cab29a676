/* What goes into scripts and comes out of them, in bytes. store/lua/common.lua has the other end.
 */
#include "store/redis.h"

#include <endian.h>

#include "base/codec.h"
#include "base/panic.h"
#include "store/record.h"

enum { FIGURE_MAX = 20 }; /* digits */

#define WHOLE_MAX 9007199254740992.0 /* up to here a double is exact */

void redis_put_bytes(struct redis_scratch *s, const void *p, size_t n)
{
    assert(n <= (size_t)(s->end - s->at));
    if (n > 0)
        memcpy(s->at, p, n);
    s->at += n;
}

void redis_put_u8(struct redis_scratch *s, uint8_t n)
{
    redis_put_bytes(s, &n, sizeof n);
}

void redis_put_u16(struct redis_scratch *s, uint16_t n)
{
    uint16_t be = htobe16(n);

    redis_put_bytes(s, &be, sizeof be);
}

void redis_put_u32(struct redis_scratch *s, uint32_t n)
{
    uint32_t be = htobe32(n);

    redis_put_bytes(s, &be, sizeof be);
}

void redis_put_number(struct redis_scratch *s, int64_t n)
{
    double d = (double)n;
    uint64_t bits;

    memcpy(&bits, &d, sizeof bits);
    bits = htobe64(bits);
    redis_put_bytes(s, &bits, sizeof bits);
}

bool redis_unpack_number(const char *p, int64_t *ret)
{
    uint64_t bits;
    double d;

    memcpy(&bits, p, sizeof bits);
    bits = be64toh(bits);
    memcpy(&d, &bits, sizeof d);
    if (!(d >= 0 && d <= WHOLE_MAX)) /* NaN is not, either */
        return false;
    *ret = (int64_t)d;
    return (double)*ret == d;
}

static size_t bytes_of(unsigned prefix)
{
    return (prefix + 7) / 8;
}

static void put_net(struct redis_scratch *s, const struct ip_net *net)
{
    redis_put_u8(s, net->base.family);
    redis_put_u8(s, net->prefix);
    redis_put_bytes(s, net->base.bytes, bytes_of(net->prefix));
}

struct str redis_pack_net(const struct ip_net *net, char room[REDIS_NET_MAX])
{
    struct redis_scratch s = {room, room + REDIS_NET_MAX};

    put_net(&s, net);
    return str_range(room, s.at);
}

static const char kinds[] = {[GRANT_KEYED] = 'k', [GRANT_STATIC] = 's', [GRANT_STATIC_KEYS] = 'f'};

struct str redis_pack_field(enum grant_kind kind, const struct ip_net *net, const uint8_t *ua_hash,
                            char room[REDIS_FIELD_MAX])
{
    struct redis_scratch s = {room, room + REDIS_FIELD_MAX};

    redis_put_u8(&s, (uint8_t)kinds[kind]);
    put_net(&s, net);
    redis_put_bytes(&s, ua_hash, STORE_UA_LEN);
    return str_range(room, s.at);
}

static bool is_prefix(uint8_t family, uint8_t prefix)
{
    return (family == IP_V4 && prefix <= 32) || (family == IP_V6 && prefix <= 128);
}

bool redis_unpack_field(struct str field, bool *ret_is_static, struct ip_net *ret_net,
                        uint8_t ret_ua_hash[STORE_UA_LEN])
{
    const uint8_t *p = (const uint8_t *)field.p;
    size_t n;

    if (field.n < 3 || memchr(kinds, p[0], sizeof kinds) == NULL || !is_prefix(p[1], p[2]))
        return false;
    n = bytes_of(p[2]);
    if (field.n != 3 + n + STORE_UA_LEN)
        return false;
    *ret_is_static = p[0] != kinds[GRANT_KEYED];
    *ret_net = (struct ip_net){.base.family = p[1], .prefix = p[2]};
    memcpy(ret_net->base.bytes, p + 3, n);
    memcpy(ret_ua_hash, p + 3 + n, STORE_UA_LEN);
    return true;
}

bool redis_unpack_ip(struct str text, struct ip *ret)
{
    uint8_t family = text.n > 0 ? (uint8_t)text.p[0] : (uint8_t)IP_NONE;

    *ret = (struct ip){.family = family};
    if (text.n != 1 + sizeof ret->bytes || family > IP_V6)
        return false;
    memcpy(ret->bytes, text.p + 1, sizeof ret->bytes);
    return true;
}

bool redis_unpack_session_name(struct str name, struct redis_session_name *ret)
{
    struct str rest = str_skip(name, STORE_VIEWER_LEN);
    ptrdiff_t colon = str_find_char(rest, ':');
    uint64_t ends;

    if (colon < 0 || str_parse_u64(str_first(rest, (size_t)colon), INT64_MAX, &ends) < 0)
        return false;
    *ret = (struct redis_session_name){.viewer = (const uint8_t *)name.p,
                                       .ends = (unix_t)ends,
                                       .uid = str_skip(rest, (size_t)colon + 1)};
    return ret->uid.n <= STORE_UID_MAX;
}

bool redis_unpack_session_id(struct str id, char ret[STORE_SESSION_ID_LEN + 1])
{
    uint8_t raw[SESSION_RAW_ID_LEN];

    if (base64url_decode(id, raw, sizeof raw) < 0)
        return false;
    memcpy(ret, id.p, STORE_SESSION_ID_LEN);
    ret[STORE_SESSION_ID_LEN] = '\0';
    return true;
}

void redis_put_limit(struct redis_scratch *s, const struct store_rules *rules)
{
    redis_put_u16(s, (uint16_t)rules->max_streams);
    redis_put_number(s, rules->streams_idle);
    redis_put_u8(s, rules->streams_end_oldest);
    redis_put_u32(s, STORE_MAX_REVOCATIONS);
}

/* ---- replies ---- */

void redis_read(struct redis_reader *r, const redisReply *reply, size_t least)
{
    *r = (struct redis_reader){.array = reply};
    r->is_bad = reply->type != REDIS_REPLY_ARRAY || reply->elements < least;
}

bool redis_has_more(const struct redis_reader *r)
{
    return !r->is_bad && r->at < r->array->elements;
}

static const redisReply *next(struct redis_reader *r)
{
    if (!redis_has_more(r)) {
        r->is_bad = true;
        return NULL;
    }
    return r->array->element[r->at++];
}

int64_t redis_read_number(struct redis_reader *r, int64_t min, int64_t max)
{
    const redisReply *e = next(r);

    if (e == NULL || e->type != REDIS_REPLY_INTEGER || e->integer < min || e->integer > max) {
        r->is_bad = true;
        return 0;
    }
    return e->integer;
}

struct str redis_read_text(struct redis_reader *r, size_t max)
{
    const redisReply *e = next(r);

    if (e == NULL || e->type != REDIS_REPLY_STRING || (size_t)e->len > max) {
        r->is_bad = true;
        return STR("");
    }
    return (struct str){e->str, (size_t)e->len};
}

uint64_t redis_read_total(struct redis_reader *r, const redisReply *reply)
{
    redis_read(r, reply, 2);
    (void)redis_read_number(r, 0, 1); /* whether it wrote: the link's */
    return (uint64_t)redis_read_number(r, 0, INT64_MAX);
}

int64_t redis_read_figure(struct redis_reader *r)
{
    uint64_t n = 0;

    if (!redis_has_more(r) || r->array->element[r->at]->type == REDIS_REPLY_INTEGER)
        return redis_read_number(r, 0, INT64_MAX);
    if (str_parse_u64(redis_read_text(r, FIGURE_MAX), INT64_MAX, &n) < 0)
        r->is_bad = true;
    return r->is_bad ? 0 : (int64_t)n;
}
