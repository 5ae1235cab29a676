/* A call of store.h as one script: packed, sent, its answer unpacked, its op paid. */
#include <errno.h>

#include "base/stock.h"
#include "store/redis.h"

static void encode(struct redis_call *call, struct redis_args *args)
{
    struct redis_ask *q = container_of(call, struct redis_ask, call);

    q->encode(q, args);
}

static void answered(struct redis_call *call, int err, const redisReply *reply)
{
    struct redis_ask *q = container_of(call, struct redis_ask, call);
    struct op *op = q->op;

    if (err == 0) {
        err = q->decode(q, reply);
        if (err == -EIO) /* nonsense; errors that Redis named are the link's */
            redis_count(&q->w->r->shared.counters.errors);
    }
    stock_free(q);
    op_finish(op, err);
}

static void cancel(struct op *op)
{
    struct redis_ask *q = op->work;

    redis_call_cancel(&q->call);
    stock_free(q);
}

int redis_ask(struct redis_worker *w, struct op *op, enum redis_script script,
              redis_encode_fn encode_fn, redis_decode_fn decode_fn)
{
    struct redis_ask *q = stock_alloc(sizeof *q);
    int r;

    q->call = (struct redis_call){.script = script, .encode = encode, .answered = answered};
    q->w = w;
    q->op = op;
    q->encode = encode_fn;
    q->decode = decode_fn;
    q->asked = loop_now(w->base.loop);
    q->verdicts_version = w->verdicts != NULL ? verdicts_version(w->verdicts) : 0;
    q->may_be_again = false;
    q->session_id[0] = '\0';
    r = redis_link_call(w->link, &q->call);
    if (r < 0) {
        stock_free(q);
        return r;
    }
    op_begin(op, cancel, q);
    return 0;
}
