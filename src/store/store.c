/*
 * What every backend shares. Calls are checked here for what no backend could store (strings past
 * their caps answer -EINVAL), then go through the backend's table.
 */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/backend.h"

enum {
    GRAIN_SHARE = 64,
    GRAIN_MAX = 30,
    STREAM_GRAIN_SHARE = 4, /* of streams_idle: what is active must never look idle */
    STREAM_NOTE_SHARE = 8,  /* the same of notes, which wait on top of that */
    NOTE_AGE_SEC = 4,
    SHORT_SESSION = 20, /* seconds of life below which notes do not wait */
};

/* ---- rules ---- */

static struct store_rules clamp(const struct store_rules *given)
{
    struct store_rules r = *given;

    r.ipv4_prefix = MIN(r.ipv4_prefix, 32);
    r.ipv6_prefix = MIN(r.ipv6_prefix, 128);
    r.grant_max_keys = MIN(MAX(r.grant_max_keys, 1u), (unsigned)GRANT_MAX_KEYS);
    r.grant_max_pairs = MAX(r.grant_max_pairs, 1u);
    r.grant_max_uids = MAX(r.grant_max_uids, 1u);
    r.max_streams = MIN(r.max_streams, (unsigned)STORE_MAX_STREAMS);
    r.streams_idle = MIN(MAX(r.streams_idle, (int64_t)1), r.session_ttl);
    return r;
}

void store_set_rules(struct store *s, const struct store_rules *rules)
{
    struct rules_copy *copy = xzalloc(sizeof *copy);

    copy->rules = clamp(rules);
    copy->older = atomic_load_explicit(&s->rules, memory_order_acquire);
    while (!atomic_compare_exchange_weak_explicit(&s->rules, &copy->older, copy,
                                                  memory_order_acq_rel, memory_order_acquire))
        ;
}

const struct store_rules *store_rules(const struct store *s)
{
    return &atomic_load_explicit(&s->rules, memory_order_acquire)->rules;
}

struct ip_net store_widen(const struct store_rules *rules, const struct ip_net *net)
{
    uint8_t widest = net->base.family == IP_V4 ? rules->ipv4_prefix : rules->ipv6_prefix;

    return ip_mask(&net->base, MIN(net->prefix, widest));
}

int64_t store_grain(const struct store_rules *rules)
{
    int64_t grain = MIN(rules->session_ttl / GRAIN_SHARE, (int64_t)GRAIN_MAX);

    return rules->max_streams > 0 ? MIN(grain, rules->streams_idle / STREAM_GRAIN_SHARE) : grain;
}

usec_t store_note_age(const struct store_rules *rules)
{
    usec_t age = rules->session_ttl < SHORT_SESSION ? 0 : NOTE_AGE_SEC * USEC_PER_SEC;

    return rules->max_streams > 0
               ? MIN(age, (usec_t)rules->streams_idle * USEC_PER_SEC / STREAM_NOTE_SHARE)
               : age;
}

void store_init(struct store *s, const struct store_backend_ops *ops,
                const struct store_rules *rules)
{
    *s = (struct store){.ops = ops, .revoked = revoked_new()};
    store_set_rules(s, rules);
}

void store_done(struct store *s)
{
    struct rules_copy *copy = atomic_load(&s->rules);

    while (copy != NULL) {
        struct rules_copy *older = copy->older;

        free(copy);
        copy = older;
    }
    revoked_free(&s->revoked);
}

void store_close(struct store **s)
{
    if (*s != NULL)
        (*s)->ops->close(TAKE(*s));
}

int store_try(struct store *s, struct buf *error)
{
    return s->ops->try_out != NULL ? s->ops->try_out(s, error) : 0;
}

/* ---- workers ---- */

struct store_worker *store_worker_new(struct store *s, struct loop *l)
{
    return s->ops->worker_new(s, l);
}

void store_worker_free(struct store_worker **w)
{
    if (*w == NULL)
        return;
    (*w)->store->ops->worker_free(TAKE(*w));
}

void store_housekeep(struct store_worker *w)
{
    w->store->ops->housekeep(w);
}

/* ---- calls ---- */

static bool is_storable(struct str uid, struct str stream_key)
{
    return uid.n <= STORE_UID_MAX && stream_key.n <= STORE_KEY_MAX;
}

static bool is_net(const struct ip_net *net)
{
    return (net->base.family == IP_V4 && net->prefix <= 32) ||
           (net->base.family == IP_V6 && net->prefix <= 128);
}

int store_admit(struct store_worker *s, struct admission *a)
{
    return is_storable(a->uid, a->stream_key) ? s->store->ops->admit(s, a) : -EINVAL;
}

void store_touch(struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid,
                 struct str stream_key, unix_t now)
{
    if (is_storable(uid, stream_key))
        s->store->ops->touch(s, viewer, uid, stream_key, now);
}

int store_grant_put(struct store_worker *s, struct grant_put *g)
{
    if (!is_storable(g->uid, g->stream_key) || g->uid.n == 0 || !is_net(&g->net))
        return -EINVAL;
    if (!g->is_static && g->stream_key.n == 0)
        return -EINVAL;
    return s->store->ops->grant_put(s, g);
}

int store_grant_revoke(struct store_worker *s, struct grant_revoke *g)
{
    if (!is_storable(g->uid, g->stream_key) || g->uid.n == 0)
        return -EINVAL;
    if (g->net.base.family != IP_NONE && !is_net(&g->net))
        return -EINVAL;
    return s->store->ops->grant_revoke(s, g);
}

int store_grant_list(struct store_worker *s, struct grant_list *g)
{
    return is_storable(g->uid, STR("")) ? s->store->ops->grant_list(s, g) : -EINVAL;
}

int store_session_list(struct store_worker *s, struct session_list *l)
{
    return is_storable(l->uid, STR("")) ? s->store->ops->session_list(s, l) : -EINVAL;
}

int store_session_end(struct store_worker *s, struct session_end *e)
{
    if (!is_storable(e->uid, STR("")) || (e->uid.n == 0) == (e->id.n == 0))
        return -EINVAL;
    return s->store->ops->session_end(s, e);
}

bool store_is_revoked(const struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN],
                      struct str uid, unix_t ends)
{
    return uid.n <= STORE_UID_MAX && revoked_has(s->store->revoked, viewer, uid, ends);
}

bool store_has_revocation(const struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN],
                          struct str uid)
{
    return uid.n <= STORE_UID_MAX && revoked_has_any(s->store->revoked, viewer, uid);
}

int store_traffic_add(struct store_worker *s, struct traffic_add *a)
{
    return s->store->ops->traffic_add(s, a);
}

int store_traffic_list(struct store_worker *s, struct traffic_list *l)
{
    return s->store->ops->traffic_list(s, l);
}

int store_traffic_take(struct store_worker *s, struct traffic_take *t)
{
    return s->store->ops->traffic_take(s, t);
}

int store_report_next(struct store_worker *s, struct report_next *n)
{
    return s->store->ops->report_next(s, n);
}

int store_report_done(struct store_worker *s, struct report_done *d)
{
    return s->store->ops->report_done(s, d);
}

int store_traffic_lead(struct store_worker *s, struct traffic_lead *l)
{
    assert(l->ttl <= TRAFFIC_LEAD_MAX);
    return s->store->ops->traffic_lead(s, l);
}

int instances_begin(struct instance_beat *b, unsigned room)
{
    struct instance *own = b->instances = arena_alloc(b->arena, room * sizeof *b->instances);

    b->count = 0;
    if (own == NULL)
        return -ENOMEM;
    own->text = arena_copy(b->arena, b->text);
    memcpy(own->id, b->id, sizeof own->id);
    b->count = 1;
    return own->text.p != NULL ? 0 : -ENOMEM;
}

int store_instance_beat(struct store_worker *s, struct instance_beat *b)
{
    if (b->text.n > INSTANCE_TEXT_MAX || b->ttl == 0 || b->ttl > INSTANCE_TTL_MAX)
        return -EINVAL;
    return s->store->ops->instance_beat(s, b);
}

void store_stats(struct store *s, struct store_stats *ret)
{
    *ret = (struct store_stats){.kind = s->ops->kind};
    s->ops->stats(s, ret);
}
