/* Bodies, flow control and order. */
#include "http/h2_testing.h"

#include <errno.h>
#include <stdio.h>

static void get(struct fixture *f, uint32_t id, const char *more)
{
    char lines[200];

    snprintf(lines, sizeof lines, "%s%s", GET_LINES, more);
    put_request(&f->b, id, END_STREAM, lines);
}

static void widen(struct fixture *f, uint32_t id, uint32_t n)
{
    struct buf payload = {.cap = 4};

    put_u32(&payload, n);
    put_frame(&f->b, WINDOW_UPDATE, 0, id, buf_str(&payload));
    buf_done(&payload);
}

static void set_window(struct fixture *f, uint32_t n)
{
    struct buf payload = {.cap = 6};

    buf_add(&payload, STR("\0\4"));
    put_u32(&payload, n);
    put_frame(&f->b, SETTINGS, 0, 0, buf_str(&payload));
    buf_done(&payload);
}

static void test_windows_of_a_stream(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 10;
    set_window(f, 1);
    get(f, 1, "");
    run(f, "settings+ack headers(1) data(1:1)");
    widen(f, 1, 3);
    run(f, "data(1:3)");
    set_window(f, 0); /* now 4 below */
    widen(f, 1, 4);
    get(f, 3, "");
    run(f, "settings+ack headers(3) data(1:3)");
    widen(f, 3, 100);
    run(f, "data(3:10)+end");
    assert_int_equal(f->w.asked[1]->closed, 1);
    assert_int_equal(f->w.asked[0]->closed, 0);
    widen(f, 1, 100);
    run(f, "data(1:3)+end");
    assert_false(f->w.asked[0]->is_starved);
}

static void test_the_window_of_the_connection(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 65536;
    widen(f, 0, 1000);
    set_window(f, 100000);
    get(f, 1, "");
    get(f, 3, "");
    run(f, "settings+ack headers(1) headers(3) data(1:16384) data(1:16384) data(1:16384) "
           "data(1:16384)+end data(3:999)");
    widen(f, 0, 70000);
    run(f, "data(3:16384) data(3:16384) data(3:16384) data(3:15385)+end");
}

/* Nothing is asked of a body whose client does not read. */
static void test_a_slow_reader_costs_nothing(void **state)
{
    struct fixture *f = *state;
    unsigned peeks;

    f->w.plan.length = 1000000;
    get(f, 1, "");
    run(f, "headers(1) data(1:16384) data(1:16384) data(1:16384) data(1:16383)");
    peeks = world_last(&f->w)->body.peeks;
    for (int i = 0; i < 10; i++)
        assert_false(world_send(&f->w));
    assert_int_equal(world_last(&f->w)->body.peeks, peeks);
}

static void test_a_body_that_waits(void **state)
{
    struct fixture *f = *state;
    struct asked *a;

    f->w.plan = (struct plan){.status = 200, .length = 300, .ready = 100};
    get(f, 1, "");
    get(f, 3, "");
    run(f, "headers(1) headers(3) data(1:100) data(3:100)");
    a = f->w.asked[0];
    assert_true(a->is_starved);
    test_body_more(a, 50);
    assert_false(a->is_starved);
    assert_int_equal(f->w.wants, 1);
    run(f, "data(1:50)");
    test_body_more(a, 150);
    run(f, "data(1:150)+end");
    assert_int_equal(a->err, 0);
    assert_int_equal(f->w.asked[1]->closed, 0);
}

static void test_ends(void **state)
{
    struct fixture *f = *state;

    f->w.plan = (struct plan){.status = 200, .length = 100, .is_length_unknown = true};
    get(f, 1, "");
    run(f, "headers(1) data(1:100) data(1:0)+end");
    f->w.plan = (struct plan){.status = 200, .is_length_unknown = true};
    get(f, 3, "");
    run(f, "headers(3) data(3:0)+end");
    f->w.plan = (struct plan){.status = 200, .length = 100, .fails_at = 40};
    get(f, 5, "");
    run(f, "headers(5) data(5:40) rst(5:2)");
    assert_int_equal(world_last(&f->w)->err, -EIO);
    assert_int_equal(world_last(&f->w)->closed, 1);
    assert_int_equal(f->w.asked[0]->err, 0);
    assert_int_equal(f->w.asked[1]->err, 0);
}

/* In pieces, in views, of a file: the bytes are the same. */
static void test_the_bytes_of_bodies(void **state)
{
    static const struct plan plans[] = {
        {.status = 200, .length = 60000, .piece = 7},
        {.status = 200, .length = 60000, .piece = 5000, .view = 30000},
        {.status = 200, .length = 60000, .view = 1},
        {.status = 200, .length = 60000, .from_file = true},
        {.status = 200, .length = 60000, .from_file = true, .view = 20000},
    };

    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct fixture *f;
        uint64_t at = 0;
        struct str s;

        setup((void **)&f);
        f->w.plan = plans[i];
        f->w.max = 5000;
        get(f, 1, "");
        assert_int_equal(world_receive(&f->w, &f->b), 0);
        for (s = buf_str(&f->w.sent); s.n >= 9;) {
            size_t n = (size_t)(unsigned char)s.p[1] << 8 | (unsigned char)s.p[2];

            if (s.p[3] == DATA) {
                assert_memory_equal(s.p + 9, test_pattern() + at, n);
                at += n;
            }
            s = str_skip(s, 9 + n);
        }
        assert_int_equal(at, 60000);
        assert_int_equal(world_last(&f->w)->err, 0);
        teardown((void **)&f);
    }
}

/* ---- order ---- */

static void update_priority(struct fixture *f, uint32_t id, const char *field)
{
    struct buf payload = {.cap = 100};

    put_u32(&payload, id);
    buf_add(&payload, str_of(field));
    put_frame(&f->b, PRIORITY_UPDATE, 0, 0, buf_str(&payload));
    buf_done(&payload);
}

static void by_length(struct world *w, struct asked *a)
{
    if (w->count == 1)
        w->plan.urgency = H2_BACKGROUND;
    else
        w->plan.urgency = H2_USUAL;
}

static void test_urgency_by_default(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 100;
    f->w.choose = by_length;
    get(f, 1, "");
    get(f, 3, "");
    get(f, 5, "priority: u=1\n");
    run(f, "headers(1) headers(3) headers(5) data(5:100)+end data(3:100)+end data(1:100)+end");
}

static void test_the_client_says_how_urgent(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 100;
    f->w.plan.urgency = H2_URGENT;
    update_priority(f, 3, "u=0"); /* before its request */
    get(f, 1, "priority: u=4\n");
    get(f, 3, "");
    get(f, 5, "");
    get(f, 7, "");
    update_priority(f, 7, "u=7");
    run(f, "headers(1) headers(3) headers(5) headers(7) data(3:100)+end data(5:100)+end "
           "data(1:100)+end data(7:100)+end");
}

static void test_incremental(void **state)
{
    struct fixture *f = *state;

    f->w.plan.length = 32768;
    get(f, 1, "priority: i\n");
    get(f, 3, "priority: i\n");
    run(f, "headers(1) headers(3) data(1:16384) data(3:16384) data(1:16384)+end data(3:16383)");
}

/* 100 at once, small batches: each gets what is its own. */
static void test_many_streams(void **state)
{
    struct fixture *f = *state;

    f->w.plan = (struct plan){.status = 200, .length = 600};
    f->w.max = 1000;
    for (uint32_t i = 0; i < 100; i++)
        get(f, 2 * i + 1, "");
    assert_int_equal(world_receive(&f->w, &f->b), 0);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(f->w.asked[i]->closed, 1);
        assert_int_equal(f->w.asked[i]->moved, 600);
    }
}

TEST_MAIN(WITH_A_WORLD(test_windows_of_a_stream), WITH_A_WORLD(test_the_window_of_the_connection),
          WITH_A_WORLD(test_a_slow_reader_costs_nothing), WITH_A_WORLD(test_a_body_that_waits),
          WITH_A_WORLD(test_ends), cmocka_unit_test(test_the_bytes_of_bodies),
          WITH_A_WORLD(test_urgency_by_default), WITH_A_WORLD(test_the_client_says_how_urgent),
          WITH_A_WORLD(test_incremental), WITH_A_WORLD(test_many_streams))
