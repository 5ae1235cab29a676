/* Traffic and reports: store/lua/traffic_*.lua, report_*.lua. */
#include <errno.h>

#include "store/redis.h"

static struct str bytes_str(const void *p, size_t n)
{
    return (struct str){p, n};
}

/* For scripts that answer no more than whether they changed something. */
static int decode_nothing(struct redis_ask *q, const redisReply *reply)
{
    struct redis_reader r;

    redis_read(&r, reply, 1);
    (void)redis_read_number(&r, 0, 1);
    return r.is_bad ? -EIO : 0;
}

/* ---- counts ---- */

static void encode_add(struct redis_ask *q, struct redis_args *args)
{
    const struct traffic_add *a = container_of(q->op, struct traffic_add, op);

    redis_add_number(args, a->now);
    redis_add(args, bytes_str(a->source, sizeof a->source));
    redis_add_number(args, (int64_t)a->number);
    redis_add_number(args, TRAFFIC_KEEP_SEC);
    redis_add(args, a->lines);
}

int redis_traffic_add(struct store_worker *w, struct traffic_add *a)
{
    return redis_ask(redis_worker(w), &a->op, SCRIPT_traffic_add, encode_add, decode_nothing);
}

/* Uid and record of each, to the end of the reply: no more than `limit`. */
static int read_lines(struct redis_reader *r, struct arena *arena, unsigned limit,
                      struct traffic_line **ret_lines, unsigned *ret_count)
{
    size_t most = (r->array->elements - r->at) / 2;
    struct traffic_line *lines = arena_alloc(arena, MAX(most, (size_t)1) * sizeof *lines);
    unsigned n = 0;
    int err = most > limit ? -EIO : lines == NULL ? -ENOMEM : 0;

    while (err == 0 && redis_has_more(r)) {
        struct str uid = redis_read_text(r, STORE_UID_MAX);
        struct str record = redis_read_text(r, TRAFFIC_RECORD_MAX);

        if (r->is_bad || !traffic_unpack(record, &lines[n].counts))
            err = -EIO;
        else
            lines[n++].uid = arena_copy(arena, uid);
    }
    if (err == 0 && arena->is_full)
        err = -ENOMEM;
    if (err < 0) {
        traffic_lines_done(lines, n);
        return err;
    }
    *ret_lines = lines;
    *ret_count = n;
    return 0;
}

static void encode_list(struct redis_ask *q, struct redis_args *args)
{
    const struct traffic_list *l = container_of(q->op, struct traffic_list, op);

    redis_add_number(args, loop_unix(q->w->base.loop));
    redis_add_number(args, l->limit);
}

static int decode_list(struct redis_ask *q, const redisReply *reply)
{
    struct traffic_list *l = container_of(q->op, struct traffic_list, op);
    struct redis_reader r;

    redis_read(&r, reply, 6);
    (void)redis_read_number(&r, 0, 1);
    l->uids = (uint64_t)redis_read_number(&r, 0, INT64_MAX);
    l->bytes = (uint64_t)redis_read_figure(&r);
    l->requests = (uint64_t)redis_read_figure(&r);
    l->waiting = (uint64_t)redis_read_number(&r, 0, INT64_MAX);
    l->acknowledged = (uint64_t)redis_read_figure(&r);
    l->is_partial = false;
    return r.is_bad ? -EIO : read_lines(&r, l->arena, l->limit, &l->lines, &l->count);
}

int redis_traffic_list(struct store_worker *w, struct traffic_list *l)
{
    return redis_ask(redis_worker(w), &l->op, SCRIPT_traffic_list, encode_list, decode_list);
}

/* ---- taking ---- */

static void encode_take(struct redis_ask *q, struct redis_args *args)
{
    const struct traffic_take *t = container_of(q->op, struct traffic_take, op);

    redis_add_number(args, t->now);
    redis_add(args, bytes_str(t->id, sizeof t->id));
    redis_add_number(args, (int64_t)t->min_bytes);
    redis_add_number(args, t->before);
    redis_add_number(args, TRAFFIC_REPORT_MAX);
    redis_add_number(args, t->discards);
    redis_add_number(args, TRAFFIC_REPORTS_MAX);
    redis_add_number(args, TRAFFIC_KEEP_SEC);
}

static int decode_take(struct redis_ask *q, const redisReply *reply)
{
    struct traffic_take *t = container_of(q->op, struct traffic_take, op);
    struct redis_reader r;

    redis_read(&r, reply, 4);
    (void)redis_read_number(&r, 0, 1);
    t->taken = (unsigned)redis_read_number(&r, 0, TRAFFIC_REPORT_MAX);
    t->has_more = redis_read_number(&r, 0, 1) != 0;
    t->is_held = redis_read_number(&r, 0, 1) != 0;
    return r.is_bad ? -EIO : 0;
}

int redis_traffic_take(struct store_worker *w, struct traffic_take *t)
{
    return redis_ask(redis_worker(w), &t->op, SCRIPT_traffic_take, encode_take, decode_take);
}

/* ---- reports ---- */

static void encode_next(struct redis_ask *q, struct redis_args *args)
{
    redis_add_number(args, loop_unix(q->w->base.loop));
}

static int decode_next(struct redis_ask *q, const redisReply *reply)
{
    struct report_next *n = container_of(q->op, struct report_next, op);
    struct redis_reader r;
    struct str id;

    redis_read(&r, reply, 2);
    (void)redis_read_number(&r, 0, 1);
    n->waiting = (uint64_t)redis_read_number(&r, 0, INT64_MAX);
    n->count = 0;
    n->is_there = redis_has_more(&r);
    if (!n->is_there)
        return r.is_bad ? -EIO : 0;
    n->made = redis_read_figure(&r);
    id = redis_read_text(&r, REPORT_ID_LEN);
    if (r.is_bad || !traffic_is_report_id(id))
        return -EIO;
    memcpy(n->id, id.p, id.n);
    return read_lines(&r, n->arena, TRAFFIC_REPORT_MAX, &n->lines, &n->count);
}

int redis_report_next(struct store_worker *w, struct report_next *n)
{
    return redis_ask(redis_worker(w), &n->op, SCRIPT_report_next, encode_next, decode_next);
}

static void encode_done(struct redis_ask *q, struct redis_args *args)
{
    const struct report_done *d = container_of(q->op, struct report_done, op);

    redis_add_number(args, loop_unix(q->w->base.loop));
    redis_add(args, bytes_str(d->id, sizeof d->id));
    redis_add_number(args, d->made);
    redis_add_number(args, TRAFFIC_KEEP_SEC);
}

int redis_report_done(struct store_worker *w, struct report_done *d)
{
    return redis_ask(redis_worker(w), &d->op, SCRIPT_report_done, encode_done, decode_nothing);
}

/* ---- who reports ---- */

static void encode_lead(struct redis_ask *q, struct redis_args *args)
{
    const struct traffic_lead *l = container_of(q->op, struct traffic_lead, op);

    redis_add_number(args, l->now);
    redis_add(args, bytes_str(l->holder, sizeof l->holder));
    redis_add_number(args, l->ttl);
}

static int decode_lead(struct redis_ask *q, const redisReply *reply)
{
    struct traffic_lead *l = container_of(q->op, struct traffic_lead, op);
    struct redis_reader r;

    redis_read(&r, reply, 2);
    (void)redis_read_number(&r, 0, 1);
    l->is_leader = redis_read_number(&r, 0, 1) != 0;
    return r.is_bad ? -EIO : 0;
}

int redis_traffic_lead(struct store_worker *w, struct traffic_lead *l)
{
    return redis_ask(redis_worker(w), &l->op, SCRIPT_traffic_lead, encode_lead, decode_lead);
}
