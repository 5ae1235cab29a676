/*
 * Objects of HTTP origins, with an origin that the test plays: who is asked how often, what is kept
 * for how long, who is fed by whom, and what each way of failing comes to.
 */
#include "gate/testing.h"

#include <errno.h>

#include "gate/fetch.h"
#include "gate/origin_testing.h"
#include "gate/purge.h"

#define NO_TTL "cache: { ttl: 0s, stale_if_error: 0s, header: on }\n"
#define SEGMENT "/live/ch1/s1.ts"

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

/* A question that waits for its origin. */
static struct asking *begin(struct world *w, const char *target)
{
    return ask_begin(w, target);
}

static struct answer end(struct asking *a)
{
    return world_ask_end(a);
}

/* Asks, and lets the origin answer if it is asked. */
static struct answer fetched(struct world *w, const char *target, const char *fields,
                             const char *body)
{
    unsigned before = origin_asked_count();
    struct asking *a = begin(w, target);

    if (origin_asked_count() > before)
        origin_answer(origin_asked(before), "200", fields, body);
    return end(a);
}

static void assert_served(struct answer a, const char *body, const char *word)
{
    assert_outcome(a, OUT_OK);
    assert_str(a.body, body);
    assert_field(&a, "X-Cache", word);
}

/* ---- one fetch for everybody ---- */

static void test_a_miss_is_asked_for_once_and_kept(void **state)
{
    struct world w;
    struct asked *o;
    struct answer a;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    a = fetched(&w, SEGMENT, "ETag: \"1\"\r\nContent-Type: text/html\r\n", "bytes");
    assert_served(a, "bytes", "MISS");
    assert_field(&a, "ETag", "\"1\"");
    assert_field(&a, "Content-Type", "video/mp2t"); /* by suffix: the origin's word is not needed */
    o = origin_asked(0);
    assert_string_equal(o->target, SEGMENT);
    assert_string_equal(o->stream_key, "ch1");
    assert_string_equal(o->user_agent, VIEWER_UA);
    assert_string_equal(o->forwarded_for, VIEWER_IP);
    assert_string_equal(o->range, "");
    assert_string_equal(o->if_none_match, "");
    assert_served(ask(&w, SEGMENT), "bytes", "HIT");
    assert_outcome(ask(&w, SEGMENT, .fields = "If-None-Match: \"1\"\r\n"), OUT_NOT_MODIFIED);
    a = ask(&w, SEGMENT, .fields = "Range: bytes=1-2\r\n");
    assert_outcome(a, OUT_PARTIAL);
    assert_str(a.body, "yt");
    assert_int_equal(origin_asked_count(), 1);
    close_world(&w);
}

static void test_only_what_the_origin_needs_reaches_it_and_the_key(void **state)
{
    static const char *const same[] = {"/s/a%20b.ts?v=2&uid=u&token=x&w=%2f",
                                       "/s/a%20b.ts?v=2&expires=1&CMCD=bl%3D1&w=%2f",
                                       "/s/a%20b.ts?gate=x&scope=%2Fs%2F&v=2&&w=%2f"};
    struct world w;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    fetched(&w, same[0], "", "x");
    assert_string_equal(origin_asked(0)->target, "/s/a%20b.ts?v=2&w=%2f");
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_served(ask(&w, same[i]), "x", "HIT");
    fetched(&w, "/s/a%20b.ts?v=3", "", "y");
    assert_int_equal(origin_asked_count(), 2);
    close_world(&w);
}

static void test_viewers_are_fed_while_it_arrives(void **state)
{
    struct world w;
    struct asking *first, *second, *late;
    struct asked *o;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    first = begin(&w, SEGMENT);
    second = ask_begin(&w, SEGMENT, .ua = "Another/2", .fields = "Range: bytes=2-5\r\n");
    o = origin_asked(0);
    origin_head(o, "200", "Content-Length: 6\r\n");
    origin_bytes(o, "abc");
    TURN_UNTIL(w.loop, first->pulled.n == 3 && second->pulled.n == 1);
    late = begin(&w, SEGMENT);
    assert_int_equal(late->pulled.n, 3);
    origin_bytes(o, "def");
    origin_end(o, 0);
    assert_served(end(first), "abcdef", "MISS");
    assert_str(end(second).body, "cdef");
    assert_served(end(late), "abcdef", "JOIN");
    assert_int_equal(origin_asked_count(), 1);
    close_world(&w);
}

static void test_an_unknown_length_is_passed_on_as_it_comes(void **state)
{
    struct world w;
    struct asking *whole, *part, *all;
    struct asked *o;
    struct answer a;

    open_world(&w, ALL_OPEN);
    whole = begin(&w, SEGMENT);
    part = ask_begin(&w, SEGMENT, .fields = "Range: bytes=1-2\r\n");
    all = ask_begin(&w, SEGMENT, .fields = "Range: bytes=0-\r\n");
    o = origin_asked(0);
    origin_head(o, "200", "Transfer-Encoding: chunked\r\n");
    origin_bytes(o, "ab");
    TURN_UNTIL(w.loop, whole->pulled.n == 2 && all->pulled.n == 2);
    assert_int_equal(part->answer.status, 0); /* of how much is it a part? */
    origin_bytes(o, "cd");
    origin_end(o, 0);
    a = end(whole);
    assert_str(a.body, "abcd");
    assert_int_equal(a.length, HTTP_LENGTH_UNKNOWN);
    a = end(part);
    assert_outcome(a, OUT_PARTIAL);
    assert_field(&a, "Content-Range", "bytes 1-2/4");
    assert_outcome(end(all), OUT_OK);
    assert_int_equal(ask(&w, SEGMENT).length, 4); /* now it is known */
    close_world(&w);
}

/* ---- viewers that leave ---- */

static void leave(struct asking *a)
{
    req_abort(a->req, OUT_CLIENT_LEFT);
}

static void test_the_last_one_to_leave_ends_the_fetch(void **state)
{
    struct world w;
    struct asking *a, *b;

    open_world(&w, ALL_OPEN);
    a = begin(&w, SEGMENT);
    b = begin(&w, SEGMENT);
    leave(a);
    loop_turn(w.loop);
    assert_false(origin_asked(0)->is_cancelled);
    leave(b);
    TURN_UNTIL(w.loop, origin_asked(0)->is_cancelled);
    a = begin(&w, SEGMENT); /* a new one, not that which was given up */
    assert_int_equal(origin_asked_count(), 2);
    origin_answer(origin_asked(1), "200", "", "x");
    assert_outcome(end(a), OUT_OK);
    close_world(&w);
}

static void test_a_fetch_that_is_nearly_done_goes_on(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    a = begin(&w, SEGMENT);
    origin_head(origin_asked(0), "200", "Content-Length: 4\r\n");
    origin_bytes(origin_asked(0), "ab");
    leave(a);
    loop_turn(w.loop);
    loop_turn(w.loop);
    origin_bytes(origin_asked(0), "cd");
    origin_end(origin_asked(0), 0);
    assert_served(ask(&w, SEGMENT), "abcd", "HIT");
    close_world(&w);
}

/* ---- how long it is kept ---- */

struct age_case {
    const char *fields;
    int64_t after;    /* seconds */
    const char *word; /* of the second request */
    const char
        *match; /* If-None-Match of the second request to the origin; NULL: it is not asked */
};

static void test_ages(void **state)
{
    static const struct age_case cases[] = {
        {"Cache-Control: max-age=10\r\nETag: \"1\"\r\n", 9, "HIT", NULL},
        {"Cache-Control: max-age=10\r\nETag: \"1\"\r\n", 11, "MISS", "\"1\""},
        {"Cache-Control: max-age=10\r\nAge: 5\r\nETag: \"1\"\r\n", 6, "MISS", "\"1\""},
        {"Cache-Control: max-age=1, s-maxage=100\r\nETag: \"1\"\r\n", 50, "HIT", NULL},
        {"Cache-Control: no-cache\r\nETag: \"1\"\r\n", 0, "MISS", "\"1\""},
        {"Cache-Control: max-age=10\r\n", 11, "MISS", ""},
        {"Cache-Control: max-age=10, stale-while-revalidate=5\r\nETag: \"1\"\r\n", 12, "STALE",
         "\"1\""},
        {"Cache-Control: max-age=10, stale-while-revalidate=5\r\nETag: \"1\"\r\n", 16, "MISS",
         "\"1\""},
        {"ETag: \"1\"\r\n", 0, "MISS", "\"1\""}, /* ttl is 0 here */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct age_case *c = &cases[i];
        struct world w;
        struct answer a;

        open_world(&w, ALL_OPEN NO_TTL);
        assert_served(fetched(&w, SEGMENT, c->fields, "old"), "old", "MISS");
        if (c->after > 0)
            world_pass(&w, c->after);
        a = fetched(&w, SEGMENT, c->fields, "new");
        assert_field(&a, "X-Cache", c->word);
        assert_str(a.body, strcmp(c->word, "MISS") == 0 ? "new" : "old");
        if (c->match != NULL)
            assert_string_equal(origin_asked(1)->if_none_match, c->match);
        else
            assert_int_equal(origin_asked_count(), 1);
        close_world(&w);
    }
}

static void test_what_proves_right_is_fresh_again(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN NO_TTL);
    fetched(&w, SEGMENT,
            "Cache-Control: max-age=10\r\nETag: \"1\"\r\n"
            "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
            "old");
    world_pass(&w, 20);
    a = begin(&w, SEGMENT);
    assert_string_equal(origin_asked(1)->if_modified_since, "Sun, 06 Nov 1994 08:49:37 GMT");
    origin_head(origin_asked(1), "304", "Cache-Control: max-age=30\r\nETag: \"1\"\r\n");
    assert_served(end(a), "old", "HIT");
    world_pass(&w, 29);
    assert_served(ask(&w, SEGMENT), "old", "HIT");
    assert_int_equal(counted(&w, STAT_FETCHES_REVALIDATED), 1);
    close_world(&w);
}

/* RFC 9111 4.3.4: the stored response's word stands. */
static void test_a_304_that_says_nothing_changes_nothing(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN "cache: { ttl: 1h, stale_if_error: 1h, header: on }\n");
    fetched(&w, SEGMENT, "Cache-Control: max-age=10, must-revalidate\r\nETag: \"1\"\r\n", "old");
    world_pass(&w, 11);
    a = begin(&w, SEGMENT);
    origin_head(origin_asked(1), "304", "ETag: \"1\"\r\n");
    assert_served(end(a), "old", "HIT");
    world_pass(&w, 9);
    assert_served(ask(&w, SEGMENT), "old", "HIT");
    world_pass(&w, 2);
    a = begin(&w, SEGMENT);
    origin_end(origin_asked(2), -ECONNREFUSED);
    assert_outcome(end(a), OUT_ORIGIN_DOWN); /* must-revalidate */
    close_world(&w);
}

/* RFC 9111 4.3.4: it is about a version that we do not have. */
static void test_not_modified_for_another_version_is_asked_anew(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN NO_TTL);
    fetched(&w, SEGMENT, "ETag: \"1\"\r\n", "old");
    a = begin(&w, SEGMENT);
    origin_head(origin_asked(1), "304", "ETag: \"2\"\r\n");
    assert_string_equal(origin_asked(2)->if_none_match, "");
    origin_answer(origin_asked(2), "200", "ETag: \"2\"\r\n", "new");
    assert_served(end(a), "new", "MISS");
    close_world(&w);
}

static void test_a_stale_copy_is_better_than_none(void **state)
{
    struct world w;
    struct asking *a;
    unsigned asked;

    open_world(&w, ALL_OPEN "cache: { ttl: 10s, stale_if_error: 1m, header: on }\n");
    fetched(&w, SEGMENT, "", "old");
    world_pass(&w, 20);
    a = begin(&w, SEGMENT);
    origin_end(origin_asked(1), -ECONNREFUSED);
    assert_served(end(a), "old", "STALE");
    assert_served(ask(&w, SEGMENT), "old", "STALE"); /* at once: it has failed just now */
    assert_int_equal(origin_asked_count(), 2);
    world_pass(&w, 5);
    assert_served(ask(&w, SEGMENT), "old",
                  "STALE"); /* no viewer waits, however long the try takes */
    asked = origin_asked_count();
    assert_int_equal(asked, 3);
    assert_served(ask(&w, SEGMENT), "old", "STALE");
    assert_int_equal(origin_asked_count(), asked); /* once at a time */
    origin_head(origin_asked(2), "500", "");
    world_pass(&w, 60);
    a = begin(&w, SEGMENT);
    origin_end(origin_asked(3), -ETIMEDOUT);
    assert_outcome(end(a), OUT_ORIGIN_TIMEOUT); /* not for ever */
    close_world(&w);
}

static void test_a_stale_copy_is_better_than_a_timeout(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN "cache: { ttl: 10s, stale_if_error: 1m, header: on }\n");
    fetched(&w, SEGMENT, "", "old");
    world_pass(&w, 20);
    a = begin(&w, SEGMENT);
    req_expire(a->req); /* http.work_timeout */
    assert_served(end(a), "old", "STALE");
    assert_served(ask(&w, SEGMENT), "old", "STALE"); /* and the next one does not wait for it */
    close_world(&w);
}

static void test_what_is_back_is_fresh_again(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN "cache: { ttl: 10s, stale_if_error: 1m, header: on }\n");
    fetched(&w, SEGMENT, "ETag: \"1\"\r\n", "old");
    world_pass(&w, 20);
    a = begin(&w, SEGMENT);
    origin_end(origin_asked(1), -ECONNREFUSED);
    assert_served(end(a), "old", "STALE");
    world_pass(&w, 2);
    assert_served(ask(&w, SEGMENT), "old", "STALE");
    origin_head(origin_asked(2), "304", "ETag: \"1\"\r\n");
    assert_served(ask(&w, SEGMENT), "old", "HIT");
    world_pass(&w, 11);
    a = begin(&w, SEGMENT); /* the excuse is over */
    assert_int_equal(origin_asked_count(), 4);
    origin_answer(origin_asked(3), "200", "", "new");
    assert_served(end(a), "new", "MISS");
    close_world(&w);
}

static void test_absence_is_remembered_for_a_moment(void **state)
{
    static const struct {
        const char *status, *fields;
        enum outcome outcome;
        int64_t seconds; /* so long it is remembered; 0: not at all */
    } cases[] = {
        {"404", "", OUT_NOT_FOUND, 2},
        {"410", "Cache-Control: max-age=5\r\n", OUT_NOT_FOUND, 5},
        {"404", "Cache-Control: max-age=86400\r\n", OUT_NOT_FOUND, 60},
        {"403", "", OUT_FORBIDDEN_FILE, 2},
        {"404", "Cache-Control: no-store\r\n", OUT_NOT_FOUND, 0},
        {"500", "", OUT_ORIGIN_ERROR, 0},
        {"302", "", OUT_ORIGIN_ERROR, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        struct asking *a;

        open_world(&w, ALL_OPEN "cache: { negative_ttl: 2s }\n");
        for (unsigned k = 0; k < 2; k++) {
            a = begin(&w, SEGMENT);
            origin_head(origin_asked(k), cases[i].status, cases[i].fields);
            assert_true(origin_asked(k)->is_dropped); /* its body is nobody's */
            assert_outcome(end(a), cases[i].outcome);
            if (cases[i].seconds == 0)
                continue;
            world_pass(&w, cases[i].seconds - 1);
            assert_outcome(ask(&w, SEGMENT), cases[i].outcome);
            assert_int_equal(origin_asked_count(), k + 1);
            world_pass(&w, 1);
        }
        close_world(&w);
    }
}

/* ---- what is not shared ---- */

static void test_what_is_not_to_be_stored_is_passed_through(void **state)
{
    static const char *const fields[] = {"Cache-Control: no-store\r\n",
                                         "Cache-Control: private, max-age=9\r\n",
                                         "Vary: User-Agent\r\n", "Vary: *\r\n"};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct world w;
        struct asking *leader, *other;

        open_world(&w, ALL_OPEN "cache: { header: on }\n");
        leader = begin(&w, SEGMENT);
        other = begin(&w, SEGMENT);
        origin_answer(origin_asked(0), "200", fields[i], "mine");
        assert_served(end(leader), "mine", "BYPASS");
        TURN_UNTIL(w.loop, origin_asked_count() == 2); /* each asks for itself */
        origin_answer(origin_asked(1), "200", fields[i], "its own");
        assert_served(end(other), "its own", "BYPASS");
        other = begin(&w, SEGMENT); /* without waiting in line */
        leader = begin(&w, SEGMENT);
        assert_int_equal(origin_asked_count(), 4);
        origin_answer(origin_asked(3), "200", fields[i], "4");
        origin_answer(origin_asked(2), "200", fields[i], "3");
        assert_served(end(leader), "4", "BYPASS");
        assert_served(end(other), "3", "BYPASS");
        close_world(&w);
    }
}

static void test_what_is_too_large_is_passed_through_with_its_ranges(void **state)
{
    struct world w;
    struct asking *a;
    struct answer got;

    open_world(&w, ALL_OPEN "cache: { max_object: 64KiB, header: on }\n");
    a = ask_begin(&w, SEGMENT, .fields = "Range: bytes=70000-70001\r\n");
    origin_head(origin_asked(0), "200", "Content-Length: 100000\r\n");
    assert_true(origin_asked(0)->is_dropped || origin_asked(0)->is_cancelled);
    TURN_UNTIL(w.loop, origin_asked_count() == 2);
    assert_string_equal(origin_asked(1)->range, "bytes=70000-70001");
    origin_head(origin_asked(1), "206",
                "Content-Length: 2\r\nContent-Range: bytes 70000-70001/100000\r\nETag: \"1\"\r\n");
    origin_bytes(origin_asked(1), "xy");
    got = end(a);
    assert_outcome(got, OUT_PARTIAL);
    assert_str(got.body, "xy");
    assert_field(&got, "Content-Range", "bytes 70000-70001/100000");
    assert_field(&got, "ETag", "\"1\"");
    a = ask_begin(&w, SEGMENT, .fields = "Range: bytes=200000-\r\n");
    origin_head(origin_asked(2), "416", "Content-Range: bytes */100000\r\n");
    got = end(a);
    assert_outcome(got, OUT_BAD_RANGE);
    assert_field(&got, "Content-Range", "bytes */100000");
    a = ask_begin(&w, SEGMENT, .fields = "Range: bytes=0-1,4-5\r\nIf-None-Match: \"1\"\r\n");
    assert_string_equal(origin_asked(3)->range, ""); /* several: the whole is a right answer */
    assert_string_equal(origin_asked(3)->if_none_match, "\"1\"");
    origin_head(origin_asked(3), "304", "ETag: \"1\"\r\n");
    assert_outcome(end(a), OUT_NOT_MODIFIED);
    close_world(&w);
}

static void test_a_slow_viewer_holds_its_origin_back(void **state)
{
    static char piece[40 * 1024 + 1];
    struct world w;
    struct asking *a;

    memset(piece, 'x', sizeof piece - 1);
    open_world(&w, ALL_OPEN "pool: { buffer: 64KiB }\n");
    a = ask_begin(&w, SEGMENT, .sending = SEND_LATER);
    origin_head(origin_asked(0), "200", "Content-Length: 81920\r\nCache-Control: no-store\r\n");
    origin_bytes(origin_asked(0), piece);
    assert_true(origin_asked(0)->is_held); /* at half of the buffer */
    world_send(a);
    assert_int_equal(origin_asked(0)->proceeds, 1);
    origin_bytes(origin_asked(0), piece);
    assert_int_equal(end(a).body.n, 81920);
    assert_int_equal(origin_asked(0)->proceeds, 2);
    assert_true(origin_asked(0)->is_dropped); /* all there but the origin's last word */
    close_world(&w);
}

static void test_keys_and_heads_are_asked_for_alone(void **state)
{
    struct world w;
    struct asking *a;
    struct answer got;

    open_world(&w, ALL_OPEN "cache: { header: on }\n");
    for (unsigned i = 0; i < 2; i++) {
        a = begin(&w, "/s/enc.key");
        origin_answer(origin_asked(i), "200", "", "0123456789abcdef");
        assert_served(end(a), "0123456789abcdef", "BYPASS");
    }
    a = ask_begin(&w, SEGMENT, .method = "HEAD");
    assert_true(origin_asked(2)->is_head);
    origin_head(origin_asked(2), "200", "Content-Length: 7\r\n");
    got = end(a);
    assert_outcome(got, OUT_OK);
    assert_int_equal(got.length, 7);
    fetched(&w, SEGMENT, "", "1234567");
    got = ask(&w, SEGMENT, .method = "HEAD");
    assert_field(&got, "X-Cache", "HIT");
    assert_int_equal(got.length, 7);
    close_world(&w);
}

/* ---- playlists ---- */

#define LIVE "#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n1.ts\n"
#define LOW_LATENCY LIVE "#EXT-X-PART-INF:PART-TARGET=2.0\n"
#define ENDED LIVE "#EXT-X-ENDLIST\n"

static void test_playlists_say_how_long_they_last(void **state)
{
    static const struct {
        const char *target, *fields, *text;
        int64_t fresh; /* seconds; one more, and the origin is asked */
    } cases[] = {
        {"/ch1/a.m3u8", "", LIVE, 2},
        {"/ch1/a.m3u8", "Cache-Control: max-age=3600, stale-while-revalidate=3600\r\n", LIVE, 2},
        {"/ch1/a.m3u8", "Cache-Control: max-age=1\r\n", LIVE, 0},
        {"/ch1/a.m3u8", "Cache-Control: max-age=3600\r\n", ENDED, 3599},
        {"/ch1/a.m3u8", "", "no playlist", 0},
        {"/ch1/a.m3u8?_HLS_msn=7&_HLS_part=1", "Cache-Control: max-age=3600\r\n", LOW_LATENCY, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        open_world(&w, ALL_OPEN);
        assert_str(fetched(&w, cases[i].target, cases[i].fields, cases[i].text).body,
                   cases[i].text);
        if (cases[i].fresh > 0)
            world_pass(&w, cases[i].fresh);
        assert_str(ask(&w, cases[i].target).body, cases[i].text);
        assert_int_equal(origin_asked_count(), 1);
        world_pass(&w, 1);
        assert_str(fetched(&w, cases[i].target, cases[i].fields, "#EXTM3U\n").body, "#EXTM3U\n");
        assert_int_equal(origin_asked_count(), 2);
        close_world(&w);
    }
}

static void test_a_playlist_is_rewritten_for_each_viewer(void **state)
{
    struct world w;
    struct asking *a, *b;
    struct answer one, two;

    open_world(&w, TOKEN_ALONE);
    a = begin(&w, usual(&w, "/s/a.m3u8"));
    b = ask_begin(&w, signed_path(&w, "u2", "/s/a.m3u8", T0 + 99), .ip = OTHER_IP);
    TURN_UNTIL(w.loop, a->req->at == STEP(ask) && b->req->at == STEP(ask));
    assert_string_equal(origin_asked(0)->target, "/s/a.m3u8");
    origin_answer(origin_asked(0), "200", "", PLAYLIST);
    one = end(a);
    two = end(b);
    assert_outcome(one, OUT_OK);
    assert_non_null(strstr(line_of(&w, &one, "1.ts"), "uid=u1"));
    assert_non_null(strstr(line_of(&w, &two, "1.ts"), "uid=u2"));
    assert_int_equal(origin_asked_count(), 1);
    assert_int_equal(counted(&w, STAT_PLAYLISTS_SCANNED), 1);
    close_world(&w);
}

static void test_a_playlist_that_is_not_shared_is_rewritten_all_the_same(void **state)
{
    struct world w;
    struct asking *a, *b;
    struct answer got;

    open_world(&w, TOKEN_ALONE "cache: { header: on }\n");
    a = begin(&w, usual(&w, "/s/a.m3u8"));
    b = ask_begin(&w, signed_path(&w, "u2", "/s/a.m3u8", T0 + 99), .ip = OTHER_IP);
    TURN_UNTIL(w.loop, a->req->at == STEP(ask) && b->req->at == STEP(ask));
    origin_answer(origin_asked(0), "200", "Cache-Control: private\r\n", PLAYLIST);
    got = end(a);
    assert_field(&got, "X-Cache", "BYPASS");
    assert_non_null(strstr(line_of(&w, &got, "1.ts"), "uid=u1"));
    TURN_UNTIL(w.loop, origin_asked_count() == 2);
    origin_answer(origin_asked(1), "200", "Cache-Control: private\r\n", PLAYLIST);
    got = end(b);
    assert_field(&got, "X-Cache", "BYPASS");
    assert_non_null(strstr(line_of(&w, &got, "1.ts"), "uid=u2"));
    close_world(&w);
}

static void test_a_playlist_over_the_limit(void **state)
{
    static char big[4096];

    memset(big, 'x', sizeof big - 1);
    for (int is_known = 0; is_known < 2; is_known++) {
        struct world w;
        struct asking *a;

        open_world(&w, ALL_OPEN "playlist: { max_size: 1KiB }\n");
        a = begin(&w, "/s/a.m3u8");
        origin_head(origin_asked(0), "200",
                    is_known ? "Content-Length: 4095\r\n" : "Transfer-Encoding: chunked\r\n");
        if (!is_known)
            origin_bytes(origin_asked(0), big);
        assert_outcome(end(a), OUT_PLAYLIST_TOO_LARGE);
        close_world(&w);
    }
}

/* ---- what goes wrong ---- */

static void test_every_failure_has_its_word(void **state)
{
    static const struct {
        int err;
        enum outcome outcome;
    } cases[] = {
        {-ECONNREFUSED, OUT_ORIGIN_DOWN}, {-EHOSTUNREACH, OUT_ORIGIN_DOWN},
        {-ECONNRESET, OUT_ORIGIN_DOWN},   {-EKEYREJECTED, OUT_ORIGIN_DOWN},
        {-ETIMEDOUT, OUT_ORIGIN_TIMEOUT}, {-EPROTO, OUT_ORIGIN_BAD},
        {-EMSGSIZE, OUT_ORIGIN_BAD},      {-ELOOP, OUT_ORIGIN_BAD},
    };
    static const char *const targets[] = {SEGMENT, "/s/enc.key", "/s/a.m3u8"};

    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(targets); i++) {
        struct world w;
        struct asking *a;

        open_world(&w, ALL_OPEN);
        a = begin(&w, targets[i % ARRAY_LEN(targets)]);
        origin_end(origin_asked(0), cases[i / ARRAY_LEN(targets)].err);
        assert_outcome(end(a), cases[i / ARRAY_LEN(targets)].outcome);
        close_world(&w);
    }
}

static void test_a_body_that_breaks_is_cut_never_ended(void **state)
{
    static const char *const fields[] = {
        "Content-Length: 6\r\n", "Transfer-Encoding: chunked\r\n",
        "Content-Length: 6\r\nCache-Control: no-store\r\n",
        "Transfer-Encoding: chunked\r\nCache-Control: no-store\r\n"};

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct world w;
        struct asking *a, *again;
        struct answer got;

        open_world(&w, ALL_OPEN);
        a = begin(&w, SEGMENT);
        origin_head(origin_asked(0), "200", fields[i]);
        origin_bytes(origin_asked(0), "abc");
        TURN_UNTIL(w.loop, a->pulled.n == 3);
        origin_end(origin_asked(0), -ECONNRESET);
        got = end(a);
        assert_outcome(got, OUT_ORIGIN_BROKE);
        assert_true(got.must_close);
        again = begin(&w, SEGMENT); /* nothing of it was kept */
        assert_int_equal(origin_asked_count(), 2);
        origin_answer(origin_asked(1), "200", "", "abcdef");
        assert_str(end(again).body, "abcdef");
        close_world(&w);
    }
}

/* RFC 9112 8: an end of the connection may be that of the origin's process. */
static void test_what_may_be_cut_short_is_not_kept(void **state)
{
    static const char *const targets[] = {SEGMENT, "/s/a.m3u8"};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct world w;

        open_world(&w, ALL_OPEN);
        for (unsigned k = 0; k < 2; k++) {
            struct asking *a = begin(&w, targets[i]), *joined = begin(&w, targets[i]);

            origin_head(origin_asked(k), "200", "");
            origin_bytes(origin_asked(k), "#EXTM3U\n");
            origin_end(origin_asked(k), 0);
            assert_str(end(a).body, "#EXTM3U\n");
            assert_str(end(joined).body, "#EXTM3U\n");
            assert_int_equal(origin_asked_count(), k + 1);
        }
        close_world(&w);
    }
}

static void test_an_object_that_outgrows_the_limit_is_passed_the_next_time(void **state)
{
    static char piece[40 * 1024 + 1];
    struct world w;
    struct asking *a;

    memset(piece, 'x', sizeof piece - 1);
    open_world(&w, ALL_OPEN "cache: { max_object: 64KiB, header: on }\n");
    a = begin(&w, SEGMENT);
    origin_head(origin_asked(0), "200", "Transfer-Encoding: chunked\r\n");
    origin_bytes(origin_asked(0), piece);
    origin_bytes(origin_asked(0), piece);
    assert_outcome(end(a), OUT_ORIGIN_BROKE);
    a = begin(&w, SEGMENT);
    origin_head(origin_asked(1), "200", "Transfer-Encoding: chunked\r\n");
    for (int i = 0; i < 3; i++)
        origin_bytes(origin_asked(1), piece);
    origin_end(origin_asked(1), 0);
    assert_int_equal(end(a).body.n, 3 * 40 * 1024);
    close_world(&w);
}

static void test_waiting_too_long_is_a_timeout(void **state)
{
    static const char *const targets[] = {SEGMENT, "/s/enc.key"};

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct world w;
        struct asking *a;

        open_world(&w, ALL_OPEN);
        a = begin(&w, targets[i]);
        req_expire(a->req);
        assert_outcome(end(a), OUT_ORIGIN_TIMEOUT);
        TURN_UNTIL(w.loop, origin_asked(0)->is_cancelled);
        close_world(&w);
    }
}

static void test_the_end_of_the_worker_ends_fetches(void **state)
{
    struct world w;
    struct asking *a;

    open_world(&w, ALL_OPEN);
    a = begin(&w, SEGMENT);
    fetch_cancel_deserted(w.worker);
    assert_false(origin_asked(0)->is_cancelled);
    fetch_cancel_all(w.worker);
    assert_true(origin_asked(0)->is_cancelled);
    assert_outcome(end(a), OUT_DRAINING);
    close_world(&w);
}

/* ---- purging ---- */

static void test_purged_objects_are_asked_for_again(void **state)
{
    static const struct {
        struct purge by;
        unsigned count; /* of /v/a/1.ts, /v/a/2.ts?x=1, /v/b/1.ts */
    } cases[] = {
        {{.path = STR("/v/a/1.ts")}, 1},    {{.path = STR("/v/a/2.ts")}, 1},
        {{.path = STR("/v/a/")}, 0},        {{.prefix = STR("/v/a/")}, 2},
        {{.prefix = STR("/")}, 3},          {{.stream_key = STR("b")}, 1},
        {{.stream_key = STR("nobody")}, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        unsigned on_disk;

        open_world(&w, ALL_OPEN);
        fetched(&w, "/v/a/1.ts", "", "1");
        fetched(&w, "/v/a/2.ts?x=1", "", "2");
        fetched(&w, "/v/b/1.ts", "", "3");
        assert_int_equal(cache_purge_by(w.worker, w.rules, &cases[i].by, &on_disk), cases[i].count);
        fetched(&w, "/v/a/1.ts", "", "1");
        fetched(&w, "/v/a/2.ts?x=1", "", "2");
        fetched(&w, "/v/b/1.ts", "", "3");
        assert_int_equal(origin_asked_count(), 3 + cases[i].count);
        close_world(&w);
    }
}

static void test_what_is_purged_under_way_is_served_but_not_kept(void **state)
{
    struct purge by = {.path = STR(SEGMENT)};
    struct world w;
    struct asking *a;
    unsigned on_disk;

    open_world(&w, ALL_OPEN);
    a = begin(&w, SEGMENT);
    assert_int_equal(cache_purge_by(w.worker, w.rules, &by, &on_disk), 1);
    origin_answer(origin_asked(0), "200", "", "old");
    assert_str(end(a).body, "old");
    assert_str(fetched(&w, SEGMENT, "", "new").body, "new");
    close_world(&w);
}

TEST_MAIN(cmocka_unit_test(test_a_miss_is_asked_for_once_and_kept),
          cmocka_unit_test(test_only_what_the_origin_needs_reaches_it_and_the_key),
          cmocka_unit_test(test_viewers_are_fed_while_it_arrives),
          cmocka_unit_test(test_an_unknown_length_is_passed_on_as_it_comes),
          cmocka_unit_test(test_the_last_one_to_leave_ends_the_fetch),
          cmocka_unit_test(test_a_fetch_that_is_nearly_done_goes_on), cmocka_unit_test(test_ages),
          cmocka_unit_test(test_what_proves_right_is_fresh_again),
          cmocka_unit_test(test_a_304_that_says_nothing_changes_nothing),
          cmocka_unit_test(test_not_modified_for_another_version_is_asked_anew),
          cmocka_unit_test(test_a_stale_copy_is_better_than_none),
          cmocka_unit_test(test_a_stale_copy_is_better_than_a_timeout),
          cmocka_unit_test(test_what_is_back_is_fresh_again),
          cmocka_unit_test(test_absence_is_remembered_for_a_moment),
          cmocka_unit_test(test_what_is_not_to_be_stored_is_passed_through),
          cmocka_unit_test(test_what_is_too_large_is_passed_through_with_its_ranges),
          cmocka_unit_test(test_a_slow_viewer_holds_its_origin_back),
          cmocka_unit_test(test_keys_and_heads_are_asked_for_alone),
          cmocka_unit_test(test_playlists_say_how_long_they_last),
          cmocka_unit_test(test_a_playlist_is_rewritten_for_each_viewer),
          cmocka_unit_test(test_a_playlist_that_is_not_shared_is_rewritten_all_the_same),
          cmocka_unit_test(test_a_playlist_over_the_limit),
          cmocka_unit_test(test_every_failure_has_its_word),
          cmocka_unit_test(test_a_body_that_breaks_is_cut_never_ended),
          cmocka_unit_test(test_what_may_be_cut_short_is_not_kept),
          cmocka_unit_test(test_an_object_that_outgrows_the_limit_is_passed_the_next_time),
          cmocka_unit_test(test_waiting_too_long_is_a_timeout),
          cmocka_unit_test(test_the_end_of_the_worker_ends_fetches),
          cmocka_unit_test(test_purged_objects_are_asked_for_again),
          cmocka_unit_test(test_what_is_purged_under_way_is_served_but_not_kept))
