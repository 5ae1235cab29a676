/* What goes into scripts and comes out of them, in bytes. store/lua/common.lua has the other end.
 */
#include "store/redis.h"

#include "base/panic.h"

enum { FIGURE_MAX = 20 }; /* digits */

struct pack {
    char *p;
    size_t n;
};

static void put(struct pack *p, const void *bytes, size_t n)
{
    memcpy(p->p + p->n, bytes, n);
    p->n += n;
}

static size_t bytes_of(unsigned prefix)
{
    return (prefix + 7) / 8;
}

static void put_net(struct pack *p, const struct ip_net *net)
{
    put(p, &net->base.family, 1);
    put(p, &net->prefix, 1);
    put(p, net->base.bytes, bytes_of(net->prefix));
}

struct str redis_pack_net(const struct ip_net *net, char room[REDIS_NET_MAX])
{
    struct pack p = {.p = room};

    put_net(&p, net);
    return (struct str){room, p.n};
}

struct str redis_pack_field(bool is_static, const struct ip_net *net, const uint8_t *ua_hash,
                            char room[REDIS_FIELD_MAX])
{
    struct pack p = {.p = room};

    put(&p, is_static ? "s" : "k", 1);
    put_net(&p, net);
    put(&p, ua_hash, STORE_UA_LEN);
    return (struct str){room, p.n};
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

    if (field.n < 3 || (p[0] != 's' && p[0] != 'k') || !is_prefix(p[1], p[2]))
        return false;
    n = bytes_of(p[2]);
    if (field.n != 3 + n + STORE_UA_LEN)
        return false;
    *ret_is_static = p[0] == 's';
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

int64_t redis_read_figure(struct redis_reader *r)
{
    uint64_t n = 0;

    if (!redis_has_more(r) || r->array->element[r->at]->type == REDIS_REPLY_INTEGER)
        return redis_read_number(r, 0, INT64_MAX);
    if (str_parse_u64(redis_read_text(r, FIGURE_MAX), INT64_MAX, &n) < 0)
        r->is_bad = true;
    return r->is_bad ? 0 : (int64_t)n;
}
