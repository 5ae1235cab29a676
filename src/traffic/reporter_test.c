/* Reports on their way to a receiver that takes them, fails, or is slow, and who sends them. */
#include <errno.h>
#include <stdio.h>

#include "net/loop_testing.h"
#include "origin/fake_client_testing.h"
#include "origin/folder_testing.h"
#include "traffic/reports_internal.h"

#define INTERVAL (300 * USEC_PER_SEC)
#define TAKEN "HTTP/1.1 200 OK\nContent-Length: 0\n\n"
#define NOT_TAKEN "HTTP/1.1 503 Service Unavailable\nContent-Length: 0\n\n"

enum { TURNS = 8, KEPT = 16 * 1024 };

static struct test_folder folder;
static struct loop *loop;
static struct store *store;
static struct store_worker *worker;
static struct arena arena;
static struct reports *reports, *others; /* two processes */
static struct reporter *reporter, *other;
static uint64_t batches;
static unsigned stops;

static void on_stopped(void *arg)
{
    stops++;
}

static struct reports *make_reports(const char *url)
{
    struct traffic_settings s = {.report_url = str_of(url),
                                 .interval = INTERVAL,
                                 .max_wait = 86400 * USEC_PER_SEC,
                                 .timeout = 30 * USEC_PER_SEC,
                                 .threshold = 1000,
                                 .instance = STR("gate-1")};

    if (s.report_url.n > 0)
        s.report_key.bytes = STR("sesame");
    return reports_new(&s);
}

static struct reporter *begin(struct reports *r)
{
    return reporter_new(r, loop, worker, NULL, NULL, NULL);
}

static int set_up(void **state)
{
    static const struct store_rules rules = {.ipv4_prefix = 24};
    struct store_embedded_options o = {.size = 64 << 20};
    struct buf error;

    loop = loop_new();
    fake_start(loop);
    test_folder_init(&folder);
    o.path = folder.root;
    buf_init(&error, 1000);
    assert_int_equal(store_open_embedded(&o, &rules, &store, &error), 0);
    buf_done(&error);
    worker = store_worker_new(store, loop);
    arena_init(&arena, 16 << 20);
    reports = make_reports("http://r.example/traffic?a=b");
    others = make_reports("http://r.example/traffic?a=b");
    batches = stops = 0;
    return 0;
}

static int tear_down(void **state)
{
    reporter_free(&reporter);
    reporter_free(&other);
    reports_free(&reports);
    reports_free(&others);
    store_worker_free(&worker);
    store_close(&store);
    arena_done(&arena);
    fake_finish();
    loop_free(&loop);
    test_folder_done(&folder);
    return 0;
}

/* Time, and what comes of it: the store answers at the ends of turns. */
static void pass(usec_t time)
{
    fake_time_passes(time);
    for (int i = 0; i < TURNS; i++)
        fake_time_passes(0);
}

static void on_added(struct op *op, int err)
{
    assert_int_equal(err, 0);
}

static void deliver(const char *uid, uint64_t bytes)
{
    struct traffic_counts c = {.first = loop_unix(loop), .last = loop_unix(loop), .requests = 1};
    struct traffic_add add = {.now = loop_unix(loop), .number = ++batches, .source = "test"};
    struct buf lines;

    c.bytes[0] = bytes;
    buf_init(&lines, TRAFFIC_LINE_MAX);
    traffic_add_line(&lines, str_of(uid), &c);
    add.lines = buf_str(&lines);
    op_init(&add.op, on_added);
    if (store_traffic_add(worker, &add) == 0)
        TURN_UNTIL(loop, !op_is_under_way(&add.op));
    buf_done(&lines);
}

static struct traffic_list list(void)
{
    struct traffic_list l = {.arena = &arena, .limit = 1};

    op_init(&l.op, on_added);
    assert_int_equal(store_traffic_list(worker, &l), 1);
    traffic_lines_done(l.lines, l.count);
    return l;
}

static bool asks(const char *text)
{
    return strstr(fake_asked(fake_transfer(0)), text) != NULL;
}

/* What the one request under way says. */
static void keep(char ret[KEPT])
{
    assert_int_equal(fake_live(), 1);
    snprintf(ret, KEPT, "%s", fake_asked(fake_transfer(0)));
}

static void play(const char *head)
{
    assert_int_equal(fake_live(), 1);
    fake_head(fake_transfer(0), head);
    pass(0);
}

static struct reports_status status_of(struct reports *r)
{
    struct reports_status s;

    reports_status(r, &s);
    return s;
}

/* ---- sending ---- */

static void test_a_report_is_sent(void **state)
{
    deliver("much", 1000);
    deliver("little", 999);
    reporter = begin(reports);
    pass(0);
    assert_int_equal(fake_live(), 1);
    assert_true(asks("POST /traffic?a=b\n"));
    assert_true(asks("\nAuthorization: Bearer sesame\n"));
    assert_true(asks("\nContent-Type: application/json\n"));
    assert_true(asks("\nX-Report-ID: "));
    assert_true(asks("{\"uid\": \"much\", \"total_bytes\": 1000,"));
    assert_false(asks("little"));
    assert_string_equal(fake_base(fake_transfer(0)), "http://r.example");
    assert_int_equal(list().waiting, 1);
    play(TAKEN);
    assert_int_equal(fake_live(), 0);
    assert_int_equal(list().waiting, 0);
    assert_int_equal(list().acknowledged, 1);
    assert_int_equal(status_of(reports).sent, 1);
    assert_int_equal(status_of(reports).last_sent, loop_unix(loop));
    assert_true(status_of(reports).is_leader);
}

static void test_each_interval(void **state)
{
    reporter = begin(reports);
    pass(0);
    deliver("u1", 600);
    pass(INTERVAL);
    assert_int_equal(fake_live(), 0);
    deliver("u1", 600);
    pass(INTERVAL - USEC_PER_SEC);
    assert_int_equal(fake_live(), 0);
    pass(USEC_PER_SEC);
    assert_true(asks("\"total_bytes\": 1200,"));
    play(TAKEN);
}

static void test_who_waits_long_is_reported(void **state)
{
    deliver("u1", 5);
    reporter = begin(reports);
    for (int i = 0; i < 86400 / 300; i++) {
        assert_int_equal(fake_live(), 0);
        pass(INTERVAL);
    }
    assert_true(asks("\"total_bytes\": 5,"));
    play(TAKEN);
}

/* ---- a receiver that fails ---- */

static void test_the_same_report_until_it_is_taken(void **state)
{
    static const int errors[] = {-ETIMEDOUT, -ECONNRESET, -ECONNREFUSED, -EPROTO};
    char first[KEPT], again[KEPT];

    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    keep(first);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        fake_end(fake_transfer(0), errors[i]);
        assert_int_equal(fake_live(), 0);
        pass(REPORTS_RETRY_MIN << i);
        keep(again);
        assert_string_equal(again, first);
    }
    assert_int_equal(status_of(reports).failed, 4);
    assert_string_not_equal(status_of(reports).last_error, "");
    play(NOT_TAKEN);
    pass(REPORTS_RETRY_MIN << 4);
    keep(again);
    assert_string_equal(again, first);
    assert_non_null(strstr(status_of(reports).last_error, "503"));
    play(TAKEN);
    assert_string_equal(status_of(reports).last_error, "");
    assert_int_equal(list().acknowledged, 1);
}

static char said[200];

static void on_said(bool is_trouble, const char *text)
{
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s: %s\n",
             is_trouble ? "trouble" : "news", text);
}

/* A line when it begins, and one when it is over. */
static void test_trouble_is_said_once(void **state)
{
    said[0] = '\0';
    reports_set_voice(reports, on_said);
    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    for (int i = 0; i < 3; i++) {
        play(NOT_TAKEN);
        pass(REPORTS_RETRY_MAX);
    }
    play(TAKEN);
    assert_string_equal(said, "trouble: the receiver answered with status 503\n"
                              "news: acknowledged again\n");
}

static void test_pauses_grow_and_have_an_end(void **state)
{
    usec_t began, paused;

    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    for (unsigned i = 0; i < 14; i++) {
        usec_t most = MIN(REPORTS_RETRY_MIN << i, REPORTS_RETRY_MAX);

        fake_end(fake_transfer(0), -ECONNREFUSED);
        for (began = fake_now(); fake_live() == 0;)
            pass(100 * USEC_PER_MSEC);
        paused = fake_now() - began;
        assert_in_range(paused, most / 2, most + 100 * USEC_PER_MSEC);
    }
    play(TAKEN);
}

/* What comes meanwhile is a report of its own, and goes when the one before it was taken. */
static void test_reports_wait_in_line(void **state)
{
    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    fake_end(fake_transfer(0), -ECONNREFUSED);
    deliver("u2", 2000);
    for (int i = 0; i < 400 && list().waiting < 2; i++) {
        pass(USEC_PER_SEC);
        if (fake_live() > 0)
            fake_end(fake_transfer(0), -ECONNREFUSED);
    }
    assert_int_equal(list().waiting, 2);
    pass(REPORTS_RETRY_MAX);
    assert_true(asks("\"u1\""));
    assert_false(asks("\"u2\""));
    play(TAKEN);
    assert_true(asks("\"u2\""));
    play(TAKEN);
    assert_int_equal(list().waiting, 0);
}

/* ---- who sends ---- */

static void test_one_of_two_sends(void **state)
{
    deliver("u1", 1000);
    reporter = begin(reports);
    other = begin(others);
    pass(0);
    assert_int_equal(fake_live(), 1);
    for (int i = 0; i < 29; i++) /* the lead is renewed while the receiver takes its time */
        pass(USEC_PER_SEC);
    assert_int_equal(fake_started(), 1);
    assert_true(status_of(reports).is_leader);
    assert_false(status_of(others).is_leader);
    play(TAKEN);
}

static void test_another_takes_over(void **state)
{
    char first[KEPT], again[KEPT];

    deliver("u1", 1000);
    reporter = begin(reports);
    other = begin(others);
    pass(0);
    keep(first);
    reporter_free(&reporter); /* as a crash would */
    for (int i = 0; i < REPORTS_LEAD_SEC + 3 && fake_live() == 0; i++)
        pass(USEC_PER_SEC);
    keep(again);
    assert_string_equal(again, first);
    assert_true(status_of(others).is_leader);
    play(TAKEN);
    assert_int_equal(list().acknowledged, 1);
}

/* Or the instance that led once would warn for ever. */
static void test_who_leads_no_more_has_no_trouble(void **state)
{
    reports_set_leader(reports, true);
    reports_set_held(reports, true);
    reports_say_failed(reports, 1000, "nobody is there");
    reports_set_leader(reports, true);
    assert_true(status_of(reports).is_held);
    assert_string_equal(status_of(reports).last_error, "nobody is there");
    reports_set_leader(reports, false);
    assert_false(status_of(reports).is_held);
    assert_string_equal(status_of(reports).last_error, "");
    assert_int_equal(status_of(reports).failed, 1);
}

/* ---- the end ---- */

static void test_the_last_one_sends_what_is_left(void **state)
{
    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    play(TAKEN);
    reporter_free(&reporter);
    deliver("u2", 2000);
    reporter = reporter_new(reports, loop, worker, NULL, on_stopped, NULL);
    pass(0);
    assert_int_equal(stops, 0);
    assert_true(asks("\"u2\""));
    play(TAKEN);
    assert_int_equal(stops, 1);
    assert_int_equal(list().acknowledged, 2);
}

static void test_the_last_one_tries_once(void **state)
{
    deliver("u1", 1000);
    reporter = reporter_new(reports, loop, worker, NULL, on_stopped, NULL);
    pass(0);
    play(NOT_TAKEN);
    assert_int_equal(stops, 1);
    pass(REPORTS_RETRY_MAX);
    assert_int_equal(fake_live(), 0);
    assert_int_equal(list().waiting, 1);
}

static void test_the_last_one_leaves_it_to_who_leads(void **state)
{
    other = begin(others);
    pass(0);
    deliver("u1", 1000);
    reporter = reporter_new(reports, loop, worker, NULL, on_stopped, NULL);
    pass(0);
    assert_int_equal(stops, 1);
    assert_int_equal(fake_live(), 0);
}

/* ---- nobody to report to ---- */

static void test_without_a_url_old_counts_go(void **state)
{
    reports_free(&reports);
    reports = make_reports("");
    deliver("u1", 1000);
    reporter = begin(reports);
    pass(0);
    assert_int_equal(list().uids, 1);
    pass(86400 * USEC_PER_SEC);
    pass(INTERVAL);
    assert_int_equal(list().uids, 0);
    assert_int_equal(list().waiting, 0);
    assert_int_equal(fake_started(), 0);
    assert_int_equal(list().bytes, 1000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

TEST_MAIN(T(test_a_report_is_sent), T(test_each_interval), T(test_who_waits_long_is_reported),
          T(test_the_same_report_until_it_is_taken), T(test_trouble_is_said_once),
          T(test_pauses_grow_and_have_an_end), T(test_reports_wait_in_line),
          T(test_one_of_two_sends), T(test_another_takes_over),
          T(test_who_leads_no_more_has_no_trouble), T(test_the_last_one_sends_what_is_left),
          T(test_the_last_one_tries_once), T(test_the_last_one_leaves_it_to_who_leads),
          T(test_without_a_url_old_counts_go))
