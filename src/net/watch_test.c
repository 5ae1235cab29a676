/* Readiness of descriptors that the test owns; alarms, and how they are moved and lost. */
#include "net/watch.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/loop_testing.h"

struct seen {
    struct watch *watch;
    int calls;
    unsigned events, set_in_call;
    bool sets, frees;
};

static void on_ready(void *arg, int fd, unsigned events)
{
    struct seen *s = arg;

    s->calls++;
    s->events = events;
    if (s->sets)
        watch_set(s->watch, s->set_in_call);
    if (s->frees)
        watch_free(&s->watch);
}

static void turn(struct loop *l, int times)
{
    for (int i = 0; i < times; i++)
        loop_turn(l);
}

static void make_pair(int fds[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
}

static void close_pair(int fds[2])
{
    close(fds[0]);
    close(fds[1]);
}

static void what_is_wanted_is_told_until_it_is_not(void **state)
{
    struct loop *l = loop_new();
    struct seen s = {0};
    int fds[2];

    make_pair(fds);
    s.watch = watch_new(l, fds[0], on_ready, &s);
    turn(l, 3);
    assert_int_equal(s.calls, 0);

    watch_set(s.watch, WATCH_WRITE);
    TURN_UNTIL(l, s.calls > 1); /* level-triggered */
    assert_int_equal(s.events, WATCH_WRITE);

    watch_set(s.watch, WATCH_READ);
    s.calls = 0;
    turn(l, 3);
    assert_int_equal(s.calls, 0);
    assert_int_equal(write(fds[1], "x", 1), 1);
    TURN_UNTIL(l, s.calls == 1);
    assert_int_equal(s.events, WATCH_READ);

    watch_set(s.watch, WATCH_READ | WATCH_WRITE);
    TURN_UNTIL(l, s.events == (WATCH_READ | WATCH_WRITE));

    s.sets = true; /* to nothing, inside the call */
    s.calls = 0;
    TURN_UNTIL(l, s.calls == 1);
    turn(l, 3);
    assert_int_equal(s.calls, 1);

    watch_free(&s.watch);
    watch_free(&s.watch);
    close_pair(fds);
    loop_free(&l);
}

static void a_watch_may_be_freed_inside_its_call(void **state)
{
    struct loop *l = loop_new();
    struct seen s = {.frees = true};
    int fds[2];

    make_pair(fds);
    s.watch = watch_new(l, fds[0], on_ready, &s);
    watch_set(s.watch, WATCH_READ | WATCH_WRITE);
    TURN_UNTIL(l, s.calls > 0);
    assert_null(s.watch);
    assert_int_equal(write(fds[1], "x", 1), 1);
    turn(l, 3);
    assert_int_equal(s.calls, 1);
    close_pair(fds);
    loop_free(&l);
}

/* libcurl closes a socket and opens the next one, which gets the same number, in one go. */
static void a_number_may_come_back_in_the_same_turn(void **state)
{
    struct loop *l = loop_new();
    struct seen old = {0}, new = {0};
    int before[2], after[2];

    make_pair(before);
    old.watch = watch_new(l, before[0], on_ready, &old);
    watch_set(old.watch, WATCH_WRITE);
    turn(l, 1);
    old.calls = 0;

    watch_free(&old.watch);
    close_pair(before);
    make_pair(after);
    assert_int_equal(after[0], before[0]);
    new.watch = watch_new(l, after[0], on_ready, &new);
    watch_set(new.watch, WATCH_WRITE);
    TURN_UNTIL(l, new.calls > 0);
    assert_int_equal(old.calls, 0);

    watch_free(&new.watch);
    close_pair(after);
    loop_free(&l);
}

/* A reset is EPOLLERR, upon which libuv stops watching: who still wants to know is told again. */
static void an_error_counts_as_both_and_is_told_until_it_is_read(void **state)
{
    struct loop *l = loop_new();
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct linger hard = {.l_onoff = 1};
    socklen_t n = sizeof a;
    int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0), fd;
    struct seen s = {0};

    assert_int_equal(bind(listening, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, n), 0);
    fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    s.watch = watch_new(l, fd, on_ready, &s);
    watch_set(s.watch, WATCH_READ);
    turn(l, 2);
    assert_int_equal(s.calls, 0);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(client);
    TURN_UNTIL(l, s.calls > 2);
    watch_free(&s.watch);
    close(fd);
    close(listening);
    loop_free(&l);
}

/* Alarms */

struct ringing {
    struct alarm *alarm;
    struct loop *loop;
    int rings;
    usec_t at;
    bool sets_again, frees;
};

static void on_ring(void *arg)
{
    struct ringing *r = arg;

    r->rings++;
    r->at = clock_monotonic();
    if (r->sets_again)
        alarm_set(r->alarm, 0);
    if (r->frees)
        alarm_free(&r->alarm);
}

static struct ringing ringing(struct loop *l)
{
    return (struct ringing){.loop = l};
}

static void an_alarm_rings_once_and_not_early(void **state)
{
    struct loop *l = loop_new();
    struct ringing r = ringing(l);
    usec_t begin = clock_monotonic();

    r.alarm = alarm_new(l, on_ring, &r);
    alarm_set(r.alarm, 3 * USEC_PER_MSEC + 1);
    TURN_UNTIL(l, r.rings > 0);
    assert_true(r.at >= begin + 3 * USEC_PER_MSEC + 1);
    turn(l, 5);
    assert_int_equal(r.rings, 1);
    alarm_free(&r.alarm);
    alarm_free(&r.alarm);
    loop_free(&l);
}

static void an_alarm_is_moved_and_cleared(void **state)
{
    struct loop *l = loop_new();
    struct ringing moved = ringing(l), cleared = ringing(l), kept = ringing(l);

    moved.alarm = alarm_new(l, on_ring, &moved);
    cleared.alarm = alarm_new(l, on_ring, &cleared);
    kept.alarm = alarm_new(l, on_ring, &kept);
    alarm_set(moved.alarm, 3600 * USEC_PER_SEC);
    alarm_set(moved.alarm, USEC_PER_MSEC);
    alarm_set(kept.alarm, 0);
    alarm_set(kept.alarm, 3600 * USEC_PER_SEC);
    alarm_set(cleared.alarm, 1);
    alarm_clear(cleared.alarm);
    TURN_UNTIL(l, moved.rings == 1);
    alarm_set(cleared.alarm, 0);
    alarm_clear(cleared.alarm);
    turn(l, 3);
    assert_int_equal(cleared.rings, 0);
    assert_int_equal(kept.rings, 0);
    alarm_free(&moved.alarm);
    alarm_free(&cleared.alarm);
    alarm_free(&kept.alarm);
    loop_free(&l);
}

/* An alarm that sets itself to 0 for ever must leave the turn to others. */
static void zero_is_the_end_of_the_turn(void **state)
{
    struct loop *l = loop_new();
    struct ringing r = ringing(l);

    r.sets_again = true;
    r.alarm = alarm_new(l, on_ring, &r);
    alarm_set(r.alarm, 0);
    assert_int_equal(r.rings, 0);
    loop_turn(l);
    assert_in_range(r.rings, 1, 4);
    r.frees = true;
    TURN_UNTIL(l, r.alarm == NULL);
    loop_free(&l);
}

TEST_MAIN(cmocka_unit_test(what_is_wanted_is_told_until_it_is_not),
          cmocka_unit_test(a_watch_may_be_freed_inside_its_call),
          cmocka_unit_test(a_number_may_come_back_in_the_same_turn),
          cmocka_unit_test(an_error_counts_as_both_and_is_told_until_it_is_read),
          cmocka_unit_test(an_alarm_rings_once_and_not_early),
          cmocka_unit_test(an_alarm_is_moved_and_cleared),
          cmocka_unit_test(zero_is_the_end_of_the_turn))
