/* Who shares the store: store/lua/instance_beat.lua. */
#include <errno.h>
#include <stdlib.h>

#include "store/redis.h"

static struct instance_beat *beat_of(struct redis_ask *q)
{
    return container_of(q->op, struct instance_beat, op);
}

static void encode(struct redis_ask *q, struct redis_args *args)
{
    const struct instance_beat *b = beat_of(q);

    redis_add_number(args, loop_unix(q->w->base.loop));
    redis_add_bytes(args, b->id, sizeof b->id);
    redis_add(args, b->text);
    redis_add_number(args, b->ttl);
    redis_add_number(args, INSTANCES_MAX);
}

static void read_one(struct redis_reader *r, struct arena *arena, struct instance *ret)
{
    struct str id = redis_read_text(r, INSTANCE_ID_LEN);

    r->is_bad |= id.n != INSTANCE_ID_LEN;
    ret->text = arena_copy(arena, redis_read_text(r, INSTANCE_TEXT_MAX));
    if (!r->is_bad)
        memcpy(ret->id, id.p, id.n);
}

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct instance *)a)->id, ((const struct instance *)b)->id,
                  INSTANCE_ID_LEN);
}

/* The others; its own is known. */
static int decode(struct redis_ask *q, const redisReply *reply)
{
    struct instance_beat *b = beat_of(q);
    struct redis_reader r;
    int err;

    redis_read(&r, reply, 1);
    (void)redis_read_number(&r, 0, 1); /* whether it is worth waiting for replicas */
    if (r.is_bad)
        return -EIO;
    err = instances_begin(b, 1 + (unsigned)MIN(reply->elements / 2, (size_t)INSTANCES_MAX - 1));
    while (err == 0 && redis_has_more(&r) && b->count < INSTANCES_MAX)
        read_one(&r, b->arena, &b->instances[b->count++]);
    if (err < 0 || b->arena->is_full)
        return -ENOMEM;
    if (r.is_bad || redis_has_more(&r))
        return -EIO;
    qsort(b->instances + 1, b->count - 1, sizeof *b->instances, by_id);
    return 0;
}

int redis_instance_beat(struct store_worker *w, struct instance_beat *b)
{
    return redis_ask(redis_worker(w), &b->op, SCRIPT_instance_beat, encode, decode);
}
