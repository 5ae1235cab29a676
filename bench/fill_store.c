/*
 * Fills a store with grants and sessions for the benchmark; Redis with grants alone, since a
 * million sessions would take it minutes more:
 *
 *     fill_store COUNT STREAM_KEY embedded FOLDER SIZE_GIB
 *     fill_store COUNT STREAM_KEY redis SERVER PREFIX
 *
 * Viewer n has uid "u<n>" and User-Agent "bench/<n>", and comes from 127.0.0.1, so that the load
 * generator can be any of them. Each seat works on one viewer at a time, first its grant, then its
 * session; many seats share one transaction, or what is on its way to Redis.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "access/viewer.h"
#include "base/panic.h"
#include "store/store.h"

enum {
    SEATS = 2048,
    ARENA_CAP = 64 << 10,
    TEXT_MAX = 32,
    MOST_GIB = 1024,
    MOST_VIEWERS = 100 << 20
};

struct fill {
    struct store_worker *worker;
    struct ip client;
    struct str stream_key;
    unix_t now;
    unsigned long count, begun, done;
    bool has_sessions;
};

struct seat {
    struct fill *fill;
    struct arena arena; /* of the viewer being worked on */
    struct viewer viewer;
    char uid[TEXT_MAX];
    struct grant_put grant;
    struct admission admission;
};

/* The daemon's defaults, but for longer lives: nothing may expire between filling and the last
 * round. */
static const struct store_rules rules = {
    .ipv4_prefix = 24,
    .ipv6_prefix = 64,
    .grant_ttl = 6 * 3600,
    .grant_max_keys = 3,
    .grant_max_pairs = 5,
    .grant_max_uids = 16,
    .session_ttl = 6 * 3600,
    .session_max = 12 * 3600,
};
static const struct viewer_rules viewer_rules = {BIND_NETWORK, 24, 64};

static _Noreturn void fail(const char *what, int err)
{
    fprintf(stderr, "fill_store: %s: %s\n", what, strerror(-err));
    exit(1);
}

static void seat_next(struct seat *s);

static void seat_done(struct seat *s)
{
    arena_done(&s->arena);
    s->fill->done++;
}

static void seat_admitted(struct seat *s)
{
    if (s->admission.verdict != ADMITTED)
        WRONG("a viewer with a fresh grant was refused");
    seat_done(s);
}

static void on_admitted(struct op *op, int err)
{
    struct seat *s = container_of(op, struct seat, admission.op);

    if (err < 0)
        fail("a session", err);
    seat_admitted(s);
    seat_next(s);
}

/* > 0: done at once, 0: on_admitted() goes on. */
static int seat_admit(struct seat *s)
{
    int r;

    s->admission = (struct admission){
        .arena = &s->arena,
        .checks = ADMIT_GRANT | ADMIT_SESSION,
        .may_begin = true,
        .now = s->fill->now,
        .ip = s->fill->client,
        .ua_hash = s->viewer.ua_hash,
        .viewer = s->viewer.id,
        .uid = str_of(s->uid),
        .stream_key = s->fill->stream_key,
    };
    op_init(&s->admission.op, on_admitted);
    r = store_admit(s->fill->worker, &s->admission);
    if (r < 0)
        fail("a session", r);
    if (r > 0)
        seat_admitted(s);
    return r;
}

/* The viewer has its grant. As seat_admit(). */
static int seat_go_on(struct seat *s)
{
    if (s->fill->has_sessions)
        return seat_admit(s);
    seat_done(s);
    return 1;
}

static void on_granted(struct op *op, int err)
{
    struct seat *s = container_of(op, struct seat, grant.op);

    if (err < 0)
        fail("a grant", err);
    if (seat_go_on(s) > 0)
        seat_next(s);
}

static int seat_grant(struct seat *s)
{
    int r;

    s->grant = (struct grant_put){
        .arena = &s->arena,
        .now = s->fill->now,
        .uid = str_of(s->uid),
        .net = s->viewer.net,
        .stream_key = s->fill->stream_key,
    };
    memcpy(s->grant.ua_hash, s->viewer.ua_hash, sizeof s->grant.ua_hash);
    op_init(&s->grant.op, on_granted);
    r = store_grant_put(s->fill->worker, &s->grant);
    if (r < 0)
        fail("a grant", r);
    return r;
}

static void seat_become(struct seat *s, unsigned long n)
{
    uint8_t hash[UA_HASH_LEN];
    char agent[TEXT_MAX];

    snprintf(s->uid, sizeof s->uid, "u%lu", n);
    snprintf(agent, sizeof agent, "bench/%lu", n);
    ua_hash(str_of(agent), hash);
    viewer_init(&s->viewer, &viewer_rules, &s->fill->client, hash);
    arena_init(&s->arena, ARENA_CAP);
}

/* Works on viewers until one has to wait. */
static void seat_next(struct seat *s)
{
    do {
        if (s->fill->begun == s->fill->count)
            return;
        seat_become(s, s->fill->begun++);
    } while (seat_grant(s) > 0 && seat_go_on(s) > 0);
}

static void fill(struct fill *f, struct loop *loop)
{
    struct seat *seats = xcalloc(SEATS, sizeof *seats);

    for (int i = 0; i < SEATS; i++) {
        seats[i].fill = f;
        seat_next(&seats[i]);
    }
    while (f->done < f->count)
        loop_turn(loop);
    free(seats);
}

static int open_embedded(char **argv, struct store **ret, struct buf *error)
{
    struct store_embedded_options o = {.path = argv[0]};

    if (str_parse_u64(str_of(argv[1]), MOST_GIB, &o.size) < 0)
        return -EINVAL;
    o.size <<= 30;
    return store_open_embedded(&o, &rules, ret, error);
}

static int open_redis(char **argv, struct store **ret, struct buf *error)
{
    struct store_redis_options o = {
        .server = str_of(argv[0]),
        .prefix = str_of(argv[1]),
        .connections = 1,
        .timeout = 20 * USEC_PER_SEC, /* a busy machine is no failure */
    };

    return store_open_redis(&o, &rules, ret, error);
}

/* `argv`: the kind of store, then its two arguments. */
static struct store *open_store(char **argv)
{
    struct store *store = NULL;
    struct buf error;
    int r = -EINVAL;

    buf_init(&error, 1024);
    if (strcmp(argv[0], "embedded") == 0)
        r = open_embedded(argv + 1, &store, &error);
    else if (strcmp(argv[0], "redis") == 0)
        r = open_redis(argv + 1, &store, &error);
    if (r < 0) {
        fprintf(stderr, "fill_store: %s: %.*s\n", argv[0], (int)error.n, error.p);
        exit(1);
    }
    buf_done(&error);
    return store;
}

int main(int argc, char **argv)
{
    struct fill f = {.now = clock_unix()};
    struct store *store;
    struct loop *loop;
    uint64_t count;

    if (argc != 6 || str_parse_u64(str_of(argv[1]), MOST_VIEWERS, &count) < 0 ||
        ip_parse(STR("127.0.0.1"), &f.client) < 0) {
        fputs("usage: fill_store COUNT STREAM_KEY embedded FOLDER SIZE_GIB | redis SERVER PREFIX\n",
              stderr);
        return 2;
    }
    f.count = count;
    f.stream_key = str_of(argv[2]);
    f.has_sessions = strcmp(argv[3], "embedded") == 0;
    store = open_store(argv + 3);
    loop = loop_new();
    f.worker = store_worker_new(store, loop);
    fill(&f, loop);
    store_worker_free(&f.worker);
    loop_free(&loop);
    store_close(&store);
    return 0;
}
