/* Workers note while others look: nothing is torn, nothing counted that was not delivered, and in
 * the end all of it is there. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/test.h"
#include "gate/audience.h"
#include "gate/gate.h"

enum { WORKERS = 2, READERS = 2, NOTES = 100000, BYTES = 3 };

#define NOW (7 * AUDIENCE_WINDOW)

static const struct str streams[] = {STR("a"), STR("b"), STR("c")};
static atomic_int working;

static void *work(void *arg)
{
    struct gate_worker *w = arg;
    uint8_t viewer[VIEWER_ID_LEN] = {IP_V4};

    for (unsigned i = 0; i < NOTES; i++) {
        struct audience_note n = {.keys = {streams[i % ARRAY_LEN(streams)], STR("u")},
                                  .viewer = viewer,
                                  .bytes = BYTES,
                                  .is_first = true};

        viewer[2] = (uint8_t)i; /* 256 of them: more than are counted exactly */
        audience_note(w->audience, &n, NOW);
    }
    atomic_fetch_sub(&working, 1);
    return NULL;
}

static void look(const struct gate *g, struct audience_top *top)
{
    struct audience_counts c;
    uint64_t last = 0;

    audience_count(g, NOW, &c);
    assert_true(c.keys[AUDIENCE_STREAMS] <= ARRAY_LEN(streams) && c.keys[AUDIENCE_USERS] <= 1);
    audience_read(g, NOW, AUDIENCE_STREAMS, top);
    for (unsigned i = top->count; i-- > 0; last = top->rows[i].bytes) {
        assert_int_equal(top->rows[i].key_n, 1);
        assert_int_equal(top->rows[i].bytes, top->rows[i].requests * BYTES);
        assert_true(top->rows[i].bytes >= last);
    }
}

static void *watch(void *arg)
{
    struct audience_top top;

    while (atomic_load(&working) > 0)
        look(arg, &top);
    return NULL;
}

static void start_all(struct gate *g, pthread_t *threads)
{
    atomic_store(&working, WORKERS);
    for (unsigned i = 0; i < WORKERS + READERS; i++) {
        void *(*run)(void *arg) = i < WORKERS ? work : watch;
        void *arg = i < WORKERS ? (void *)g->workers[i] : g;

        assert_int_equal(pthread_create(&threads[i], NULL, run, arg), 0);
    }
}

static void test_noting_and_looking(void **state)
{
    struct gate_worker workers[WORKERS] = {0}, *list[WORKERS];
    struct gate g = {.workers = list, .worker_count = WORKERS};
    pthread_t threads[WORKERS + READERS];
    struct audience_top top;
    uint64_t bytes = 0;

    for (int i = 0; i < WORKERS; i++) {
        list[i] = &workers[i];
        workers[i].audience = audience_new(NOW);
    }
    start_all(&g, threads);
    for (int i = 0; i < WORKERS + READERS; i++)
        pthread_join(threads[i], NULL);
    look(&g, &top);
    assert_int_equal(top.count, ARRAY_LEN(streams));
    for (unsigned i = 0; i < top.count; i++)
        bytes += top.rows[i].bytes;
    assert_int_equal(bytes, WORKERS * NOTES * BYTES);
    for (int i = 0; i < WORKERS; i++)
        audience_free(&workers[i].audience);
}

TEST_MAIN(cmocka_unit_test(test_noting_and_looking))
