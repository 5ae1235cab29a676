/* The suite's tools: a worker on a loop of its own, and calls made of a few words. */
#include "store/conformance.h"

#include "base/panic.h"
#include "base/test.h"
#include "net/loop_testing.h"

const struct store_rules conformance_rules = {
    .ipv4_prefix = 24,
    .ipv6_prefix = 64,
    .grant_ttl = 3600,
    .grant_max_keys = 3,
    .grant_max_pairs = 5,
    .grant_max_uids = 4,
    .session_ttl = 7200,
    .session_max = 43200,
};

static struct world *current; /* the callbacks' */

static void on_done(struct op *op, int err)
{
    current->pending--;
    current->error = err;
}

void world_op(struct op *op)
{
    op_init(op, on_done);
}

void world_open(struct world *w, struct store *s)
{
    *w = (struct world){.loop = loop_new(), .store = s};
    w->worker = store_worker_new(s, w->loop);
    arena_init(&w->arena, 16 << 20);
}

void world_close(struct world *w)
{
    assert(w->pending == 0);
    store_worker_free(&w->worker);
    loop_free(&w->loop);
    store_close(&w->store);
    arena_done(&w->arena);
}

int world_wait(struct world *w, int started)
{
    current = w;
    if (started != 0)
        return started < 0 ? started : 0;
    w->pending++;
    TURN_UNTIL(w->loop, w->pending == 0);
    return w->error;
}

static struct str str_or(const char *given, const char *otherwise)
{
    return str_of(given != NULL ? given : otherwise);
}

static void ip_of(const struct step *s, struct ip *ret)
{
    assert_int_equal(ip_parse(str_or(s->ip, "192.0.2.7"), ret), 0);
}

static const uint8_t *ua_of(const struct step *s)
{
    return (const uint8_t *)str_or(s->ua, "UA-1").p;
}

/* As access/viewer.c makes it, with session.bind: network. */
void step_viewer(const struct step *s, uint8_t ret[STORE_VIEWER_LEN])
{
    struct ip_net net;
    struct ip ip;

    ip_of(s, &ip);
    net = ip_mask(&ip, ip.family == IP_V4 ? 24 : 64);
    ret[0] = net.base.family;
    ret[1] = net.prefix;
    memcpy(ret + 2, net.base.bytes, sizeof net.base.bytes);
    memcpy(ret + 2 + sizeof net.base.bytes, ua_of(s), STORE_UA_LEN);
}

static void set_use(const struct step *s, const struct step_use *u, struct use_limit *ret)
{
    if (u->id == 0)
        return;
    ret->mode = u->mode;
    memset(ret->id, u->id, STORE_USE_ID_LEN);
    ret->max = u->max;
    ret->retry_sec = u->retry;
    ret->expires = T0 + s->at + (u->ttl != 0 ? u->ttl : 9600);
    ret->is_continuation = u->continues;
}

void step_admission(const struct step *s, struct arena *arena, struct admission *ret)
{
    uint8_t *viewer = arena_alloc(arena, STORE_VIEWER_LEN);

    assert_non_null(viewer);
    step_viewer(s, viewer);
    *ret = (struct admission){.arena = arena,
                              .checks = s->checks,
                              .token_expired = s->token_expired,
                              .may_begin = !s->may_not_begin,
                              .is_dry = s->is_dry,
                              .now = T0 + s->at,
                              .ua_hash = ua_of(s),
                              .viewer = viewer,
                              .uid = str_or(s->uid, "u1"),
                              .stream_key = str_or(s->key, "movie1"),
                              .session_id = str_or(s->session_id, "")};
    op_init(&ret->op, on_done);
    ip_of(s, &ret->ip);
    for (int i = 0; i < STORE_MAX_USES; i++)
        set_use(s, &s->use[i], &ret->uses[i]);
}

struct grant_put world_grant(struct world *w, const struct step *s)
{
    struct grant_put g = {.arena = &w->arena,
                          .now = T0 + s->at,
                          .uid = str_or(s->uid, "u1"),
                          .stream_key = str_or(s->key, s->is_static ? "" : "movie1"),
                          .is_static = s->is_static,
                          .ttl = s->ttl};

    op_init(&g.op, on_done);
    memcpy(g.ua_hash, ua_of(s), STORE_UA_LEN);
    assert_int_equal(ip_net_parse(str_or(s->ip, "192.0.2.7"), &g.net), 0);
    assert_int_equal(world_wait(w, store_grant_put(w->worker, &g)), s->want_error);
    return g;
}

/* Here what is not given is any. */
struct grant_revoke world_revoke(struct world *w, const struct step *s)
{
    struct grant_revoke g = {.now = T0 + s->at,
                             .uid = str_or(s->uid, "u1"),
                             .has_ua = s->ua != NULL,
                             .stream_key = str_or(s->key, "")};

    op_init(&g.op, on_done);
    memcpy(g.ua_hash, ua_of(s), STORE_UA_LEN);
    if (s->ip != NULL)
        assert_int_equal(ip_net_parse(str_of(s->ip), &g.net), 0);
    assert_int_equal(world_wait(w, store_grant_revoke(w->worker, &g)), s->want_error);
    return g;
}

static void touch(struct world *w, const struct step *s)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(s, viewer);
    store_touch(w->worker, viewer, str_or(s->uid, "u1"), str_or(s->key, "movie1"), T0 + s->at);
    store_worker_free(&w->worker); /* writes it */
    w->worker = store_worker_new(w->store, w->loop);
}

static struct admission admit(struct world *w, const struct step *s)
{
    struct admission a;

    step_admission(s, &w->arena, &a);
    assert_int_equal(world_wait(w, store_admit(w->worker, &a)), s->want_error);
    if (s->want_error == 0 && a.verdict != s->want)
        fail_msg("at %d, uid %s, key %s: verdict %d, want %d", s->at, a.uid.p, a.stream_key.p,
                 a.verdict, s->want);
    return a;
}

struct store_session world_session(struct world *w, const struct step *s)
{
    struct admission a = admit(w, s);

    assert_true(a.has_session);
    return a.session;
}

void world_step(struct world *w, const struct step *s)
{
    switch (s->kind) {
    case GRANT:
        world_grant(w, s);
        break;
    case REVOKE:
        world_revoke(w, s);
        break;
    case ADMIT:
        admit(w, s);
        break;
    case TOUCH:
        touch(w, s);
        break;
    default:
        WRONG("step");
    }
}
