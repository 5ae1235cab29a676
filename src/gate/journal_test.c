#include "gate/journal.h"

#include "base/test.h"

enum { MANY = 4 };

static void add(struct journal *j, enum journal_ring ring, usec_t at)
{
    struct journal_record r = {.at = at, .ended = at, .status = (uint16_t)(at % 1000)};

    journal_add(j, ring, &r);
}

static unsigned read_all(struct journal *const *js, unsigned count, enum journal_ring ring,
                         unsigned limit, usec_t *ret_at)
{
    struct journal_record *records;
    struct arena a;
    unsigned n;

    arena_init(&a, 1 << 20);
    n = journal_read(js, count, ring, limit, &a, &records);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(records[i].status, records[i].at % 1000);
        ret_at[i] = records[i].at;
    }
    arena_done(&a);
    return n;
}

static void test_empty(void **state)
{
    AUTO(journal_free) struct journal *j = journal_new();
    usec_t at[1];

    for (int ring = 0; ring < JOURNAL_COUNT; ring++)
        assert_int_equal(read_all(&j, 1, (enum journal_ring)ring, 10, at), 0);
    assert_int_equal(read_all(NULL, 0, JOURNAL_RECENT, 10, at), 0);
}

/* Around every edge of a ring: what is kept are the newest, newest first. */
static void test_ring_keeps_the_newest(void **state)
{
    usec_t at[300];

    for (int ring = 0; ring < JOURNAL_COUNT; ring++) {
        AUTO(journal_free) struct journal *j = journal_new();
        unsigned kept = journal_kept((enum journal_ring)ring);

        for (unsigned i = 1; i <= 2 * kept + 1; i++) {
            unsigned n;

            add(j, (enum journal_ring)ring, i);
            n = read_all(&j, 1, (enum journal_ring)ring, UINT32_MAX, at);
            assert_int_equal(n, MIN(i, kept));
            assert_int_equal(at[0], i);
            assert_int_equal(at[n - 1], i - n + 1);
        }
    }
}

static void test_rings_are_apart(void **state)
{
    AUTO(journal_free) struct journal *j = journal_new();
    usec_t at[300];

    add(j, JOURNAL_DENIED, 1);
    add(j, JOURNAL_KEY, 2);
    assert_int_equal(read_all(&j, 1, JOURNAL_RECENT, 9, at), 0);
    assert_int_equal(read_all(&j, 1, JOURNAL_REPLAY, 9, at), 0);
    assert_int_equal(read_all(&j, 1, JOURNAL_DENIED, 9, at), 1);
    assert_int_equal(at[0], 1);
    assert_int_equal(read_all(&j, 1, JOURNAL_KEY, 9, at), 1);
    assert_int_equal(at[0], 2);
}

/* Of two workers one has nothing new to say: that must not hide what the other has seen since. */
static void test_a_clock_that_was_put_back(void **state)
{
    struct journal *js[] = {journal_new(), journal_new()};
    struct journal_record before = {.at = 1000000, .ended = 1}, after = {.at = 5, .ended = 2};
    usec_t at[300];

    for (unsigned i = 0; i < journal_kept(JOURNAL_RECENT); i++)
        journal_add(js[0], JOURNAL_RECENT, &before);
    after.status = 5;
    journal_add(js[1], JOURNAL_RECENT, &after);
    assert_int_equal(read_all(js, 2, JOURNAL_RECENT, 1, at), 1);
    assert_int_equal(at[0], 5);
    journal_free(&js[0]);
    journal_free(&js[1]);
}

static void test_limit(void **state)
{
    AUTO(journal_free) struct journal *j = journal_new();
    usec_t at[300];

    for (usec_t i = 1; i <= 20; i++)
        add(j, JOURNAL_RECENT, i);
    for (unsigned limit = 0; limit <= 25; limit++) {
        unsigned n = read_all(&j, 1, JOURNAL_RECENT, limit, at);

        assert_int_equal(n, MIN(limit, 20u));
        for (unsigned i = 0; i < n; i++)
            assert_int_equal(at[i], 20 - i);
    }
}

static void test_told(void **state)
{
    AUTO(journal_free) struct journal *j = journal_new();
    unsigned many = journal_kept(JOURNAL_REPLAY) + 7;

    assert_int_equal(journal_told(j, JOURNAL_REPLAY), 0);
    for (usec_t i = 1; i <= many; i++)
        add(j, JOURNAL_REPLAY, i);
    add(j, JOURNAL_KEY, 1);
    assert_int_equal(journal_told(j, JOURNAL_REPLAY), many);
    assert_int_equal(journal_told(j, JOURNAL_KEY), 1);
}

static void test_workers_are_merged_by_time(void **state)
{
    struct journal *js[MANY];
    usec_t at[300];
    unsigned n;

    for (int i = 0; i < MANY; i++)
        js[i] = journal_new();
    for (usec_t i = 1; i <= 90; i++)
        add(js[i * 7 % MANY], JOURNAL_DENIED, i);
    n = read_all(js, MANY, JOURNAL_DENIED, 300, at);
    assert_int_equal(n, 90);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(at[i], 90 - i);
    for (usec_t i = 91; i <= 500; i++)
        add(js[i % MANY], JOURNAL_DENIED, i);
    n = read_all(js, MANY, JOURNAL_DENIED, 300, at);
    assert_int_equal(n, journal_kept(JOURNAL_DENIED)); /* not once for each worker */
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(at[i], 500 - i);
    for (int i = 0; i < MANY; i++)
        journal_free(&js[i]);
}

static void test_full_arena_gives_nothing(void **state)
{
    AUTO(journal_free) struct journal *j = journal_new();
    struct journal_record *records;
    struct arena a;

    add(j, JOURNAL_RECENT, 1);
    arena_init(&a, sizeof(struct journal_record) / 2);
    assert_int_equal(journal_read(&j, 1, JOURNAL_RECENT, 9, &a, &records), 0);
    arena_done(&a);
}

TEST_MAIN(cmocka_unit_test(test_empty), cmocka_unit_test(test_ring_keeps_the_newest),
          cmocka_unit_test(test_rings_are_apart), cmocka_unit_test(test_a_clock_that_was_put_back),
          cmocka_unit_test(test_limit), cmocka_unit_test(test_told),
          cmocka_unit_test(test_workers_are_merged_by_time),
          cmocka_unit_test(test_full_arena_gives_nothing))
