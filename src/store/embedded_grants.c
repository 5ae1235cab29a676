/*
 * Grants: storing and finding. A grant is found by (network, User-Agent, stream key) in the index,
 * once for each prefix length that any grant has (`networks` counts them), so the cost of a look-up
 * does not grow with the number of grants.
 *
 * A static grant is a grant of its own beside the one with stream keys, and one for the static
 * files of some stream keys a third: each has its own life and its own limits, so that posting one
 * never prolongs another.
 *
 * Invariant: a grant has one entry in the index for each of its stream keys and one in the slot of
 * its kind, all with its own expiry; grant_write() and grant_erase() alone keep it.
 */
#include <errno.h>

#include "base/panic.h"
#include "store/embedded.h"

bool key_starts(struct str key, const struct key *prefix)
{
    return str_starts(key, key_str(prefix));
}

static uint64_t slot_of_kind(enum grant_kind kind)
{
    static const uint64_t slots[] = {[GRANT_KEYED] = SLOT_KEYED,
                                     [GRANT_STATIC] = SLOT_STATIC,
                                     [GRANT_STATIC_KEYS] = SLOT_STATIC_KEYS};

    return slots[kind];
}

static uint64_t slot_of_key(const struct embedded *e, enum grant_kind kind, struct str stream_key)
{
    uint64_t hash = record_hash(&e->hash_key, stream_key);

    return kind == GRANT_STATIC_KEYS ? record_static_slot(hash) : hash;
}

/* ---- finding ---- */

struct slot_query {
    const struct grant_query *q;
    struct ip_net net;
    uint64_t slot;
    struct str stream_key;
};

static bool is_match(const struct slot_query *s, struct str value)
{
    struct index_entry e;

    return index_unpack(value, &e) && e.expires > s->q->now && str_eq(e.stream_key, s->stream_key);
}

static bool find_of_uid(struct db_tx *tx, const struct slot_query *s, struct str *ret_uid)
{
    struct key k;
    struct str value;

    index_key(&k, &s->net, s->q->ua_hash, s->slot, s->q->uid);
    if (!db_get(tx, DB_GRANT_INDEX, key_str(&k), &value) || !is_match(s, value))
        return false;
    *ret_uid = s->q->uid;
    return true;
}

/* Not more than grant_max_uids share a slot. */
static bool find_of_any(struct db_tx *tx, const struct slot_query *s, struct str *ret_uid)
{
    struct key prefix;
    struct str key, value;
    bool more;

    index_slot_key(&prefix, &s->net, s->q->ua_hash, s->slot);
    more = db_seek(tx, DB_GRANT_INDEX, key_str(&prefix), &key, &value);
    for (; more && key_starts(key, &prefix); more = db_next(tx, DB_GRANT_INDEX, &key, &value))
        if (is_match(s, value) && index_key_uid(key, ret_uid))
            return true;
    return false;
}

static bool find_in_slot(struct db_tx *tx, const struct slot_query *s, struct str *ret_uid)
{
    return s->q->uid.n > 0 ? find_of_uid(tx, s, ret_uid) : find_of_any(tx, s, ret_uid);
}

/* Each prefix length in use: a handful, one as a rule. */
static bool find_in_networks(struct db_tx *tx, const struct grant_query *q, uint64_t slot,
                             struct str stream_key, struct str *ret_uid)
{
    struct slot_query s = {.q = q, .slot = slot, .stream_key = stream_key};
    enum ip_family family;
    uint8_t prefix;
    struct key from;
    struct str key, value;
    bool more;

    network_key(&from, q->ip->family, 0);
    more = db_seek(tx, DB_NETWORKS, key_str(&from), &key, &value);
    for (; more; more = db_next(tx, DB_NETWORKS, &key, &value)) {
        if (!network_unpack(key, &family, &prefix) || family != q->ip->family)
            break;
        s.net = ip_mask(q->ip, prefix);
        if (find_in_slot(tx, &s, ret_uid))
            return true;
    }
    return false;
}

bool grant_find_key(struct db_tx *tx, const struct grant_query *q, struct str *ret_uid)
{
    return find_in_networks(tx, q, q->hash, q->stream_key, ret_uid);
}

bool grant_find_any(struct db_tx *tx, const struct grant_query *q, struct str *ret_uid)
{
    return find_in_networks(tx, q, SLOT_KEYED, STR(""), ret_uid) ||
           find_in_networks(tx, q, SLOT_STATIC, STR(""), ret_uid) ||
           find_in_networks(tx, q, record_static_slot(q->hash), q->stream_key, ret_uid);
}

/* ---- writing ---- */

static void count_network(struct db_tx *tx, const struct ip_net *net, int by)
{
    uint8_t room[8];
    struct key k;
    struct str value = STR_NONE;
    uint64_t n;

    network_key(&k, net->base.family, net->prefix);
    db_get(tx, DB_NETWORKS, key_str(&k), &value);
    n = number_unpack(value) + (uint64_t)by;
    if (n == 0)
        db_del(tx, DB_NETWORKS, key_str(&k));
    else
        db_put(tx, DB_NETWORKS, key_str(&k), number_pack(n, room));
}

static void index_erase(struct db_tx *tx, const struct grant_name *name, uint64_t slot)
{
    struct key k;

    index_key(&k, &name->net, name->ua_hash, slot, name->uid);
    db_del(tx, DB_GRANT_INDEX, key_str(&k));
}

static void index_write(struct db_tx *tx, const struct grant_name *name,
                        const struct grant_record *g, uint64_t slot, struct str stream_key)
{
    struct index_entry e = {.expires = g->expires, .order = g->order, .stream_key = stream_key};
    uint8_t room[RECORD_ROOM];
    struct key k;

    index_key(&k, &name->net, name->ua_hash, slot, name->uid);
    db_put(tx, DB_GRANT_INDEX, key_str(&k), index_pack(&e, room));
}

void grant_write(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                 const struct grant_record *g)
{
    uint8_t room[RECORD_ROOM];
    struct key k;
    struct str value, packed = grant_pack(g, room); /* before a change moves what it borrows */
    struct grant_record own;

    assert(grant_unpack(packed, &own));
    grant_key(&k, name);
    if (!db_get(tx, DB_GRANTS, key_str(&k), &value))
        count_network(tx, &name->net, 1);
    db_put(tx, DB_GRANTS, key_str(&k), packed);
    index_write(tx, name, &own, slot_of_kind(name->kind), STR(""));
    for (unsigned i = 0; i < own.count; i++)
        index_write(tx, name, &own, slot_of_key(e, name->kind, own.keys[i]), own.keys[i]);
}

void grant_erase_key(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                     struct str stream_key)
{
    index_erase(tx, name, slot_of_key(e, name->kind, stream_key));
}

void grant_erase(struct embedded *e, struct db_tx *tx, struct str key)
{
    uint64_t slots[GRANT_MAX_KEYS];
    struct grant_record g;
    struct grant_name name;
    struct key own;
    struct str value;

    key_set(&own, key);
    if (!grant_name_unpack(key_str(&own), &name) || !db_get(tx, DB_GRANTS, key_str(&own), &value))
        return;
    if (!grant_unpack(value, &g))
        g.count = 0;
    for (unsigned i = 0; i < g.count; i++)
        slots[i] = slot_of_key(e, name.kind, g.keys[i]);
    for (unsigned i = 0; i < g.count; i++)
        index_erase(tx, &name, slots[i]);
    index_erase(tx, &name, slot_of_kind(name.kind));
    count_network(tx, &name.net, -1);
    db_del(tx, DB_GRANTS, key_str(&own));
}

/* ---- limits ---- */

struct crowd { /* grants that share a uid, or a network and User-Agent */
    unsigned others;
    bool has_expired;
    struct key expired, oldest; /* in DB_GRANTS */
    uint64_t oldest_order;
};

static void crowd_add(struct crowd *c, const struct key *grant, unix_t expires, uint64_t order,
                      unix_t now)
{
    if (expires <= now) {
        c->has_expired = true;
        c->expired = *grant;
        return;
    }
    if (c->others++ == 0 || order < c->oldest_order) {
        c->oldest = *grant;
        c->oldest_order = order;
    }
}

typedef void (*crowd_look_fn)(struct db_tx *tx, const struct grant_name *name, unix_t now,
                              struct crowd *ret);

static void look_at_pairs(struct db_tx *tx, const struct grant_name *name, unix_t now,
                          struct crowd *ret)
{
    struct grant_record g;
    struct key prefix, own, k;
    struct str key, value;
    bool more;

    grant_key(&own, name);
    grant_kind_key(&prefix, name->uid, name->kind);
    more = db_seek(tx, DB_GRANTS, key_str(&prefix), &key, &value);
    for (; more && key_starts(key, &prefix); more = db_next(tx, DB_GRANTS, &key, &value)) {
        key_set(&k, key);
        if (!str_eq(key, key_str(&own)) && grant_unpack(value, &g))
            crowd_add(ret, &k, g.expires, g.order, now);
    }
}

static void look_at_uids(struct db_tx *tx, const struct grant_name *name, unix_t now,
                         struct crowd *ret)
{
    struct grant_name other = *name;
    struct index_entry e;
    struct key prefix, k;
    struct str key, value;
    bool more;

    index_slot_key(&prefix, &name->net, name->ua_hash, slot_of_kind(name->kind));
    more = db_seek(tx, DB_GRANT_INDEX, key_str(&prefix), &key, &value);
    for (; more && key_starts(key, &prefix); more = db_next(tx, DB_GRANT_INDEX, &key, &value)) {
        if (!index_key_uid(key, &other.uid) || str_eq(other.uid, name->uid) ||
            !index_unpack(value, &e))
            continue;
        grant_key(&k, &other);
        crowd_add(ret, &k, e.expires, e.order, now);
    }
}

/* Erases the expired, then the oldest, until there is room for `name` itself. Returns how many live
 * ones had to go. */
static unsigned make_room(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                          unix_t now, unsigned max, crowd_look_fn look, unsigned *ret_others)
{
    unsigned evicted = 0;

    for (;;) {
        struct crowd c = {0};

        look(tx, name, now, &c);
        *ret_others = c.others;
        if (tx->error != 0 || (!c.has_expired && c.others < max))
            return evicted;
        evicted += !c.has_expired;
        grant_erase(e, tx, key_str(c.has_expired ? &c.expired : &c.oldest));
    }
}

/* ---- POST ---- */

/* The stream keys it had but for the one posted, which becomes the newest; copied, for changes move
 * what is borrowed. */
static int merge_keys(struct grant_put *g, const struct store_rules *rules,
                      struct grant_record *record)
{
    unsigned kept = 0, first;

    for (unsigned i = 0; i < record->count; i++)
        if (!str_eq(record->keys[i], g->stream_key))
            record->keys[kept++] = record->keys[i];
    g->keys = kept + (g->stream_key.n > 0);
    first = g->keys > rules->grant_max_keys ? g->keys - rules->grant_max_keys : 0;
    g->keys_evicted = first;
    g->keys -= first;
    g->all_keys = arena_alloc(g->arena, MAX(g->keys, 1u) * sizeof *g->all_keys);
    if (g->all_keys == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < g->keys; i++) {
        unsigned from = first + i;

        g->all_keys[i] = arena_copy(g->arena, from < kept ? record->keys[from] : g->stream_key);
        if (g->all_keys[i].p == NULL)
            return -ENOMEM;
    }
    return 0;
}

static bool load_live(struct db_tx *tx, const struct grant_name *name, unix_t now,
                      struct grant_record *ret)
{
    struct key k;
    struct str value;

    grant_key(&k, name);
    if (db_get(tx, DB_GRANTS, key_str(&k), &value) && grant_unpack(value, ret) &&
        ret->expires > now)
        return true;
    *ret = (struct grant_record){.created = now};
    return false;
}

static void replace(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                    struct grant_record *record, const struct grant_put *g)
{
    struct key k;

    grant_key(&k, name);
    grant_erase(e, tx, key_str(&k));
    record->count = g->keys;
    for (unsigned i = 0; i < g->keys; i++)
        record->keys[i] = g->all_keys[i];
    grant_write(e, tx, name, record);
}

static int write_grant(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct grant_put *g = container_of(op, struct grant_put, op);
    const struct store_rules *rules = store_rules(w->base.store);
    struct grant_name name = {.uid = g->uid,
                              .kind = grant_kind_of(g->is_static, g->stream_key.n > 0),
                              .net = store_widen(rules, &g->net)};
    struct grant_record record;
    unsigned others;
    int r;

    memcpy(name.ua_hash, g->ua_hash, STORE_UA_LEN);
    g->stored_net = name.net;
    g->is_new = !load_live(tx, &name, g->now, &record);
    r = tx->is_full ? -ENOSPC : merge_keys(g, rules, &record);
    if (r < 0)
        return r;
    record.expires = g->now + (g->ttl > 0 ? g->ttl : rules->grant_ttl);
    record.order = meta_next(tx, STR("sequence"));
    replace(w->e, tx, &name, &record, g);
    make_room(w->e, tx, &name, g->now, rules->grant_max_uids, look_at_uids, &others);
    g->pairs_evicted =
        make_room(w->e, tx, &name, g->now, rules->grant_max_pairs, look_at_pairs, &others);
    g->pairs = others + 1;
    return 0;
}

int embedded_grant_put(struct store_worker *w, struct grant_put *g)
{
    return embedded_write(embedded_worker(w), &g->op, write_grant);
}
