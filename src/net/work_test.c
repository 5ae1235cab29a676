/* Work on the pool: exactly one of done and abandoned, on the loop, never before work_start() has
 * returned. */
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "net/loop_testing.h"

struct job {
    struct work work;
    _Atomic bool may_run; /* run() waits for it */
    _Atomic int runs;
    int result;
    int done, err, abandoned;
    bool has_started; /* work_start() has returned */
    pthread_t loop_thread;
};

static int run_job(struct work *w)
{
    struct job *j = container_of(w, struct job, work);

    while (!atomic_load(&j->may_run))
        usleep(100);
    atomic_fetch_add(&j->runs, 1);
    return j->result;
}

static void on_done(struct op *op, int err)
{
    struct job *j = container_of(op, struct job, work.op);

    assert_true(j->has_started && pthread_equal(pthread_self(), j->loop_thread));
    assert_false(op_is_under_way(op));
    j->done++;
    j->err = err;
}

static void on_abandoned(struct work *w)
{
    struct job *j = container_of(w, struct job, work);

    assert_true(pthread_equal(pthread_self(), j->loop_thread));
    j->abandoned++;
}

static void start(struct loop *l, struct job *j, bool may_run)
{
    atomic_store(&j->may_run, may_run);
    j->loop_thread = pthread_self();
    j->work.run = run_job;
    j->work.abandoned = on_abandoned;
    op_init(&j->work.op, on_done);
    assert_int_equal(work_start(l, &j->work), 0);
    assert_int_equal(j->done, 0);
    j->has_started = true;
    assert_true(op_is_under_way(&j->work.op));
}

static void done_gets_what_run_returned(void **state)
{
    static const int results[] = {0, -2, -13, 7};
    struct loop *l = loop_new();

    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        struct job j = {.result = results[i]};

        start(l, &j, true);
        TURN_UNTIL(l, j.done > 0);
        assert_int_equal(j.err, results[i]);
        op_cancel(&j.work.op); /* too late: harmless */
        for (int turn = 0; turn < 5; turn++)
            loop_turn(l);
        assert_int_equal(j.done, 1);
        assert_int_equal(j.abandoned, 0);
    }
    loop_free(&l);
}

static void cancelled_while_running_is_abandoned_later(void **state)
{
    struct loop *l = loop_new();
    struct job j = {0};

    start(l, &j, false);
    usleep(20000); /* most likely a thread has it by now; the result is the same if not */
    op_cancel(&j.work.op);
    op_cancel(&j.work.op);
    assert_int_equal(j.abandoned, 0); /* not from inside op_cancel() */
    atomic_store(&j.may_run, true);
    TURN_UNTIL(l, j.abandoned > 0);
    loop_turn(l);
    assert_int_equal(j.abandoned, 1);
    assert_int_equal(j.done, 0);
    loop_free(&l);
}

enum { MANY = 64 };

/* More than the pool has threads, all blocked: those that wait never run. */
static void cancelled_while_queued_is_abandoned_without_a_run(void **state)
{
    struct loop *l = loop_new();
    struct job jobs[MANY] = {0};
    int runs = 0;

    for (int i = 0; i < MANY; i++)
        start(l, &jobs[i], false);
    for (int i = 0; i < MANY; i++)
        op_cancel(&jobs[i].work.op);
    for (int i = 0; i < MANY; i++)
        atomic_store(&jobs[i].may_run, true);
    for (int i = 0; i < MANY; i++)
        TURN_UNTIL(l, jobs[i].abandoned > 0);
    loop_free(&l);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(jobs[i].abandoned, 1);
        assert_int_equal(jobs[i].done, 0);
        runs += jobs[i].runs;
    }
    assert_true(runs < MANY);
}

static void freeing_the_loop_waits_for_cancelled_work(void **state)
{
    struct loop *l = loop_new();
    struct job j = {0};

    start(l, &j, false);
    usleep(20000);
    op_cancel(&j.work.op);
    atomic_store(&j.may_run, true);
    loop_free(&l);
    assert_int_equal(j.abandoned, 1);
}

TEST_MAIN(cmocka_unit_test(done_gets_what_run_returned),
          cmocka_unit_test(cancelled_while_running_is_abandoned_later),
          cmocka_unit_test(cancelled_while_queued_is_abandoned_without_a_run),
          cmocka_unit_test(freeing_the_loop_waits_for_cancelled_work))
