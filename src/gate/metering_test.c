/* What is counted to whom: at the end of a request, and while it runs. */
#include "gate/metering.h"

#include "gate/testing.h"
#include "traffic/file_type.h"

static struct reports *reports;

static void open_metered(struct world *w, const char *settings)
{
    static const struct traffic_settings s = {.interval = 300 * USEC_PER_SEC,
                                              .instance = {"test", 4}};

    world_open(w, settings);
    reports = reports_new(&s);
    w->gate.reports = reports;
    w->worker->meter = metering_begin(w->worker);
}

static void close_metered(struct world *w)
{
    reports_free(&reports); /* an arena that is not the world's */
    world_close(w);
}

static void on_listed(struct op *op, int err)
{
}

/* Of the one uid there is, as the store has it. */
static struct traffic_counts stored(struct world *w, const char *uid)
{
    struct traffic_list l = {.arena = &w->arena, .limit = 1};
    struct traffic_counts c;

    meter_free(&w->worker->meter, METER_LAST_PATIENCE); /* writes it */
    op_init(&l.op, on_listed);
    assert_int_equal(store_traffic_list(w->store_worker, &l), 1);
    assert_int_equal(l.uids, 1);
    assert_str(l.lines[0].uid, uid);
    c = l.lines[0].counts;
    w->worker->meter = metering_begin(w->worker);
    return c;
}

static void test_a_request_is_counted(void **state)
{
    struct traffic_counts c;
    struct world w;

    open_metered(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "0123456789");
    ask(&w, "/s/1.ts");
    ask(&w, "/s/1.ts", .fields = "Range: bytes=2-4\r\n");
    ask(&w, "/s/1.ts", .method = "HEAD");
    c = stored(&w, "unknown");
    assert_int_equal(c.requests, 3);
    assert_int_equal(c.bytes[CLASS_SEGMENT], 13);
    assert_int_equal(traffic_total(&c), 13);
    assert_int_equal(c.types[FILE_TYPE_ts], 13);
    assert_int_equal(sketch_count(&c.ips), 1);
    assert_int_equal(sketch_count(&c.sessions), 0);
    traffic_counts_done(&c);
    close_metered(&w);
}

static void test_the_token_says_whose(void **state)
{
    struct traffic_counts c;
    struct answer a;
    struct world w;

    open_metered(&w, TOKEN_ALONE);
    world_write(&w, "/s/a.m3u8", PLAYLIST);
    a = ask(&w, signed_path(&w, "u1", "/s/a.m3u8", T0 + 60));
    assert_int_equal(a.outcome, OUT_OK);
    c = stored(&w, "u1");
    assert_int_equal(c.bytes[CLASS_PLAYLIST], a.body.n);
    traffic_counts_done(&c);
    close_metered(&w);
}

static void test_who_is_refused_is_nobody(void **state)
{
    struct traffic_counts c;
    struct answer a;
    struct world w;

    open_metered(&w, TOKEN_ALONE);
    a = ask(&w, "/s/a.m3u8?uid=u1&expires=1900000000&token=nonsense");
    c = stored(&w, "unknown");
    assert_int_equal(traffic_total(&c), a.body.n);
    traffic_counts_done(&c);
    close_metered(&w);
}

/* A download of hours is not one moment's. */
static void test_what_runs_is_counted_while_it_runs(void **state)
{
    struct traffic_counts c;
    struct asking *a;
    struct world w;

    open_metered(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "0123456789");
    a = ask_begin(&w, "/s/1.ts", .sending = SEND_NEVER);
    TURN_UNTIL(w.loop, a->is_sending);
    for (uint64_t sent = 4; sent <= 8; sent += 4) {
        a->req->sent = sent; /* as its transport would say */
        meter_request(a->req);
        assert_int_equal(counted(&w, STAT_BYTES_SENT), sent);
        assert_int_equal(counted(&w, STAT_FIRST_CLASS_BYTES + CLASS_SEGMENT), sent);
        c = stored(&w, "unknown");
        assert_int_equal(traffic_total(&c), sent);
        assert_int_equal(c.requests, 1); /* one, however often it is looked at */
        traffic_counts_done(&c);
    }
    a->req->sent = 9;
    req_abort(a->req, OUT_CLIENT_LEFT);
    world_ask_end(a);
    assert_int_equal(counted(&w, STAT_BYTES_SENT), 9);
    c = stored(&w, "unknown");
    assert_int_equal(traffic_total(&c), 9);
    assert_int_equal(c.requests, 1);
    traffic_counts_done(&c);
    close_metered(&w);
}

TEST_MAIN(cmocka_unit_test(test_a_request_is_counted), cmocka_unit_test(test_the_token_says_whose),
          cmocka_unit_test(test_who_is_refused_is_nobody),
          cmocka_unit_test(test_what_runs_is_counted_while_it_runs))
