/*
 * Whatever Redis answers, to whichever call: nothing breaks, and nobody is let in by what cannot be
 * the answer to what was asked. The input is what the wire brings; hiredis reads it as it does for
 * the link, whose place is taken here: each call gets the one reply there is.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/record.h"
#include "store/redis.h"

enum { PENDING_MAX = 32, ARRAY_MAX = 1 << 16, FUZZ_NOW = 1800000000 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* ---- in place of the link ---- */

struct redis_link {
    struct redis_call *pending[PENDING_MAX];
    unsigned count;
};

static struct redis_link the_link;

struct redis_link *redis_link_new(struct redis_shared *shared, struct loop *l,
                                  const struct redis_link_events *events)
{
    the_link.count = 0;
    return &the_link;
}

void redis_link_free(struct redis_link **l)
{
    *l = NULL;
}

void redis_link_drain(struct redis_link *l, usec_t most)
{
}

bool redis_link_is_up(const struct redis_link *l)
{
    return true;
}

void redis_link_listen(struct redis_link *l, struct str channel, void (*heard)(void *arg),
                       void *arg)
{
}

int redis_link_call(struct redis_link *l, struct redis_call *c)
{
    struct redis_args args = {0};

    if (l->count == PENDING_MAX)
        return -EAGAIN;
    c->encode(c, &args);
    assert(args.count > 0 && args.count < REDIS_ARGS_MAX);
    l->pending[l->count++] = c;
    return 0;
}

void redis_call_cancel(struct redis_call *c)
{
    for (unsigned i = 0; i < the_link.count; i++)
        if (the_link.pending[i] == c)
            the_link.pending[i] = NULL;
}

/* Those that are asked for meanwhile are not answered any more. */
static void answer_all(const redisReply *reply)
{
    for (unsigned i = 0, count = the_link.count; i < count; i++) {
        struct redis_call *c = the_link.pending[i];

        the_link.pending[i] = NULL;
        if (c != NULL)
            c->answered(c, 0, reply);
    }
}

/* ---- calls ---- */

static int last_error;

static void on_done(struct op *op, int err)
{
    assert(err == 0 || err == -EIO || err == -ENOMEM || err == -ENOSPC);
    last_error = err;
}

static const uint8_t viewer[STORE_VIEWER_LEN] = {IP_V4, 24, 192, 0, 2};
static const uint8_t ua_hash[STORE_UA_LEN] = "UA-1";

/* store.h, said once more in other words. */
static void check_admission(const struct admission *a)
{
    struct str id = str_of(a->session.id);
    bool by_session = a->has_session && id.n == STORE_SESSION_ID_LEN;

    for (size_t i = 0; i < id.n; i++)
        assert((id.p[i] >= '0' && id.p[i] <= '9') || (id.p[i] >= 'A' && id.p[i] <= 'Z') ||
               (id.p[i] >= 'a' && id.p[i] <= 'z') || id.p[i] == '-' || id.p[i] == '_');
    assert(a->session.uid.n <= STORE_UID_MAX && a->grant_uid.n <= STORE_UID_MAX);
    assert(a->verdict <= ADMIT_VERDICT_LAST && a->refused_use < STORE_MAX_USES);
    assert(a->streams <= STORE_MAX_STREAMS && a->streams_ended <= a->streams);
    assert(a->streams_ended > 0 || !a->streams_ended_own);
    if (a->has_session && a->uid.n > 0)
        assert(str_eq(a->uid, a->session.uid));
    if (a->verdict != ADMITTED)
        return;
    if (a->checks & ADMIT_SESSION)
        assert(by_session || (a->is_dry && a->session_is_new));
    if (a->checks & ADMIT_GRANT_IP)
        assert(a->grant_matched);
    if (a->checks == ADMIT_GRANT)
        assert(a->grant_matched || by_session);
}

static void admit(struct store_worker *w, struct arena *arena, const redisReply *reply,
                  struct admission a)
{
    op_init(&a.op, on_done);
    a.arena = arena;
    a.now = FUZZ_NOW;
    a.ip = (struct ip){.family = IP_V4, .bytes = {192, 0, 2, 7}};
    a.ua_hash = ua_hash;
    a.viewer = viewer;
    a.stream_key = STR("movie1");
    if (store_admit(w, &a) != 0)
        return;
    answer_all(reply);
    if (last_error == 0)
        check_admission(&a);
}

static void admit_all(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    static const unsigned most = ADMIT_GRANT | ADMIT_SESSION | ADMIT_USE;

    admit(w, arena, reply, (struct admission){.checks = ADMIT_GRANT, .uid = STR("u1")});
    admit(w, arena, reply, (struct admission){.checks = ADMIT_GRANT_IP});
    admit(w, arena, reply, (struct admission){.checks = ADMIT_SESSION, .may_begin = true});
    admit(w, arena, reply,
          (struct admission){
              .checks = most, .may_begin = true, .uid = STR("u1"), .uses = {{USE_BIND}}});
    admit(w, arena, reply,
          (struct admission){.checks = most, .may_begin = true, .is_dry = true, .uid = STR("u1")});
}

static void check_keys(const struct str *keys, unsigned count)
{
    assert(count <= GRANT_MAX_KEYS);
    for (unsigned i = 0; i < count; i++)
        assert(keys[i].p != NULL && keys[i].n <= STORE_KEY_MAX);
}

static void put_grant(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    struct grant_put g = {.arena = arena,
                          .now = FUZZ_NOW,
                          .uid = STR("u1"),
                          .net = {{IP_V4, {10, 1, 2}}, 24},
                          .stream_key = STR("movie1")};

    op_init(&g.op, on_done);
    assert(store_grant_put(w, &g) == 0);
    answer_all(reply);
    if (last_error == 0)
        check_keys(g.all_keys, g.keys);
}

static void take_rights(struct store_worker *w, const redisReply *reply)
{
    struct grant_revoke g = {.now = FUZZ_NOW, .uid = STR("u1")};
    struct session_end e = {.now = FUZZ_NOW, .uid = STR("u1")};

    op_init(&g.op, on_done);
    assert(store_grant_revoke(w, &g) == 0);
    answer_all(reply);
    op_init(&e.op, on_done);
    assert(store_session_end(w, &e) == 0);
    answer_all(reply);
}

static void list_grants(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    struct grant_list l = {.arena = arena, .now = FUZZ_NOW, .limit = 100};

    op_init(&l.op, on_done);
    assert(store_grant_list(w, &l) == 0);
    answer_all(reply);
    if (last_error < 0)
        return;
    assert(l.count <= l.limit);
    for (unsigned i = 0; i < l.count; i++) {
        assert(l.grants[i].uid.n <= STORE_UID_MAX && l.grants[i].net.base.family != IP_NONE);
        check_keys(l.grants[i].keys, l.grants[i].key_count);
    }
}

static void list_sessions(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    struct session_list l = {.arena = arena, .now = FUZZ_NOW, .limit = 100};

    op_init(&l.op, on_done);
    assert(store_session_list(w, &l) == 0);
    answer_all(reply);
    if (last_error < 0)
        return;
    assert(l.count <= l.limit);
    for (unsigned i = 0; i < l.count; i++)
        assert(l.sessions[i].uid.n <= STORE_UID_MAX &&
               str_of(l.sessions[i].id).n == STORE_SESSION_ID_LEN);
}

/* ---- traffic ---- */

static void add_traffic(struct store_worker *w, const redisReply *reply)
{
    struct traffic_add a = {.now = FUZZ_NOW, .number = 1, .lines = STR("")};
    struct traffic_take t = {.now = FUZZ_NOW, .id = "id"};
    struct traffic_lead l = {.now = FUZZ_NOW, .ttl = 10};
    struct report_done d = {.id = "id", .made = FUZZ_NOW};

    op_init(&a.op, on_done);
    assert(store_traffic_add(w, &a) == 0);
    op_init(&t.op, on_done);
    assert(store_traffic_take(w, &t) == 0);
    op_init(&l.op, on_done);
    assert(store_traffic_lead(w, &l) == 0);
    op_init(&d.op, on_done);
    assert(store_report_done(w, &d) == 0);
    answer_all(reply);
}

static void check_lines(struct traffic_line *lines, unsigned count, unsigned most)
{
    assert(count <= most);
    for (unsigned i = 0; i < count; i++)
        assert(lines[i].uid.p != NULL && lines[i].uid.n <= STORE_UID_MAX);
    traffic_lines_done(lines, count);
}

static void list_traffic(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    struct traffic_list l = {.arena = arena, .limit = 20};
    struct report_next n = {.arena = arena};

    op_init(&l.op, on_done);
    assert(store_traffic_list(w, &l) == 0);
    answer_all(reply);
    if (last_error == 0)
        check_lines(l.lines, l.count, l.limit);
    op_init(&n.op, on_done);
    assert(store_report_next(w, &n) == 0);
    answer_all(reply);
    if (last_error < 0 || !n.is_there)
        return;
    assert(traffic_is_report_id((struct str){n.id, sizeof n.id}));
    check_lines(n.lines, n.count, TRAFFIC_REPORT_MAX);
}

static void beat(struct store_worker *w, struct arena *arena, const redisReply *reply)
{
    struct instance_beat b = {.arena = arena, .text = STR("own"), .ttl = 10};

    op_init(&b.op, on_done);
    assert(store_instance_beat(w, &b) == 0);
    answer_all(reply);
    if (last_error < 0)
        return;
    assert(b.count >= 1 && b.count <= INSTANCES_MAX && str_eq(b.instances[0].text, b.text));
    for (unsigned i = 0; i < b.count; i++)
        assert(b.instances[i].text.p != NULL && b.instances[i].text.n <= INSTANCE_TEXT_MAX);
}

/* The feed asks for revocations and for a sweep by itself, and touches are sent at the end. */
static void follow(struct store_worker *w, const redisReply *reply)
{
    store_housekeep(w);
    answer_all(reply);
    redis_feed_look(redis_worker(w)->feed);
    answer_all(reply);
    store_touch(w, viewer, STR("u1"), STR("movie1"), FUZZ_NOW);
    redis_touch_end(redis_worker(w));
    redis_touch_begin(redis_worker(w));
}

static void answer_every_call(const redisReply *reply)
{
    static const struct store_rules rules = {.grant_ttl = 3600,
                                             .grant_max_keys = 3,
                                             .grant_max_pairs = 5,
                                             .grant_max_uids = 4,
                                             .session_ttl = 7200,
                                             .session_max = 43200,
                                             .max_streams = 2,
                                             .streams_idle = 60};
    static struct loop *loop;
    struct store_redis_options o = {.server = STR("127.0.0.1:1"),
                                    .prefix = STR("hg:"),
                                    .connections = 1,
                                    .timeout = USEC_PER_SEC,
                                    .verdict_ttl = USEC_PER_SEC};
    struct store *s = NULL;
    struct store_worker *w;
    struct arena arena;

    if (loop == NULL) {
        log_set_level(LOG_ERROR);
        loop = loop_new();
    }
    assert(store_open_redis(&o, &rules, &s, NULL) == 0);
    w = store_worker_new(s, loop);
    arena_init(&arena, 1 << 20);
    admit_all(w, &arena, reply);
    put_grant(w, &arena, reply);
    take_rights(w, reply);
    list_grants(w, &arena, reply);
    list_sessions(w, &arena, reply);
    add_traffic(w, reply);
    list_traffic(w, &arena, reply);
    beat(w, &arena, reply);
    follow(w, reply);
    arena_done(&arena);
    store_worker_free(&w);
    store_close(&s);
    loop_turn(loop); /* what was closed is freed */
}

/* ---- the wire ---- */

static redisReplyObjectFunctions of_hiredis;

/* As in redis_conn.c: a length alone must not fill memory. */
static void *create_array(const redisReadTask *task, int elements)
{
    return elements > ARRAY_MAX ? NULL : of_hiredis.createArray(task, elements);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    redisReplyObjectFunctions capped;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    assert(reader != NULL);
    of_hiredis = capped = *reader->fn;
    capped.createArray = create_array;
    reader->fn = &capped;
    if (redisReaderFeed(reader, (const char *)data, n) == REDIS_OK &&
        redisReaderGetReply(reader, &reply) == REDIS_OK && reply != NULL) {
        if (((redisReply *)reply)->type != REDIS_REPLY_ERROR) /* these the link keeps */
            answer_every_call(reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
    return 0;
}
