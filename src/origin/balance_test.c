/* Whose turn it is: fair shares, and how little moves when the set of servers changes. */
#include <stdio.h>

#include "origin/cluster_testing.h"

enum { SERVERS = 8, KEYS = 40000 };

static struct str names[CLUSTER_MAX_SERVERS];

static struct cluster *cluster_of(unsigned n, enum cluster_balance balance)
{
    struct cluster_settings s;

    test_server_names(names, n);
    s = test_settings(names, n);
    s.balance = balance;
    return test_cluster(&s);
}

static struct str key_of(unsigned i)
{
    static char text[32];

    return (struct str){text, (size_t)snprintf(text, sizeof text, "movie%u", i)};
}

static void round_robin_is_exact(void **state)
{
    struct cluster *c = cluster_of(5, BALANCE_ROUND_ROBIN);
    unsigned counts[5] = {0};

    for (unsigned turn = 0; turn < 500; turn++)
        counts[balance_choose(c, cluster_all(c), STR("x"), turn)]++;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], 100);
    cluster_free(&c);
}

/* The neighbour of a server that is out gets no more than the others. */
static void a_missing_servers_turns_go_to_all(void **state)
{
    struct cluster *c = cluster_of(5, BALANCE_ROUND_ROBIN);
    unsigned counts[5] = {0};

    for (unsigned turn = 0; turn < 400; turn++)
        counts[balance_choose(c, cluster_all(c) & ~server_bit(2), STR("x"), turn)]++;
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(counts[i], i == 2 ? 0 : 100);
    cluster_free(&c);
}

static void the_idlest_is_asked(void **state)
{
    static const unsigned loads[5] = {3, 1, 2, 1, 7};
    struct cluster *c = cluster_of(5, BALANCE_LEAST);
    unsigned counts[5] = {0};

    for (unsigned i = 0; i < 5; i++)
        atomic_store(&c->servers[i].under_way, loads[i]);
    for (unsigned turn = 0; turn < 100; turn++)
        counts[balance_choose(c, cluster_all(c), STR("x"), turn)]++;
    assert_int_equal(counts[1], 50);
    assert_int_equal(counts[3], 50);
    assert_int_equal(
        balance_choose(c, cluster_all(c) & ~server_bit(1) & ~server_bit(3), STR("x"), 0), 2);
    for (unsigned i = 0; i < 5; i++)
        atomic_store(&c->servers[i].under_way, 0);
    cluster_free(&c);
}

static void keys_stay_where_they_are(void **state)
{
    struct cluster *c = cluster_of(SERVERS, BALANCE_HASH), *again;
    static unsigned before[KEYS];

    for (unsigned i = 0; i < KEYS; i++)
        before[i] = balance_choose(c, cluster_all(c), key_of(i), i);
    again = cluster_of(SERVERS, BALANCE_HASH);
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(balance_choose(again, cluster_all(c), key_of(i), 0), before[i]);
    cluster_free(&again);
    cluster_free(&c);
}

/* Other machines must come to the same servers: the hash is fixed. */
static void hashes_are_the_same_everywhere(void **state)
{
    struct cluster *c = cluster_of(SERVERS, BALANCE_HASH);
    char chosen[17] = "";

    for (unsigned i = 0; i < 16; i++)
        chosen[i] = (char)('a' + balance_choose(c, cluster_all(c), key_of(i), 0));
    assert_string_equal(chosen, "ecdbbcaeafdgdbea");
    cluster_free(&c);
}

static void hashing_is_fair(void **state)
{
    struct cluster *c = cluster_of(SERVERS, BALANCE_HASH);
    unsigned counts[SERVERS] = {0};

    for (unsigned i = 0; i < KEYS; i++)
        counts[balance_choose(c, cluster_all(c), key_of(i), i)]++;
    for (unsigned i = 0; i < SERVERS; i++)
        assert_in_range(counts[i], KEYS / SERVERS * 95 / 100, KEYS / SERVERS * 105 / 100);
    cluster_free(&c);
}

/* A server that joins takes its share, from all others alike, and nothing moves between those. */
static void a_new_server_takes_its_share_alone(void **state)
{
    struct cluster *before = cluster_of(SERVERS, BALANCE_HASH);
    struct cluster *after = cluster_of(SERVERS + 1, BALANCE_HASH);
    unsigned moved = 0, from[SERVERS] = {0};

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned old = balance_choose(before, cluster_all(before), key_of(i), 0);
        unsigned new = balance_choose(after, cluster_all(after), key_of(i), 0);

        if (new == old)
            continue;
        assert_int_equal(new, SERVERS);
        from[old]++;
        moved++;
    }
    assert_in_range(moved, KEYS / (SERVERS + 1) * 95 / 100, KEYS / (SERVERS + 1) * 105 / 100);
    for (unsigned i = 0; i < SERVERS; i++)
        assert_in_range(from[i], moved / SERVERS * 80 / 100, moved / SERVERS * 120 / 100);
    cluster_free(&before);
    cluster_free(&after);
}

/* One that is out for a while loses its keys to all others alike, and gets the same ones back. */
static void a_missing_servers_keys_go_to_all(void **state)
{
    struct cluster *c = cluster_of(SERVERS, BALANCE_HASH);
    unsigned to[SERVERS] = {0}, lost = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned home = balance_choose(c, cluster_all(c), key_of(i), 0);
        unsigned now = balance_choose(c, cluster_all(c) & ~server_bit(3), key_of(i), 0);

        if (home != 3) {
            assert_int_equal(now, home);
            continue;
        }
        to[now]++;
        lost++;
    }
    for (unsigned i = 0; i < SERVERS; i++)
        if (i != 3)
            assert_in_range(to[i], lost / (SERVERS - 1) * 80 / 100,
                            lost / (SERVERS - 1) * 120 / 100);
    cluster_free(&c);
}

static void sixty_four_servers(void **state)
{
    struct cluster *c = cluster_of(CLUSTER_MAX_SERVERS, BALANCE_ROUND_ROBIN);

    assert_true(cluster_all(c) == UINT64_MAX);
    assert_int_equal(balance_choose(c, cluster_all(c), STR("x"), 63), 63);
    assert_int_equal(balance_choose(c, server_bit(63), STR("x"), 5), 63);
    cluster_free(&c);
}

TEST_MAIN(cmocka_unit_test(round_robin_is_exact),
          cmocka_unit_test(a_missing_servers_turns_go_to_all),
          cmocka_unit_test(the_idlest_is_asked), cmocka_unit_test(keys_stay_where_they_are),
          cmocka_unit_test(hashes_are_the_same_everywhere), cmocka_unit_test(hashing_is_fair),
          cmocka_unit_test(a_new_server_takes_its_share_alone),
          cmocka_unit_test(a_missing_servers_keys_go_to_all), cmocka_unit_test(sixty_four_servers))
