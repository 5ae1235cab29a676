/*
 * Whose turn it is among the servers that may be asked. All workers share one turn counter, which
 * no two requests see at the same value, so a small cluster is balanced exactly.
 *
 * Hashing is rendezvous hashing (Thaler and Ravishankar): each server draws a number for the key,
 * and the highest wins. A server that joins wins its share of all keys and moves no other.
 */
#include "origin/cluster_internal.h"

static unsigned lowest(server_set set)
{
    return (unsigned)__builtin_ctzll(set);
}

/* Counting only those that may be asked: a server that is out leaves its turns to all others. */
static unsigned choose_next(server_set among, unsigned turn)
{
    unsigned skip = turn % (unsigned)__builtin_popcountll(among);

    while (skip-- > 0)
        among &= among - 1;
    return lowest(among);
}

static unsigned under_way(const struct cluster *c, unsigned server)
{
    return atomic_load_explicit(&c->servers[server].under_way, memory_order_relaxed);
}

/* Between servers with equally little to do, by turns. */
static unsigned choose_least(const struct cluster *c, server_set among, unsigned turn)
{
    unsigned least = UINT32_MAX;
    server_set best = 0;

    for (; among != 0; among &= among - 1) {
        unsigned n = under_way(c, lowest(among));

        if (n < least)
            best = 0;
        least = MIN(least, n);
        if (n == least)
            best |= server_bit(lowest(among));
    }
    return choose_next(best, turn);
}

static unsigned choose_by_key(const struct cluster *c, server_set among, struct str key)
{
    unsigned best = lowest(among);
    uint64_t highest = 0;

    for (; among != 0; among &= among - 1) {
        uint64_t drawn = hash_bytes(&c->servers[lowest(among)].seed, key);

        if (drawn <= highest)
            continue;
        highest = drawn;
        best = lowest(among);
    }
    return best;
}

unsigned balance_choose(const struct cluster *c, server_set among, struct str stream_key,
                        unsigned turn)
{
    assert(among != 0);
    switch (c->settings.balance) {
    case BALANCE_ROUND_ROBIN:
        return choose_next(among, turn);
    case BALANCE_LEAST:
        return choose_least(c, among, turn);
    case BALANCE_HASH:
        return choose_by_key(c, among, stream_key);
    default:
        WRONG("no such balance");
    }
}
