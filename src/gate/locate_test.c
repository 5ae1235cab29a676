/*
 * Where the bytes come from: folder, memory, the redirect of keys; what a changed, missing or
 * forbidden file does; and that a request can end at every step that waits without leaving
 * anything behind.
 */
#include "gate/testing.h"

#include <errno.h>
#include <sys/resource.h>

#include "gate/fill.h"

static uint64_t entries(struct world *w)
{
    struct cache_stats s;

    cache_stats(w->cache, &s);
    return s.entries;
}

/* ---- hot files ---- */

static void test_hot_files_move_into_memory(void **state)
{
    struct world w;
    struct answer cold, hot;
    int64_t opened;

    world_open(&w, ALL_OPEN "cache: { hot_after: 2 }\n");
    world_write(&w, "/s/1.ts", "the bytes of a segment");
    cold = ask(&w, "/s/1.ts");
    assert_int_equal(entries(&w), 0);
    ask(&w, "/s/1.ts");
    world_settle(&w);
    assert_int_equal(entries(&w), 1);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 1);

    opened = counted(&w, STAT_FILES_OPENED);
    hot = ask(&w, "/s/1.ts");
    assert_int_equal(counted(&w, STAT_FILES_OPENED), opened);
    assert_outcome(hot, OUT_OK);
    assert_true(str_eq(hot.body, cold.body));
    assert_int_equal(hot.field_count, cold.field_count);
    for (unsigned i = 0; i < hot.field_count; i++) { /* nobody can tell them apart */
        assert_true(str_eq(hot.fields[i].name, cold.fields[i].name));
        assert_true(str_eq(hot.fields[i].value, cold.fields[i].value));
    }
    world_close(&w);
}

static const struct {
    const char *name, *text;
    const char *settings;
} cold_cases[] = {
    {"asked for too seldom", "abc", ALL_OPEN "cache: { hot_after: 3 }\n"},
    {"empty", "", ALL_OPEN "cache: { hot_after: 1 }\n"},
};

static void test_what_stays_on_disk(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cold_cases); i++) {
        struct world w;

        world_open(&w, cold_cases[i].settings);
        world_write(&w, "/s/1.ts", cold_cases[i].text);
        for (int k = 0; k < 2; k++)
            assert_str(ask(&w, "/s/1.ts").body, cold_cases[i].text);
        world_settle(&w);
        assert_int_equal(counted(&w, STAT_FILES_LOADED), 0);
        world_close(&w);
    }
}

/* Larger than cache.max_object: never copied into memory, however often it is asked for. */
static void test_too_large_for_memory(void **state)
{
    struct world w;
    size_t n = 64 * 1024 + 1;
    char *big = xmalloc(n);

    memset(big, 'b', n);
    world_open(&w, ALL_OPEN "cache: { hot_after: 1, max_object: 64KiB }\n");
    world_write_bytes(&w, "/s/big.ts", (struct str){big, n});
    world_write_bytes(&w, "/s/fits.ts", (struct str){big, n - 1});
    for (int i = 0; i < 3; i++)
        assert_int_equal(ask(&w, "/s/big.ts").body.n, n);
    world_settle(&w);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 0);
    ask(&w, "/s/fits.ts");
    world_settle(&w);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 1);
    world_close(&w);
    free(big);
}

/* Who seals or frames what it sends gets large files from memory, also one that stayed open for
 * others. */
static void test_large_files_for_who_wants_memory(void **state)
{
    struct world w;
    size_t n = 64 * 1024;
    char *big = xmalloc(n);

    memset(big, 'b', n);
    world_open(&w, ALL_OPEN "cache: { hot_after: 1, file_copy_max: 1KiB, check: 5s }\n");
    world_write_bytes(&w, "/s/1.ts", (struct str){big, n});
    assert_int_equal(ask(&w, "/s/1.ts").body.n, n);
    assert_int_equal(ask(&w, "/s/1.ts", .wants_memory = true).body.n, n);
    world_settle(&w);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 0); /* it is not looked at yet */
    world_pass(&w, 5);
    assert_int_equal(ask(&w, "/s/1.ts").body.n, n);
    world_settle(&w);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 0);
    world_pass(&w, 5);
    assert_int_equal(ask(&w, "/s/1.ts", .wants_memory = true).body.n, n);
    world_settle(&w);
    assert_int_equal(counted(&w, STAT_FILES_LOADED), 1);
    assert_int_equal(entries(&w), 1);
    assert_int_equal(ask(&w, "/s/1.ts").body.n, n);
    world_close(&w);
    free(big);
}

/* ---- changes ---- */

static void make_hot(struct world *w, const char *path)
{
    ask(w, path);
    world_settle(w);
    assert_int_equal(entries(w), 1);
}

static void test_a_change_is_noticed_after_check(void **state)
{
    static const char *const paths[] = {"/s/1.ts", "/s/i.m3u8"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct world w;

        world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 5s }\n");
        world_write(&w, paths[i], "#EXTM3U\nold\n");
        make_hot(&w, paths[i]);
        world_write(&w, paths[i], "#EXTM3U\nnew and longer\n");
        assert_str(ask(&w, paths[i]).body, "#EXTM3U\nold\n");
        world_pass(&w, 4);
        assert_str(ask(&w, paths[i]).body, "#EXTM3U\nold\n");
        world_pass(&w, 1);
        assert_str(ask(&w, paths[i]).body, "#EXTM3U\nnew and longer\n");
        world_settle(&w); /* the new version is in memory, in the old one's place */
        assert_int_equal(entries(&w), 1);
        assert_str(ask(&w, paths[i]).body, "#EXTM3U\nnew and longer\n");
        world_close(&w);
    }
}

/* check: 0 looks at the file for every request; an unchanged one is not read again. */
static void test_every_request_checks(void **state)
{
    struct world w;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 0 }\n");
    world_write(&w, "/s/i.m3u8", "#EXTM3U\n1\n");
    for (int i = 0; i < 3; i++)
        assert_str(ask(&w, "/s/i.m3u8").body, "#EXTM3U\n1\n");
    assert_int_equal(counted(&w, STAT_FILES_OPENED), 3);
    assert_int_equal(counted(&w, STAT_PLAYLISTS_SCANNED), 1);
    world_write(&w, "/s/i.m3u8", "#EXTM3U\n2\n"); /* the same size: the time tells */
    assert_str(ask(&w, "/s/i.m3u8").body, "#EXTM3U\n2\n");
    assert_int_equal(counted(&w, STAT_PLAYLISTS_SCANNED), 2);
    world_close(&w);
}

static void test_a_file_that_goes(void **state)
{
    struct world w;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 1s }\n");
    world_write(&w, "/s/1.ts", "one");
    make_hot(&w, "/s/1.ts");
    assert_int_equal(unlinkat(w.files.root_fd, "s/1.ts", 0), 0);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
    world_pass(&w, 1);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_NOT_FOUND);
    assert_int_equal(entries(&w), 0);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_NOT_FOUND);
    world_close(&w);
}

/* ---- what cannot be opened ---- */

static const struct {
    const char *path;
    enum outcome want;
} open_cases[] = {
    {"/s/missing.ts", OUT_NOT_FOUND},
    {"/s/", OUT_NOT_FOUND},
    {"/s", OUT_NOT_FOUND},
    {"/", OUT_NOT_FOUND},
    {"/s/1.ts/2.ts", OUT_NOT_FOUND},
    {"/s/outside.ts", OUT_FORBIDDEN_FILE},
    {"/s/fifo.ts", OUT_FORBIDDEN_FILE},
    {"/s/%2e%2e/%2e%2e/secret", OUT_BAD_PATH},
    {"/s/..%2f..%2fsecret", OUT_BAD_PATH},
    {"/s/%00.ts", OUT_BAD_PATH},
    {"/s/%ff.ts", OUT_BAD_PATH},
    {"/t/../s/1.ts", OUT_OK},
    {"//s///1.ts", OUT_OK},
    {"/s/%31.ts?gate=x&CMCD=y", OUT_OK},
};

static void test_paths(void **state)
{
    struct world w;
    char long_path[6000];

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "one");
    assert_int_equal(symlinkat("/etc/hostname", w.files.root_fd, "s/outside.ts"), 0);
    assert_int_equal(mkfifoat(w.files.root_fd, "s/fifo.ts", 0644), 0);
    for (size_t i = 0; i < ARRAY_LEN(open_cases); i++) {
        struct answer a = ask(&w, open_cases[i].path);

        if (a.outcome != open_cases[i].want)
            print_error("%s\n", open_cases[i].path);
        assert_outcome(a, open_cases[i].want);
    }
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[0] = '/';
    long_path[sizeof long_path - 1] = '\0';
    assert_outcome(ask(&w, long_path), OUT_NOT_FOUND);
    world_close(&w);
}

/* The descriptors of the process are all in use: 503 now, and the file once there is room. */
static void test_no_descriptor(void **state)
{
    struct rlimit before, none;
    struct world w;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1 }\n");
    world_write(&w, "/s/1.ts", "one");
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OVERLOADED);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
    world_close(&w);
}

/* What is in memory is served meanwhile, though its file cannot be looked at. */
static void test_no_descriptor_but_memory(void **state)
{
    struct rlimit before, none;
    struct world w;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 0 }\n");
    world_write(&w, "/s/1.ts", "one");
    make_hot(&w, "/s/1.ts");
    getrlimit(RLIMIT_NOFILE, &before);
    none = (struct rlimit){3, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_str(ask(&w, "/s/1.ts").body, "one");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    world_close(&w);
}

/* A key is a secret: it is read from its file for each request. */
static void test_keys_stay_on_disk(void **state)
{
    struct world w;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1 }\n");
    world_write(&w, "/s/k.key", "0123456789abcdef");
    for (int i = 0; i < 3; i++)
        assert_str(ask(&w, "/s/k.key").body, "0123456789abcdef");
    world_settle(&w);
    assert_int_equal(entries(&w), 0);
    assert_int_equal(counted(&w, STAT_FILES_OPENED), 3);
    world_close(&w);
}

/* Opened, and then none left for the read. */
static void test_no_descriptor_to_load(void **state)
{
    static const struct {
        const char *path;
        enum outcome want; /* a playlist needs its text; a file can be sent from disk */
    } cases[] = {{"/s/i.m3u8", OUT_OVERLOADED}, {"/s/1.ts", OUT_OK}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rlimit before, none;
        struct asking *a;
        struct world w;

        world_open(&w, ALL_OPEN "cache: { hot_after: 1 }\n");
        world_write(&w, cases[i].path, "#EXTM3U\n");
        a = ask_begin(&w, cases[i].path);
        world_hold_pool(&w);
        world_await_holder(&w); /* the open is done, and the loop has not heard of it yet */
        getrlimit(RLIMIT_NOFILE, &before);
        none = (struct rlimit){3, before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        world_ask_end(a);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        world_release_pool(&w);
        assert_outcome(a->answer, cases[i].want);
        assert_outcome(ask(&w, cases[i].path), OUT_OK);
        world_close(&w);
    }
}

/* ---- keys sent elsewhere ---- */

static const struct {
    const char *base, *path, *location;
} redirect_cases[] = {
    {"https://keys.example", "/s/k.key", "https://keys.example/s/k.key"},
    {"https://keys.example/", "/s/k.key", "https://keys.example/s/k.key"},
    {"https://keys.example/base/", "/s/a%20b.key", "https://keys.example/base/s/a%20b.key"},
};

static void test_key_redirect(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(redirect_cases); i++) {
        struct world w;
        struct answer a;
        char text[200];

        snprintf(text, sizeof text,
                 "access: { policy: { key: [], segment: [] }, key: { redirect: %s } }\n",
                 redirect_cases[i].base);
        world_open(&w, text);
        world_write(&w, "/s/1.ts", "one");
        a = ask(&w, redirect_cases[i].path);
        assert_outcome(a, OUT_KEY_REDIRECT);
        assert_field(&a, "Location", redirect_cases[i].location);
        assert_field(&a, "Cache-Control", "no-store");
        assert_int_equal(a.length, 0);
        assert_outcome(ask(&w, redirect_cases[i].path, .method = "HEAD"), OUT_KEY_REDIRECT);
        assert_outcome(ask(&w, "/s/1.ts"), OUT_OK);
        world_close(&w);
    }
}

/* Only an admitted request is told where the keys are. */
static void test_no_redirect_for_the_refused(void **state)
{
    struct world w;
    struct answer a;

    world_open(&w, "access: { key: { redirect: https://keys.example } }\n");
    a = ask(&w, "/s/k.key");
    assert_outcome(a, OUT_TOKEN_MISSING);
    assert_null(answer_field(&a, "Location").p);
    a = ask(&w, usual(&w, "/s/k.key"));
    assert_outcome(a, OUT_KEY_REDIRECT);
    world_close(&w);
}

/* ---- playlists on their way into memory ---- */

static void test_playlist_size_limit(void **state)
{
    struct world w;
    char *text = xmalloc(1025);

    memset(text, '\n', 1025);
    memcpy(text, "#EXTM3U", 7);
    world_open(&w, ALL_OPEN "playlist: { max_size: 1KiB }\n");
    world_write_bytes(&w, "/s/fits.m3u8", (struct str){text, 1024});
    world_write_bytes(&w, "/s/over.m3u8", (struct str){text, 1025});
    assert_outcome(ask(&w, "/s/fits.m3u8"), OUT_OK);
    assert_outcome(ask(&w, "/s/over.m3u8"), OUT_PLAYLIST_TOO_LARGE);
    world_close(&w);
    free(text);
}

static bool is_loading(const struct asking *a)
{
    return a->req != NULL && strcmp(a->req->at->name, "load") == 0;
}

/* The pool is held between the open and the read, and the file changes there, `times` times. */
static struct answer load_while_it_changes(struct world *w, int times)
{
    struct asking *a = ask_begin(w, "/s/i.m3u8");

    for (int i = 0; i < times; i++) {
        world_hold_pool(w); /* behind the open, before the read */
        TURN_UNTIL(w->loop, is_loading(a));
        world_write(w, "/s/i.m3u8", i % 2 == 0 ? "#EXTM3U\nlonger than before\n" : "#EXTM3U\n");
        world_release_pool(w);
        TURN_UNTIL(w->loop, !is_loading(a));
    }
    return world_ask_end(a);
}

static void test_a_playlist_that_changes_while_read(void **state)
{
    static const struct {
        int times;
        enum outcome want;
    } cases[] = {{0, OUT_OK}, {1, OUT_OK}, {2, OUT_OK}, {3, OUT_ORIGIN_ERROR}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;

        world_open(&w, ALL_OPEN);
        world_write(&w, "/s/i.m3u8", "#EXTM3U\n");
        assert_outcome(load_while_it_changes(&w, cases[i].times), cases[i].want);
        assert_outcome(ask(&w, "/s/i.m3u8"), OUT_OK);
        world_close(&w);
    }
}

/* ---- the end at every step that waits ---- */

static void drop_cached(struct world *w, const char *path)
{
    struct str pieces[] = {w->rules->routes[0].key_prefix, str_of(path)};

    cache_drop(w->cache, arena_join(&w->arena, pieces, ARRAY_LEN(pieces)));
}

static void assert_nothing_left(struct world *w, long blobs)
{
    assert_true(list_is_empty(&w->worker->requests));
    assert_int_equal(counted(w, STAT_REQUESTS), 0);
    assert_int_equal(blob_live(), blobs);
}

static void abort_and_check(struct world *w, struct asking *a)
{
    req_abort(a->req, OUT_CLIENT_LEFT);
    assert_null(a->req);
    assert_outcome(a->answer, OUT_CLIENT_LEFT);
    assert_true(a->answer.must_close);
}

static void test_abort_while_admitting(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, "access: { policy: { playlist: [token, session] } }\n");
    world_write(&w, "/s/i.m3u8", PLAYLIST);
    a = ask_begin(&w, usual(&w, "/s/i.m3u8"));
    assert_string_equal(a->req->at->name, "admit"); /* its session waits to be written */
    abort_and_check(&w, a);
    loop_turn(w.loop);
    assert_int_equal(world_records(&w).sessions, 0); /* cancelled before the turn ended */
    assert_nothing_left(&w, w.blobs);

    world_break_store(&w, 0); /* one that does not come back at all */
    a = ask_begin(&w, usual(&w, "/s/i.m3u8"));
    abort_and_check(&w, a);
    assert_nothing_left(&w, w.blobs);
    world_close(&w);
}

static void test_abort_while_opening(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/1.ts", "one");
    world_hold_pool(&w);
    a = ask_begin(&w, "/s/1.ts");
    assert_string_equal(a->req->at->name, "open");
    abort_and_check(&w, a);
    world_release_pool(&w);
    assert_nothing_left(&w, w.blobs);
    world_close(&w);
}

/* Held is a cached version that is being checked against the disk. */
static void test_abort_while_checking(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 0 }\n");
    world_write(&w, "/s/1.ts", "one");
    make_hot(&w, "/s/1.ts");
    world_hold_pool(&w);
    a = ask_begin(&w, "/s/1.ts");
    assert_non_null(a->req->entry);
    abort_and_check(&w, a);
    world_release_pool(&w);
    assert_nothing_left(&w, w.blobs + 1);
    drop_cached(&w, "/s/1.ts");
    assert_int_equal(blob_live(), w.blobs); /* nobody holds it but the cache */
    world_close(&w);
}

/* The fill goes on without its request, and the next viewer finds its work done. */
static void test_abort_while_loading(void **state)
{
    struct world w;
    struct asking *a;
    int64_t opened;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/i.m3u8", "#EXTM3U\n");
    a = ask_begin(&w, "/s/i.m3u8");
    world_hold_pool(&w);
    TURN_UNTIL(w.loop, is_loading(a));
    abort_and_check(&w, a);
    assert_true(list_is_empty(&w.worker->requests));
    world_release_pool(&w);
    world_settle(&w);
    assert_int_equal(entries(&w), 1);
    opened = counted(&w, STAT_FILES_OPENED);
    assert_outcome(ask(&w, "/s/i.m3u8"), OUT_OK);
    assert_int_equal(counted(&w, STAT_FILES_OPENED), opened);
    world_close(&w);
}

/* Three viewers of one playlist that nobody has read yet: one read, whoever leaves meanwhile. */
static void test_many_wait_for_one_read(void **state)
{
    enum { VIEWERS = 3 };

    for (int leaver = -1; leaver < VIEWERS; leaver++) {
        struct asking *asked[VIEWERS];
        struct world w;

        world_open(&w, ALL_OPEN);
        world_write(&w, "/s/i.m3u8", "#EXTM3U\n1.ts\n");
        for (int i = 0; i < VIEWERS; i++)
            asked[i] = ask_begin(&w, "/s/i.m3u8");
        world_hold_pool(&w); /* behind all opens, before any read */
        for (int i = 0; i < VIEWERS; i++)
            TURN_UNTIL(w.loop, is_loading(asked[i]));
        if (leaver >= 0)
            abort_and_check(&w, asked[leaver]);
        world_release_pool(&w);
        for (int i = 0; i < VIEWERS; i++)
            if (i != leaver)
                assert_str(world_ask_end(asked[i]).body, "#EXTM3U\n1.ts\n");
        assert_int_equal(counted(&w, STAT_PLAYLISTS_SCANNED), 1);
        drop_cached(&w, "/s/i.m3u8");
        assert_nothing_left(&w, w.blobs);
        world_close(&w);
    }
}

/* The worker stops while a fill is under way, with its request gone or not. */
static void test_stop_while_loading(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, ALL_OPEN);
    world_write(&w, "/s/i.m3u8", "#EXTM3U\n");
    a = ask_begin(&w, "/s/i.m3u8");
    world_hold_pool(&w);
    TURN_UNTIL(w.loop, is_loading(a));
    fill_cancel_all(w.worker);
    abort_and_check(&w, a);
    world_release_pool(&w);
    world_settle(&w);
    assert_int_equal(entries(&w), 0);
    assert_nothing_left(&w, w.blobs);
    world_close(&w);
}

static void test_abort_while_sending(void **state)
{
    static const char *const paths[] = {"/s/1.ts", "/s/i.m3u8"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct world w;
        struct asking *a;
        struct body_view view;

        world_open(&w, ALL_OPEN);
        world_write(&w, paths[i], "#EXTM3U\nsegment.ts\n");
        a = ask_begin(&w, paths[i], .sending = SEND_NEVER);
        TURN_UNTIL(w.loop, a->is_sending);
        assert_int_equal(body_peek(a->req->body, &view), 1);
        body_advance(a->req->body, 3);
        abort_and_check(&w, a);
        world_settle(&w);
        drop_cached(&w, "/s/i.m3u8");
        assert_nothing_left(&w, w.blobs);
        world_close(&w);
    }
}

static void test_abort_while_content_comes(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, "");
    a = ask_begin(&w, "/api/test", .method = "POST", .content = "{}");
    assert_true(a->wants_content);
    abort_and_check(&w, a);
    assert_nothing_left(&w, w.blobs);
    world_close(&w);
}

/* A newer version comes into the cache while the old one is being sent: it is sent to its end. */
static void test_replaced_while_sent(void **state)
{
    struct world w;
    struct asking *a;

    world_open(&w, ALL_OPEN "cache: { hot_after: 1, check: 0 }\n");
    world_write(&w, "/s/1.ts", "old");
    make_hot(&w, "/s/1.ts");
    a = ask_begin(&w, "/s/1.ts", .sending = SEND_LATER);
    TURN_UNTIL(w.loop, a->is_sending);
    world_write(&w, "/s/1.ts", "newer");
    assert_str(ask(&w, "/s/1.ts").body, "newer");
    world_settle(&w);
    assert_str(world_ask_end(a).body, "old");
    world_close(&w);
}

TEST_MAIN(cmocka_unit_test(test_hot_files_move_into_memory),
          cmocka_unit_test(test_what_stays_on_disk), cmocka_unit_test(test_too_large_for_memory),
          cmocka_unit_test(test_large_files_for_who_wants_memory),
          cmocka_unit_test(test_a_change_is_noticed_after_check),
          cmocka_unit_test(test_every_request_checks), cmocka_unit_test(test_a_file_that_goes),
          cmocka_unit_test(test_paths), cmocka_unit_test(test_no_descriptor),
          cmocka_unit_test(test_no_descriptor_but_memory), cmocka_unit_test(test_keys_stay_on_disk),
          cmocka_unit_test(test_no_descriptor_to_load), cmocka_unit_test(test_key_redirect),
          cmocka_unit_test(test_no_redirect_for_the_refused),
          cmocka_unit_test(test_playlist_size_limit),
          cmocka_unit_test(test_a_playlist_that_changes_while_read),
          cmocka_unit_test(test_abort_while_admitting), cmocka_unit_test(test_abort_while_opening),
          cmocka_unit_test(test_abort_while_checking), cmocka_unit_test(test_abort_while_loading),
          cmocka_unit_test(test_many_wait_for_one_read), cmocka_unit_test(test_stop_while_loading),
          cmocka_unit_test(test_abort_while_sending),
          cmocka_unit_test(test_abort_while_content_comes),
          cmocka_unit_test(test_replaced_while_sent))
