/* Sessions: store/lua/session_list.lua, session_end.lua. */
#include <errno.h>

#include "store/redis.h"

enum { LIST_ELEMENTS = 7, LIST_SCAN_MAX = 65536 }; /* records a list looks at */

/* ---- lists ---- */

static void encode_list(struct redis_ask *q, struct redis_args *args)
{
    const struct session_list *l = container_of(q->op, struct session_list, op);

    redis_add_number(args, l->now);
    redis_add(args, l->uid);
    redis_add_number(args, l->limit);
    redis_add_number(args, store_rules(q->w->base.store)->session_ttl);
    redis_add_number(args, LIST_SCAN_MAX);
}

static int read_session(struct redis_reader *r, struct arena *arena, struct session_info *ret)
{
    struct str name = redis_read_text(r, SIZE_MAX), id, ip, ua;
    struct redis_session_name parts;

    *ret = (struct session_info){0};
    ret->last = redis_read_figure(r);
    ret->started = redis_read_figure(r);
    id = redis_read_text(r, STORE_SESSION_ID_LEN);
    ip = redis_read_text(r, SIZE_MAX);
    ua = redis_read_text(r, STORE_UA_LEN);
    ret->stream_key = arena_copy(arena, redis_read_text(r, STORE_KEY_MAX));
    if (r->is_bad || ua.n != STORE_UA_LEN || !redis_unpack_session_name(name, &parts) ||
        !redis_unpack_ip(ip, &ret->ip) || !redis_unpack_session_id(id, ret->id))
        return -EIO;
    ret->ends = parts.ends;
    ret->uid = arena_copy(arena, parts.uid);
    memcpy(ret->ua_hash, ua.p, ua.n);
    return arena->is_full ? -ENOMEM : 0;
}

static int decode_list(struct redis_ask *q, const redisReply *reply)
{
    struct session_list *l = container_of(q->op, struct session_list, op);
    struct redis_reader r;
    size_t most;
    int err = 0;

    l->total = redis_read_total(&r, reply);
    if (r.is_bad)
        return -EIO;
    most = MIN((size_t)l->limit, (reply->elements - r.at) / LIST_ELEMENTS);
    l->count = 0;
    l->sessions = arena_alloc(l->arena, MAX(most, (size_t)1) * sizeof *l->sessions);
    if (l->sessions == NULL)
        return -ENOMEM;
    while (err == 0 && l->count < most)
        err = read_session(&r, l->arena, &l->sessions[l->count++]);
    return err < 0 ? err : redis_has_more(&r) ? -EIO : 0;
}

int redis_session_list(struct store_worker *w, struct session_list *l)
{
    return redis_ask(redis_worker(w), &l->op, SCRIPT_session_list, encode_list, decode_list);
}

/* ---- ending ---- */

static void encode_end(struct redis_ask *q, struct redis_args *args)
{
    const struct session_end *e = container_of(q->op, struct session_end, op);

    redis_add_number(args, e->now);
    redis_add(args, e->id);
    redis_add(args, e->uid);
    redis_add_number(args, STORE_MAX_REVOCATIONS);
}

static int decode_end(struct redis_ask *q, const redisReply *reply)
{
    struct session_end *e = container_of(q->op, struct session_end, op);
    struct redis_reader r;
    int err = redis_read_taken(&r, reply, &e->ended);

    return err < 0 ? err : redis_read_revoked(&r, q->w->r);
}

int redis_session_end(struct store_worker *w, struct session_end *e)
{
    return redis_ask(redis_worker(w), &e->op, SCRIPT_session_end, encode_end, decode_end);
}
