/*
 * The limit of streams a uid may have at a time. Stories first, as in conformance_stories.c; then
 * what looks at more than verdicts: who is ended, gate tokens, what is counted.
 */
#include "store/conformance.h"

#include "base/test.h"

enum { S = ADMIT_SESSION, G = ADMIT_GRANT, U = ADMIT_USE, IDLE = 60 };

static struct store *(*open_empty)(const struct store_rules *rules);

static struct store_rules limited(unsigned max, bool ends_oldest)
{
    struct store_rules rules = conformance_rules;

    rules.max_streams = max;
    rules.streams_idle = IDLE;
    rules.streams_end_oldest = ends_oldest;
    return rules;
}

#define COUNTED(max_)                                 \
    {                                                 \
        {                                             \
            .id = 'c', .mode = USE_COUNT, .max = max_ \
        }                                             \
    }
#define REFUSED .want = REFUSED_TOO_MANY_STREAMS
#define GONE .may_not_begin = true, .want = REFUSED_NO_SESSION
#define PHONE .ua = "UA-2", .key = "movie2" /* another device, another title */
#define TABLET .ua = "UA-3", .key = "movie3"

static const struct story {
    const char *name;
    unsigned max;
    bool ends_oldest;
    struct step steps[12];
} stories[] = {
    {"one at a time, and more of the same",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S},
      {ADMIT, .checks = S, PHONE, REFUSED},
      {ADMIT, .checks = S, .ua = "UA-2", REFUSED},
      {ADMIT, .checks = S, .ip = "10.1.2.3", REFUSED},
      {ADMIT, .at = 20, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 20, .checks = S, PHONE, GONE}}},
    {"each uid has a limit of its own",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S, .uid = "u10"},
      {ADMIT, .checks = S, .uid = "u2", .key = "movie2"},
      {ADMIT, .checks = S, .uid = "u2", TABLET, REFUSED}}},
    {"who is unknown has none",
     1,
     false,
     {{ADMIT, .checks = S, .uid = ""},
      {ADMIT, .checks = S, .uid = "", .key = "movie2"},
      {ADMIT, .checks = S, .uid = "", .key = "movie3"}}},
    {"a uid that a grant told counts",
     1,
     false,
     {{GRANT},
      {GRANT, PHONE},
      {ADMIT, .checks = G | S, .uid = ""},
      {ADMIT, .checks = G | S, .uid = "", PHONE, REFUSED},
      {ADMIT, .checks = S, TABLET, REFUSED}}},
    {"what asks for no session is no stream",
     1,
     false,
     {{GRANT, .is_static = true},
      {GRANT},
      {ADMIT, .checks = S},
      {ADMIT, .checks = G},
      {ADMIT, .checks = ADMIT_GRANT_IP, .key = "movie2"},
      {ADMIT, .checks = U, .key = "movie3", .use = COUNTED(1)}}},
    {"a stream is freed when it was idle for long enough",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 59, .checks = S, PHONE, REFUSED},
      {ADMIT, .at = 60, .checks = S, PHONE},
      {ADMIT, .at = 119, .checks = S, REFUSED},
      {ADMIT, .at = 120, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 120, .checks = S, PHONE, REFUSED}}},
    {"what plays does not look idle",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 40, .checks = S},
      {ADMIT, .at = 80, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 99, .checks = S, PHONE, REFUSED},
      {TOUCH, .at = 120},
      {TOUCH, .at = 170},
      {ADMIT, .at = 229, .checks = S, PHONE, REFUSED},
      {ADMIT, .at = 230, .checks = S, PHONE}}},
    {"who comes back in time, or first, goes on",
     2,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S, PHONE},
      {ADMIT, .at = 200, .checks = S, .may_not_begin = true},
      {TOUCH, .at = 201, PHONE},
      {ADMIT, .at = 202, .checks = S, TABLET, REFUSED},
      {ADMIT, .at = 240, .checks = S, PHONE, .may_not_begin = true},
      {ADMIT, .at = 261, .checks = S, TABLET}}},
    {"who comes back by a gate token when others have its place is ended",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, PHONE},
      {TOUCH, .at = 101},
      {ADMIT, .at = 200, .checks = S, GONE},
      {ADMIT, .at = 200, .checks = S, PHONE, .may_not_begin = true}}},
    {"who comes back by a playlist is refused until there is room",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, PHONE},
      {ADMIT, .at = 101, .checks = S, REFUSED},
      {ADMIT, .at = 101, .checks = S, .may_not_begin = true, REFUSED},
      {ADMIT, .at = 160, .checks = S, .may_not_begin = true}}},
    {"a refusal spends nothing",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S | U, PHONE, .use = COUNTED(1), REFUSED},
      {ADMIT, .checks = S | U, .use = COUNTED(1)},
      {ADMIT, .checks = S | U, PHONE, .use = COUNTED(1), REFUSED},
      {ADMIT, .at = 70, .checks = S | U, PHONE, .use = COUNTED(1), .want = REFUSED_USED_UP},
      {ADMIT, .at = 70, .checks = S}}}, /* nor has who was used up taken the place */
    {"HEAD and explanations leave nothing behind",
     1,
     false,
     {{ADMIT, .checks = S, .is_dry = true},
      {ADMIT, .checks = S, PHONE},
      {ADMIT, .checks = S, .is_dry = true, REFUSED},
      {ADMIT, .at = 70, .checks = S, .is_dry = true},
      {ADMIT, .at = 70, .checks = S, PHONE, .may_not_begin = true}}},
    {"the one idle for longest makes room",
     2,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 10, .checks = S, PHONE},
      {TOUCH, .at = 30},
      {ADMIT, .at = 31, .checks = S, TABLET},
      {ADMIT, .at = 32, .checks = S, PHONE, GONE},
      {ADMIT, .at = 32, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 32, .checks = S, TABLET, .may_not_begin = true}}},
    {"at a tie the oldest makes room",
     2,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 5, .checks = S, PHONE},
      {TOUCH, .at = 40, PHONE},
      {TOUCH, .at = 40},
      {ADMIT, .at = 41, .checks = S, TABLET},
      {ADMIT, .at = 42, .checks = S, GONE},
      {ADMIT, .at = 42, .checks = S, PHONE, .may_not_begin = true}}},
    {"who comes back takes a place as who is new does",
     1,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, PHONE},
      {ADMIT, .at = 110, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 110, .checks = S, PHONE, GONE},
      {ADMIT, .at = 200, .checks = S, TABLET},
      {TOUCH, .at = 201},
      {ADMIT, .at = 202, .checks = S, TABLET, GONE},
      {ADMIT, .at = 202, .checks = S, .may_not_begin = true}}},
    {"who changes to another title takes the place of the last",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 1, .checks = S, .key = "movie2"},
      {ADMIT, .at = 1, .checks = S, GONE},
      {ADMIT, .at = 2, .checks = S, PHONE, REFUSED},
      {ADMIT, .at = 2, .checks = S, .key = "movie3"},
      {ADMIT, .at = 2, .checks = S, .key = "movie2", GONE},
      {ADMIT, .at = 3, .checks = S},
      {ADMIT, .at = 3, .checks = S, .key = "movie3", GONE},
      {ADMIT, .at = 3, .checks = S, PHONE, REFUSED},
      {ADMIT, .at = 4, .checks = S, .may_not_begin = true}}},
    {"nor does it end another's that was idle for longer",
     2,
     true,
     {{ADMIT, .checks = S, PHONE},
      {ADMIT, .at = 10, .checks = S},
      {ADMIT, .at = 20, .checks = S, .key = "movie3"},
      {ADMIT, .at = 20, .checks = S, GONE},
      {ADMIT, .at = 20, .checks = S, PHONE, .may_not_begin = true}}},
    {"while there is room a viewer may have several",
     2,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 1, .checks = S, .key = "movie2"},
      {TOUCH, .at = 20},
      {ADMIT, .at = 21, .checks = S, .key = "movie3"}, /* of two the one idle for longest goes */
      {ADMIT, .at = 21, .checks = S, .key = "movie2", GONE},
      {ADMIT, .at = 21, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 21, .checks = S, .key = "movie3", .may_not_begin = true}}},
    {"of its own, too, the oldest goes at a tie",
     2,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 5, .checks = S, .key = "movie2"},
      {TOUCH, .at = 40, .key = "movie2"},
      {TOUCH, .at = 40},
      {ADMIT, .at = 41, .checks = S, .key = "movie3"},
      {ADMIT, .at = 41, .checks = S, GONE},
      {ADMIT, .at = 41, .checks = S, .key = "movie2", .may_not_begin = true}}},
    {"who comes back by a playlist takes the place of its own, too",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, .key = "movie2"},
      {ADMIT, .at = 110, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 110, .checks = S, .key = "movie2", GONE},
      {ADMIT, .at = 110, .checks = S, PHONE, REFUSED}}},
    {"a link ends nothing of its own viewer's: it was given out before",
     1,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, .key = "movie2"},
      {TOUCH, .at = 101},
      {ADMIT, .at = 110, .checks = S, GONE},
      {ADMIT, .at = 110, .checks = S, .key = "movie2", .may_not_begin = true}}},
    {"nor another's, where its own viewer would have to make way",
     2,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 100, .checks = S, PHONE},
      {ADMIT, .at = 110, .checks = S, .key = "movie3"},
      {TOUCH, .at = 111},
      {ADMIT, .at = 112, .checks = S, GONE},
      {ADMIT, .at = 112, .checks = S, .key = "movie3", .may_not_begin = true},
      {ADMIT, .at = 112, .checks = S, PHONE, .may_not_begin = true}}},
    {"to and fro, with late links of what was left each time",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .at = 1, .checks = S, .key = "movie2"},
      {TOUCH, .at = 5},
      {ADMIT, .at = 6, .checks = S, .key = "movie2", .may_not_begin = true},
      {ADMIT, .at = 7, .checks = S},
      {TOUCH, .at = 11, .key = "movie2"},
      {ADMIT, .at = 12, .checks = S, .may_not_begin = true},
      {ADMIT, .at = 13, .checks = S, .key = "movie2"},
      {TOUCH, .at = 17},
      {ADMIT, .at = 18, .checks = S, .key = "movie2", .may_not_begin = true},
      {ADMIT, .at = 18, .checks = S, PHONE, REFUSED}}},
    {"another uid's stream of the same player is another's",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S, .uid = "u2", .key = "movie2"},
      {ADMIT, .at = 20, .checks = S, .may_not_begin = true}}},
    {"who explains or asks for the head of another title ends nothing of its own",
     1,
     false,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S, .key = "movie2", .is_dry = true},
      {ADMIT, .checks = S | U, .key = "movie2", .use = COUNTED(0), .want = REFUSED_USED_UP},
      {ADMIT, .at = 20, .checks = S, .may_not_begin = true}}},
    {"who explains ends nobody",
     1,
     true,
     {{ADMIT, .checks = S},
      {ADMIT, .checks = S, PHONE, .is_dry = true},
      {ADMIT, .at = 20, .checks = S, .may_not_begin = true}}},
    {"a use that refuses ends nobody",
     1,
     true,
     {{ADMIT, .checks = S | U, .use = COUNTED(1)},
      {ADMIT, .checks = S | U, PHONE, .use = COUNTED(1), .want = REFUSED_USED_UP},
      {ADMIT, .at = 20, .checks = S, .may_not_begin = true}}},
};

static void test_stories(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(stories); i++) {
        struct store_rules rules = limited(stories[i].max, stories[i].ends_oldest);
        struct world w;

        print_message("    %s\n", stories[i].name);
        world_open(&w, open_empty(&rules));
        for (const struct step *s = stories[i].steps; s->kind != END_OF_STEPS; s++)
            world_step(&w, s);
        world_close(&w);
    }
}

/* ---- answers ---- */

/* In a network of its own. */
static struct step nth(struct world *w, int i)
{
    return (struct step){ADMIT, .checks = S, .key = arena_printf(&w->arena, "stream%d", i).p,
                         .ip = arena_printf(&w->arena, "10.%d.%d.1", i / 256, i % 256).p};
}

static struct admission explain(struct world *w, const struct step *s)
{
    struct step dry = *s;
    struct admission a;

    dry.is_dry = true;
    step_admission(&dry, &w->arena, &a);
    assert_int_equal(world_wait(w, store_admit(w->worker, &a)), 0);
    return a;
}

static void set_rules(struct world *w, unsigned max, bool ends_oldest)
{
    struct store_rules rules = limited(max, ends_oldest);

    store_set_rules(w->store, &rules);
}

static void open_limited(struct world *w, unsigned max, bool ends_oldest)
{
    struct store_rules rules = limited(max, ends_oldest);

    world_open(w, open_empty(&rules));
}

static void test_counts(void **state)
{
    struct admission a;
    struct step s;
    struct world w;

    open_limited(&w, 3, false);
    s = nth(&w, 0);
    a = explain(&w, &s);
    assert_true(a.streams_counted && a.streams == 0);
    for (int i = 0; i < 3; i++) {
        s = nth(&w, i);
        world_step(&w, &s);
    }
    a = explain(&w, &s);
    assert_int_equal(a.verdict, ADMITTED);
    assert_int_equal(a.streams, 2); /* beside its own */
    s = nth(&w, 3);
    a = explain(&w, &s);
    assert_int_equal(a.verdict, REFUSED_TOO_MANY_STREAMS);
    assert_int_equal(a.streams, 3);
    assert_int_equal(a.streams_ended, 0);
    set_rules(&w, 2, true);
    a = explain(&w, &s);
    assert_int_equal(a.verdict, ADMITTED);
    assert_int_equal(a.streams_ended, 2);
    assert_false(a.streams_ended_own);
    set_rules(&w, 0, true);
    assert_false(explain(&w, &s).streams_counted);
    world_close(&w);
}

/* With its own among those that would have to make way: that is told, under either setting. */
static void test_counts_of_who_zaps(void **state)
{
    struct step s = {ADMIT, .checks = S, .key = "movie2"};
    struct admission a;
    struct world w;

    open_limited(&w, 2, false);
    world_step(&w, &(struct step){ADMIT, .checks = S});
    assert_false(explain(&w, &s).streams_ended_own); /* there is room */
    world_step(&w, &(struct step){ADMIT, .checks = S, TABLET});
    for (int i = 0; i < 2; i++) {
        set_rules(&w, 2, i > 0);
        a = explain(&w, &s);
        assert_int_equal(a.verdict, ADMITTED);
        assert_int_equal(a.streams, 2);
        assert_int_equal(a.streams_ended, 1);
        assert_true(a.streams_ended_own);
    }
    world_close(&w);
}

static bool is_revoked(struct world *w, const struct step *s, const struct store_session *session)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(s, viewer);
    return store_is_revoked(w->worker, viewer, session->uid, session->ends);
}

/* Known in this process when the admission is answered. */
static void test_the_ended_one_is_refused_by_its_gate_tokens(void **state)
{
    struct step first, second;
    struct store_session one, two;
    struct admission a;
    struct world w;

    open_limited(&w, 1, true);
    first = nth(&w, 1);
    second = nth(&w, 2);
    one = world_session(&w, &first);
    step_admission(&second, &w.arena, &a);
    assert_int_equal(world_wait(&w, store_admit(w.worker, &a)), 0);
    assert_int_equal(a.streams_ended, 1);
    assert_true(is_revoked(&w, &first, &one));
    two = world_session(&w, &second);
    assert_false(is_revoked(&w, &second, &two));
    one = world_session(&w, &first); /* may begin again, and does what was done to it */
    assert_false(is_revoked(&w, &first, &one));
    assert_true(is_revoked(&w, &second, &two));
    world_close(&w);
}

static void test_a_title_that_was_left_is_refused_by_its_gate_tokens(void **state)
{
    struct step first = {.checks = S}, second = {.checks = S, .key = "movie2"};
    struct store_session one, two;
    struct world w;

    open_limited(&w, 1, false);
    one = world_session(&w, &first);
    two = world_session(&w, &second);
    assert_true(is_revoked(&w, &first, &one));
    assert_false(is_revoked(&w, &second, &two));
    world_close(&w);
}

static void test_a_touch_that_finds_no_room_ends_its_own(void **state)
{
    struct step first = {.checks = S}, second = {.checks = S, PHONE, .at = 100};
    struct store_session one, two;
    struct world w;

    open_limited(&w, 1, false);
    one = world_session(&w, &first);
    two = world_session(&w, &second);
    assert_false(is_revoked(&w, &first, &one)); /* it may come back while nobody has asked */
    world_step(&w, &(struct step){TOUCH, .at = 101});
    assert_true(is_revoked(&w, &first, &one));
    assert_false(is_revoked(&w, &second, &two));
    world_close(&w);
}

/* ---- reloads ---- */

/* Those that play go on, whatever the new limit is; each that goes makes it come nearer. */
static void test_a_lower_limit_ends_nobody(void **state)
{
    struct step s;
    struct world w;

    open_limited(&w, 4, false);
    for (int i = 0; i < 4; i++) {
        s = nth(&w, i);
        world_step(&w, &s);
    }
    set_rules(&w, 2, false);
    for (int i = 0; i < 3; i++) {
        s = nth(&w, i);
        s.kind = TOUCH;
        s.at = 40;
        world_step(&w, &s);
    }
    s = nth(&w, 4);
    s.at = 61; /* one has gone, three are left */
    s.want = REFUSED_TOO_MANY_STREAMS;
    world_step(&w, &s);
    set_rules(&w, 2, true);
    s.want = ADMITTED;
    world_step(&w, &s);
    s = nth(&w, 2); /* of three the last of the row, by their age */
    s.at = 61;
    s.may_not_begin = true;
    world_step(&w, &s);
    s = nth(&w, 1);
    s.at = 61;
    s.may_not_begin = true;
    s.want = REFUSED_NO_SESSION;
    world_step(&w, &s);
    world_close(&w);
}

/* Of its own as many as are needed make way; where these do not suffice, nobody else's. */
static void test_who_zaps_past_a_lower_limit_ends_its_own_alone(void **state)
{
    static const char *const titles[] = {"movie1", "movie2", "movie3"};
    struct step zaps = {ADMIT, .at = 10, .checks = S, .key = "movie4"},
                phone = {ADMIT, .checks = S, PHONE};
    struct world w;

    for (int ends_oldest = 0; ends_oldest < 2; ends_oldest++) {
        open_limited(&w, 4, ends_oldest);
        world_step(&w, &phone);
        for (size_t i = 0; i < ARRAY_LEN(titles); i++)
            world_step(&w, &(struct step){ADMIT, .checks = S, .key = titles[i]});
        set_rules(&w, 3, ends_oldest);
        world_step(&w, &zaps); /* two make way for it */
        world_step(&w, &(struct step){ADMIT, .at = 10, .checks = S, .key = "movie2", GONE});
        world_step(&w, &(struct step){ADMIT, .at = 10, .checks = S, .key = "movie3",
                                      .may_not_begin = true});
        set_rules(&w, 1, ends_oldest);
        world_step(&w, &(struct step){ADMIT, .at = 10, .checks = S}); /* here three would have to */
        assert_int_equal(explain(&w, &zaps).streams, 2);
        world_step(&w, &(struct step){ADMIT, .at = 10, .checks = S, PHONE, .may_not_begin = true});
        world_close(&w);
    }
}

/* Sessions that began without a limit are entered when they are heard of. */
static void test_a_limit_that_is_new_counts_who_is_heard_of(void **state)
{
    struct step s;
    struct world w;

    open_limited(&w, 0, false);
    for (int i = 0; i < 3; i++) {
        s = nth(&w, i);
        world_step(&w, &s);
    }
    set_rules(&w, 1, false);
    s = nth(&w, 0);
    s.at = 40;
    world_step(&w, &s);
    s = nth(&w, 1);
    s.at = 40;
    s.want = REFUSED_TOO_MANY_STREAMS;
    world_step(&w, &s);
    s = nth(&w, 2);
    s.kind = TOUCH;
    s.at = 40;
    world_step(&w, &s);
    s.kind = ADMIT;
    s.may_not_begin = true;
    s.want = REFUSED_NO_SESSION;
    world_step(&w, &s);
    world_close(&w);
}

static void test_a_shorter_life_of_sessions_counts(void **state)
{
    struct store_rules rules = limited(1, false);
    struct world w;

    rules.session_ttl = 30; /* what is no live session is no stream */
    world_open(&w, open_empty(&rules));
    world_step(&w, &(struct step){ADMIT, .checks = S});
    world_step(&w, &(struct step){ADMIT, .at = 29, .checks = S, PHONE, REFUSED});
    world_step(&w, &(struct step){ADMIT, .at = 30, .checks = S, PHONE});
    world_close(&w);
}

/* ---- ended by others ---- */

static void test_a_session_that_ends_frees_its_place(void **state)
{
    struct session_end e = {.now = T0 + 5, .uid = STR("u1")};
    struct world w;

    open_limited(&w, 1, false);
    world_grant(&w, &(struct step){0});
    world_step(&w, &(struct step){ADMIT, .checks = G | S});
    world_revoke(&w, &(struct step){0});
    world_step(&w, &(struct step){ADMIT, .checks = S, PHONE});
    world_op(&e.op);
    assert_int_equal(world_wait(&w, store_session_end(w.worker, &e)), 0);
    assert_int_equal(e.ended, 1);
    world_step(&w, &(struct step){ADMIT, .at = 6, .checks = S, TABLET});
    world_close(&w);
}

/* As many as there may be at all, several times over: what lapsed is forgotten, and hides nobody.
 */
static void test_many_streams(void **state)
{
    struct admission a;
    struct step s;
    struct world w;

    open_limited(&w, STORE_MAX_STREAMS + 1, false); /* as good as the most */
    for (int i = 0; i < 3 * STORE_MAX_STREAMS; i++) {
        s = nth(&w, i);
        s.at = i / STORE_MAX_STREAMS * 100 + i % STORE_MAX_STREAMS / 3;
        world_step(&w, &s);
    }
    s = nth(&w, 1000);
    s.at = 230;
    a = explain(&w, &s);
    assert_int_equal(a.streams, STORE_MAX_STREAMS);
    assert_int_equal(a.verdict, REFUSED_TOO_MANY_STREAMS);
    world_close(&w);
}

int conformance_streams(struct store *(*open)(const struct store_rules *rules))
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_counts_of_who_zaps),
        cmocka_unit_test(test_the_ended_one_is_refused_by_its_gate_tokens),
        cmocka_unit_test(test_a_title_that_was_left_is_refused_by_its_gate_tokens),
        cmocka_unit_test(test_a_touch_that_finds_no_room_ends_its_own),
        cmocka_unit_test(test_a_lower_limit_ends_nobody),
        cmocka_unit_test(test_who_zaps_past_a_lower_limit_ends_its_own_alone),
        cmocka_unit_test(test_a_limit_that_is_new_counts_who_is_heard_of),
        cmocka_unit_test(test_a_shorter_life_of_sessions_counts),
        cmocka_unit_test(test_a_session_that_ends_frees_its_place),
        cmocka_unit_test(test_many_streams),
    };

    open_empty = open;
    return cmocka_run_group_tests_name("streams at a time", tests, NULL, NULL);
}
