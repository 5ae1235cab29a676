/*
 * Packing and unpacking. Packing asserts its room: what is packed was measured when it came in
 * (STORE_UID_MAX, STORE_KEY_MAX). Unpacking trusts nothing: a record that is too short or has bytes
 * left over is reported as none, which its callers treat as absent.
 */
#include "store/record.h"

#include <endian.h>

#include "base/panic.h"

struct pack {
    uint8_t *p;
    size_t n, room;
};

struct unpack {
    struct str rest;
    bool is_bad;
};

static void put_bytes(struct pack *p, const void *bytes, size_t n)
{
    assert(n <= p->room - p->n);
    if (n > 0)
        memcpy(p->p + p->n, bytes, n);
    p->n += n;
}

static void put_u8(struct pack *p, uint8_t v)
{
    put_bytes(p, &v, 1);
}

static void put_u64(struct pack *p, uint64_t v)
{
    uint64_t be = htobe64(v);

    put_bytes(p, &be, sizeof be);
}

static void put_short_str(struct pack *p, struct str s)
{
    uint16_t be = htobe16((uint16_t)s.n);

    assert(s.n <= STORE_KEY_MAX);
    put_bytes(p, &be, sizeof be);
    put_bytes(p, s.p, s.n);
}

static void put_uid(struct pack *p, struct str uid)
{
    assert(uid.n <= STORE_UID_MAX);
    put_u8(p, (uint8_t)uid.n);
    put_bytes(p, uid.p, uid.n);
}

static void put_net(struct pack *p, const struct ip_net *net)
{
    put_u8(p, net->base.family);
    put_u8(p, net->prefix);
    put_bytes(p, net->base.bytes, sizeof net->base.bytes);
}

static struct str packed(const struct pack *p)
{
    return (struct str){(const char *)p->p, p->n};
}

static struct str get_bytes(struct unpack *u, size_t n)
{
    struct str s = str_first(u->rest, n);

    if (s.n < n)
        u->is_bad = true;
    u->rest = str_skip(u->rest, n);
    return s;
}

static void get_into(struct unpack *u, void *ret, size_t n)
{
    struct str s = get_bytes(u, n);

    if (!u->is_bad)
        memcpy(ret, s.p, n);
}

static uint8_t get_u8(struct unpack *u)
{
    uint8_t v = 0;

    get_into(u, &v, 1);
    return v;
}

static uint64_t get_u64(struct unpack *u)
{
    uint64_t be = 0;

    get_into(u, &be, sizeof be);
    return be64toh(be);
}

static struct str get_short_str(struct unpack *u)
{
    uint16_t be = 0;

    get_into(u, &be, sizeof be);
    return get_bytes(u, be16toh(be));
}

static struct str get_uid(struct unpack *u)
{
    return get_bytes(u, get_u8(u));
}

static void get_net(struct unpack *u, struct ip_net *ret)
{
    ret->base.family = get_u8(u);
    ret->prefix = get_u8(u);
    get_into(u, ret->base.bytes, sizeof ret->base.bytes);
}

static bool is_whole(const struct unpack *u)
{
    return !u->is_bad && u->rest.n == 0;
}

static struct pack key_begin(struct key *k)
{
    return (struct pack){.p = k->bytes, .room = KEY_ROOM};
}

void key_set(struct key *k, struct str bytes)
{
    struct pack p = key_begin(k);

    put_bytes(&p, bytes.p, bytes.n);
    k->n = p.n;
}

uint64_t record_hash(const struct hash_key *key, struct str stream_key)
{
    return MAX(hash_bytes(key, stream_key), (uint64_t)SLOT_RESERVED);
}

uint64_t record_static_slot(uint64_t hash)
{
    return MAX(hash ^ UINT64_C(0x9e3779b97f4a7c15), (uint64_t)SLOT_RESERVED);
}

unix_t record_expires(struct str value)
{
    struct unpack u = {value, false};

    return (unix_t)get_u64(&u);
}

/* ---- networks ---- */

void network_key(struct key *k, enum ip_family family, uint8_t prefix)
{
    k->bytes[0] = (uint8_t)family;
    k->bytes[1] = prefix;
    k->n = 2;
}

bool network_unpack(struct str key, enum ip_family *ret_family, uint8_t *ret_prefix)
{
    struct unpack u = {key, false};

    *ret_family = get_u8(&u);
    *ret_prefix = get_u8(&u);
    return is_whole(&u);
}

/* ---- grants ---- */

void grant_uid_key(struct key *k, struct str uid)
{
    struct pack p = key_begin(k);

    put_uid(&p, uid);
    k->n = p.n;
}

void grant_kind_key(struct key *k, struct str uid, enum grant_kind kind)
{
    struct pack p = key_begin(k);

    put_uid(&p, uid);
    put_u8(&p, (uint8_t)kind);
    k->n = p.n;
}

void grant_key(struct key *k, const struct grant_name *g)
{
    struct pack p = key_begin(k);

    put_uid(&p, g->uid);
    put_u8(&p, (uint8_t)g->kind);
    put_net(&p, &g->net);
    put_bytes(&p, g->ua_hash, STORE_UA_LEN);
    k->n = p.n;
}

bool grant_name_unpack(struct str key, struct grant_name *ret)
{
    struct unpack u = {key, false};

    ret->uid = get_uid(&u);
    ret->kind = (enum grant_kind)get_u8(&u);
    get_net(&u, &ret->net);
    get_into(&u, ret->ua_hash, STORE_UA_LEN);
    return is_whole(&u) && ret->kind <= GRANT_STATIC_KEYS;
}

struct str grant_pack(const struct grant_record *g, uint8_t room[RECORD_ROOM])
{
    struct pack p = {.p = room, .room = RECORD_ROOM};

    put_u64(&p, (uint64_t)g->expires);
    put_u64(&p, (uint64_t)g->created);
    put_u64(&p, g->order);
    for (unsigned i = 0; i < g->count; i++)
        put_short_str(&p, g->keys[i]);
    return packed(&p);
}

bool grant_unpack(struct str value, struct grant_record *ret)
{
    struct unpack u = {value, false};

    ret->expires = (unix_t)get_u64(&u);
    ret->created = (unix_t)get_u64(&u);
    ret->order = get_u64(&u);
    for (ret->count = 0; u.rest.n > 0 && ret->count < GRANT_MAX_KEYS; ret->count++)
        ret->keys[ret->count] = get_short_str(&u);
    return is_whole(&u);
}

static void put_slot(struct pack *p, const struct ip_net *net, const uint8_t *ua_hash,
                     uint64_t slot)
{
    put_net(p, net);
    put_bytes(p, ua_hash, STORE_UA_LEN);
    put_u64(p, slot);
}

void index_slot_key(struct key *k, const struct ip_net *net, const uint8_t ua_hash[STORE_UA_LEN],
                    uint64_t slot)
{
    struct pack p = key_begin(k);

    put_slot(&p, net, ua_hash, slot);
    k->n = p.n;
}

void index_key(struct key *k, const struct ip_net *net, const uint8_t ua_hash[STORE_UA_LEN],
               uint64_t slot, struct str uid)
{
    struct pack p = key_begin(k);

    put_slot(&p, net, ua_hash, slot);
    put_uid(&p, uid);
    k->n = p.n;
}

bool index_key_uid(struct str key, struct str *ret_uid)
{
    struct unpack u = {key, false};

    get_bytes(&u, 1 + 1 + sizeof((struct ip){0}).bytes + STORE_UA_LEN + sizeof(uint64_t));
    *ret_uid = get_uid(&u);
    return is_whole(&u);
}

struct str index_pack(const struct index_entry *e, uint8_t room[RECORD_ROOM])
{
    struct pack p = {.p = room, .room = RECORD_ROOM};

    put_u64(&p, (uint64_t)e->expires);
    put_u64(&p, e->order);
    put_bytes(&p, e->stream_key.p, e->stream_key.n);
    return packed(&p);
}

bool index_unpack(struct str value, struct index_entry *ret)
{
    struct unpack u = {value, false};

    ret->expires = (unix_t)get_u64(&u);
    ret->order = get_u64(&u);
    ret->stream_key = u.rest;
    return !u.is_bad;
}

/* ---- sessions ---- */

static void put_place(struct pack *p, const uint8_t *viewer, uint64_t hash, struct str uid)
{
    put_bytes(p, viewer, STORE_VIEWER_LEN);
    put_u64(p, hash);
    put_uid(p, uid);
}

void session_viewer_key(struct key *k, const uint8_t *viewer, uint64_t hash)
{
    struct pack p = key_begin(k);

    put_bytes(&p, viewer, STORE_VIEWER_LEN);
    put_u64(&p, hash);
    k->n = p.n;
}

void session_place_key(struct key *k, const uint8_t *viewer, uint64_t hash, struct str uid)
{
    struct pack p = key_begin(k);

    put_place(&p, viewer, hash, uid);
    k->n = p.n;
}

/* ~ends: of one place the newest session stands first, and only that one may be live. */
void session_key(struct key *k, const uint8_t *viewer, uint64_t hash, struct str uid, unix_t ends)
{
    struct pack p = key_begin(k);

    put_place(&p, viewer, hash, uid);
    put_u64(&p, ~(uint64_t)ends);
    k->n = p.n;
}

void session_by_uid_key(struct key *k, struct str uid, const uint8_t *viewer, unix_t ends)
{
    struct pack p = key_begin(k);

    put_uid(&p, uid);
    put_bytes(&p, viewer, STORE_VIEWER_LEN);
    put_u64(&p, (uint64_t)ends);
    k->n = p.n;
}

bool session_by_uid_unpack(struct str key, struct str value, struct session_record *ret)
{
    struct unpack u = {key, false};

    *ret = (struct session_record){.uid = get_uid(&u), .hash = number_unpack(value)};
    ret->viewer = (const uint8_t *)get_bytes(&u, STORE_VIEWER_LEN).p;
    ret->ends = (unix_t)get_u64(&u);
    return is_whole(&u);
}

void stream_key_of_place(struct key *k, struct str uid, const uint8_t *viewer, uint64_t hash)
{
    struct pack p = key_begin(k);

    put_uid(&p, uid);
    put_bytes(&p, viewer, STORE_VIEWER_LEN);
    put_u64(&p, hash);
    k->n = p.n;
}

bool stream_unpack(struct str key, struct str value, struct session_record *ret)
{
    struct unpack u = {key, false};

    *ret = (struct session_record){.uid = get_uid(&u), .ends = (unix_t)number_unpack(value)};
    ret->viewer = (const uint8_t *)get_bytes(&u, STORE_VIEWER_LEN).p;
    ret->hash = get_u64(&u);
    return is_whole(&u);
}

struct str session_pack(const struct session_record *s, uint8_t room[RECORD_ROOM])
{
    struct pack p = {.p = room, .room = RECORD_ROOM};

    put_u64(&p, (uint64_t)s->ends);
    put_u64(&p, (uint64_t)s->last);
    put_u64(&p, (uint64_t)s->started);
    put_bytes(&p, s->id, SESSION_RAW_ID_LEN);
    put_u8(&p, s->ip.family);
    put_bytes(&p, s->ip.bytes, sizeof s->ip.bytes);
    put_bytes(&p, s->ua_hash, STORE_UA_LEN);
    put_bytes(&p, s->stream_key.p, s->stream_key.n);
    return packed(&p);
}

static bool session_unpack_key(struct str key, struct session_record *ret)
{
    struct unpack u = {key, false};

    ret->viewer = (const uint8_t *)get_bytes(&u, STORE_VIEWER_LEN).p;
    ret->hash = get_u64(&u);
    ret->uid = get_uid(&u);
    get_u64(&u);
    return is_whole(&u);
}

bool session_unpack(struct str key, struct str value, struct session_record *ret)
{
    struct unpack u = {value, false};

    ret->ends = (unix_t)get_u64(&u);
    ret->last = (unix_t)get_u64(&u);
    ret->started = (unix_t)get_u64(&u);
    get_into(&u, ret->id, SESSION_RAW_ID_LEN);
    ret->ip.family = get_u8(&u);
    get_into(&u, ret->ip.bytes, sizeof ret->ip.bytes);
    get_into(&u, ret->ua_hash, STORE_UA_LEN);
    ret->stream_key = u.rest;
    return session_unpack_key(key, ret) && !u.is_bad;
}

/* ---- uses ---- */

struct str use_pack(const struct use_record *u, uint8_t room[RECORD_ROOM])
{
    struct pack p = {.p = room, .room = RECORD_ROOM};

    put_u64(&p, (uint64_t)u->expires);
    put_u64(&p, u->count);
    for (unsigned i = 0; i < u->viewers; i++) {
        put_bytes(&p, u->by[i].viewer, STORE_VIEWER_LEN);
        put_u64(&p, (uint64_t)u->by[i].last);
    }
    return packed(&p);
}

bool use_unpack(struct str value, struct use_record *ret)
{
    struct unpack u = {value, false};

    ret->expires = (unix_t)get_u64(&u);
    ret->count = (uint32_t)get_u64(&u);
    for (ret->viewers = 0; u.rest.n > 0 && ret->viewers < USE_MAX_VIEWERS; ret->viewers++) {
        get_into(&u, ret->by[ret->viewers].viewer, STORE_VIEWER_LEN);
        ret->by[ret->viewers].last = (unix_t)get_u64(&u);
    }
    return is_whole(&u);
}

/* ---- revocations ---- */

void revoked_key(struct key *k, const uint8_t *viewer, unix_t ends, struct str uid)
{
    struct pack p = key_begin(k);

    put_bytes(&p, viewer, STORE_VIEWER_LEN);
    put_u64(&p, (uint64_t)ends);
    put_uid(&p, uid);
    k->n = p.n;
}

unix_t revoked_key_ends(struct str key)
{
    return record_expires(str_skip(key, STORE_VIEWER_LEN));
}

void revoked_pair_of(struct key *pair, struct str key)
{
    struct str viewer = str_first(key, STORE_VIEWER_LEN),
               uid =
                   str_first(str_skip(key, STORE_VIEWER_LEN + sizeof(uint64_t)), 1 + STORE_UID_MAX);
    struct pack p = key_begin(pair);

    put_bytes(&p, viewer.p, viewer.n);
    put_bytes(&p, uid.p, uid.n);
    pair->n = p.n;
}

/* ---- numbers ---- */

struct str number_pack(uint64_t n, uint8_t room[8])
{
    struct pack p = {.p = room, .room = 8};

    put_u64(&p, n);
    return packed(&p);
}

uint64_t number_unpack(struct str value)
{
    struct unpack u = {value, false};

    return get_u64(&u);
}
