/* The order a loop promises: events, then deferred tasks, then sleep; messages; tickers. */
#include "net/loop.h"

#include <pthread.h>

#include "base/mem.h"
#include "net/loop_testing.h"

/* What ran, in order, one letter each. */
struct trace {
    char text[64];
    size_t n;
};

static void note(struct trace *t, char c)
{
    assert_true(t->n + 1 < sizeof t->text);
    t->text[t->n++] = c;
    t->text[t->n] = '\0';
}

struct noting_task {
    struct loop_task task;
    struct loop *loop;
    struct trace *trace;
    struct noting_task *then;   /* deferred by this one */
    struct noting_task *cancel; /* cancelled by this one */
    char letter;
};

static void run_noting(struct loop_task *t)
{
    struct noting_task *n = container_of(t, struct noting_task, task);

    note(n->trace, n->letter);
    if (n->then != NULL)
        loop_defer(n->loop, &n->then->task);
    if (n->cancel != NULL)
        loop_task_cancel(&n->cancel->task);
}

static struct noting_task noting(struct loop *l, struct trace *trace, char letter)
{
    return (struct noting_task){.loop = l, .trace = trace, .letter = letter};
}

static void tasks_run_in_order_and_once(void **state)
{
    struct loop *l = loop_new();
    struct trace trace = {0};
    struct noting_task a = noting(l, &trace, 'a'), b = noting(l, &trace, 'b');

    loop_task_init(&a.task, run_noting);
    loop_task_init(&b.task, run_noting);
    loop_defer(l, &b.task);
    loop_defer(l, &a.task);
    loop_defer(l, &b.task);
    assert_string_equal(trace.text, "");
    loop_turn(l);
    assert_string_equal(trace.text, "ba");
    loop_turn(l);
    assert_string_equal(trace.text, "ba");
    loop_free(&l);
    assert_null(l);
}

static void cancelled_tasks_do_not_run(void **state)
{
    struct loop *l = loop_new();
    struct trace trace = {0};
    struct noting_task a = noting(l, &trace, 'a'), b = noting(l, &trace, 'b'),
                       c = noting(l, &trace, 'c');

    loop_task_init(&a.task, run_noting);
    loop_task_init(&b.task, run_noting);
    loop_task_init(&c.task, run_noting);
    a.cancel = &b; /* while the round is running */
    loop_defer(l, &a.task);
    loop_defer(l, &b.task);
    loop_defer(l, &c.task);
    loop_task_cancel(&c.task);
    loop_task_cancel(&c.task);
    loop_turn(l);
    assert_string_equal(trace.text, "a");
    loop_free(&l);
}

/* The end of a turn runs a's follower; the follower's follower waits for the next turn. */
static void tasks_of_tasks_get_one_more_round(void **state)
{
    struct loop *l = loop_new();
    struct trace trace = {0};
    struct noting_task a = noting(l, &trace, 'a'), b = noting(l, &trace, 'b'),
                       c = noting(l, &trace, 'c');

    loop_task_init(&a.task, run_noting);
    loop_task_init(&b.task, run_noting);
    loop_task_init(&c.task, run_noting);
    a.then = &b;
    b.then = &c;
    loop_defer(l, &a.task);
    loop_stop(l);
    loop_run(l); /* leaves at once, but not before the end of the turn */
    assert_string_equal(trace.text, "ab");
    loop_turn(l);
    assert_string_equal(trace.text, "abc");
    loop_free(&l);
}

struct stopper {
    struct loop_task task;
    struct loop *loop;
    int left;
};

static void run_stopper(struct loop_task *t)
{
    struct stopper *s = container_of(t, struct stopper, task);

    if (--s->left > 0)
        loop_defer(s->loop, &s->task);
    else
        loop_stop(s->loop);
}

/* Nothing else wakes this loop: it hangs here if it sleeps while tasks wait. */
static void a_loop_with_tasks_does_not_sleep(void **state)
{
    struct loop *l = loop_new();
    struct stopper s = {.loop = l, .left = 1001};

    loop_task_init(&s.task, run_stopper);
    loop_defer(l, &s.task);
    loop_run(l);
    assert_int_equal(s.left, 0);
    loop_free(&l);
}

struct letter {
    struct loop_message message;
    struct noting_task *task; /* deferred by the message */
    struct loop *loop;
    int sender, number;
    struct post_test *test;
};

static void run_letter_with_task(struct loop_message *m)
{
    struct letter *letter = container_of(m, struct letter, message);

    note(letter->task->trace, 'm');
    loop_defer(letter->loop, &letter->task->task);
}

static void tasks_run_after_the_messages_of_their_turn(void **state)
{
    struct loop *l = loop_new();
    struct trace trace = {0};
    struct noting_task t = noting(l, &trace, 't');
    struct letter one = {.message.run = run_letter_with_task, .task = &t, .loop = l}, two = one;

    loop_task_init(&t.task, run_noting);
    loop_post(l, &one.message);
    loop_post(l, &two.message);
    loop_turn(l);
    assert_string_equal(trace.text, "mmt");
    loop_free(&l);
}

static void leftovers_run_when_the_loop_is_freed(void **state)
{
    struct loop *l = loop_new();
    struct trace trace = {0};
    struct noting_task t = noting(l, &trace, 't');
    struct letter one = {.message.run = run_letter_with_task, .task = &t, .loop = l};

    loop_task_init(&t.task, run_noting);
    loop_post(l, &one.message);
    loop_free(&l);
    assert_string_equal(trace.text, "mt");
}

enum { SENDERS = 4, LETTERS = 2000 };

struct post_test {
    struct loop *loop;
    pthread_t receiver;
    int next[SENDERS]; /* the number each sender's next letter must have */
    int received;
};

static void run_letter(struct loop_message *m)
{
    AUTO(xfree_p) struct letter *letter = container_of(m, struct letter, message);
    struct post_test *t = letter->test;

    assert_true(pthread_equal(pthread_self(), t->receiver));
    assert_int_equal(letter->number, t->next[letter->sender]++);
    if (++t->received == SENDERS * LETTERS)
        loop_stop(t->loop);
}

struct sender {
    struct post_test *test;
    int id;
};

static void *send_letters(void *arg)
{
    struct sender *s = arg;

    for (int i = 0; i < LETTERS; i++) {
        struct letter *letter = xzalloc(sizeof *letter);

        letter->message.run = run_letter;
        letter->sender = s->id;
        letter->number = i;
        letter->test = s->test;
        loop_post(s->test->loop, &letter->message);
    }
    return NULL;
}

static void messages_of_four_threads_arrive_once_in_order(void **state)
{
    struct post_test t = {.loop = loop_new(), .receiver = pthread_self()};
    struct sender senders[SENDERS];
    pthread_t threads[SENDERS];

    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){&t, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &senders[i]), 0);
    }
    loop_run(t.loop);
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(t.received, SENDERS * LETTERS);
    loop_free(&t.loop);
}

static void time_stands_still_within_a_turn(void **state)
{
    struct loop *l = loop_new();

    clock_set_fake(1000, 50);
    loop_turn(l);
    assert_int_equal(loop_now(l), 1000);
    clock_set_fake(2000, 60);
    assert_int_equal(loop_now(l), 1000);
    assert_int_equal(loop_unix(l), 50);
    loop_turn(l);
    assert_int_equal(loop_unix(l), 60);
    assert_int_equal(loop_now(l), 2000);
    clock_set_fake(0, -1);
    loop_free(&l);
}

struct ticking {
    struct ticker *ticker;
    int ticks, most;
};

static void on_tick(void *arg)
{
    struct ticking *t = arg;

    if (++t->ticks == t->most)
        ticker_free(&t->ticker);
}

static void tickers_tick_until_freed(void **state)
{
    struct loop *l = loop_new();
    struct ticking few = {.most = 3}, many = {.most = 1000000}, never = {.most = 1};

    few.ticker = ticker_new(l, USEC_PER_MSEC, on_tick, &few);
    many.ticker = ticker_new(l, 1, on_tick, &many); /* at least a millisecond */
    never.ticker = ticker_new(l, 3600 * USEC_PER_SEC, on_tick, &never);
    TURN_UNTIL(l, few.ticks == 3 && many.ticks > 10);
    assert_null(few.ticker);
    assert_int_equal(few.ticks, 3);
    ticker_free(&many.ticker);
    ticker_free(&never.ticker);
    ticker_free(&never.ticker);
    assert_int_equal(never.ticks, 0);
    loop_free(&l);
}

TEST_MAIN(cmocka_unit_test(tasks_run_in_order_and_once),
          cmocka_unit_test(cancelled_tasks_do_not_run),
          cmocka_unit_test(tasks_of_tasks_get_one_more_round),
          cmocka_unit_test(a_loop_with_tasks_does_not_sleep),
          cmocka_unit_test(tasks_run_after_the_messages_of_their_turn),
          cmocka_unit_test(leftovers_run_when_the_loop_is_freed),
          cmocka_unit_test(messages_of_four_threads_arrive_once_in_order),
          cmocka_unit_test(time_stands_still_within_a_turn),
          cmocka_unit_test(tickers_tick_until_freed))
