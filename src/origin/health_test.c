/* The health of one server: a table of moves, and the word it is packed in. */
#include "origin/health.h"

#include "base/test.h"

#define S USEC_PER_SEC

static const struct health_rules rules = {
    .eject_after = 3, .eject_time = 1 * S, .eject_max = 10 * S};

static void expect(const struct health *got, const struct health *want, const char *what)
{
    if (got->state != want->state || got->failures != want->failures ||
        got->strikes != want->strikes || got->is_tried != want->is_tried ||
        got->until != want->until)
        fail_msg("%s: got %d f%u s%u t%d %lu, want %d f%u s%u t%d %lu", what, got->state,
                 got->failures, got->strikes, got->is_tried, (unsigned long)got->until, want->state,
                 want->failures, want->strikes, want->is_tried, (unsigned long)want->until);
}

static void moves(void **state)
{
#define UP(...)                         \
    {                                   \
        .state = SERVER_UP, __VA_ARGS__ \
    }
#define OUT(s, u)                                               \
    {                                                           \
        .state = SERVER_EJECTED, .strikes = (s), .until = (u)*S \
    }
#define TRIAL(s, t)                                            \
    {                                                          \
        .state = SERVER_TRIAL, .strikes = (s), .is_tried = (t) \
    }
#define DOWN                 \
    {                        \
        .state = SERVER_DOWN \
    }
    static const struct {
        const char *what;
        struct health from;
        enum health_event event;
        enum use_kind kind;
        struct health to; /* at 100 s */
    } cases[] = {
        {"an answer ends the row", UP(.failures = 2), HEALTH_ANSWERED, USE_ORDINARY, UP()},
        {"failures add up", UP(.failures = 1), HEALTH_FAILED, USE_ORDINARY, UP(.failures = 2)},
        {"to an ejection", UP(.failures = 2), HEALTH_FAILED, USE_ORDINARY, OUT(1, 101)},
        {"long after the last one", UP(.failures = 2, .strikes = 3, .until = 100 * S),
         HEALTH_FAILED, USE_ORDINARY, OUT(1, 101)},
        {"right after the last one", UP(.failures = 2, .strikes = 3, .until = 100 * S + 1),
         HEALTH_FAILED, USE_ORDINARY, OUT(4, 108)},
        {"never longer than the longest", UP(.failures = 2, .strikes = 9, .until = 101 * S),
         HEALTH_FAILED, USE_ORDINARY, OUT(10, 110)},
        {"giving up says nothing", UP(.failures = 2), HEALTH_LET_GO, USE_ORDINARY,
         UP(.failures = 2)},

        {"a late answer brings nobody back", OUT(1, 101), HEALTH_ANSWERED, USE_ORDINARY,
         OUT(1, 101)},
        {"a late failure costs nothing", OUT(1, 101), HEALTH_FAILED, USE_ORDINARY, OUT(1, 101)},
        {"nor does one of a last resort", OUT(1, 101), HEALTH_FAILED, USE_LAST_RESORT, OUT(1, 101)},
        {"whose answer brings it back", OUT(2, 101), HEALTH_ANSWERED, USE_LAST_RESORT,
         UP(.strikes = 2, .until = 102 * S)},

        {"a trial is won", TRIAL(3, true), HEALTH_ANSWERED, USE_TRIAL,
         UP(.strikes = 3, .until = 104 * S)},
        {"a trial is lost", TRIAL(3, true), HEALTH_FAILED, USE_TRIAL, OUT(4, 108)},
        {"a trial is given back", TRIAL(3, true), HEALTH_LET_GO, USE_TRIAL, TRIAL(3, false)},
        {"others do not decide it", TRIAL(3, true), HEALTH_FAILED, USE_ORDINARY, TRIAL(3, true)},
        {"nor lose it", TRIAL(3, true), HEALTH_FAILED, USE_LAST_RESORT, TRIAL(3, true)},
        {"nor end it", TRIAL(3, true), HEALTH_LET_GO, USE_ORDINARY, TRIAL(3, true)},
        {"nor win it late", TRIAL(3, true), HEALTH_ANSWERED, USE_ORDINARY, TRIAL(3, true)},
        {"a last resort may win it", TRIAL(1, true), HEALTH_ANSWERED, USE_LAST_RESORT,
         UP(.strikes = 1, .until = 101 * S)},

        {"checks take it down", UP(.failures = 2), HEALTH_CHECKS_FELL, USE_ORDINARY, DOWN},
        {"ejected or not", OUT(3, 101), HEALTH_CHECKS_FELL, USE_ORDINARY, DOWN},
        {"tried or not", TRIAL(3, true), HEALTH_CHECKS_FELL, USE_ORDINARY, DOWN},
        {"and up again", DOWN, HEALTH_CHECKS_ROSE, USE_ORDINARY, UP()},
        {"but from nowhere else", OUT(3, 101), HEALTH_CHECKS_ROSE, USE_ORDINARY, OUT(3, 101)},
        {"nothing but checks brings it up", DOWN, HEALTH_ANSWERED, USE_LAST_RESORT, DOWN},
        {"or takes it out", DOWN, HEALTH_FAILED, USE_LAST_RESORT, DOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health got =
            health_next(cases[i].from, cases[i].event, cases[i].kind, &rules, 100 * S);

        expect(&got, &cases[i].to, cases[i].what);
    }
}

static void ejections_can_be_off(void **state)
{
    struct health_rules never = {.eject_after = 0, .eject_time = S, .eject_max = S};
    struct health h = {.state = SERVER_UP};

    for (int i = 0; i < 1000; i++)
        h = health_next(h, HEALTH_FAILED, USE_ORDINARY, &never, 100 * S);
    assert_int_equal(h.state, SERVER_UP);
}

/* A server that never recovers: the times it is out. */
static void ejections_grow(void **state)
{
    static const unsigned seconds[] = {1, 2, 4, 8, 10, 10, 10};
    struct health h = {.state = SERVER_UP, .failures = 2};
    usec_t now = 50 * S;

    h = health_next(h, HEALTH_FAILED, USE_ORDINARY, &rules, now);
    for (size_t i = 0; i < ARRAY_LEN(seconds); i++) {
        assert_int_equal(h.until - now, seconds[i] * S);
        assert_false(health_may_be_tried(&h, h.until - 1));
        assert_true(health_may_be_tried(&h, h.until));
        now = h.until;
        h = health_next(health_on_trial(h), HEALTH_FAILED, USE_TRIAL, &rules, now);
    }
}

static void who_may_be_asked(void **state)
{
    static const struct {
        struct health h;
        bool is_usable, may_be_tried;
        enum server_state seen;
    } cases[] = {
        {UP(), true, false, SERVER_UP},
        {OUT(1, 101), false, false, SERVER_EJECTED},
        {OUT(1, 100), true, true, SERVER_TRIAL},
        {TRIAL(1, false), true, true, SERVER_TRIAL},
        {TRIAL(1, true), false, false, SERVER_TRIAL},
        {DOWN, false, false, SERVER_DOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(health_is_usable(&cases[i].h, 100 * S), cases[i].is_usable);
        assert_int_equal(health_may_be_tried(&cases[i].h, 100 * S), cases[i].may_be_tried);
        assert_int_equal(health_seen(&cases[i].h, 100 * S), cases[i].seen);
    }
}

static void packing(void **state)
{
    static const struct {
        struct health in, out;
    } cases[] = {
        {UP(), UP()},
        {UP(.failures = 65535, .strikes = 31, .until = 5 * S),
         UP(.failures = 65535, .strikes = 31, .until = 5 * S)},
        {UP(.failures = 65536, .strikes = 32), UP(.failures = 65535, .strikes = 31)},
        {OUT(1, 34 * 365 * 86400L), OUT(1, 34 * 365 * 86400L)},
        {{.state = SERVER_EJECTED, .until = 1}, {.state = SERVER_EJECTED, .until = 1000}},
        {TRIAL(7, true), TRIAL(7, true)},
        {DOWN, DOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct health got = health_unpack(health_pack(&cases[i].in));

        expect(&got, &cases[i].out, "packed and unpacked");
    }
}

TEST_MAIN(cmocka_unit_test(moves), cmocka_unit_test(ejections_can_be_off),
          cmocka_unit_test(ejections_grow), cmocka_unit_test(who_may_be_asked),
          cmocka_unit_test(packing))
