/* Traffic and reports, in any backend: nothing is lost, nothing counts twice. */
#include <stdio.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/test.h"
#include "store/conformance.h"
#include "store/traffic.h"

static struct store *(*open_empty)(const struct store_rules *rules);
static const uint8_t source_a[TRAFFIC_SOURCE_LEN] = "source a", source_b[] = "another source.";

static uint64_t thing(unsigned i)
{
    char text[16];

    return hash_content((struct str){text, (size_t)snprintf(text, sizeof text, "%u", i)}).a;
}

/* `bytes` in one request at T0 + at, by things from `ips_from` up to `ips_to`. */
static struct traffic_counts counts(int at, uint64_t bytes, unsigned ips_from, unsigned ips_to)
{
    struct traffic_counts c = {.first = T0 + at, .last = T0 + at + 1, .requests = 1};

    c.bytes[2] = bytes;
    c.types[3] = bytes;
    for (unsigned i = ips_from; i < ips_to; i++) {
        sketch_add(&c.ips, thing(i));
        sketch_add(&c.sessions, thing(i / 2));
    }
    return c;
}

struct batch {
    struct traffic_add add;
    struct buf lines;
};

static void batch_begin(struct batch *b, const uint8_t *source, uint64_t number)
{
    b->add = (struct traffic_add){.now = T0, .number = number};
    world_op(&b->add.op);
    memcpy(b->add.source, source, TRAFFIC_SOURCE_LEN);
    buf_init(&b->lines, 1 << 20);
}

static void batch_add(struct batch *b, const char *uid, struct traffic_counts c)
{
    traffic_add_line(&b->lines, str_of(uid), &c);
    traffic_counts_done(&c);
}

static void batch_send(struct world *w, struct batch *b)
{
    b->add.lines = buf_str(&b->lines);
    assert_int_equal(world_wait(w, store_traffic_add(w->worker, &b->add)), 0);
}

static void batch_end(struct world *w, struct batch *b)
{
    batch_send(w, b);
    buf_done(&b->lines);
}

static void add_one(struct world *w, uint64_t number, const char *uid, struct traffic_counts c)
{
    struct batch b;

    batch_begin(&b, source_a, number);
    batch_add(&b, uid, c);
    batch_end(w, &b);
}

static struct traffic_list list(struct world *w, unsigned limit)
{
    struct traffic_list l = {.arena = &w->arena, .limit = limit};

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_traffic_list(w->worker, &l)), 0);
    return l;
}

static struct traffic_take take(struct world *w, const char *id, uint64_t min_bytes, int before)
{
    struct traffic_take t = {.now = T0 + 300, .min_bytes = min_bytes, .before = T0 + before};

    world_op(&t.op);
    memset(t.id, '0', sizeof t.id);
    memcpy(t.id, id, strlen(id));
    assert_int_equal(world_wait(w, store_traffic_take(w->worker, &t)), 0);
    return t;
}

static struct report_next next(struct world *w)
{
    struct report_next n = {.arena = &w->arena};

    world_op(&n.op);
    assert_int_equal(world_wait(w, store_report_next(w->worker, &n)), 0);
    return n;
}

static void end_report(struct world *w, const struct report_next *n)
{
    struct report_done d = {.made = n->made};

    world_op(&d.op);
    memcpy(d.id, n->id, sizeof d.id);
    assert_int_equal(world_wait(w, store_report_done(w->worker, &d)), 0);
}

static bool lead(struct world *w, const uint8_t *holder, int at, unsigned ttl)
{
    struct traffic_lead l = {.now = T0 + at, .ttl = ttl};

    world_op(&l.op);
    memcpy(l.holder, holder, sizeof l.holder);
    assert_int_equal(world_wait(w, store_traffic_lead(w->worker, &l)), 0);
    return l.is_leader;
}

/* ---- counts ---- */

static void test_counts_add_up(void **state)
{
    struct traffic_list l;
    struct batch b;
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    assert_int_equal(list(&w, 10).uids, 0);
    batch_begin(&b, source_a, 1);
    batch_add(&b, "u1", counts(10, 1000, 0, 2));
    batch_add(&b, "u2", counts(11, 5000, 0, 1));
    batch_end(&w, &b);
    batch_begin(&b, source_b, 1);
    batch_add(&b, "u1", counts(5, 200, 1, 3));
    batch_add(&b, "a uid: with \n all kinds \xff", counts(5, 1, 0, 0));
    batch_end(&w, &b);
    l = list(&w, 2);
    assert_int_equal(l.uids, 3);
    assert_int_equal(l.bytes, 6201);
    assert_int_equal(l.requests, 4);
    assert_int_equal(l.count, 2);
    assert_str(l.lines[0].uid, "u2");
    assert_str(l.lines[1].uid, "u1");
    assert_int_equal(l.lines[1].counts.first, T0 + 5);
    assert_int_equal(l.lines[1].counts.last, T0 + 11);
    assert_int_equal(l.lines[1].counts.requests, 2);
    assert_int_equal(l.lines[1].counts.bytes[2], 1200);
    assert_int_equal(l.lines[1].counts.types[3], 1200);
    assert_int_equal(sketch_count(&l.lines[1].counts.ips), 3);
    assert_int_equal(sketch_count(&l.lines[1].counts.sessions), 2);
    traffic_lines_done(l.lines, l.count);
    l = list(&w, 0); /* the sums alone */
    assert_int_equal(l.uids, 3);
    assert_int_equal(l.count, 0);
    world_close(&w);
}

static void test_a_batch_counts_once(void **state)
{
    struct traffic_list l;
    struct batch b;
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    batch_begin(&b, source_a, 7);
    batch_add(&b, "u1", counts(0, 1000, 0, 1));
    batch_send(&w, &b);
    batch_send(&w, &b); /* nobody knew whether it had been done */
    b.add.number = 6;   /* an older one that was on its way */
    batch_send(&w, &b);
    memcpy(b.add.source, source_b, sizeof b.add.source);
    batch_send(&w, &b);
    b.add.number = 7;
    batch_end(&w, &b);
    l = list(&w, 10);
    assert_int_equal(l.bytes, 3000);
    assert_int_equal(l.lines[0].counts.bytes[2], 3000);
    traffic_lines_done(l.lines, l.count);
    world_close(&w);
}

/* Byte for byte as base/sketch.c does, whoever merges. */
static void test_sketches_merge(void **state)
{
    static const unsigned ranges[][2] = {{0, 30}, {20, 64}, {60, 70}, {0, 300}, {290, 310}, {0, 1}};
    struct traffic_counts want = {0};
    uint8_t room[TRAFFIC_RECORD_MAX], want_room[TRAFFIC_RECORD_MAX];
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    for (unsigned i = 0; i < ARRAY_LEN(ranges); i++) {
        struct traffic_counts c = counts((int)i, 1u << i, ranges[i][0], ranges[i][1]);
        struct traffic_list l;
        size_t n;

        traffic_counts_merge(&want, &c);
        add_one(&w, i + 1, "u1", c);
        l = list(&w, 1);
        n = traffic_pack(&want, want_room);
        assert_int_equal(traffic_pack(&l.lines[0].counts, room), n);
        assert_memory_equal(room, want_room, n);
        traffic_lines_done(l.lines, l.count);
    }
    assert_false(sketch_is_exact(&want.ips));
    traffic_counts_done(&want);
    world_close(&w);
}

/* ---- reports ---- */

static void test_who_has_enough_is_reported(void **state)
{
    struct traffic_take t;
    struct report_next n;
    struct traffic_list l;
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    assert_false(next(&w).is_there);
    add_one(&w, 1, "much", counts(200, 5000, 0, 5));
    add_one(&w, 2, "little", counts(200, 10, 0, 1));
    add_one(&w, 3, "old", counts(100, 10, 0, 1));
    t = take(&w, "first", 1000, 100);
    assert_int_equal(t.taken, 2);
    assert_false(t.has_more || t.is_held);
    n = next(&w);
    assert_true(n.is_there);
    assert_int_equal(n.waiting, 1);
    assert_memory_equal(n.id, t.id, sizeof n.id);
    assert_int_equal(n.made, T0 + 300);
    assert_int_equal(n.count, 2);
    for (unsigned i = 0; i < n.count; i++)
        assert_int_equal(traffic_total(&n.lines[i].counts),
                         str_eq(n.lines[i].uid, STR("much")) ? 5000 : 10);
    traffic_lines_done(n.lines, n.count);
    l = list(&w, 10);
    assert_int_equal(l.uids, 1);
    assert_str(l.lines[0].uid, "little");
    assert_int_equal(l.waiting, 1);
    assert_int_equal(l.bytes, 5020);
    traffic_lines_done(l.lines, l.count);
    assert_int_equal(take(&w, "second", 1000, 100).taken, 0);
    world_close(&w);
}

static void test_reports_go_in_order(void **state)
{
    struct report_next n, again;
    struct traffic_list l;
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    add_one(&w, 1, "u1", counts(0, 10, 0, 1));
    take(&w, "first", TRAFFIC_ALL, 0);
    add_one(&w, 2, "u1", counts(1, 20, 0, 1));
    take(&w, "second", TRAFFIC_ALL, 0);
    n = next(&w);
    again = next(&w);
    assert_memory_equal(n.id, "first00", 7);
    assert_memory_equal(again.id, n.id, sizeof n.id);
    assert_int_equal(n.waiting, 2);
    traffic_lines_done(n.lines, n.count);
    traffic_lines_done(again.lines, again.count);
    end_report(&w, &n);
    end_report(&w, &n); /* its receiver said so twice */
    n = next(&w);
    assert_memory_equal(n.id, "second00", 8);
    assert_int_equal(traffic_total(&n.lines[0].counts), 20);
    traffic_lines_done(n.lines, n.count);
    end_report(&w, &n);
    assert_false(next(&w).is_there);
    l = list(&w, 10);
    assert_int_equal(l.acknowledged, 2);
    assert_int_equal(l.waiting, 0);
    world_close(&w);
}

static void test_large_reports_are_split(void **state)
{
    enum { UIDS = TRAFFIC_REPORT_MAX + 30 };
    unsigned seen = 0, reports = 0;
    struct traffic_take t = {.has_more = true};
    struct report_next n;
    struct batch b;
    struct world w;
    char uid[32];

    world_open(&w, open_empty(&conformance_rules));
    batch_begin(&b, source_a, 1);
    for (int i = 0; i < UIDS; i++) {
        snprintf(uid, sizeof uid, "user%d", i);
        batch_add(&b, uid, counts(i, 1000 + (uint64_t)i, 0, 1));
    }
    batch_end(&w, &b);
    for (int i = 0; t.has_more; i++) {
        snprintf(uid, sizeof uid, "id%d", i);
        t = take(&w, uid, 1000, 0);
    }
    for (n = next(&w); n.is_there; n = next(&w), reports++) {
        assert_true(n.count > 0 && n.count <= TRAFFIC_REPORT_MAX);
        seen += n.count;
        traffic_lines_done(n.lines, n.count);
        end_report(&w, &n);
    }
    assert_int_equal(seen, UIDS);
    assert_int_equal(reports, 2);
    assert_int_equal(list(&w, 10).uids, 0);
    world_close(&w);
}

static void test_too_many_reports_hold_the_counts(void **state)
{
    struct traffic_list l;
    struct report_next n;
    struct world w;
    char id[32];

    world_open(&w, open_empty(&conformance_rules));
    for (unsigned i = 0; i < TRAFFIC_REPORTS_MAX; i++) {
        snprintf(id, sizeof id, "id%u.", i);
        add_one(&w, i + 1, "u1", counts(0, 1, 0, 1));
        assert_int_equal(take(&w, id, TRAFFIC_ALL, 0).taken, 1);
    }
    for (unsigned i = 0; i < 3; i++) {
        add_one(&w, TRAFFIC_REPORTS_MAX + i + 1, "u1", counts(0, 1, 0, 1));
        assert_true(take(&w, "more", TRAFFIC_ALL, 0).is_held);
    }
    l = list(&w, 1);
    assert_int_equal(l.waiting, TRAFFIC_REPORTS_MAX);
    assert_int_equal(traffic_total(&l.lines[0].counts), 3);
    traffic_lines_done(l.lines, l.count);
    n = next(&w);
    traffic_lines_done(n.lines, n.count);
    end_report(&w, &n);
    assert_int_equal(take(&w, "more", TRAFFIC_ALL, 0).taken, 1);
    world_close(&w);
}

static void test_forgetting(void **state)
{
    struct traffic_take t = {
        .now = T0, .min_bytes = TRAFFIC_NONE, .before = T0 + 50, .discards = true};
    struct traffic_list l;
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    add_one(&w, 1, "old", counts(50, 5000, 0, 1));
    add_one(&w, 2, "young", counts(51, 5000, 0, 1));
    world_op(&t.op);
    assert_int_equal(world_wait(&w, store_traffic_take(w.worker, &t)), 0);
    assert_int_equal(t.taken, 1);
    assert_false(next(&w).is_there);
    l = list(&w, 1);
    assert_int_equal(l.uids, 1);
    assert_str(l.lines[0].uid, "young");
    traffic_lines_done(l.lines, l.count);
    world_close(&w);
}

/* ---- who reports ---- */

static void test_one_leads(void **state)
{
    struct world w;
    int tries = 0;

    world_open(&w, open_empty(&conformance_rules));
    assert_true(lead(&w, source_a, 0, 100));
    assert_false(lead(&w, source_b, 1, 100));
    assert_true(lead(&w, source_a, 2, 100));
    assert_false(lead(&w, source_b, 3, 0)); /* it is not its to give back */
    assert_false(lead(&w, source_b, 3, 100));
    assert_false(lead(&w, source_a, 4, 0));
    assert_true(lead(&w, source_b, 4, 1));
    while (!lead(&w, source_a, 10, 100)) { /* its life may be by another clock */
        assert_true(tries++ < 1000);
        usleep(10000); /* polls for the end of that second */
    }
    world_close(&w);
}

int conformance_traffic(struct store *(*open)(const struct store_rules *rules))
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_add_up),
        cmocka_unit_test(test_a_batch_counts_once),
        cmocka_unit_test(test_sketches_merge),
        cmocka_unit_test(test_who_has_enough_is_reported),
        cmocka_unit_test(test_reports_go_in_order),
        cmocka_unit_test(test_large_reports_are_split),
        cmocka_unit_test(test_too_many_reports_hold_the_counts),
        cmocka_unit_test(test_forgetting),
        cmocka_unit_test(test_one_leads),
    };

    open_empty = open;
    return cmocka_run_group_tests_name("traffic conformance", tests, NULL, NULL);
}
