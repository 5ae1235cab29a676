/* Active checks: when servers are asked, what counts as good, and when that takes one out or back.
 */
#include <errno.h>
#include <stdio.h>

#include "net/loop_testing.h"
#include "origin/cluster_testing.h"
#include "origin/fake_client_testing.h"

enum { SERVERS = 2 };

static struct loop *loop;
static struct origin_worker worker;
static struct cluster *cluster;
static struct str names[SERVERS];
static struct buf told;

static void on_change(struct origin_worker *w, const struct server_change *change)
{
    buf_printf(&told, "%.*s: %.*s > %.*s (%.*s)\n", STR_FMT(str_skip(change->server, 7)),
               STR_FMT(server_state_word(change->from)), STR_FMT(server_state_word(change->to)),
               STR_FMT(change->why));
}

#define assert_told(want)                 \
    do {                                  \
        assert_str(buf_str(&told), want); \
        buf_clear(&told);                 \
    } while (0)

/* Rounds come as fast as a ticker can; alarms are not used. */
static int set_up(void **state)
{
    struct cluster_settings s;

    loop = loop_new();
    fake_start(loop);
    origin_worker_init(&worker, loop, NULL);
    worker.changed = on_change;
    buf_init(&told, 4096);
    test_server_names(names, SERVERS);
    s = test_settings(names, SERVERS);
    s.health.interval = USEC_PER_MSEC;
    s.health.path = STR("/ping");
    cluster = test_cluster(&s);
    return 0;
}

static int tear_down(void **state)
{
    cluster_check_stop(cluster);
    cluster_free(&cluster);
    assert_int_equal(told.n, 0);
    fake_finish();
    loop_free(&loop);
    buf_done(&told);
    return 0;
}

/* The check of a server that is under way; waits for the next round if there is none. */
static struct client_transfer *find_check(unsigned server)
{
    for (unsigned i = 0; i < fake_live(); i++)
        if (str_eq(str_of(fake_base(fake_transfer(i))), names[server]))
            return fake_transfer(i);
    return NULL;
}

static struct client_transfer *check_of(unsigned server)
{
    TURN_UNTIL(loop, find_check(server) != NULL);
    return find_check(server);
}

static void answer(unsigned server, const char *head)
{
    assert_false(fake_head(check_of(server), head)); /* that is all of it */
}

#define OK "HTTP/1.1 200 OK\nContent-Length: 0\n"
#define BROKEN "HTTP/1.1 500 Internal Server Error\nContent-Length: 0\n"

static void all_are_asked_at_once(void **state)
{
    cluster_check_start(cluster, &worker);
    assert_int_equal(fake_live(), SERVERS);
    assert_string_equal(fake_asked(fake_transfer(0)),
                        "GET /ping\nUser-Agent: hlsgate\nAccept-Encoding: identity\n");
    assert_string_equal(fake_base(fake_transfer(1)), "http://b");
    assert_int_equal(fake_patience(fake_transfer(0)), 2 * USEC_PER_SEC);
}

static void nothing_when_off(void **state)
{
    struct cluster_settings s = test_settings(names, SERVERS);
    struct cluster *c = test_cluster(&s);

    cluster_check_start(c, &worker);
    assert_int_equal(fake_live(), 0);
    cluster_check_stop(c);
    cluster_free(&c);
}

static void three_bad_ones_take_it_down_and_two_good_ones_bring_it_back(void **state)
{
    cluster_check_start(cluster, &worker);
    answer(0, BROKEN);
    answer(0, BROKEN);
    answer(0, OK);
    answer(0, BROKEN);
    answer(0, BROKEN);
    assert_told("");
    answer(0, BROKEN);
    assert_told("a: up > down (check: status 500)\n");
    answer(0, BROKEN);
    answer(0, OK);
    answer(0, BROKEN);
    answer(0, OK);
    assert_told("");
    assert_int_equal(test_state(cluster, 0, loop), SERVER_DOWN);
    answer(0, OK);
    assert_told("a: down > up (check passed)\n");
    assert_int_equal(test_state(cluster, 1, loop), SERVER_UP);
}

static void silence_is_bad(void **state)
{
    cluster_check_start(cluster, &worker);
    fake_end(check_of(1), -ETIMEDOUT);
    fake_end(check_of(1), -ECONNREFUSED);
    assert_told("");
    fake_end(check_of(1), -ECONNREFUSED);
    assert_told("b: up > down (check: Connection refused)\n");
}

static void good_statuses(void **state)
{
    cluster_check_start(cluster, &worker);
    for (unsigned status = 200; status < 600; status += 1 + (status % 100 == 5) * 94) {
        char head[64];

        for (int i = 0; i < 3; i++)
            answer(0, OK);
        snprintf(head, sizeof head, "HTTP/1.1 %u X\nContent-Range: bytes 0-0/1\n", status);
        for (int i = 0; i < 3; i++)
            answer(0, head);
        assert_int_equal(test_state(cluster, 0, loop), status < 400 ? SERVER_UP : SERVER_DOWN);
    }
    buf_clear(&told);
}

static void one_at_a_time(void **state)
{
    struct client_transfer *first;
    unsigned started;

    cluster_check_start(cluster, &worker);
    first = check_of(0);
    started = fake_started();
    for (int i = 0; i < 3; i++) /* b's rounds go by; a's check is still under way */
        answer(1, OK);
    assert_true(fake_started() >= started + 2);
    assert_int_equal(fake_cancelled(), 0);
    assert_ptr_equal(check_of(0), first);
    answer(0, OK);
}

/* The client is to read the content, for the connection's sake: that is no cancel. */
static void connections_are_kept(void **state)
{
    cluster_check_start(cluster, &worker);
    answer(0, "HTTP/1.1 200 OK\nContent-Length: 10\n");
    answer(1, BROKEN);
    assert_int_equal(fake_dropped(), 2);
    assert_int_equal(fake_cancelled(), 0);
}

static void a_check_does_not_end_an_ejection(void **state)
{
    struct server_use u;

    for (int i = 0; i < 3; i++) {
        cluster_pick_server(cluster, &worker, 0, &u);
        server_use_end(cluster, &worker, &u, HEALTH_FAILED, STR("reset"));
    }
    assert_told("a: up > ejected (reset)\n");
    cluster_check_start(cluster, &worker);
    for (int i = 0; i < 4; i++)
        answer(0, OK);
    assert_int_equal(test_state(cluster, 0, loop), SERVER_EJECTED);
    for (int i = 0; i < 3; i++)
        answer(0, BROKEN);
    assert_told("a: ejected > down (check: status 500)\n");
}

static void stopping_ends_all(void **state)
{
    cluster_check_start(cluster, &worker);
    assert_int_equal(fake_live(), SERVERS);
    cluster_check_stop(cluster);
    assert_int_equal(fake_live(), 0);
    assert_int_equal(fake_cancelled(), SERVERS);
    cluster_check_stop(cluster); /* harmless */
    cluster_check_start(cluster, &worker);
    assert_int_equal(fake_live(), SERVERS);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

TEST_MAIN(UNIT(all_are_asked_at_once), UNIT(nothing_when_off),
          UNIT(three_bad_ones_take_it_down_and_two_good_ones_bring_it_back), UNIT(silence_is_bad),
          UNIT(good_statuses), UNIT(one_at_a_time), UNIT(connections_are_kept),
          UNIT(a_check_does_not_end_an_ejection), UNIT(stopping_ends_all))
