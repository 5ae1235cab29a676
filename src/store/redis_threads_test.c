/*
 * Four workers with loops of their own over one store in a real Redis, beside them a thread that
 * reads what all may read. Each has a uid of its own, of which it knows what must be answered, and
 * all share one. Built with -Db_sanitize=thread it looks for races.
 */
#include <errno.h>
#include <pthread.h>

#include "base/panic.h"
#include "net/loop_testing.h"
#include "store/redis_testing.h"

enum { THREADS = 4, ROUNDS = 40, AT_ONCE = 8 };

static struct redis_server server;
static struct store *store;
static pthread_barrier_t barrier;
static atomic_bool is_over;
static const struct step shared = {.uid = "all", .checks = ADMIT_GRANT | ADMIT_SESSION};

struct thread {
    pthread_t id;
    struct loop *loop;
    struct store_worker *worker;
    struct arena arena;
    int pending;
    struct step own; /* what its uid asks for */
};

static _Thread_local struct thread *me;

static void on_done(struct op *op, int err)
{
    assert(err == 0);
    me->pending--;
}

static void begin(struct op *op, int started)
{
    assert(started >= 0);
    me->pending += started == 0;
}

static void wait_for_all(void)
{
    TURN_UNTIL(me->loop, me->pending == 0);
}

/* Some at once, as requests are; the last of them is answered in *ret. */
static void admit(const struct step *step, struct admission *ret)
{
    struct admission a[AT_ONCE];

    for (int i = 0; i < AT_ONCE; i++) {
        step_admission(step, &me->arena, &a[i]);
        a[i].op.done = on_done;
        begin(&a[i].op, store_admit(me->worker, &a[i]));
    }
    wait_for_all();
    *ret = a[AT_ONCE - 1];
}

static void grant(const struct step *step)
{
    struct grant_put g = {.arena = &me->arena,
                          .now = T0,
                          .uid = str_of(step->uid),
                          .net = {{IP_V4, {192, 0, 2}}, 24},
                          .ua_hash = "UA-1",
                          .stream_key = STR("movie1")};

    op_init(&g.op, on_done);
    begin(&g.op, store_grant_put(me->worker, &g));
    wait_for_all();
}

static void take_away(const struct step *step)
{
    struct grant_revoke g = {.now = T0, .uid = str_of(step->uid)};

    op_init(&g.op, on_done);
    begin(&g.op, store_grant_revoke(me->worker, &g));
    wait_for_all();
}

static void touch(const struct step *step, int at)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(step, viewer);
    store_touch(me->worker, viewer, str_of(step->uid), STR("movie1"), T0 + at);
}

static bool is_revoked(const struct step *step, unix_t ends)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(step, viewer);
    return store_is_revoked(me->worker, viewer, str_of(step->uid), ends);
}

/* What is admitted again and again comes from verdicts; a revocation ends that at once. */
static void play_and_lose(int round)
{
    struct admission a;
    unix_t ends;

    grant(&me->own);
    admit(&me->own, &a);
    assert(a.verdict == ADMITTED && a.has_session);
    ends = a.session.ends;
    admit(&me->own, &a);
    assert(a.verdict == ADMITTED && a.session.ends == ends && !is_revoked(&me->own, ends));
    touch(&me->own, round);
    take_away(&me->own);
    assert(is_revoked(&me->own, ends));
    admit(&me->own, &a);
    assert(a.verdict == REFUSED_NO_GRANT);
}

/* Others revoke it meanwhile: any verdict will do. */
static void play_with_others(int round)
{
    struct admission a;

    grant(&shared);
    admit(&shared, &a);
    touch(&shared, round);
    if (round % 8 == 7)
        take_away(&shared);
}

static void *work(void *arg)
{
    bool housekeeps;

    me = arg;
    me->loop = loop_new();
    me->worker = store_worker_new(store, me->loop);
    arena_init(&me->arena, 16 << 20);
    housekeeps = pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD;
    if (housekeeps)
        store_housekeep(me->worker);
    for (int i = 0; i < ROUNDS; i++) {
        play_and_lose(i);
        play_with_others(i);
        arena_done(&me->arena);
        arena_init(&me->arena, 16 << 20);
    }
    arena_done(&me->arena);
    store_worker_free(&me->worker);
    loop_free(&me->loop);
    return NULL;
}

static void *read_on(void *arg)
{
    struct store_worker *w = arg; /* another's: what is read is the store's */
    uint8_t viewer[STORE_VIEWER_LEN];
    struct store_stats stats;

    step_viewer(&shared, viewer);
    while (!atomic_load(&is_over)) {
        store_stats(store, &stats);
        (void)store_is_revoked(w, viewer, STR("all"), T0 + 43200);
        (void)store_has_revocation(w, viewer, STR("t0"));
        usleep(100); /* leaves the others something of the machine */
    }
    return NULL;
}

static void run_threads(void)
{
    static const char *const uids[THREADS] = {"t0", "t1", "t2", "t3"};
    static struct thread threads[THREADS];
    struct store_worker beside = {.store = store};
    pthread_t reader;

    pthread_barrier_init(&barrier, NULL, THREADS);
    assert_int_equal(pthread_create(&reader, NULL, read_on, &beside), 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i] = (struct thread){.own = shared};
        threads[i].own.uid = uids[i];
        assert_int_equal(pthread_create(&threads[i].id, NULL, work, &threads[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i].id, NULL);
    atomic_store(&is_over, true);
    pthread_join(reader, NULL);
    pthread_barrier_destroy(&barrier);
}

static void test_workers_share_a_store(void **state)
{
    struct store_redis_options o = {.connections = 2,
                                    .timeout = 10 * USEC_PER_SEC,
                                    .prefix = STR("threads:"),
                                    .verdict_ttl = 60 * USEC_PER_SEC};
    struct store_rules rules = conformance_rules;
    struct store_stats stats;

    rules.grant_max_uids = THREADS + 1;
    store = redis_server_open(&server, &rules, &o);
    run_threads();
    store_stats(store, &stats);
    assert_int_equal(stats.errors + stats.timeouts, 0);
    assert_true(stats.reused > 0);
    assert_true(revoked_count(store->revoked) >= THREADS * ROUNDS);
    store_close(&store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_workers_share_a_store)};
    int failed;

    redis_server_start(&server);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    return failed;
}
