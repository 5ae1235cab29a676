/* The way to one Redis that answers as it should, not at all, or nonsense. */
#include "store/redis_link.h"

#include <errno.h>
#include <stdio.h>

#include "store/redis_world_testing.h"

static struct loop *loop;
static struct fake *fake;
static struct world *world;

static int begin(void **state)
{
    loop = loop_new();
    fake = fake_new(loop, "127.0.0.1:0");
    return 0;
}

static int end(void **state)
{
    if (world != NULL)
        world_free(&world);
    if (fake != NULL)
        fake_free(&fake);
    clock_set_fake(0, -1);
    loop_free(&loop);
    return 0;
}

static void open_with(struct store_redis_options o)
{
    o.server = str_of(fake_server(fake));
    world = world_new(loop, o);
}

static void open_up(void)
{
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, redis_link_is_up(world->link));
}

static void open_impatient(void)
{
    open_with((struct store_redis_options){.timeout = WORLD_IMPATIENT});
    TURN_UNTIL(loop, redis_link_is_up(world->link));
}

static void must_send(struct probe *p, const char *argument)
{
    assert_int_equal(probe_send(world, p, argument), 0);
}

static void must_say(const char *part)
{
    if (strstr(world_trouble(world), part) == NULL)
        fail_msg("trouble is '%s', without '%s'", world_trouble(world), part);
}

static bool is_up(void)
{
    return redis_link_is_up(world->link);
}

/* ---- a way that is clear ---- */

static void a_script_is_answered(void **state)
{
    open_up();
    assert_int_equal(probe_ask(world, "hello"), 0);
    assert_string_equal(fake_last(fake, "EVALSHA"),
                        "EVALSHA 0000000000000000000000000000000000000001 0 hg: hello");
    assert_int_equal(world_count(&world->shared.counters.calls), 1);
    assert_int_equal(world_count(&world->shared.counters.connects), 1);
    assert_string_equal(world->shared.server, fake_server(fake));
    assert_string_equal(world_trouble(world), "");
    assert_int_equal(atomic_load(&world->shared.links_up), 1);
    assert_int_equal(world->ups, 1);
}

static void it_greets_before_it_asks(void **state)
{
    open_with((struct store_redis_options){
        .user = STR("gate"), .password = STR("secret"), .database = 7});
    TURN_UNTIL(loop, is_up());
    assert_string_equal(fake_last(fake, "AUTH"), "AUTH gate secret");
    assert_string_equal(fake_last(fake, "SELECT"), "SELECT 7");
    assert_int_equal(fake_heard(fake, "SCRIPT LOAD"), REDIS_SCRIPT_COUNT);
    assert_int_equal(strncmp(fake_last(fake, "EVALSHA"),
                             "EVALSHA 0000000000000000000000000000000000000000 0 hg: ", 55),
                     0);
}

static void the_default_user_has_no_name(void **state)
{
    open_with((struct store_redis_options){.password = STR("secret")});
    TURN_UNTIL(loop, is_up());
    assert_string_equal(fake_last(fake, "AUTH"), "AUTH secret");
    assert_int_equal(fake_heard(fake, "SELECT"), 0);
}

static void a_unix_socket_will_do(void **state)
{
    char address[64];

    snprintf(address, sizeof address, "unix:/tmp/hlsgate-fake-%d.sock", getpid());
    fake_free(&fake);
    fake = fake_new(loop, address);
    open_up();
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_string_equal(world->shared.server, address);
}

static void ipv6_will_do(void **state)
{
    fake_free(&fake);
    fake = fake_new(loop, "[::1]:0");
    open_up();
    assert_int_equal(probe_ask(world, "x"), 0);
}

/* "localhost" may be ::1 first, where nobody listens. */
static void a_name_is_looked_up(void **state)
{
    char server[64];

    snprintf(server, sizeof server, "localhost%s", strrchr(fake_server(fake), ':'));
    world = world_new(
        loop, (struct store_redis_options){.server = str_of(server), .timeout = 5 * USEC_PER_SEC});
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_string_equal(world->shared.server, server);
}

static void what_is_no_address_is_said(void **state)
{
    static const char *const servers[] = {"nonsense", ":6379", "host:port", "unix:", "[::1:6379"};

    for (size_t i = 0; i < ARRAY_LEN(servers); i++) {
        world = world_new(loop, (struct store_redis_options){.server = str_of(servers[i])});
        assert_int_equal(probe_ask(world, "x"), -EAGAIN);
        must_say("address");
        world_free(&world);
    }
}

static void an_answer_may_come_in_pieces(void **state)
{
    static const char answer[] = "*2\r\n:0\r\n$6\r\npieces\r\n";
    struct probe p;

    open_up();
    fake_answer(fake, "EVALSHA", 1, "");
    must_send(&p, "pieces");
    TURN_UNTIL(loop, strstr(fake_last(fake, "EVALSHA"), "pieces") != NULL);
    for (size_t i = 0; i < sizeof answer - 1; i++) {
        assert_int_equal(p.answers, 0);
        fake_say_to_all(fake, (struct str){answer + i, 1});
        loop_turn(loop);
    }
    TURN_UNTIL(loop, p.answers > 0);
    assert_string_equal(p.text, "pieces");
}

enum { MANY = 2000 };

static void many_leave_in_one_write_and_keep_their_order(void **state)
{
    static struct probe probes[MANY];
    unsigned reads;

    open_up();
    reads = fake_reads(fake);
    for (unsigned i = 0; i < MANY; i++) {
        char argument[16];

        snprintf(argument, sizeof argument, "%u", i);
        must_send(&probes[i], argument);
    }
    TURN_UNTIL(loop, probes[MANY - 1].answers > 0);
    assert_true(fake_reads(fake) - reads <= 4); /* 200 KB, read by 256 KB */
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(probes[i].answers, 1);
        assert_string_equal(probes[i].text, probes[i].argument);
        assert_int_equal(probes[i].place, probes[0].place + i);
    }
}

static void several_connections_are_made(void **state)
{
    struct probe a, b;

    open_with((struct store_redis_options){.connections = 3, .timeout = WORLD_IMPATIENT});
    TURN_UNTIL(loop, world_count(&world->shared.counters.connects) == 3);
    assert_int_equal(fake_connections(fake), 3);
    fake_answer(fake, "EVALSHA", 1, FAKE_SILENCE);
    must_send(&a, "first");
    TURN_UNTIL(loop, strstr(fake_last(fake, "EVALSHA"), "first") != NULL);
    must_send(&b, "second"); /* the other is busier */
    TURN_UNTIL(loop, b.answers > 0);
    assert_int_equal(b.err, 0);
    assert_int_equal(a.answers, 0);
    TURN_UNTIL(loop, a.answers > 0);
    assert_int_equal(a.err, -ETIMEDOUT);
    assert_true(is_up()); /* two are left */
    assert_int_equal(world->ups, 1);
    TURN_UNTIL(loop, fake_open(fake) == 3);
}

/* ---- scripts that were forgotten ---- */

#define NOSCRIPT "-NOSCRIPT No matching script. Please use EVAL.\r\n"

static void a_forgotten_script_is_brought_again(void **state)
{
    open_up();
    fake_answer(fake, "EVALSHA", 1, NOSCRIPT);
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_string_equal(fake_last(fake, "EVAL "), "EVAL ... 0 hg: x");
    assert_int_equal(world_count(&world->shared.counters.reloads), 1);
    assert_int_equal(probe_ask(world, "y"), 0);
    assert_int_equal(world_count(&world->shared.counters.reloads), 1);
    assert_int_equal(world_count(&world->shared.counters.errors), 0);
}

static void one_brings_it_for_all(void **state)
{
    struct probe probes[50];

    open_up();
    fake_answer(fake, "EVALSHA", 50, NOSCRIPT);
    for (unsigned i = 0; i < 50; i++)
        must_send(&probes[i], "x");
    TURN_UNTIL(loop, probes[49].answers > 0);
    for (unsigned i = 0; i < 50; i++) {
        assert_int_equal(probes[i].err, 0);
        assert_int_equal(probes[i].encoded, 2);
    }
    assert_int_equal(fake_heard(fake, "EVAL "), 1);
}

static void one_that_is_never_known_is_an_error(void **state)
{
    open_up();
    fake_answer(fake, "EVAL", FAKE_ALWAYS, NOSCRIPT);
    assert_int_equal(probe_ask(world, "x"), -EIO);
    must_say("NOSCRIPT");
    assert_true(is_up());
}

/* ---- errors ---- */

struct error_case {
    const char *said;
    int err;
    bool stays; /* the connection */
    const char *shown;
};

static const struct error_case errors[] = {
    {"-OOM command not allowed when used memory > 'maxmemory'. script: 12\r\n", -ENOSPC, true,
     ": OOM command not allowed when used memory >"},
    {"-READONLY You can't write against a read only replica. script: 12\r\n", -EAGAIN, false,
     ": READONLY You can't write against a read only replica. script: 12"},
    {"-LOADING Redis is loading the dataset in memory\r\n", -EAGAIN, false, ": LOADING Redis"},
    {"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
     -EAGAIN, false, "data is set to"},
    {"-NOAUTH Authentication required.\r\n", -EAGAIN, false, "NOAUTH"},
    {"-BUSY Redis is busy running a script.\r\n", -EAGAIN, false, "BUSY"},
    {"-BUSYKEY Target key name already exists.\r\n", -EIO, true, "BUSYKEY"},
    {"-MISCONF Redis is configured to save RDB snapshots\r\n", -EIO, true, "MISCONF"},
    {"-NOPERM this user has no permissions to run the 'evalsha' command\r\n", -EIO, true,
     "to run the"},
    {"-WRONGTYPE Operation against a key\r\n", -EIO, true, "WRONGTYPE"},
    {"-ERR unknown command `EVALSHA`, with args beginning with: `secret`\r\n", -EIO, true,
     ": ERR unknown command"},
    {"-\r\n", -EIO, true, ": "},
    {"-\x01\xff bytes\r\n", -EIO, true, ": ?? bytes"},
    /* up to Redis 6 */
    {"-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not "
     "allowed\r\n",
     -ENOSPC, true, ": OOM command not allowed"},
    {"-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -READONLY You "
     "can't\r\n",
     -EAGAIN, false, ": READONLY You can't"},
};

static void an_error_is_said_and_judged(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        const struct error_case *e = &errors[i];

        open_up();
        fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", 1, e->said);
        assert_int_equal(probe_ask(world, "x"), e->err);
        must_say(e->shown);
        assert_null(strstr(world_trouble(world), "secret"));
        assert_int_equal(world_count(&world->shared.counters.errors), 1);
        loop_turn(loop);
        assert_int_equal(is_up(), e->stays);
        TURN_UNTIL(loop, is_up());
        assert_int_equal(probe_ask(world, "y"), 0);
        assert_string_equal(world_trouble(world), ""); /* all is well */
        world_free(&world);
    }
}

/* ---- a connection that is not fit for use ---- */

struct unfit {
    const char *command, *answer, *shown;
};

static const struct unfit unfits[] = {
    {"AUTH", "-WRONGPASS invalid username-password pair or user is disabled.\r\n", "WRONGPASS"},
    {"AUTH", "-ERR AUTH <password> called without any password configured\r\n", "without any"},
    {"SELECT", "-ERR DB index is out of range\r\n", "out of range"},
    {"ROLE", "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:1\r\n",
     "is a replica, not the primary"},
    {"ROLE", "*1\r\n$8\r\nsentinel\r\n", "is no primary"},
    {"ROLE", "-NOPERM this user has no permissions\r\n", "NOPERM"},
    {"ROLE", "+OK\r\n", "nonsense"},
    {"ROLE", "*0\r\n", "nonsense"},
    {"ROLE", "*-1\r\n", "nonsense"},
    {"ROLE", "*1\r\n:1\r\n", "nonsense"},
    {"ROLE", "-DENIED Redis is running in protected mode\r\n" FAKE_CLOSE, "DENIED"},
    {"SCRIPT", "-LOADING Redis is loading the dataset in memory\r\n", "LOADING"},
    {"SCRIPT", "-NOAUTH Authentication required.\r\n", "NOAUTH"},
    {"SCRIPT", "$3\r\nabc\r\n", "nonsense"},
    {"SCRIPT", ":1\r\n", "nonsense"},
    {"EVALSHA", "-HLSGATE the data below this prefix are of version 9\r\n", "of version 9"},
    {"EVALSHA", "*2\r\n:0\r\n:2\r\n", "nonsense"},
    {"EVALSHA", "*1\r\n:0\r\n", "nonsense"},
    {"EVALSHA", "$2\r\nhi\r\n", "nonsense"},
    {"EVALSHA", "*2\r\n:0\r\n$1\r\n1\r\n", "nonsense"},
    {"EVALSHA", "$-1\r\n", "nonsense"},
    {"EVALSHA", "HTTP/1.1 400 Bad Request\r\n", "Protocol error"},
    {"EVALSHA", FAKE_CLOSE, "has closed"},
    {"CLIENT", "-ERR max number of clients reached\r\n" FAKE_CLOSE, "has closed"},
};

static void one_that_is_not_fit_is_not_used(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(unfits); i++) {
        const struct unfit *u = &unfits[i];
        struct store_redis_options o = {.password = STR("secret"), .database = 1};
        struct probe p;

        fake_answer(fake, u->command, FAKE_ALWAYS, u->answer);
        open_with(o);
        must_send(&p, "x");
        TURN_UNTIL(loop, p.answers > 0);
        assert_int_equal(p.err, -EAGAIN);
        must_say(u->shown);
        assert_null(strstr(world_trouble(world), "secret"));
        assert_int_equal(p.encoded, 0);
        assert_int_equal(probe_ask(world, "at once"), -EAGAIN);
        assert_int_equal(world_count(&world->shared.counters.connects), 0);
        assert_true(world_count(&world->shared.counters.connect_failures) > 0);
        world_free(&world);
        fake_free(&fake);
        fake = fake_new(loop, "127.0.0.1:0");
    }
}

static void a_name_is_not_necessary(void **state)
{
    fake_answer(fake, "CLIENT", FAKE_ALWAYS,
                "-NOPERM no permissions to run the 'client' command\r\n");
    open_up();
    assert_int_equal(probe_ask(world, "x"), 0);
}

/* No bytes of a peer may become a verdict, or memory. */
static void nonsense_breaks_the_connection(void **state)
{
    static const char *const nonsense[] = {
        "HTTP/1.1 400 Bad Request\r\n",
        "\r\n",
        "$99999999999999999999\r\n",
        "$2147483648\r\n" FAKE_CLOSE,
        "$-2\r\n",
        "*2147483648\r\n",
        "*2147483647\r\n",
        "*4194305\r\n",
        "*-2\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
        ":12a\r\n",
        "*2\r\n:1\r\n$5\r\nab" FAKE_CLOSE,
        "*2\r\n:1\r\n$5\r\nab" FAKE_SILENCE,
        "*2\r\n:1\r\n$2\r\nabcdef",
        FAKE_CLOSE,
        FAKE_SILENCE,
        "+no end" FAKE_SILENCE,
    };

    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        struct probe a, b;

        if (strstr(nonsense[i], FAKE_SILENCE) != NULL)
            open_impatient();
        else
            open_up();
        fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", 1, nonsense[i]);
        must_send(&a, "a");
        must_send(&b, "b");
        TURN_UNTIL(loop, a.answers > 0 && b.answers > 0);
        if (strstr(nonsense[i], "abcdef") == NULL) /* a whole array, and what follows is none */
            assert_int_equal(a.err, -ETIMEDOUT);
        assert_int_equal(b.err, -ETIMEDOUT);
        assert_false(is_up());
        assert_string_not_equal(world_trouble(world), "");
        TURN_UNTIL(loop, is_up());
        assert_int_equal(probe_ask(world, "y"), 0);
        assert_int_equal(world->ups, 2);
        world_free(&world);
        fake_free(&fake);
        fake = fake_new(loop, "127.0.0.1:0");
    }
}

static void a_reply_has_a_cap(void **state)
{
    static char zeros[REDIS_REPLY_MAX + 100000] = "$99999999\r\n";
    struct probe p;

    open_up();
    fake_answer_bytes(fake, "EVALSHA", 1, (struct str){zeros, sizeof zeros});
    must_send(&p, "x");
    TURN_UNTIL(loop, p.answers > 0);
    assert_int_equal(p.err, -ETIMEDOUT);
    must_say("too long");
}

static void a_reply_below_it_is_taken(void **state)
{
    static char zeros[8 << 20] = "$8388590\r\n";
    struct probe p;

    open_up();
    memcpy(zeros + 10 + 8388590, "\r\n", 2);
    fake_answer_bytes(fake, "EVALSHA", 1, (struct str){zeros, 10 + 8388590 + 2});
    must_send(&p, "x");
    TURN_UNTIL(loop, p.answers > 0);
    assert_int_equal(p.err, 0);
}

static void what_nothing_has_asked_for_breaks_it_too(void **state)
{
    open_up();
    fake_say_to_all(fake, STR("+OK\r\n"));
    TURN_UNTIL(loop, !is_up());
    must_say("nothing has asked for");
    TURN_UNTIL(loop, is_up());
    assert_int_equal(probe_ask(world, "x"), 0);
}

static void a_primary_that_becomes_a_replica_is_left(void **state)
{
    open_up();
    fake_answer(fake, "ROLE", 1, "*3\r\n$5\r\nslave\r\n:0\r\n*0\r\n");
    TURN_UNTIL(loop, !is_up());
    must_say("is a replica, not the primary");
    TURN_UNTIL(loop, is_up());
}

static void role_measures_and_counts(void **state)
{
    open_up();
    fake_answer(fake, "ROLE", 1, "*3\r\n$6\r\nmaster\r\n:0\r\n*2\r\n*1\r\n:1\r\n*1\r\n:2\r\n");
    TURN_UNTIL(loop, atomic_load(&world->shared.replicas) == 2);
    assert_true(fake_heard(fake, "ROLE") >= 2);
    assert_true(is_up());
}

static void silence_while_nothing_is_asked_is_noticed(void **state)
{
    open_impatient();
    fake_hold(fake);
    TURN_UNTIL(loop, !is_up());
    must_say("in time");
    fake_let_go(fake);
    TURN_UNTIL(loop, is_up());
}

/* ---- deadlines ---- */

static void a_slow_answer_fails_all_that_wait_for_it(void **state)
{
    struct probe a, b;
    usec_t begun = clock_monotonic();

    open_impatient();
    fake_hold(fake);
    must_send(&a, "a");
    must_send(&b, "b");
    TURN_UNTIL(loop, a.answers > 0);
    assert_int_equal(a.err, -ETIMEDOUT);
    assert_int_equal(b.err, -ETIMEDOUT);
    assert_true(clock_monotonic() - begun >= WORLD_IMPATIENT);
    assert_int_equal(world_count(&world->shared.counters.timeouts), 2);
    assert_false(is_up());
    fake_let_go(fake); /* its late answers are nobody's */
    TURN_UNTIL(loop, is_up());
    assert_int_equal(probe_ask(world, "c"), 0);
}

static void a_call_waits_for_a_connection(void **state)
{
    struct probe p;

    open_with((struct store_redis_options){0});
    must_send(&p, "early");
    TURN_UNTIL(loop, p.answers > 0);
    assert_int_equal(p.err, 0);
    assert_string_equal(p.text, "early");
}

static void but_not_for_ever(void **state)
{
    struct probe p;

    fake_hold(fake);
    open_with((struct store_redis_options){.timeout = WORLD_IMPATIENT});
    must_send(&p, "x");
    TURN_UNTIL(loop, p.answers > 0);
    assert_int_equal(p.err, -EAGAIN);
    assert_int_equal(p.encoded, 0);
    fake_let_go(fake);
}

/* The connection has only had half of the time of the call: it is not to blame. */
static void a_call_that_waited_long_is_not_the_fault_of_the_connection(void **state)
{
    usec_t begun = clock_monotonic();
    struct probe late, next;

    fake_hold(fake);
    open_with((struct store_redis_options){.timeout = 500 * USEC_PER_MSEC});
    must_send(&late, "late");
    TURN_UNTIL(loop, clock_monotonic() - begun > 300 * USEC_PER_MSEC);
    fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", 1, "");
    fake_let_go(fake);
    TURN_UNTIL(loop, late.answers > 0);
    assert_int_equal(late.err, -ETIMEDOUT);
    assert_true(is_up());
    fake_say_to_all(fake, STR("*2\r\n:0\r\n$4\r\nlate\r\n"));
    must_send(&next, "next");
    TURN_UNTIL(loop, next.answers > 0);
    assert_int_equal(next.err, 0);
    assert_string_equal(next.text, "next");
    assert_int_equal(fake_connections(fake), 1);
}

/* ---- leaving ---- */

static void who_leaves_is_not_answered(void **state)
{
    struct probe waiting, sent, stays;

    open_with((struct store_redis_options){0});
    must_send(&waiting, "waiting");
    redis_call_cancel(&waiting.call);
    TURN_UNTIL(loop, is_up());
    must_send(&sent, "sent");
    must_send(&stays, "stays");
    redis_call_cancel(&sent.call);
    redis_call_cancel(&sent.call);
    TURN_UNTIL(loop, stays.answers > 0);
    assert_string_equal(stays.text, "stays");
    assert_int_equal(waiting.answers + sent.answers, 0);
    assert_int_equal(waiting.encoded, 0);
}

static void call_again(struct probe *p)
{
    struct probe *others = p->arg;

    redis_call_cancel(&others[0].call);
    assert_int_equal(probe_send(world, &others[1], "again"), 0);
}

static void an_answer_may_call_and_cancel(void **state)
{
    struct probe p, others[2];

    open_up();
    probe_init(&others[1], "");
    must_send(&p, "p");
    p.then = call_again;
    p.arg = others;
    must_send(&others[0], "cancelled");
    TURN_UNTIL(loop, others[1].answers > 0);
    assert_string_equal(others[1].text, "again");
    assert_int_equal(others[0].answers, 0);
}

static void retry(struct probe *p)
{
    struct probe *other = p->arg;

    (void)probe_send(world, other, "again");
}

static void a_lost_connection_may_be_answered_with_a_new_call(void **state)
{
    struct probe a, b;

    open_up();
    must_send(&a, "a");
    probe_init(&b, "");
    a.then = retry;
    a.arg = &b;
    fake_answer(fake, "EVALSHA", 1, FAKE_CLOSE);
    TURN_UNTIL(loop, b.answers > 0 || (a.answers > 0 && b.call.ticket == NULL));
    assert_int_equal(a.err, -ETIMEDOUT);
}

static void all_is_dropped_with_the_link(void **state)
{
    struct probe waiting[3], sent[3];

    open_with((struct store_redis_options){0});
    for (int i = 0; i < 3; i++)
        must_send(&waiting[i], "x");
    world_free(&world);
    open_up();
    fake_hold(fake);
    for (int i = 0; i < 3; i++)
        must_send(&sent[i], "x");
    loop_turn(loop);
    redis_call_cancel(&sent[1].call);
    world_free(&world);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(waiting[i].answers + sent[i].answers, 0);
        assert_null(waiting[i].call.ticket);
        assert_null(sent[i].call.ticket);
    }
    fake_let_go(fake);
}

/* ---- the breaker ---- */

static void an_open_breaker_answers_at_once(void **state)
{
    struct probe p;

    fake_down(fake);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, world_count(&world->shared.counters.connect_failures) > 0);
    assert_int_equal(probe_send(world, &p, "x"), -EAGAIN);
    assert_int_equal(probe_send(world, &p, "x"), -EAGAIN);
    assert_int_equal(world_count(&world->shared.counters.refused), 2);
    must_say("refused");
    must_say(fake_server(fake));
    fake_up(fake);
    TURN_UNTIL(loop, is_up());
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_string_equal(world_trouble(world), "");
}

/* 25..50 + 50..100 + 100..200 ms: not a hundred times a second. */
static void attempts_are_further_and_further_apart(void **state)
{
    usec_t begun = clock_monotonic();

    fake_down(fake);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, world_count(&world->shared.counters.connect_failures) >= 5);
    assert_true(clock_monotonic() - begun >= (25 + 50 + 100 + 200) * USEC_PER_MSEC);
    assert_true(clock_monotonic() - begun < 4 * USEC_PER_SEC);
}

/* A second has passed by the clock that tells whether a connection has proved itself. */
static void prove_it(void)
{
    clock_set_fake(clock_monotonic() + 2 * USEC_PER_SEC, clock_unix());
    loop_turn(loop);
}

static void a_lost_connection_is_replaced_at_once(void **state)
{
    struct probe p;

    open_up();
    prove_it();
    fake_drop(fake);
    TURN_UNTIL(loop, !is_up());
    must_send(&p, "meanwhile"); /* waits */
    TURN_UNTIL(loop, p.answers > 0);
    assert_int_equal(p.err, 0);
    assert_int_equal(world_count(&world->shared.counters.connect_failures), 0);
    assert_int_equal(world->ups, 2);
}

static void one_that_never_lasts_is_no_busy_loop(void **state)
{
    usec_t begun = clock_monotonic();

    open_up();
    fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", FAKE_ALWAYS, FAKE_CLOSE);
    for (int i = 0; i < 4; i++) {
        TURN_UNTIL(loop, is_up());
        assert_int_equal(probe_ask(world, "x"), -ETIMEDOUT);
        assert_false(is_up());
    }
    assert_true(clock_monotonic() - begun >= (25 + 50 + 100) * USEC_PER_MSEC);
}

static void too_many_are_refused(void **state)
{
    struct probe *many = xcalloc(REDIS_UNDER_WAY_MAX, sizeof *many);
    struct probe one;

    open_with((struct store_redis_options){.timeout = 60 * USEC_PER_SEC});
    TURN_UNTIL(loop, is_up());
    for (unsigned i = 0; i < REDIS_UNDER_WAY_MAX; i++)
        must_send(&many[i], "x");
    assert_int_equal(probe_send(world, &one, "x"), -EAGAIN);
    TURN_UNTIL(loop, many[REDIS_UNDER_WAY_MAX - 1].answers > 0);
    assert_int_equal(many[REDIS_UNDER_WAY_MAX - 1].err, 0);
    assert_int_equal(probe_ask(world, "x"), 0);
    free(many);
}

/* ---- WAIT ---- */

struct wait_case {
    const char *script, *wait;
    int err;
    unsigned unacknowledged;
};

static const struct wait_case waits[] = {
    {"*2\r\n:1\r\n$1\r\nx\r\n", ":2\r\n", 0, 0},
    {"*2\r\n:1\r\n$1\r\nx\r\n", ":3\r\n", 0, 0},
    {"*2\r\n:1\r\n$1\r\nx\r\n", ":1\r\n", -ETIMEDOUT, 1},
    {"*2\r\n:1\r\n$1\r\nx\r\n", "-ERR WAIT cannot be used with replica instances\r\n", -ETIMEDOUT,
     1},
    {"*2\r\n:1\r\n$1\r\nx\r\n", "+OK\r\n", -ETIMEDOUT, 1},
    {"*2\r\n:0\r\n$1\r\nx\r\n", ":0\r\n", 0, 0}, /* it has changed nothing */
    {"-OOM command not allowed\r\n", ":0\r\n", -ENOSPC, 0},
};

static void replicas_have_their_say(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        const struct wait_case *c = &waits[i];

        fake_answer(fake, "WAIT", 1, c->wait);
        open_with((struct store_redis_options){.wait_replicas = 2});
        TURN_UNTIL(loop, is_up());
        fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", 1, c->script);
        assert_int_equal(probe_ask(world, "x"), c->err);
        assert_int_equal(world_count(&world->shared.counters.unacknowledged), c->unacknowledged);
        assert_int_equal(world_count(&world->shared.counters.timeouts), 0);
        assert_string_equal(fake_last(fake, "WAIT"), "WAIT 2 4000");
        assert_true(is_up());
        world_free(&world);
    }
}

static void open_with_replicas(usec_t timeout)
{
    fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", FAKE_ALWAYS,
                "*2\r\n:1\r\n$1\r\nx\r\n");
    fake_answer(fake, "WAIT", FAKE_ALWAYS, ":2\r\n");
    open_with((struct store_redis_options){.wait_replicas = 2, .timeout = timeout});
    TURN_UNTIL(loop, is_up());
}

static void a_forgotten_script_waits_too(void **state)
{
    open_with_replicas(WORLD_PATIENT);
    fake_answer(fake, "EVALSHA", 1, NOSCRIPT);
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_int_equal(fake_heard(fake, "EVAL "), 1);
    assert_int_equal(fake_heard(fake, "WAIT"), 2);
}

/* What comes while WAIT is under way leaves when it is over, together. */
static void many_share_one_wait(void **state)
{
    struct probe first, many[100];
    unsigned reads;

    open_with_replicas(WORLD_PATIENT);
    fake_answer(fake, "WAIT", 1, ""); /* later */
    must_send(&first, "x");
    TURN_UNTIL(loop, fake_heard(fake, "WAIT") == 1);
    reads = fake_reads(fake);
    for (unsigned i = 0; i < ARRAY_LEN(many); i++)
        must_send(&many[i], "x");
    for (int i = 0; i < 20; i++)
        loop_turn(loop);
    assert_int_equal(fake_reads(fake), reads);
    assert_int_equal(first.answers, 0);
    fake_say_to_all(fake, STR(":2\r\n"));
    TURN_UNTIL(loop, many[ARRAY_LEN(many) - 1].answers > 0);
    for (unsigned i = 0; i < ARRAY_LEN(many); i++)
        assert_int_equal(many[i].err, 0);
    assert_int_equal(first.err, 0);
    assert_int_equal(fake_reads(fake), reads + 1);
    assert_int_equal(fake_heard(fake, "WAIT"), 2);
}

static void what_has_changed_nothing_waits_for_nobody(void **state)
{
    struct probe reads, writes;

    open_with_replicas(WORLD_PATIENT);
    fake_answer(fake, "EVALSHA 0000000000000000000000000000000000000001", 1,
                "*2\r\n:0\r\n$1\r\nx\r\n");
    fake_answer(fake, "WAIT", 1, "");
    must_send(&reads, "x");
    must_send(&writes, "x");
    TURN_UNTIL(loop, reads.answers > 0);
    assert_int_equal(reads.err, 0);
    assert_int_equal(writes.answers, 0);
    fake_say_to_all(fake, STR(":0\r\n"));
    TURN_UNTIL(loop, writes.answers > 0);
    assert_int_equal(writes.err, -ETIMEDOUT);
}

static void one_answer_and_silence_is_no_answer(void **state)
{
    struct probe p, waiting;

    open_with_replicas(WORLD_IMPATIENT);
    fake_answer(fake, "WAIT", 1, FAKE_SILENCE);
    must_send(&p, "x");
    TURN_UNTIL(loop, fake_heard(fake, "WAIT") == 1);
    must_send(&waiting, "x");
    TURN_UNTIL(loop, p.answers > 0 && waiting.answers > 0);
    assert_int_equal(p.err, -ETIMEDOUT);
    assert_int_equal(waiting.err, -EAGAIN);
    assert_int_equal(world_count(&world->shared.counters.unacknowledged), 0); /* nobody knows */
}

static void what_is_held_is_dropped_with_the_link(void **state)
{
    struct probe p, waiting;

    open_with_replicas(WORLD_PATIENT);
    fake_answer(fake, "WAIT", 1, FAKE_SILENCE);
    must_send(&p, "x");
    TURN_UNTIL(loop, fake_heard(fake, "WAIT") == 1);
    for (int i = 0; i < 5; i++)
        loop_turn(loop);
    must_send(&waiting, "x");
    world_free(&world);
    assert_int_equal(p.answers + waiting.answers, 0);
    assert_null(p.call.ticket);
}

/* ---- draining ---- */

static void draining_ends_when_all_is_answered(void **state)
{
    struct probe p[3];

    open_with((struct store_redis_options){0});
    for (int i = 0; i < 3; i++)
        must_send(&p[i], "x");
    redis_call_cancel(&p[1].call);
    redis_link_drain(world->link, 20 * USEC_PER_SEC);
    assert_int_equal(p[0].err, 0);
    assert_int_equal(p[2].err, 0);
    redis_link_drain(world->link, 20 * USEC_PER_SEC); /* nothing to wait for */
}

static void draining_ends_when_time_is_up(void **state)
{
    usec_t begun = clock_monotonic();
    struct probe p;

    open_up();
    fake_hold(fake);
    must_send(&p, "x");
    redis_link_drain(world->link, 50 * USEC_PER_MSEC);
    assert_int_equal(p.answers, 0);
    assert_true(clock_monotonic() - begun < 5 * USEC_PER_SEC);
    redis_call_cancel(&p.call);
}

/* ---- listening ---- */

static void on_heard(void *arg)
{
    struct world *w = arg;

    w->heard++;
}

static void messages_are_heard(void **state)
{
    open_with((struct store_redis_options){.password = STR("secret")});
    redis_link_listen(world->link, STR("revoked"), on_heard, world);
    TURN_UNTIL(loop, world->heard == 1); /* it has subscribed */
    assert_string_equal(fake_last(fake, "SUBSCRIBE"), "SUBSCRIBE hg:revoked");
    fake_publish(fake, "hg:revoked", "1");
    fake_publish(fake, "hg:revoked", "2");
    TURN_UNTIL(loop, world->heard == 3);
    prove_it();
    fake_drop(fake);
    clock_set_fake(0, -1);
    TURN_UNTIL(loop, world->heard == 4); /* it has subscribed anew */
    fake_publish(fake, "hg:revoked", "3");
    TURN_UNTIL(loop, world->heard == 5);
}

static void a_listener_that_hears_nonsense_begins_anew(void **state)
{
    static const char *const nonsense[] = {"+OK\r\n",
                                           "*0\r\n",
                                           "*3\r\n:1\r\n:2\r\n:3\r\n",
                                           "*1\r\n$7\r\nmessage\r\n",
                                           "-ERR no\r\n",
                                           "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n"};

    open_up();
    redis_link_listen(world->link, STR("revoked"), on_heard, world);
    for (unsigned i = 0; i < ARRAY_LEN(nonsense); i++) {
        TURN_UNTIL(loop, world->heard == 2 * i + 1);
        fake_publish(fake, "hg:revoked", "1");
        TURN_UNTIL(loop, world->heard == 2 * i + 2);
        fake_say_to_listeners(fake, str_of(nonsense[i]));
    }
    TURN_UNTIL(loop, world->heard == 2 * ARRAY_LEN(nonsense) + 1);
}

static void a_listener_that_is_left_in_silence_begins_anew(void **state)
{
    fake_answer(fake, "PING", 1, FAKE_SILENCE);
    open_up();
    redis_link_listen(world->link, STR("revoked"), on_heard, world);
    TURN_UNTIL(loop, world->heard == 2);
    assert_int_equal(fake_heard(fake, "SUBSCRIBE"), 2);
    assert_true(is_up()); /* the calls' connection had nothing to do with it */
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

TEST_MAIN(T(a_script_is_answered), T(it_greets_before_it_asks), T(the_default_user_has_no_name),
          T(a_unix_socket_will_do), T(ipv6_will_do), T(a_name_is_looked_up),
          T(what_is_no_address_is_said), T(an_answer_may_come_in_pieces),
          T(many_leave_in_one_write_and_keep_their_order), T(several_connections_are_made),
          T(a_forgotten_script_is_brought_again), T(one_brings_it_for_all),
          T(one_that_is_never_known_is_an_error), T(an_error_is_said_and_judged),
          T(one_that_is_not_fit_is_not_used), T(a_name_is_not_necessary),
          T(nonsense_breaks_the_connection), T(a_reply_has_a_cap), T(a_reply_below_it_is_taken),
          T(what_nothing_has_asked_for_breaks_it_too), T(a_primary_that_becomes_a_replica_is_left),
          T(role_measures_and_counts), T(silence_while_nothing_is_asked_is_noticed),
          T(a_slow_answer_fails_all_that_wait_for_it), T(a_call_waits_for_a_connection),
          T(but_not_for_ever), T(a_call_that_waited_long_is_not_the_fault_of_the_connection),
          T(who_leaves_is_not_answered), T(an_answer_may_call_and_cancel),
          T(a_lost_connection_may_be_answered_with_a_new_call), T(all_is_dropped_with_the_link),
          T(an_open_breaker_answers_at_once), T(attempts_are_further_and_further_apart),
          T(a_lost_connection_is_replaced_at_once), T(one_that_never_lasts_is_no_busy_loop),
          T(too_many_are_refused), T(replicas_have_their_say), T(a_forgotten_script_waits_too),
          T(many_share_one_wait), T(what_has_changed_nothing_waits_for_nobody),
          T(what_is_held_is_dropped_with_the_link), T(one_answer_and_silence_is_no_answer),
          T(draining_ends_when_all_is_answered), T(draining_ends_when_time_is_up),
          T(messages_are_heard), T(a_listener_that_hears_nonsense_begins_anew),
          T(a_listener_that_is_left_in_silence_begins_anew))
