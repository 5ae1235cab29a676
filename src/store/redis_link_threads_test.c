/* Links of several threads that share what a process knows of Redis, while the server comes and
 * goes. Built with -Db_sanitize=thread it looks for races, too. */
#include <pthread.h>

#include "store/redis_world_testing.h"

enum { WORKERS = 3, CALLS = 200 };
#define PATIENCE (60 * USEC_PER_SEC)

static struct redis_shared shared;
static _Atomic int at_work;

struct worker {
    pthread_t thread;
    struct redis_call call;
    int left; /* calls that are still to be answered well */
};

static void encode(struct redis_call *c, struct redis_args *args)
{
    redis_add_number(args, 1);
}

static void answered(struct redis_call *c, int err, const redisReply *reply)
{
    struct worker *w = container_of(c, struct worker, call);

    w->left -= err == 0;
}

static void heard(void *arg)
{
}

static void *work(void *arg)
{
    struct worker *w = arg;
    usec_t until = clock_monotonic() + PATIENCE;
    struct loop *l = loop_new();
    struct redis_link *link = redis_link_new(&shared, l, NULL);

    redis_link_listen(link, STR("revoked"), heard, NULL);
    w->call = (struct redis_call){.script = SCRIPT_admit, .encode = encode, .answered = answered};
    while (w->left > 0 && clock_monotonic() < until) {
        if (w->call.ticket == NULL)
            (void)!redis_link_call(link, &w->call); /* -EAGAIN: the breaker is open */
        loop_turn(l);
        usleep(20);
    }
    redis_link_free(&link);
    loop_free(&l);
    atomic_fetch_sub(&at_work, 1);
    return NULL;
}

/* It serves, and drops everybody now and then. */
static void serve(struct loop *l, struct fake *f)
{
    unsigned dropped_at = 0;

    while (atomic_load(&at_work) > 0) {
        loop_turn(l);
        if (fake_heard(f, "EVALSHA") < dropped_at + 200)
            continue;
        dropped_at = fake_heard(f, "EVALSHA");
        fake_drop(f);
    }
}

static void links_share_what_they_know(void **state)
{
    static struct worker workers[WORKERS];
    struct loop *l = loop_new();
    struct fake *f = fake_new(l, "127.0.0.1:0");

    redis_shared_init(&shared, &(struct store_redis_options){.server = str_of(fake_server(f)),
                                                             .connections = 2,
                                                             .timeout = WORLD_PATIENT,
                                                             .prefix = STR("hg:")});
    atomic_store(&at_work, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        workers[i].left = CALLS;
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
    }
    serve(l, f);
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(workers[i].thread, NULL);
        assert_int_equal(workers[i].left, 0);
    }
    assert_true(world_count(&shared.counters.calls) >= WORKERS * CALLS);
    assert_int_equal(atomic_load(&shared.links), 0);
    assert_int_equal(atomic_load(&shared.links_up), 0);
    redis_shared_done(&shared);
    fake_free(&f);
    loop_free(&l);
}

TEST_MAIN(cmocka_unit_test(links_share_what_they_know))
