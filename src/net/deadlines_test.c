/* Deadlines on a clock the test sets: who expires, in which order, and who does not. */
#include "base/mem.h"
#include "net/loop_internal.h"
#include "net/loop_testing.h"

static char expired[32];
static struct deadline *to_clear, *to_set;
static struct deadline_queue *set_in;

struct named {
    struct deadline deadline;
    char letter;
};

static void on_expired(struct deadline *d)
{
    struct named *n = container_of(d, struct named, deadline);
    size_t at = strlen(expired);

    assert_true(at + 1 < sizeof expired);
    expired[at] = n->letter;
    expired[at + 1] = '\0';
    if (to_clear != NULL)
        deadline_clear(to_clear);
    if (to_set != NULL)
        deadline_set(set_in, to_set);
}

static void at(struct loop *l, usec_t msec)
{
    clock_set_fake(msec * USEC_PER_MSEC, 1);
    loop_turn(l); /* so that loop_now() is this */
}

static bool is_ticking(struct loop *l)
{
    return uv_is_active((uv_handle_t *)&l->deadline_tick);
}

/* Two real ticks: whatever is due has expired after them. */
static void tick(struct loop *l)
{
    for (int i = 0; i < 2 && is_ticking(l); i++) {
        uint64_t before = uv_now(&l->uv);

        TURN_UNTIL(l, uv_now(&l->uv) > before + DEADLINE_RESOLUTION / USEC_PER_MSEC);
    }
}

static struct named named(char letter)
{
    return (struct named){.letter = letter};
}

static int setup(void **state)
{
    clock_set_fake(0, 1);
    expired[0] = '\0';
    to_clear = to_set = NULL;
    *state = loop_new();
    return 0;
}

static int teardown(void **state)
{
    struct loop *l = *state;

    loop_free(&l);
    clock_set_fake(0, -1);
    return 0;
}

static void they_expire_in_order_when_due(void **state)
{
    struct loop *l = *state;
    struct deadline_queue *q = deadline_queue_new(l, USEC_PER_SEC, on_expired);
    struct named a = named('a'), b = named('b'), c = named('c');

    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_init(&c.deadline);
    assert_false(is_ticking(l));
    at(l, 0);
    deadline_set(q, &b.deadline);
    assert_true(is_ticking(l));
    at(l, 10);
    deadline_set(q, &c.deadline);
    deadline_set(q, &a.deadline);
    at(l, 1009);
    tick(l);
    assert_string_equal(expired, "b");
    at(l, 1010);
    tick(l);
    assert_string_equal(expired, "bca");
    assert_false(is_ticking(l));
}

static void cleared_ones_do_not_expire(void **state)
{
    struct loop *l = *state;
    struct deadline_queue *q = deadline_queue_new(l, USEC_PER_SEC, on_expired);
    struct named a = named('a'), b = named('b');

    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_clear(&a.deadline);
    deadline_set(q, &a.deadline);
    deadline_set(q, &b.deadline);
    deadline_clear(&a.deadline);
    deadline_clear(&a.deadline);
    at(l, 2000);
    tick(l);
    assert_string_equal(expired, "b");
    deadline_set(q, &a.deadline);
    deadline_clear(&a.deadline);
    at(l, 4000);
    tick(l);
    assert_false(is_ticking(l)); /* stops though nothing has expired */
    assert_string_equal(expired, "b");
}

static void setting_again_moves_it(void **state)
{
    struct loop *l = *state;
    struct deadline_queue *short_q = deadline_queue_new(l, USEC_PER_SEC, on_expired);
    struct deadline_queue *long_q = deadline_queue_new(l, 10 * USEC_PER_SEC, on_expired);
    struct named a = named('a'), b = named('b');

    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_set(short_q, &a.deadline);
    deadline_set(short_q, &b.deadline);
    at(l, 500);
    deadline_set(short_q, &a.deadline); /* to the end of its queue */
    deadline_set(long_q, &b.deadline);  /* to another queue */
    at(l, 1400);
    tick(l);
    assert_string_equal(expired, "");
    at(l, 1500);
    tick(l);
    assert_string_equal(expired, "a");
    at(l, 10500);
    tick(l);
    assert_string_equal(expired, "ab");
}

static void a_callback_may_clear_one_that_is_due_too(void **state)
{
    struct loop *l = *state;
    struct deadline_queue *q = deadline_queue_new(l, USEC_PER_SEC, on_expired);
    struct named a = named('a'), b = named('b');

    deadline_init(&a.deadline);
    deadline_init(&b.deadline);
    deadline_set(q, &a.deadline);
    deadline_set(q, &b.deadline);
    to_clear = &b.deadline;
    at(l, 2000);
    tick(l);
    assert_string_equal(expired, "a");
}

/* A queue of length zero that sets itself again expires once a tick, and does not hold the loop. */
static void a_callback_may_set_itself_again(void **state)
{
    struct loop *l = *state;
    struct deadline_queue *q = deadline_queue_new(l, 0, on_expired);
    struct named a = named('a');

    deadline_init(&a.deadline);
    deadline_set(q, &a.deadline);
    to_set = &a.deadline;
    set_in = q;
    TURN_UNTIL(l, strlen(expired) == 3);
    to_set = NULL;
    TURN_UNTIL(l, strlen(expired) == 4);
    tick(l);
    assert_string_equal(expired, "aaaa");
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(T(they_expire_in_order_when_due), T(cleared_ones_do_not_expire),
          T(setting_again_moves_it), T(a_callback_may_clear_one_that_is_due_too),
          T(a_callback_may_set_itself_again))
