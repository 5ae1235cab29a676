/*
 * HTTP origins that do not want their objects shared, or change their mind about it, or have
 * nothing sensible to give just now.
 */
#include "gate/testing.h"

#include "gate/origin_testing.h"

#define SEGMENT "/live/ch1/s1.ts"
#define PLAYLIST_PATH "/live/ch1/a.m3u8"

static void open_world(struct world *w, const char *settings)
{
    world_open_http(w, settings);
    origin_forget_asked();
}

static void close_world(struct world *w)
{
    TURN_UNTIL(w->loop, list_is_empty(&w->worker->fetches));
    world_close(w);
    origin_forget_asked();
}

/* Asks, and lets the origin answer. */
static struct answer fetched(struct world *w, const char *target, const char *fields,
                             const char *body)
{
    unsigned before = origin_asked_count();
    struct asking *a = ask_begin(w, target);

    origin_answer(origin_asked(before), "200", fields, body);
    return world_ask_end(a);
}

static void assert_served(struct answer a, const char *body, const char *word)
{
    assert_outcome(a, OUT_OK);
    assert_str(a.body, body);
    assert_field(&a, "X-Cache", word);
}

/* ---- not to be shared ---- */

/* RFC 9111 3.2: a 304 brings new rules for what we have. */
static void test_what_has_become_private_is_shared_no_more(void **state)
{
    static const char *const fields[] = {"ETag: \"1\"\r\nCache-Control: no-store\r\n",
                                         "ETag: \"1\"\r\nCache-Control: private, max-age=60\r\n",
                                         "ETag: \"1\"\r\nVary: User-Agent\r\n"};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct world w;
        struct asking *a;

        open_world(&w, ALL_OPEN "cache: { header: on }\n");
        fetched(&w, SEGMENT, "ETag: \"1\"\r\nCache-Control: max-age=1\r\n", "all's");
        world_pass(&w, 2);
        a = ask_begin(&w, SEGMENT);
        origin_head(origin_asked(1), "304", fields[i]);
        assert_string_equal(origin_asked(2)->if_none_match, "");
        origin_answer(origin_asked(2), "200", fields[i], "mine");
        assert_served(world_ask_end(a), "mine", "BYPASS");
        assert_served(fetched(&w, SEGMENT, fields[i], "its own"), "its own", "BYPASS");
        close_world(&w);
    }
}

static void test_caches_in_front_of_us_are_told_not_to_share_either(void **state)
{
    static const struct {
        const char *fields, *want;
    } cases[] = {
        {"Cache-Control: private, max-age=9\r\n", "no-store"},
        {"Cache-Control: no-store\r\n", "no-store"},
        {"Vary: User-Agent\r\n", "no-store"},
        {"Cache-Control: max-age=1\r\n", "public, max-age=300"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct answer a;

        open_world(&w, ALL_OPEN);
        a = fetched(&w, SEGMENT, cases[i].fields, "x");
        assert_field(&a, "Cache-Control", cases[i].want);
        close_world(&w);
    }
}

/* ---- nothing more to give ---- */

/* Then a viewer who has ended his side costs nobody anything, and gets what is here. */
static void test_what_has_landed_is_no_more_fed_by_its_origin(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN);
    a = ask_begin(&w, SEGMENT, .sending = SEND_LATER);
    assert_true(req_is_fed_by_origin(a->req));
    origin_head(origin_asked(0), "200", "Content-Length: 4\r\n");
    origin_bytes(origin_asked(0), "ab");
    TURN_UNTIL(w.loop, a->is_sending);
    assert_true(req_is_fed_by_origin(a->req));
    origin_bytes(origin_asked(0), "cd");
    origin_end(origin_asked(0), 0);
    assert_false(req_is_fed_by_origin(a->req));
    assert_str(world_ask_end(a).body, "abcd");
    close_world(&w);
}

/* ---- nothing sensible ---- */

/* An empty file, say, that a packager is about to fill. */
static void test_what_is_no_playlist_lasts_for_a_moment(void **state)
{
    struct world w;
    struct answer a;

    open_world(&w, ALL_OPEN "cache: { ttl: 1m, header: on }\n");
    assert_served(fetched(&w, PLAYLIST_PATH, "Cache-Control: max-age=60\r\n", ""), "", "MISS");
    assert_served(ask(&w, PLAYLIST_PATH), "", "HIT");
    world_pass(&w, 1);
    a = fetched(&w, PLAYLIST_PATH, "", "#EXTM3U\n");
    assert_served(a, "#EXTM3U\n", "MISS");
    close_world(&w);
}

static void test_a_stale_copy_is_better_than_a_long_wait(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN "cache: { ttl: 10s, stale_if_error: 1m, header: on }\n");
    fetched(&w, SEGMENT, "", "old");
    world_pass(&w, 20);
    a = ask_begin(&w, SEGMENT);
    req_expire(a->req);
    assert_served(world_ask_end(a), "old", "STALE");
    TURN_UNTIL(w.loop, origin_asked(1)->is_cancelled);
    close_world(&w);
}

static void test_a_query_of_thousands_of_parameters(void **state)
{
    enum { PARAMETERS = 7000 };
    static char target[sizeof SEGMENT + 1 + 2 * PARAMETERS];
    struct world w;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    strcpy(target, SEGMENT "?");
    for (unsigned i = 0; i < PARAMETERS; i++)
        strcat(target, "a&");
    assert_served(fetched(&w, target, "", "x"), "x", "MISS");
    target[strlen(target) - 1] = '\0';
    assert_served(ask(&w, target), "x", "HIT"); /* "&" between parameters alone */
    close_world(&w);
}

TEST_MAIN(cmocka_unit_test(test_what_has_become_private_is_shared_no_more),
          cmocka_unit_test(test_caches_in_front_of_us_are_told_not_to_share_either),
          cmocka_unit_test(test_what_has_landed_is_no_more_fed_by_its_origin),
          cmocka_unit_test(test_what_is_no_playlist_lasts_for_a_moment),
          cmocka_unit_test(test_a_stale_copy_is_better_than_a_long_wait),
          cmocka_unit_test(test_a_query_of_thousands_of_parameters))
