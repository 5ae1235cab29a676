#include "store/redis_world_testing.h"

#include <stdio.h>

#include "base/mem.h"

static unsigned answered_so_far;

static void on_up(void *arg)
{
    struct world *w = arg;

    w->ups++;
}

struct world *world_new(struct loop *l, struct store_redis_options o)
{
    struct world *w = xzalloc(sizeof *w);
    struct redis_link_events events = {.up = on_up, .arg = w};

    if (o.timeout == 0)
        o.timeout = WORLD_PATIENT;
    if (o.connections == 0)
        o.connections = 1;
    if (o.prefix.p == NULL)
        o.prefix = STR("hg:");
    w->loop = l;
    redis_shared_init(&w->shared, &o);
    w->link = redis_link_new(&w->shared, l, &events);
    return w;
}

void world_free(struct world **world)
{
    struct world *w = TAKE(*world);

    redis_link_free(&w->link);
    assert_int_equal(atomic_load(&w->shared.links_up), 0);
    redis_shared_done(&w->shared);
    xfree_p(&w);
}

uint64_t world_count(_Atomic uint64_t *counter)
{
    return atomic_load(counter);
}

const char *world_trouble(struct world *w)
{
    return w->shared.trouble;
}

static void encode(struct redis_call *c, struct redis_args *args)
{
    struct probe *p = container_of(c, struct probe, call);

    p->encoded++;
    redis_add(args, str_of(p->argument));
}

static void answered(struct redis_call *c, int err, const redisReply *reply)
{
    struct probe *p = container_of(c, struct probe, call);

    assert_null(c->ticket);
    assert_true((err == 0) == (reply != NULL));
    p->answers++;
    p->err = err;
    p->place = ++answered_so_far;
    if (err == 0 && reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
        reply->element[1]->type == REDIS_REPLY_STRING)
        snprintf(p->text, sizeof p->text, "%s", reply->element[1]->str);
    if (p->then != NULL)
        p->then(p);
}

void probe_init(struct probe *p, const char *argument)
{
    *p = (struct probe){.err = PROBE_WAITS};
    p->call = (struct redis_call){.script = SCRIPT_admit, .encode = encode, .answered = answered};
    snprintf(p->argument, sizeof p->argument, "%s", argument);
}

int probe_send(struct world *w, struct probe *p, const char *argument)
{
    int r;

    probe_init(p, argument);
    r = redis_link_call(w->link, &p->call);
    assert_int_equal(p->answers, 0); /* never before it has returned */
    return r;
}

int probe_ask(struct world *w, const char *argument)
{
    struct probe p;
    int r = probe_send(w, &p, argument);

    if (r < 0)
        return r;
    TURN_UNTIL(w->loop, p.answers > 0);
    if (p.err == 0)
        assert_string_equal(p.text, argument);
    return p.err;
}
