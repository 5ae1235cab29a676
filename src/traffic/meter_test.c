/* Counting in memory, and writing to a store that takes it, refuses it, or does not answer. */
#include "traffic/meter.h"

#include <errno.h>
#include <stdio.h>

#include "net/loop_testing.h"
#include "store/backend.h"
#include "traffic/file_type.h"

/* ---- a store that keeps what it is told ---- */

enum mood { TAKES, TAKES_LATER, TAKES_AGAIN, REFUSES, IS_SILENT };

static struct {
    struct store base;
    struct store_worker worker;
    enum mood mood;
    unsigned refusals; /* TAKES_AGAIN: how many are left */
    struct op *op;     /* that waits for an answer */
    uint64_t batches, number, bytes, requests, unknown_bytes, last_ips, last_sessions;
    uint64_t types[TRAFFIC_TYPES];
    unsigned uids;
} store;

static void take_lines(const struct traffic_add *a)
{
    struct str lines = a->lines, uid, record;

    if (a->number <= store.number)
        return; /* once */
    store.number = a->number;
    store.batches++;
    while (traffic_next_line(&lines, &uid, &record)) {
        struct traffic_counts c;

        assert_true(traffic_unpack(record, &c));
        store.uids++;
        store.bytes += traffic_total(&c);
        store.requests += c.requests;
        store.last_ips = sketch_count(&c.ips);
        store.last_sessions = sketch_count(&c.sessions);
        for (int i = 0; i < TRAFFIC_TYPES; i++)
            store.types[i] += c.types[i];
        if (str_eq(uid, METER_UNKNOWN))
            store.unknown_bytes += traffic_total(&c);
        traffic_counts_done(&c);
    }
    assert_int_equal(lines.n, 0);
}

static void forget(struct op *op)
{
    store.op = NULL;
}

static int add(struct store_worker *w, struct traffic_add *a)
{
    if (store.mood == TAKES_AGAIN && store.refusals-- == 0)
        store.mood = TAKES;
    if (store.mood == REFUSES || store.mood == TAKES_AGAIN)
        return -EAGAIN;
    if (store.mood != IS_SILENT)
        take_lines(a);
    if (store.mood == TAKES)
        return 1;
    op_begin(&a->op, forget, NULL);
    store.op = &a->op;
    return 0;
}

static void answer(int err)
{
    struct op *op = TAKE(store.op);

    assert_non_null(op);
    op_finish(op, err);
}

/* ---- a meter in the middle ---- */

static struct loop *loop;
static struct meter *meter;
static unsigned collected;
static uint64_t happened[4];

static void on_collect(void *arg)
{
    collected++;
}

static void on_happened(void *arg, enum meter_event e, uint64_t n)
{
    happened[e] += n;
}

static int set_up(void **state)
{
    static const struct store_backend_ops ops = {.kind = "fake", .traffic_add = add};
    struct meter_hooks hooks = {on_collect, on_happened, NULL};

    memset(&store, 0, sizeof store);
    memset(happened, 0, sizeof happened);
    collected = 0;
    store.base.ops = &ops;
    store.worker.store = &store.base;
    loop = loop_new();
    meter = meter_new(loop, &store.worker, &hooks);
    return 0;
}

static int tear_down(void **state)
{
    meter_free(&meter, METER_LEAST_PATIENCE);
    loop_free(&loop);
    return 0;
}

static struct ip ip_of(unsigned i)
{
    return (struct ip){.family = IP_V4,
                       .bytes = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static void count(const char *uid, uint64_t bytes, unsigned viewer)
{
    uint8_t session[METER_SESSION_LEN] = {1, (uint8_t)(viewer >> 8), (uint8_t)viewer};
    struct ip ip = ip_of(viewer);

    meter_count(meter, &(struct meter_sample){.uid = str_of(uid),
                                              .path = STR("/v/1.ts"),
                                              .class = 2,
                                              .bytes = bytes,
                                              .is_first = true,
                                              .client = &ip,
                                              .session = session});
}

static void tick(void)
{
    unsigned before = collected;

    TURN_UNTIL(loop, collected > before);
}

static void test_counts_are_written(void **state)
{
    count("u1", 1000, 1);
    count("u1", 500, 1);
    count("u1", 0, 2);
    assert_int_equal(store.batches, 0);
    tick();
    assert_int_equal(store.batches, 1);
    assert_int_equal(store.uids, 1);
    assert_int_equal(store.bytes, 1500);
    assert_int_equal(store.requests, 3);
    assert_int_equal(store.last_ips, 2);
    assert_int_equal(store.last_sessions, 2);
    assert_int_equal(store.types[FILE_TYPE_ts], 1500);
    tick();
    assert_int_equal(store.batches, 1); /* nothing new */
    assert_int_equal(happened[METER_WRITTEN], 1);
}

static void test_more_than_one_batch(void **state)
{
    char uid[16];

    for (int i = 0; i < 250; i++) {
        snprintf(uid, sizeof uid, "u%d", i);
        count(uid, 10, 1);
    }
    tick();
    assert_int_equal(store.batches, 3);
    assert_int_equal(store.uids, 250);
    assert_int_equal(store.bytes, 2500);
}

static void test_no_uid_is_unknown(void **state)
{
    char longer[STORE_UID_MAX + 2];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    count("", 7, 1);
    count(longer, 8, 1);
    tick();
    assert_int_equal(store.unknown_bytes, 15);
    assert_int_equal(store.uids, 1);
}

static void test_a_refusal_loses_nothing(void **state)
{
    store.mood = REFUSES;
    count("u1", 100, 1);
    tick();
    count("u1", 20, 1);
    tick();
    count("u2", 3, 1);
    tick();
    assert_int_equal(store.bytes, 0);
    store.mood = TAKES;
    tick();
    assert_int_equal(store.bytes, 123);
    assert_int_equal(store.requests, 3);
    assert_int_equal(happened[METER_FAILED], 3);
}

/* It was done, and the answer got lost: the same batch under the same number. */
static void test_a_lost_answer_doubles_nothing(void **state)
{
    store.mood = TAKES_LATER;
    count("u1", 100, 1);
    tick();
    assert_int_equal(store.bytes, 100);
    count("u1", 20, 1);
    tick(); /* one at a time */
    answer(-ETIMEDOUT);
    assert_int_equal(store.bytes, 100);
    tick();
    answer(0);
    assert_int_equal(store.bytes, 120);
    answer(0);
    assert_int_equal(store.number, 2);
    store.mood = TAKES;
}

static void test_many_uids_are_written_early(void **state)
{
    char uid[16];

    for (int i = 0; i < METER_UIDS_EARLY; i++) {
        snprintf(uid, sizeof uid, "u%d", i);
        count(uid, 1, 1);
    }
    assert_int_equal(collected, 0);
    assert_int_equal(store.uids, METER_UIDS_EARLY);
}

static void test_too_many_uids_are_counted_together(void **state)
{
    char uid[16];

    store.mood = REFUSES;
    for (int i = 0; i < METER_UIDS_MAX + 300; i++) {
        snprintf(uid, sizeof uid, "u%d", i);
        count(uid, 1, 1);
    }
    count("u50000", 1, 1); /* has a tally */
    store.mood = TAKES;
    for (int i = 0; i < 3; i++)
        tick();
    assert_int_equal(store.bytes, METER_UIDS_MAX + 301);
    assert_int_equal(store.unknown_bytes, happened[METER_UNATTRIBUTED]);
    assert_in_range(store.unknown_bytes, 1, 300);
}

static void test_the_end_writes_the_rest(void **state)
{
    count("u1", 100, 1);
    meter_free(&meter, METER_LEAST_PATIENCE);
    assert_int_equal(store.bytes, 100);
    assert_int_equal(happened[METER_LOST], 0);
}

/* Redis changes its primary just now: that is no reason to lose what was delivered. */
static void test_the_end_tries_again(void **state)
{
    store.mood = TAKES_AGAIN;
    store.refusals = 1;
    count("u1", 100, 1);
    meter_free(&meter, METER_LEAST_PATIENCE);
    assert_int_equal(store.bytes, 100);
    assert_int_equal(happened[METER_FAILED], 1);
    assert_int_equal(happened[METER_LOST], 0);
}

static void test_the_end_says_what_is_lost(void **state)
{
    store.mood = REFUSES;
    count("u1", 100, 1);
    tick();
    count("u2", 20, 1);
    meter_free(&meter, METER_LEAST_PATIENCE);
    assert_int_equal(happened[METER_LOST], 120);
}

static void test_the_end_is_not_waited_for_for_ever(void **state)
{
    store.mood = IS_SILENT;
    count("u1", 100, 1);
    meter_free(&meter, METER_LEAST_PATIENCE);
    assert_int_equal(happened[METER_LOST], 100);
    assert_null(store.op);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(T(test_counts_are_written), T(test_more_than_one_batch), T(test_no_uid_is_unknown),
          T(test_a_refusal_loses_nothing), T(test_a_lost_answer_doubles_nothing),
          T(test_many_uids_are_written_early), T(test_too_many_uids_are_counted_together),
          T(test_the_end_writes_the_rest), T(test_the_end_tries_again),
          T(test_the_end_says_what_is_lost), T(test_the_end_is_not_waited_for_for_ever))
