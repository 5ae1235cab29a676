/*
 * For each address the time at which all is forgiven: each wrong key moves it THROTTLE_FORGIVES
 * further away, and it is never further than twice the allowance, so that the end of a flood is
 * soon forgotten, too.
 */
#include "admin/throttle.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

#define ALLOWANCE (THROTTLE_FREE * THROTTLE_FORGIVES)

enum { WAYS = 4, SETS = THROTTLE_ADDRESSES / WAYS };

struct slot {
    struct ip_net who;
    usec_t forgiven_at;
};

struct throttle {
    pthread_mutex_t lock;
    struct slot slots[SETS][WAYS];
};

struct throttle *throttle_new(void)
{
    struct throttle *t = xzalloc(sizeof *t);

    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void throttle_free(struct throttle **t)
{
    struct throttle *old = TAKE(*t);

    if (old == NULL)
        return;
    pthread_mutex_destroy(&old->lock);
    free(old);
}

static struct ip_net counted_as(const struct ip *client)
{
    return ip_mask(client, client->family == IP_V6 ? 64 : client->family == IP_V4 ? 32 : 0);
}

static bool is_same(const struct ip_net *a, const struct ip_net *b)
{
    return a->prefix == b->prefix && ip_eq(&a->base, &b->base);
}

/* Its own slot, or the one that may be forgotten first. */
static struct slot *find_slot(struct slot set[WAYS], const struct ip_net *who)
{
    struct slot *found = &set[0];

    for (int i = 0; i < WAYS; i++) {
        if (is_same(&set[i].who, who))
            return &set[i];
        if (set[i].forgiven_at < found->forgiven_at)
            found = &set[i];
    }
    *found = (struct slot){.who = *who};
    return found;
}

static bool count(struct slot *s, usec_t now)
{
    s->forgiven_at = MAX(s->forgiven_at, now) + THROTTLE_FORGIVES;
    s->forgiven_at = MIN(s->forgiven_at, now + 2 * ALLOWANCE);
    return s->forgiven_at > now + ALLOWANCE;
}

bool throttle_wrong_key(struct throttle *t, const struct ip *client, usec_t now)
{
    struct ip_net who = counted_as(client);
    struct str bytes = {(const char *)&who.base, sizeof who.base};
    uint64_t set = hash_bytes(hash_process_key(), bytes) % SETS;
    bool is_slow;

    pthread_mutex_lock(&t->lock);
    is_slow = count(find_slot(t->slots[set], &who), now);
    pthread_mutex_unlock(&t->lock);
    return is_slow;
}
