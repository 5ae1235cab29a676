/* Grants: store/lua/grant_put.lua, grant_revoke.lua, grant_list.lua. */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/record.h"
#include "store/redis.h"

/* ---- POST ---- */

static void encode_put(struct redis_ask *q, struct redis_args *args)
{
    const struct store_rules *rules = store_rules(q->w->base.store);
    struct grant_put *g = container_of(q->op, struct grant_put, op);

    g->stored_net = store_widen(rules, &g->net);
    redis_add_number(args, g->now);
    redis_add(args, g->uid);
    redis_add(args, redis_pack_field(grant_kind_of(g->is_static, g->stream_key.n > 0),
                                     &g->stored_net, g->ua_hash, q->scratch));
    redis_add(args, g->stream_key);
    redis_add_number(args, g->ttl > 0 ? g->ttl : rules->grant_ttl);
    redis_add_number(args, rules->grant_max_keys);
    redis_add_number(args, rules->grant_max_pairs);
    redis_add_number(args, rules->grant_max_uids);
}

static struct str *read_keys(struct redis_reader *r, struct arena *arena, unsigned count)
{
    struct str *keys = arena_alloc(arena, MAX(count, 1u) * sizeof *keys);

    for (unsigned i = 0; keys != NULL && i < count; i++)
        keys[i] = arena_copy(arena, redis_read_text(r, STORE_KEY_MAX));
    return arena->is_full ? NULL : keys;
}

static int decode_put(struct redis_ask *q, const redisReply *reply)
{
    struct grant_put *g = container_of(q->op, struct grant_put, op);
    struct redis_reader r;

    redis_read(&r, reply, 5);
    (void)redis_read_number(&r, 0, 1);
    g->is_new = redis_read_number(&r, 0, 1) != 0;
    g->keys_evicted = (unsigned)redis_read_number(&r, 0, GRANT_MAX_KEYS);
    g->pairs = (unsigned)redis_read_number(&r, 0, UINT32_MAX);
    g->pairs_evicted = (unsigned)redis_read_number(&r, 0, UINT32_MAX);
    if (r.is_bad || reply->elements - r.at > GRANT_MAX_KEYS)
        return -EIO;
    g->keys = (unsigned)(reply->elements - r.at);
    g->all_keys = read_keys(&r, g->arena, g->keys);
    return r.is_bad ? -EIO : g->all_keys == NULL ? -ENOMEM : 0;
}

int redis_grant_put(struct store_worker *w, struct grant_put *g)
{
    return redis_ask(redis_worker(w), &g->op, SCRIPT_grant_put, encode_put, decode_put);
}

/* ---- DELETE ---- */

static void encode_revoke(struct redis_ask *q, struct redis_args *args)
{
    const struct store_rules *rules = store_rules(q->w->base.store);
    const struct grant_revoke *g = container_of(q->op, struct grant_revoke, op);
    struct ip_net net;

    redis_add_number(args, g->now);
    redis_add(args, g->uid);
    if (g->net.base.family == IP_NONE) {
        redis_add(args, STR(""));
    } else {
        net = store_widen(rules, &g->net);
        redis_add(args, redis_pack_net(&net, q->scratch));
    }
    redis_add_bytes(args, g->ua_hash, g->has_ua ? STORE_UA_LEN : 0);
    redis_add(args, g->stream_key);
    redis_add_number(args, STORE_MAX_REVOCATIONS);
}

static int decode_revoke(struct redis_ask *q, const redisReply *reply)
{
    struct grant_revoke *g = container_of(q->op, struct grant_revoke, op);
    struct redis_reader r;
    int err = redis_read_taken(&r, reply, &g->grants_removed);

    if (err < 0)
        return err;
    g->sessions_ended = (unsigned)redis_read_number(&r, 0, UINT32_MAX);
    return redis_read_revoked(&r, q->w->r);
}

int redis_grant_revoke(struct store_worker *w, struct grant_revoke *g)
{
    return redis_ask(redis_worker(w), &g->op, SCRIPT_grant_revoke, encode_revoke, decode_revoke);
}

/* ---- lists ---- */

enum { LIST_ELEMENTS = 5 }; /* of one grant, before its stream keys */

static void encode_list(struct redis_ask *q, struct redis_args *args)
{
    const struct grant_list *l = container_of(q->op, struct grant_list, op);

    redis_add_number(args, l->now);
    redis_add(args, l->uid);
    redis_add_number(args, l->limit);
}

static int read_grant(struct redis_reader *r, struct arena *arena, struct grant_info *ret)
{
    struct str field;
    unsigned count;

    *ret = (struct grant_info){.uid = arena_copy(arena, redis_read_text(r, STORE_UID_MAX))};
    field = redis_read_text(r, REDIS_FIELD_MAX);
    ret->created = redis_read_figure(r);
    ret->expires = redis_read_figure(r);
    count = (unsigned)redis_read_number(r, 0, GRANT_MAX_KEYS);
    if (r->is_bad || !redis_unpack_field(field, &ret->is_static, &ret->net, ret->ua_hash))
        return -EIO;
    ret->key_count = count;
    ret->keys = read_keys(r, arena, count);
    return r->is_bad ? -EIO : arena->is_full ? -ENOMEM : 0;
}

/* By uid as the embedded store has them: the shorter first; then by what they are for. */
static int by_name(const void *left, const void *right)
{
    const struct grant_info *a = left, *b = right;
    int d = a->uid.n != b->uid.n ? (a->uid.n > b->uid.n) - (a->uid.n < b->uid.n)
                                 : str_cmp(a->uid, b->uid);

    if (d == 0)
        d = (int)grant_kind_of(a->is_static, a->key_count > 0) -
            (int)grant_kind_of(b->is_static, b->key_count > 0);
    if (d == 0)
        d = memcmp(&a->net, &b->net, sizeof a->net);
    return d != 0 ? d : memcmp(a->ua_hash, b->ua_hash, STORE_UA_LEN);
}

static int decode_list(struct redis_ask *q, const redisReply *reply)
{
    struct grant_list *l = container_of(q->op, struct grant_list, op);
    struct redis_reader r;
    size_t most;
    int err = 0;

    l->total = redis_read_total(&r, reply);
    if (r.is_bad)
        return -EIO;
    most = MIN((size_t)l->limit, (reply->elements - r.at) / LIST_ELEMENTS);
    l->count = 0;
    l->grants = arena_alloc(l->arena, MAX(most, 1u) * sizeof *l->grants);
    if (l->grants == NULL)
        return -ENOMEM;
    while (err == 0 && redis_has_more(&r) && l->count < most)
        err = read_grant(&r, l->arena, &l->grants[l->count++]);
    if (err == 0)
        qsort(l->grants, l->count, sizeof *l->grants, by_name);
    return err < 0 ? err : redis_has_more(&r) ? -EIO : 0;
}

int redis_grant_list(struct store_worker *w, struct grant_list *l)
{
    return redis_ask(redis_worker(w), &l->op, SCRIPT_grant_list, encode_list, decode_list);
}
