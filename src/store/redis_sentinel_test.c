/* Which primary the Sentinels name, when they agree, when they do not, and when it changes. */
#include <errno.h>
#include <stdio.h>

#include "store/redis_world_testing.h"

enum { SENTINELS = 3 };

static struct loop *loop;
static struct fake *a, *b; /* a primary, and the next one */
static struct fake *sentinels[SENTINELS];
static struct world *world;

static int begin(void **state)
{
    loop = loop_new();
    a = fake_new(loop, "127.0.0.1:0");
    b = fake_new(loop, "127.0.0.1:0");
    for (int i = 0; i < SENTINELS; i++)
        sentinels[i] = fake_new(loop, "127.0.0.1:0");
    return 0;
}

static int end(void **state)
{
    if (world != NULL)
        world_free(&world);
    for (int i = 0; i < SENTINELS; i++)
        fake_free(&sentinels[i]);
    fake_free(&a);
    fake_free(&b);
    loop_free(&loop);
    return 0;
}

static unsigned port_of(const struct fake *f)
{
    return (unsigned)atoi(strrchr(fake_server(f), ':') + 1);
}

static void name(struct fake *sentinel, const struct fake *primary)
{
    char text[128], port[16];

    snprintf(port, sizeof port, "%u", port_of(primary));
    snprintf(text, sizeof text, "*2\r\n$9\r\n127.0.0.1\r\n$%zu\r\n%s\r\n", strlen(port), port);
    fake_answer(sentinel, "SENTINEL", FAKE_ALWAYS, text);
}

static void all_name(const struct fake *primary)
{
    for (int i = 0; i < SENTINELS; i++)
        name(sentinels[i], primary);
}

static void announce(const struct fake *primary, const char *whose)
{
    char text[128];

    snprintf(text, sizeof text, "%s 127.0.0.1 1 127.0.0.1 %u", whose, port_of(primary));
    for (int i = 0; i < SENTINELS; i++)
        fake_publish(sentinels[i], "+switch-master", text);
}

static void open_with(struct store_redis_options o)
{
    struct str servers[SENTINELS];

    for (int i = 0; i < SENTINELS; i++)
        servers[i] = str_of(fake_server(sentinels[i]));
    o.sentinels = servers;
    o.sentinel_count = SENTINELS;
    o.primary = STR("mymaster");
    world = world_new(loop, o);
}

static bool is_at(const struct fake *primary)
{
    return redis_link_is_up(world->link) && strcmp(world->shared.server, fake_server(primary)) == 0;
}

static unsigned subscriptions(void)
{
    unsigned n = 0;

    for (int i = 0; i < SENTINELS; i++)
        n += fake_heard(sentinels[i], "SUBSCRIBE +switch-master");
    return n;
}

static void the_primary_is_asked_for(void **state)
{
    all_name(a);
    open_with((struct store_redis_options){0});
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_true(is_at(a));
    assert_string_equal(fake_last(sentinels[0], "SENTINEL"),
                        "SENTINEL get-master-addr-by-name mymaster");
    assert_int_equal(fake_connections(b), 0);
    assert_int_equal(world_count(&world->shared.counters.switches), 0);
    TURN_UNTIL(loop, subscriptions() == 1); /* on one of them */
}

static void sentinels_have_a_password_of_their_own(void **state)
{
    all_name(a);
    open_with((struct store_redis_options){
        .password = STR("secret"), .sentinel_user = STR("watch"), .sentinel_password = STR("dog")});
    TURN_UNTIL(loop, is_at(a) && subscriptions() == 1);
    for (int i = 0; i < SENTINELS; i++)
        assert_string_equal(fake_last(sentinels[i], "AUTH"), "AUTH watch dog");
    assert_string_equal(fake_last(a, "AUTH"), "AUTH secret");
}

static void two_of_three_decide_at_once(void **state)
{
    usec_t begun = clock_monotonic();

    name(sentinels[0], b);
    name(sentinels[1], b);
    fake_answer(sentinels[2], "SENTINEL", FAKE_ALWAYS, FAKE_SILENCE);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, is_at(b));
    assert_true(clock_monotonic() - begun < WORLD_PATIENT);
}

static void one_of_yesterday_is_outvoted(void **state)
{
    for (int stale = 0; stale < SENTINELS; stale++) {
        for (int i = 0; i < SENTINELS; i++)
            name(sentinels[i], i == stale ? a : b);
        open_with((struct store_redis_options){0});
        TURN_UNTIL(loop, is_at(b));
        world_free(&world);
    }
    assert_int_equal(fake_connections(a), 0);
}

static void the_one_that_answers_is_believed_when_time_is_up(void **state)
{
    fake_answer(sentinels[0], "SENTINEL", FAKE_ALWAYS, FAKE_SILENCE);
    fake_down(sentinels[1]);
    name(sentinels[2], a);
    open_with((struct store_redis_options){.timeout = WORLD_IMPATIENT});
    TURN_UNTIL(loop, is_at(a));
}

static void what_no_sentinel_knows_is_said(void **state)
{
    static const char *const answers[] = {"*-1\r\n",
                                          "$-1\r\n",
                                          "*0\r\n",
                                          "*2\r\n:1\r\n:2\r\n",
                                          "*2\r\n$0\r\n\r\n$4\r\n6379\r\n",
                                          "-IDONTKNOW I have not enough information\r\n",
                                          "-NOAUTH Authentication required.\r\n",
                                          "+OK\r\n",
                                          "HTTP/1.1 400\r\n",
                                          FAKE_SILENCE,
                                          FAKE_CLOSE};

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (int s = 0; s < SENTINELS; s++)
            fake_answer(sentinels[s], "SENTINEL", FAKE_ALWAYS, answers[i]);
        open_with((struct store_redis_options){.timeout = WORLD_IMPATIENT});
        assert_int_equal(probe_ask(world, "x"), -EAGAIN);
        TURN_UNTIL(loop, strstr(world_trouble(world), "no Sentinel names its address") != NULL);
        assert_non_null(strstr(world_trouble(world), "mymaster"));
        world_free(&world);
    }
}

static void all_may_be_away_for_a_while(void **state)
{
    all_name(a);
    for (int i = 0; i < SENTINELS; i++)
        fake_down(sentinels[i]);
    loop_turn(loop); /* until the last listener is closed */
    open_with((struct store_redis_options){0});
    assert_int_equal(probe_ask(world, "x"), -EAGAIN);
    for (int i = 0; i < SENTINELS; i++)
        fake_up(sentinels[i]);
    TURN_UNTIL(loop, is_at(a));
    TURN_UNTIL(loop, subscriptions() == 1);
}

static void a_switch_is_followed(void **state)
{
    all_name(a);
    open_with((struct store_redis_options){.connections = 2});
    TURN_UNTIL(loop, fake_open(a) == 2 && subscriptions() == 1);
    all_name(b);
    announce(a, "another");  /* not ours */
    announce(a, "mymaster"); /* no news */
    assert_int_equal(probe_ask(world, "x"), 0);
    assert_true(is_at(a));
    announce(b, "mymaster");
    TURN_UNTIL(loop, fake_open(a) == 0 && fake_open(b) == 2);
    assert_true(is_at(b));
    assert_int_equal(probe_ask(world, "y"), 0);
    assert_int_equal(world_count(&world->shared.counters.switches), 1);
    assert_int_equal(world->ups, 2);
}

static void what_is_no_switch_changes_nothing(void **state)
{
    static const char *const texts[] = {"", "mymaster", "mymaster 1 2 3", "mymaster 1 2  4",
                                        "\r\n"};

    all_name(a);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, is_at(a) && subscriptions() == 1);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        for (int s = 0; s < SENTINELS; s++)
            fake_publish(sentinels[s], "+switch-master", texts[i]);
        assert_int_equal(probe_ask(world, "x"), 0);
    }
    assert_int_equal(fake_connections(a), 1);
}

/* It said so before anybody listened. */
static void a_switch_that_was_missed_is_learnt_with_the_next_subscription(void **state)
{
    all_name(a);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, is_at(a) && subscriptions() == 1);
    all_name(b);
    for (int i = 0; i < SENTINELS; i++)
        fake_drop(sentinels[i]);
    TURN_UNTIL(loop, is_at(b));
    assert_int_equal(subscriptions(), 2);
}

static int followed(void)
{
    for (int i = 0; i < SENTINELS; i++) {
        if (fake_open(sentinels[i]) > 0)
            return i;
    }
    return -1;
}

static void another_sentinel_is_followed_when_one_falls_silent(void **state)
{
    int first;

    all_name(a);
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, is_at(a) && subscriptions() == 1);
    TURN_UNTIL(loop,
               fake_open(sentinels[0]) + fake_open(sentinels[1]) + fake_open(sentinels[2]) == 1);
    first = followed();
    fake_hold(sentinels[first]);
    TURN_UNTIL(loop, subscriptions() == 2);
    all_name(b);
    announce(b, "mymaster");
    TURN_UNTIL(loop, is_at(b));
    fake_let_go(sentinels[first]);
}

/* The Sentinels name it before it has been promoted. */
static void one_that_is_still_a_replica_is_not_used(void **state)
{
    all_name(b);
    fake_answer(b, "ROLE", 3, "*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$4\r\nsync\r\n:0\r\n");
    open_with((struct store_redis_options){0});
    TURN_UNTIL(loop, is_at(b));
    assert_int_equal(world_count(&world->shared.counters.connect_failures), 3);
    assert_int_equal(fake_heard(b, "SCRIPT LOAD"), REDIS_SCRIPT_COUNT); /* once */
}

static void on_heard(void *arg)
{
    struct world *w = arg;

    w->heard++;
}

static void the_store_is_listened_to_where_the_primary_is(void **state)
{
    all_name(a);
    open_with((struct store_redis_options){0});
    redis_link_listen(world->link, STR("revoked"), on_heard, world);
    TURN_UNTIL(loop, world->heard == 1);
    assert_int_equal(fake_heard(a, "SUBSCRIBE hg:revoked"), 1);
    TURN_UNTIL(loop, subscriptions() == 1);
    all_name(b);
    announce(b, "mymaster");
    TURN_UNTIL(loop, world->heard == 2);
    assert_int_equal(fake_heard(b, "SUBSCRIBE hg:revoked"), 1);
    TURN_UNTIL(loop, fake_open(a) == 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)

TEST_MAIN(T(the_primary_is_asked_for), T(sentinels_have_a_password_of_their_own),
          T(two_of_three_decide_at_once), T(one_of_yesterday_is_outvoted),
          T(the_one_that_answers_is_believed_when_time_is_up), T(what_no_sentinel_knows_is_said),
          T(all_may_be_away_for_a_while), T(a_switch_is_followed),
          T(what_is_no_switch_changes_nothing),
          T(a_switch_that_was_missed_is_learnt_with_the_next_subscription),
          T(another_sentinel_is_followed_when_one_falls_silent),
          T(one_that_is_still_a_replica_is_not_used),
          T(the_store_is_listened_to_where_the_primary_is))
