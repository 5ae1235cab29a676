/*
 * Many workers at one cluster: nothing is lost, a trial is one request, each change is told once.
 * Built with -Db_sanitize=thread it looks for races, too.
 */
#include <pthread.h>
#include <stdio.h>

#include "origin/cluster_testing.h"

enum { THREADS = 6, REQUESTS = 20000, SERVERS = 4, ROUNDS = 2000 };

static struct cluster *cluster;
static pthread_barrier_t barrier;
static atomic_int trials[SERVERS], trials_at_once, last_resorts;
static atomic_int told[SERVERS][SERVER_STATE_COUNT][SERVER_STATE_COUNT];

static void on_change(struct origin_worker *w, const struct server_change *change)
{
    unsigned server = (unsigned)(change->server.p[7] - 'a');

    atomic_fetch_add(&told[server][change->from][change->to], 1);
}

static void run_threads(void *(*f)(void *))
{
    pthread_t threads[THREADS];

    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, f, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

static struct cluster *new_cluster(void)
{
    static struct str names[SERVERS];
    struct cluster_settings s;

    memset(told, 0, sizeof told);
    test_server_names(names, SERVERS);
    s = test_settings(names, SERVERS);
    s.balance = BALANCE_LEAST;
    s.eject_time = 1; /* over at once: as many moves as can be */
    s.eject_max = 1;
    return test_cluster(&s);
}

static void watch_trial(const struct server_use *u, int by)
{
    int before;

    if (u->kind != USE_TRIAL)
        return;
    before = atomic_fetch_add(&trials[server_index(cluster, u->server)], by);
    if (before + by > 1)
        atomic_fetch_add(&trials_at_once, 1);
}

/* Server 0 always answers, so the others are never asked as a last resort. */
static enum health_event verdict_of(const struct server_use *u, unsigned *seed)
{
    if (server_index(cluster, u->server) == 0)
        return HEALTH_ANSWERED;
    return rand_r(seed) % 3 == 0 ? HEALTH_ANSWERED : HEALTH_FAILED;
}

static void request_once(struct origin_worker *w, unsigned *seed)
{
    struct server_wish wish = {.stream_key = STR("k"), .tried = server_bit(0)};
    struct server_use u;

    if (!cluster_pick(cluster, w, &wish, &u)) {
        atomic_fetch_add(&trials_at_once, 1);
        return;
    }
    if (u.kind == USE_LAST_RESORT)
        atomic_fetch_add(&last_resorts, 1);
    watch_trial(&u, 1);
    watch_trial(&u, -1); /* before its end lets the next one begin */
    server_use_end(cluster, w, &u, verdict_of(&u, seed), STR("why"));
}

static void worker_init(struct origin_worker *w)
{
    origin_worker_init(w, loop_new(), NULL);
    w->changed = on_change;
}

static void *hammer(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;
    struct origin_worker w;
    struct server_view v;

    worker_init(&w);
    for (int i = 0; i < REQUESTS; i++) {
        if (i % 16 == 0)
            loop_turn(w.loop); /* the time moves */
        request_once(&w, &seed);
        cluster_view(cluster, (unsigned)i % SERVERS, loop_now(w.loop), &v);
    }
    loop_free(&w.loop);
    return NULL;
}

static int moves_into(unsigned server, enum server_state state)
{
    int n = 0;

    for (unsigned from = 0; from < SERVER_STATE_COUNT; from++)
        n += atomic_load(&told[server][from][state]);
    return n;
}

static int moves_out_of(unsigned server, enum server_state state)
{
    int n = 0;

    for (unsigned to = 0; to < SERVER_STATE_COUNT; to++)
        n += atomic_load(&told[server][state][to]);
    return n;
}

/* What was told leads from UP to the state that the server is in: nothing is missing, nothing was
 * told twice. */
static void expect_whole_story(unsigned server)
{
    struct health h = health_unpack(atomic_load(&cluster->servers[server].health));

    for (unsigned s = 0; s < SERVER_STATE_COUNT; s++)
        assert_int_equal((s == SERVER_UP) + moves_into(server, s) - moves_out_of(server, s),
                         s == h.state);
    assert_int_equal(atomic_load(&cluster->servers[server].ejections),
                     moves_into(server, SERVER_EJECTED));
}

static void everything_is_told_once(void **state)
{
    uint64_t requests = 0;

    cluster = new_cluster();
    atomic_store(&trials_at_once, 0);
    run_threads(hammer);
    assert_int_equal(atomic_load(&trials_at_once), 0);
    assert_int_equal(atomic_load(&last_resorts), 0); /* there was always a server that is up */
    for (unsigned i = 0; i < SERVERS; i++) {
        expect_whole_story(i);
        assert_int_equal(atomic_load(&cluster->servers[i].under_way), 0);
        requests += atomic_load(&cluster->servers[i].requests);
    }
    assert_int_equal(requests, THREADS * REQUESTS);
    assert_true(moves_into(1, SERVER_EJECTED) > 10 && moves_into(1, SERVER_TRIAL) > 10);
    assert_true(atomic_load(&told[1][SERVER_TRIAL][SERVER_UP]) > 0);
    assert_int_equal(moves_into(0, SERVER_EJECTED), 0);
    cluster_free(&cluster);
}

/* All see the same failure at the same moment, once each round. */
static void *fail_together(void *arg)
{
    struct origin_worker w;

    worker_init(&w);
    for (int round = 0; round < ROUNDS; round++) {
        struct server_use u;

        cluster_pick_server(cluster, &w, 1, &u);
        pthread_barrier_wait(&barrier);
        server_use_end(cluster, &w, &u, HEALTH_FAILED, STR("why"));
        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            struct health up = {.state = SERVER_UP};

            atomic_store(&cluster->servers[1].health, health_pack(&up));
        }
        pthread_barrier_wait(&barrier);
    }
    loop_free(&w.loop);
    return NULL;
}

static void one_of_many_tells(void **state)
{
    cluster = new_cluster();
    run_threads(fail_together);
    assert_int_equal(atomic_load(&told[1][SERVER_UP][SERVER_EJECTED]), ROUNDS);
    assert_int_equal(atomic_load(&cluster->servers[1].ejections), ROUNDS);
    assert_int_equal(atomic_load(&cluster->servers[1].failures), ROUNDS * THREADS);
    cluster_free(&cluster);
}

/* A server's time is over, and all want it at the same moment, once each round. */
static void *want_the_trial(void *arg)
{
    struct server_wish wish = {
        .stream_key = STR("k"), .tried = server_bit(0), .barred = ~(server_bit(0) | server_bit(1))};
    struct origin_worker w;

    worker_init(&w);
    for (int round = 0; round < ROUNDS; round++) {
        struct server_use u;
        bool is_picked;

        if (pthread_barrier_wait(&barrier) == PTHREAD_BARRIER_SERIAL_THREAD) {
            struct health over = {.state = SERVER_EJECTED, .strikes = 1};

            atomic_store(&cluster->servers[1].health, health_pack(&over));
        }
        pthread_barrier_wait(&barrier);
        is_picked = cluster_pick(cluster, &w, &wish, &u);
        pthread_barrier_wait(&barrier);
        if (is_picked && u.kind == USE_TRIAL)
            atomic_fetch_add(&trials[1], 1);
        if (!is_picked || u.kind == USE_LAST_RESORT)
            atomic_fetch_add(&last_resorts, 1);
        if (is_picked)
            server_use_end(cluster, &w, &u, HEALTH_LET_GO, STR("why"));
    }
    loop_free(&w.loop);
    return NULL;
}

static void one_of_many_has_the_trial(void **state)
{
    cluster = new_cluster();
    atomic_store(&trials[1], 0);
    atomic_store(&last_resorts, 0);
    run_threads(want_the_trial);
    assert_int_equal(atomic_load(&trials[1]), ROUNDS);
    assert_int_equal(atomic_load(&told[1][SERVER_EJECTED][SERVER_TRIAL]), ROUNDS);
    assert_int_equal(atomic_load(&last_resorts), 0);
    cluster_free(&cluster);
}

TEST_MAIN(cmocka_unit_test(everything_is_told_once), cmocka_unit_test(one_of_many_tells),
          cmocka_unit_test(one_of_many_has_the_trial))
