/*
 * The two backends keep the same rules to the letter: walks of random calls, each made of three
 * stores at once. The first is embedded, the second in Redis; the third is in Redis too and is
 * asked in words that mean the same but that lua/admit_again.lua does not answer. Whatever they
 * answer is written down as text, with sessions by their number, and must be the same text; so must
 * what is revoked after each call.
 *
 * A walk has a seed and a store of its own. Where the answers differ its story is told.
 *
 *     store_differential_test [SECONDS [SEED]]
 */
#include <ftw.h>
#include <stdio.h>

#include "base/test.h"
#include "store/differential_answers_testing.h"
#include "store/embedded.h"
#include "store/redis_testing.h"

enum { EMBEDDED, REDIS, REDIS_LONG_WAY, STORES, CALLS_MAX = 400, STORY_MAX = 64 << 20 };

struct walk {
    uint64_t seed;
    struct store_rules rules;
    struct world worlds[STORES];
    struct seen seen;
    struct buf answers[STORES], story;
    bool is_under_way;
    unsigned long calls; /* of all walks */
};

static struct walk walk;
static struct redis_server server;
static char folder[] = "/tmp/hlsgate_differential_XXXXXX";
static usec_t lasts = 3 * USEC_PER_SEC;
static uint64_t first_seed = 1;

/* ---- stores ---- */

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *at)
{
    return remove(name);
}

static void remove_folder(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_embedded(const struct store_rules *rules)
{
    struct store_embedded_options o = {.path = folder, .size = 64 << 20};
    struct store *ret = NULL;
    struct buf error;

    remove_folder();
    buf_init(&error, 1000);
    assert_int_equal(store_open_embedded(&o, rules, &ret, &error), 0);
    buf_done(&error);
    return ret;
}

/* Activity is written a few seconds late, and here the seconds pass in no time. */
static void write_notes(int store)
{
    struct store_worker *w = walk.worlds[store].worker;

    if (store == EMBEDDED) {
        embedded_notes_flush(embedded_worker(w));
        return;
    }
    redis_touch_end(redis_worker(w));
    redis_touch_begin(redis_worker(w));
}

static void sweep(int store, unix_t now)
{
    struct store *s = walk.worlds[store].store;

    if (store != EMBEDDED)
        redis_server_sweep(s, now);
    else
        for (int i = 0; i < 3; i++)
            assert_int_equal(embedded_housekeep(s, now), 0);
}

/* ---- walks ---- */

static void make_call(const struct call *c)
{
    static const char *const names[] = {"embedded", "Redis", "Redis the long way"};

    walk.calls++;
    call_format(c, &walk.story);
    for (int i = 0; i < STORES; i++) {
        struct buf *answer = &walk.answers[i];
        struct arena *arena = &walk.worlds[i].arena;
        struct asked store = {&walk.worlds[i], (unsigned)i, i == REDIS_LONG_WAY, &walk.seen};

        buf_clear(answer);
        if (c->kind == CALL_SWEEP)
            sweep(i, T0 + c->step.at);
        else
            ask(&store, c, answer);
        write_notes(i);
        ask_revoked(&store, T0 + c->step.at, answer);
        arena_done(arena);
        arena_init(arena, 16 << 20);
    }
    buf_printf(&walk.story, "\n    %.*s\n", STR_FMT(buf_str(&walk.answers[0])));
    for (int i = 1; i < STORES; i++) {
        if (str_eq(buf_str(&walk.answers[i]), buf_str(&walk.answers[0])))
            continue;
        buf_printf(&walk.story, "    but %s: %.*s", names[i], STR_FMT(buf_str(&walk.answers[i])));
        fail_msg("%s answers otherwise", names[i]);
    }
}

static void make_calls(struct call *c)
{
    struct call one = *c;
    char key[16];

    if (c->kind == CALL_RULES)
        walk.rules = c->rules;
    for (int i = 0; c->kind == CALL_BURST && i < BURST; i++) {
        one = burst_call(c, i, key);
        make_call(&one);
    }
    for (int i = 0; c->kind == CALL_ZAPS && i < ZAPS; i++) {
        one = zap_call(c, i);
        make_call(&one);
    }
    if (c->kind != CALL_BURST && c->kind != CALL_ZAPS)
        make_call(c);
    c->step.at = one.step.at; /* what comes next is not before it */
}

static void begin_walk(uint64_t seed, struct dice *d)
{
    *d = (struct dice){seed};
    walk.seed = seed;
    walk.seen.count = 0;
    walk.is_under_way = true;
    walk.rules = random_rules(d);
    buf_clear(&walk.story);
    call_format(&(struct call){.kind = CALL_RULES, .rules = walk.rules}, &walk.story);
    buf_add_char(&walk.story, '\n');
    world_open(&walk.worlds[EMBEDDED], open_embedded(&walk.rules));
    for (int i = REDIS; i < STORES; i++)
        world_open(&walk.worlds[i], redis_server_open(&server, &walk.rules, NULL));
}

static void walk_once(uint64_t seed)
{
    struct dice d;
    struct call c = {.kind = CALL_RULES};
    unsigned calls;

    begin_walk(seed, &d);
    calls = 20 + dice_below(&d, CALLS_MAX);
    for (unsigned i = 0; i < calls && walk.seen.count + BURST < SEEN_MAX; i++) {
        c = random_call(&d, &walk.rules, &c, walk.seen.count);
        make_calls(&c);
    }
    for (int i = 0; i < STORES; i++)
        world_close(&walk.worlds[i]);
    walk.is_under_way = false;
}

static void test_backends_do_not_differ(void **state)
{
    usec_t end = clock_monotonic() + lasts;
    uint64_t seed = first_seed;

    do
        walk_once(seed++);
    while (clock_monotonic() < end);
    printf("%llu walks, %lu calls\n", (unsigned long long)(seed - first_seed), walk.calls);
}

/* Also after a failure, which leaves the walk where it is. */
static int tell_story(void **state)
{
    if (walk.is_under_way)
        fprintf(stderr, "seed %llu\n%.*s\n", (unsigned long long)walk.seed,
                STR_FMT(buf_str(&walk.story)));
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_backends_do_not_differ, tell_story)};
    int failed;

    if (argc > 1)
        lasts = strtoull(argv[1], NULL, 10) * USEC_PER_SEC;
    if (argc > 2)
        first_seed = strtoull(argv[2], NULL, 10);
    assert(mkdtemp(folder) != NULL);
    buf_init(&walk.story, STORY_MAX);
    for (int i = 0; i < STORES; i++)
        buf_init(&walk.answers[i], ANSWER_MAX);
    redis_server_start(&server);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    redis_server_stop(&server);
    remove_folder();
    for (int i = 0; i < STORES; i++)
        buf_done(&walk.answers[i]);
    buf_done(&walk.story);
    return failed;
}
