/* What is shown of answers on their way: which, in what order, how fast. */
#include "gate/transfers.h"

#include "gate/testing.h"

enum { MANY = 200 };

static struct transfer_list read_by(struct world *w, struct transfer_query q)
{
    struct transfer_list list;

    w->gate.workers = &w->worker;
    w->gate.worker_count = 1;
    if (q.limit == 0)
        q.limit = TRANSFERS_SHOWN_MAX;
    assert_true(transfers_read(&w->gate, &q, &w->arena, &list));
    return list;
}

#define read_list(w, ...) read_by((w), (struct transfer_query){__VA_ARGS__})

static void open_world(struct world *w)
{
    world_open(w, ALL_OPEN);
    world_write(w, "/s/1.ts", "0123456789");
    world_write(w, "/t/2.ts", "01234");
}

static void test_listed_while_it_runs(void **state)
{
    struct world w;
    struct asking *a;
    struct transfer_list list;

    open_world(&w);
    assert_int_equal(read_list(&w).running, 0);
    a = ask_begin(&w, "/s/1.ts?uid=secret", .sending = SEND_LATER);
    while (!a->is_sending)
        loop_turn(w.loop);
    list = read_list(&w);
    assert_int_equal(list.running, 1);
    assert_int_equal(list.count, 1);
    assert_str(((struct str){list.rows[0]->path, list.rows[0]->path_n}), "/s/1.ts");
    assert_str(((struct str){list.rows[0]->stream_key, list.rows[0]->key_n}), "s");
    assert_str(((struct str){list.rows[0]->ua, list.rows[0]->ua_n}), VIEWER_UA);
    assert_int_equal(list.rows[0]->total, 10);
    assert_int_equal(list.rows[0]->sent, 0);
    assert_int_equal(list.rows[0]->first_byte, 0);
    assert_int_equal(list.rows[0]->status, 200);
    assert_int_equal(list.rows[0]->class, CLASS_SEGMENT);
    assert_outcome(world_ask_end(a), OUT_OK);
    assert_int_equal(read_list(&w).running, 0);
    world_close(&w);
}

static void test_what_goes_at_once_is_never_listed(void **state)
{
    struct world w;

    open_world(&w);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
    assert_int_equal(read_list(&w).running, 0);
    world_close(&w);
}

static struct asking *begin(struct world *w, const char *target)
{
    struct asking *a = ask_begin(w, target, .sending = SEND_NEVER);

    while (!a->is_sending)
        loop_turn(w->loop);
    return a;
}

static void abandon(struct asking *a)
{
    req_abort(a->req, OUT_CLIENT_LEFT);
}

static void test_who_leaves_is_listed_no_more(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w);
    a = begin(&w, "/s/1.ts");
    assert_int_equal(read_list(&w).running, 1);
    abandon(a);
    assert_int_equal(read_list(&w).running, 0);
    world_close(&w);
}

static uint64_t speed(struct world *w)
{
    return read_list(w).rows[0]->speed;
}

static void test_speed_is_that_of_late(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w);
    a = begin(&w, "/s/1.ts");
    world_pass(&w, 2);
    loop_turn(w.loop);
    req_note_sent(a->req, 2000);
    assert_int_equal(speed(&w), 1000);
    assert_int_equal(speed(&w), 1000); /* so soon there is no other */
    req_note_sent(a->req, 12000);
    assert_int_equal(speed(&w), 1000);
    world_pass(&w, 4);
    assert_int_equal(speed(&w), 2500);
    world_pass(&w, 10);
    assert_int_equal(speed(&w), 0);
    assert_int_equal(read_list(&w).rows[0]->first_byte, 2 * USEC_PER_SEC);
    assert_int_equal(read_list(&w).rows[0]->age, 16 * USEC_PER_SEC);
    abandon(a);
    world_close(&w);
}

/* Of many, the first ones in order, whatever order they came in. */
static void test_the_first_of_many(void **state)
{
    static const unsigned limits[] = {1, 2, 7, MANY - 1, MANY, TRANSFERS_SHOWN_MAX};
    struct asking *all[MANY];
    struct world w;

    open_world(&w);
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = begin(&w, "/s/1.ts");
        req_note_sent(all[i]->req, i * 77 % MANY); /* each number once */
    }
    for (size_t k = 0; k < ARRAY_LEN(limits); k++) {
        struct transfer_list down = read_list(&w, .sort = TRANSFERS_BY_SENT, .limit = limits[k]);
        struct transfer_list up =
            read_list(&w, .sort = TRANSFERS_BY_SENT, .limit = limits[k], .is_ascending = true);

        assert_int_equal(down.running, MANY);
        assert_int_equal(down.count, MIN(limits[k], (unsigned)MANY));
        for (unsigned i = 0; i < down.count; i++) {
            assert_int_equal(down.rows[i]->sent, MANY - 1 - i);
            assert_int_equal(up.rows[i]->sent, i);
        }
    }
    for (unsigned i = 0; i < MANY; i++)
        abandon(all[i]);
    world_close(&w);
}

static void test_of_one_stream(void **state)
{
    struct world w;
    struct asking *a, *b;
    struct transfer_list list;

    open_world(&w);
    a = begin(&w, "/s/1.ts");
    b = begin(&w, "/t/2.ts");
    list = read_list(&w, .stream_key = STR("t"));
    assert_int_equal(list.running, 2);
    assert_int_equal(list.matching, 1);
    assert_int_equal(list.rows[0]->total, 5);
    assert_int_equal(read_list(&w, .stream_key = STR("u")).count, 0);
    assert_int_equal(read_list(&w, .uid = STR("")).count, 2); /* whose user is not known */
    assert_int_equal(read_list(&w, .uid = STR("u1")).count, 0);
    abandon(a);
    abandon(b);
    world_close(&w);
}

static void test_words(void **state)
{
    assert_int_equal(transfer_sort_parse(STR("duration")), TRANSFERS_BY_AGE);
    assert_int_equal(transfer_sort_parse(STR("client")), TRANSFERS_BY_CLIENT);
    assert_int_equal(transfer_sort_parse(STR("")), TRANSFER_SORT_COUNT);
    assert_int_equal(transfer_sort_parse(STR("Duration")), TRANSFER_SORT_COUNT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_while_it_runs),
        cmocka_unit_test(test_what_goes_at_once_is_never_listed),
        cmocka_unit_test(test_who_leaves_is_listed_no_more),
        cmocka_unit_test(test_speed_is_that_of_late),
        cmocka_unit_test(test_the_first_of_many),
        cmocka_unit_test(test_of_one_stream),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
