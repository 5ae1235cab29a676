/* Who watches what: exactly while they are few, within the bound that audience.h gives when
 * somebody makes keys up, and no longer than it promises. */
#include "gate/audience.h"

#include <stdio.h>

#include "gate/metering.h"
#include "gate/testing.h"

enum { WORKERS = 2 };

#define MINUTE AUDIENCE_WINDOW
#define BEGIN (1000 * MINUTE) /* a minute begins */

/* Workers of which only the audience is there. */
struct house {
    struct gate gate;
    struct gate_worker workers[WORKERS], *list[WORKERS];
};

static void open_house(struct house *h, usec_t now)
{
    memset(h, 0, sizeof *h);
    for (int i = 0; i < WORKERS; i++) {
        h->workers[i].audience = audience_new(now);
        h->list[i] = &h->workers[i];
    }
    h->gate.workers = h->list;
    h->gate.worker_count = WORKERS;
}

static void close_house(struct house *h)
{
    for (int i = 0; i < WORKERS; i++)
        audience_free(&h->workers[i].audience);
}

static void note(struct house *h, unsigned worker, const char *stream, const char *uid,
                 unsigned viewer, uint64_t bytes, usec_t now)
{
    uint8_t id[VIEWER_ID_LEN] = {IP_V4, 32};
    struct audience_note n = {
        .keys = {str_of(stream), str_of(uid)}, .viewer = id, .bytes = bytes, .is_first = bytes > 0};

    memcpy(id + 2, &viewer, sizeof viewer);
    audience_note(h->workers[worker].audience, &n, now);
}

static struct audience_counts counts_of(const struct house *h, usec_t now)
{
    struct audience_counts c;

    audience_count(&h->gate, now, &c);
    return c;
}

static void assert_row(const struct audience_row *r, const char *key, uint64_t bytes,
                       uint64_t requests, uint64_t viewers)
{
    assert_str(((struct str){r->key, r->key_n}), key);
    assert_int_equal(r->bytes, bytes);
    assert_int_equal(r->requests, requests);
    assert_int_equal(r->viewers, viewers);
}

static void test_nobody(void **state)
{
    struct audience_top top;
    struct house h;

    open_house(&h, BEGIN);
    assert_int_equal(counts_of(&h, BEGIN).viewers, 0);
    audience_read(&h.gate, BEGIN, AUDIENCE_STREAMS, &top);
    assert_int_equal(top.count, 0);
    h.gate.worker_count = 0; /* as before the first of them is there */
    assert_int_equal(counts_of(&h, BEGIN).viewers, 0);
    audience_read(&h.gate, BEGIN, AUDIENCE_USERS, &top);
    assert_int_equal(top.count, 0);
    h.gate.worker_count = WORKERS;
    close_house(&h);
}

static void test_workers_are_added_up(void **state)
{
    struct audience_top top;
    struct audience_counts c;
    struct house h;

    open_house(&h, BEGIN);
    note(&h, 0, "a", "u1", 1, 100, BEGIN);
    note(&h, 1, "a", "u1", 1, 10, BEGIN); /* the same viewer on another connection */
    note(&h, 1, "a", "u2", 2, 1, BEGIN);
    note(&h, 1, "b", "u2", 2, 500, BEGIN);
    note(&h, 0, "b", "", 3, 500, BEGIN);
    note(&h, 0, "", "", 4, 7, BEGIN);  /* neither stream nor user: a viewer all the same */
    note(&h, 0, "b", "", 3, 0, BEGIN); /* more of a request that was counted */
    c = counts_of(&h, BEGIN);
    assert_int_equal(c.viewers, 4);
    assert_int_equal(c.keys[AUDIENCE_STREAMS], 2);
    assert_int_equal(c.keys[AUDIENCE_USERS], 2);
    audience_read(&h.gate, BEGIN, AUDIENCE_STREAMS, &top);
    assert_int_equal(top.count, 2);
    assert_row(&top.rows[0], "b", 1000, 2, 2);
    assert_row(&top.rows[1], "a", 111, 3, 2);
    audience_read(&h.gate, BEGIN, AUDIENCE_USERS, &top);
    assert_int_equal(top.count, 2);
    assert_row(&top.rows[0], "u2", 501, 2, 1);
    assert_row(&top.rows[1], "u1", 110, 2, 1);
    close_house(&h);
}

/* A moment's notes are there for this minute and the next, and then gone. */
static void test_lately(void **state)
{
    static const struct {
        usec_t noted, looked;
        uint64_t viewers;
    } cases[] = {
        {BEGIN, BEGIN, 1},
        {BEGIN, BEGIN + MINUTE - 1, 1},
        {BEGIN, BEGIN + MINUTE, 1},
        {BEGIN, BEGIN + 2 * MINUTE - 1, 1},
        {BEGIN, BEGIN + 2 * MINUTE, 0},
        {BEGIN + MINUTE - 1, BEGIN + 2 * MINUTE - 1, 1},
        {BEGIN + MINUTE - 1, BEGIN + 2 * MINUTE, 0},
        {BEGIN, BEGIN + 100 * MINUTE, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct audience_top top;
        struct house h;

        open_house(&h, BEGIN);
        note(&h, 0, "a", "u", 1, 5, cases[i].noted);
        assert_int_equal(counts_of(&h, cases[i].looked).viewers, cases[i].viewers);
        audience_read(&h.gate, cases[i].looked, AUDIENCE_STREAMS, &top);
        assert_int_equal(top.count, cases[i].viewers);
        close_house(&h);
    }
}

/* Both minutes count, whichever worker they are of, and an emptied one holds nothing of the old. */
static void test_two_minutes(void **state)
{
    struct audience_top top;
    struct house h;

    open_house(&h, BEGIN);
    note(&h, 0, "a", "u", 1, 5, BEGIN);
    note(&h, 0, "a", "u", 1, 6, BEGIN + MINUTE);
    note(&h, 1, "a", "u", 2, 7, BEGIN + MINUTE);
    audience_read(&h.gate, BEGIN + MINUTE, AUDIENCE_STREAMS, &top);
    assert_row(&top.rows[0], "a", 18, 3, 2);
    note(&h, 0, "a", "u", 3, 8, BEGIN + 2 * MINUTE);
    audience_read(&h.gate, BEGIN + 2 * MINUTE, AUDIENCE_STREAMS, &top);
    assert_row(&top.rows[0], "a", 21, 3, 3);
    assert_int_equal(counts_of(&h, BEGIN + 2 * MINUTE).viewers, 3);
    close_house(&h);
}

static void test_seconds(void **state)
{
    static const struct {
        usec_t began, now;
        unsigned seconds;
    } cases[] = {
        {BEGIN, BEGIN, 1},
        {BEGIN, BEGIN + 59 * USEC_PER_SEC, 59},
        {BEGIN + 30 * USEC_PER_SEC, BEGIN + 70 * USEC_PER_SEC, 40},
        {BEGIN, BEGIN + MINUTE, 60},
        {BEGIN, BEGIN + 2 * MINUTE - USEC_PER_SEC, 119},
        {BEGIN, BEGIN + 2 * MINUTE, 60},
        {5 * USEC_PER_SEC, 9 * USEC_PER_SEC, 4}, /* in the clock's first minute */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct house h;

        open_house(&h, cases[i].began);
        assert_int_equal(audience_seconds(&h.gate, cases[i].now), cases[i].seconds);
        close_house(&h);
    }
}

static void test_no_more_rows_than_are_shown(void **state)
{
    enum { USERS = 60 };
    struct audience_top top;
    char uid[16];
    struct house h;

    open_house(&h, BEGIN);
    for (unsigned i = 1; i <= USERS; i++) {
        snprintf(uid, sizeof uid, "u%u", i);
        note(&h, i % WORKERS, "a", uid, i, i * 1000, BEGIN);
    }
    audience_read(&h.gate, BEGIN, AUDIENCE_USERS, &top);
    assert_int_equal(top.count, AUDIENCE_TOP_MAX);
    for (unsigned i = 0; i < top.count; i++)
        assert_int_equal(top.rows[i].bytes, (USERS - i) * 1000);
    assert_int_equal(counts_of(&h, BEGIN).keys[AUDIENCE_USERS], USERS);
    close_house(&h);
}

static void test_long_keys_are_cut(void **state)
{
    char one[AUDIENCE_KEY_MAX + 2], other[AUDIENCE_KEY_MAX + 2];
    struct audience_top top;
    struct house h;

    memset(one, 'x', sizeof one);
    memset(other, 'x', sizeof other);
    one[AUDIENCE_KEY_MAX] = 'y';
    one[AUDIENCE_KEY_MAX + 1] = other[AUDIENCE_KEY_MAX + 1] = '\0';
    open_house(&h, BEGIN);
    note(&h, 0, one, "", 1, 2, BEGIN);
    note(&h, 0, other, "", 1, 1, BEGIN);
    audience_read(&h.gate, BEGIN, AUDIENCE_STREAMS, &top);
    assert_int_equal(top.count, 2); /* are two all the same */
    assert_int_equal(top.rows[0].key_n, AUDIENCE_KEY_MAX);
    assert_int_equal(top.rows[0].bytes, 2);
    close_house(&h);
}

/* Hundred times as many keys as there are places: those that matter are shown, and not too much. */
static void test_keys_that_are_made_up(void **state)
{
    enum { MADE_UP = 100 * AUDIENCE_PLACES, STREAMS = 5 };
    static const uint64_t bytes = 1000;
    uint64_t real = MADE_UP / 10 * bytes, all = MADE_UP * bytes + STREAMS * real;
    struct audience_top top;
    char name[16];
    struct house h;

    open_house(&h, BEGIN);
    for (unsigned i = 0; i < MADE_UP; i++) {
        snprintf(name, sizeof name, "made-up-%u", i);
        note(&h, 0, name, "", i, bytes, BEGIN);
        for (unsigned s = 0; i % 10 == 0 && s < STREAMS; s++) {
            snprintf(name, sizeof name, "real-%u", s);
            note(&h, 0, name, "", s, bytes, BEGIN);
        }
    }
    audience_read(&h.gate, BEGIN, AUDIENCE_STREAMS, &top);
    for (unsigned s = 0; s < STREAMS; s++) {
        assert_true(str_starts((struct str){top.rows[s].key, top.rows[s].key_n}, STR("real-")));
        assert_true(top.rows[s].bytes <= real);
        /* Its set's share is a matter of chance: twice the usual one is left to it. */
        assert_true(top.rows[s].bytes + 2 * (all / AUDIENCE_PLACES + real / AUDIENCE_WAYS) >= real);
        assert_int_equal(top.rows[s].viewers, 1);
    }
    assert_in_range(counts_of(&h, BEGIN).keys[AUDIENCE_STREAMS], MADE_UP * 8 / 10,
                    MADE_UP * 12 / 10);
    close_house(&h);
}

/* ---- requests ---- */

static struct audience_top watched(struct world *w, enum audience_kind kind)
{
    struct audience_top top;

    w->gate.workers = &w->worker;
    w->gate.worker_count = 1;
    audience_read(&w->gate, loop_now(w->loop), kind, &top);
    return top;
}

static void test_requests_are_noted(void **state)
{
    struct audience_top top;
    struct world w;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "0123456789");
    ask(&w, "/s/1.ts");
    ask(&w, "/s/1.ts", .fields = "Range: bytes=2-4\r\n", .ip = OTHER_IP);
    ask(&w, "/s/1.ts", .method = "HEAD");
    ask(&w, "/s/1.ts", .method = "OPTIONS");
    ask(&w, "/s/none.ts");
    ask(&w, "/api/one");
    top = watched(&w, AUDIENCE_STREAMS);
    assert_int_equal(top.count, 1);
    assert_row(&top.rows[0], "s", 13, 3, 2);
    assert_int_equal(watched(&w, AUDIENCE_USERS).count, 0);
    world_close(&w);
}

static void test_the_token_says_whose(void **state)
{
    struct audience_top top;
    struct answer a;
    struct world w;

    world_open(&w, TOKEN_ALONE);
    world_write(&w, "/s/a.m3u8", PLAYLIST);
    a = ask(&w, signed_path(&w, "u1", "/s/a.m3u8", T0 + 60));
    assert_outcome(ask(&w, "/s/a.m3u8?uid=u2&expires=1900000000&token=x"), OUT_TOKEN_MALFORMED);
    top = watched(&w, AUDIENCE_USERS);
    assert_int_equal(top.count, 1);
    assert_row(&top.rows[0], "u1", a.body.n, 1, 1);
    world_close(&w);
}

/* While it runs, and what had gone when its viewer left. */
static void test_a_long_transfer(void **state)
{
    struct asking *a;
    struct audience_top top;
    struct world w;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "0123456789");
    a = ask_begin(&w, "/s/1.ts", .sending = SEND_NEVER);
    TURN_UNTIL(w.loop, a->is_sending);
    a->req->sent = 4; /* as its transport would say */
    meter_request(a->req);
    top = watched(&w, AUDIENCE_STREAMS);
    assert_row(&top.rows[0], "s", 4, 1, 1);
    a->req->sent = 9;
    req_abort(a->req, OUT_CLIENT_LEFT);
    world_ask_end(a);
    top = watched(&w, AUDIENCE_STREAMS);
    assert_row(&top.rows[0], "s", 9, 1, 1);
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_nobody), cmocka_unit_test(test_workers_are_added_up),
          cmocka_unit_test(test_lately), cmocka_unit_test(test_two_minutes),
          cmocka_unit_test(test_seconds), cmocka_unit_test(test_no_more_rows_than_are_shown),
          cmocka_unit_test(test_long_keys_are_cut), cmocka_unit_test(test_keys_that_are_made_up),
          cmocka_unit_test(test_requests_are_noted), cmocka_unit_test(test_the_token_says_whose),
          cmocka_unit_test(test_a_long_transfer))
