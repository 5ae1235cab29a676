/*
 * The two channels a link listens to: +switch-master, on one of the Sentinels, and the store's own,
 * on the primary. What is lost is begun anew by the ticker of the link, a second later at most; the
 * next Sentinel then.
 */
#include <stdio.h>

#include "store/redis_internal.h"

struct follower {
    struct redis_followers *of;
    struct redis_subscriber subscriber;
    struct redis_resolve resolve;
    bool is_begun;
};

struct redis_followers {
    struct redis_link *link;
    struct follower sentinel, store;
    unsigned next_sentinel;
    struct str channel; /* owned; NULL: nobody listens */
    void (*heard)(void *arg);
    void *arg;
};

static void stop(struct follower *f)
{
    if (!f->is_begun)
        return;
    redis_subscriber_done(&f->subscriber);
    f->is_begun = false;
}

static void on_lost(struct redis_subscriber *s)
{
    stop(container_of(s, struct follower, subscriber));
}

/* ---- a Sentinel ---- */

/* "mymaster 127.0.0.1 6379 127.0.0.1 6380": the name, where it was, where it is. */
static bool is_switch(const struct redis_link *l, struct str said, char ret[STORE_SERVER_MAX])
{
    struct str word[5];
    unsigned n = 0;

    while (n < ARRAY_LEN(word) && str_split(&said, ' ', &word[n]))
        n++;
    if (n < ARRAY_LEN(word) || !str_eq(word[0], l->shared->o.primary))
        return false;
    return redis_address_join(word[3], word[4], ret);
}

static void on_sentinel_said(struct redis_subscriber *s, const redisReply *said)
{
    char server[STORE_SERVER_MAX];

    if (said != NULL && said->type == REDIS_REPLY_STRING &&
        is_switch(s->link, redis_str(said), server))
        redis_link_switched(s->link, server);
}

/* What was missed before it subscribed. */
static void on_sentinel_named(struct redis_subscriber *s, const redisReply *reply)
{
    char server[STORE_SERVER_MAX];

    if (redis_address_of_reply(reply, server) && s->link->server[0] != '\0' &&
        strcmp(s->link->server, server) != 0)
        redis_link_switched(s->link, server);
}

static void follow_sentinel(struct redis_followers *f)
{
    const struct store_redis_options *o = &f->link->shared->o;
    struct redis_args ask = {.count = 0};
    unsigned i = f->next_sentinel++ % o->sentinel_count;

    redis_add_text(&ask, "SENTINEL");
    redis_add_text(&ask, "get-master-addr-by-name");
    redis_add(&ask, o->primary);
    f->sentinel.is_begun = true;
    redis_subscribe(&f->sentinel.subscriber, f->link, &f->sentinel.resolve,
                    &(struct redis_subscription){.server = o->sentinels[i],
                                                 .user = o->sentinel_user,
                                                 .password = o->sentinel_password,
                                                 .prefix = STR(""),
                                                 .channel = STR("+switch-master"),
                                                 .before = &ask});
}

/* ---- the store ---- */

static void on_store_said(struct redis_subscriber *s, const redisReply *said)
{
    struct redis_followers *f = container_of(s, struct follower, subscriber)->of;

    f->heard(f->arg);
}

static void listen_to_store(struct redis_followers *f)
{
    const struct store_redis_options *o = &f->link->shared->o;

    f->store.is_begun = true;
    redis_subscribe(&f->store.subscriber, f->link, &f->store.resolve,
                    &(struct redis_subscription){.server = str_of(f->link->server),
                                                 .user = o->user,
                                                 .password = o->password,
                                                 .prefix = o->prefix,
                                                 .channel = f->channel});
}

static bool is_elsewhere(const struct redis_followers *f)
{
    return f->store.is_begun && strcmp(f->store.subscriber.server, f->link->server) != 0;
}

void redis_followers_up(struct redis_followers *f)
{
    if (is_elsewhere(f))
        stop(&f->store);
    if (f->channel.p != NULL && !f->store.is_begun)
        listen_to_store(f);
}

void redis_followers_listen(struct redis_followers *f, struct str channel, void (*heard)(void *arg),
                            void *arg)
{
    f->channel = (struct str){xmemdup(channel.p, channel.n), channel.n};
    f->heard = heard;
    f->arg = arg;
    if (f->link->server[0] != '\0')
        redis_followers_up(f);
}

/* ---- both ---- */

void redis_followers_tick(struct redis_followers *f)
{
    if (f->sentinel.is_begun)
        redis_subscriber_tick(&f->sentinel.subscriber);
    else if (f->link->shared->o.sentinel_count > 0)
        follow_sentinel(f);
    if (f->store.is_begun)
        redis_subscriber_tick(&f->store.subscriber);
    else if (f->link->server[0] != '\0')
        redis_followers_up(f);
}

static void init(struct follower *f, struct redis_followers *of)
{
    f->of = of;
    f->subscriber.lost = on_lost;
    redis_resolve_init(&f->resolve, of->link->loop);
}

struct redis_followers *redis_followers_new(struct redis_link *l)
{
    struct redis_followers *f = xzalloc(sizeof *f);

    f->link = l;
    init(&f->sentinel, f);
    init(&f->store, f);
    f->sentinel.subscriber.heard = on_sentinel_said;
    f->sentinel.subscriber.preceding = on_sentinel_named;
    f->store.subscriber.heard = on_store_said;
    if (l->shared->o.sentinel_count > 0) {
        f->next_sentinel = (unsigned)redis_random(l->shared->o.sentinel_count - 1);
        follow_sentinel(f);
    }
    return f;
}

void redis_followers_free(struct redis_followers **followers)
{
    struct redis_followers *f = TAKE(*followers);

    if (f == NULL)
        return;
    stop(&f->sentinel);
    stop(&f->store);
    redis_resolve_done(&f->sentinel.resolve);
    redis_resolve_done(&f->store.resolve);
    xfree_p(&f->channel.p);
    xfree_p(&f);
}
