/*
 * Every outcome is produced at least once, and does what its row says: status, fields, counter,
 * journal, log. Behind it, requests that run out of their arena at every byte: refused or whole,
 * never something between.
 */
#include "gate/testing.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/log.h"
#include "gate/journal.h"
#include "gate/origin_testing.h"

enum way {
    PLAIN,
    SIGNED,            /* the target is a path, a token for it is added */
    SIGNED_LATE,       /* expired */
    FORGED,            /* a token for another path */
    OUT_OF_SCOPE,      /* a token for another folder */
    GATE_OF_OTHERS,    /* a gate token of another viewer */
    GATE_OF_SESSION,   /* what the world's first session was given */
    REFUSED_HEAD,      /* the head was no request: the transport says which outcome */
    CHANGES_MEANWHILE, /* a playlist that is rewritten under every read */
    EXPIRES,           /* waits too long for what it asked */
    UNREACHABLE,       /* its HTTP origin */
    TALKS_NONSENSE,    /* the same */
};

static void use_elsewhere(struct world *w)
{
    ask(w, usual(w, "/s/i.m3u8"), .ip = OTHER_IP);
}

static void use_here(struct world *w)
{
    ask(w, usual(w, "/s/i.m3u8"));
}

static void use_and_end(struct world *w)
{
    use_here(w);
    assert_int_equal(world_end_sessions(w, "u1"), 1);
}

static void begin_many_sessions(struct world *w)
{
    for (int i = 0; i <= STORE_SESSIONS_AHEAD; i++) {
        struct str path = arena_printf(&w->arena, "/s/%d/i.m3u8", i);

        ask(w, signed_scope(w, "u1", path.p, "/s/", T0 + 60)); /* 404, but admitted */
    }
}

static void watch_another(struct world *w)
{
    ask(w, signed_scope(w, "u1", "/t/i.m3u8", "/t/", T0 + 60),
        .ip = OTHER_IP); /* 404, but admitted */
}

static void grant_this(struct world *w)
{
    world_grant(w, "u1", VIEWER_IP, VIEWER_UA, "s");
}

static void grant_other(struct world *w)
{
    world_grant(w, "u1", VIEWER_IP, VIEWER_UA, "t");
}

static void link_outside(struct world *w)
{
    assert_int_equal(symlinkat("/etc/hostname", w->files.root_fd, "s/link.ts"), 0);
}

static void grow_playlist(struct world *w)
{
    char text[1025];

    memset(text, '\n', sizeof text);
    memcpy(text, "#EXTM3U", 7);
    world_write_bytes(w, "/s/i.m3u8", (struct str){text, sizeof text});
}

static void lose_store(struct world *w)
{
    world_break_store(w, -EAGAIN);
}

static void fill_store(struct world *w)
{
    world_break_store(w, -ENOSPC);
}

static struct rlimit descriptors;

static void use_up_descriptors(struct world *w)
{
    struct rlimit none;

    getrlimit(RLIMIT_NOFILE, &descriptors);
    none = (struct rlimit){3, descriptors.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void cut_file(struct world *w)
{
    int fd = openat(w->files.root_fd, "s/1.ts", O_WRONLY | O_TRUNC);

    assert_true(fd >= 0);
    close(fd);
}

#define TOKEN_USE "access: { policy: { playlist: [token, use_limit] }"
#define SESSION "access: { policy: { playlist: [token, session] } }\n"

static const struct door to_https = {.is_redirect = true};

static const struct outcome_case {
    enum outcome want;
    const char *settings;
    enum way way;
    struct question question;
    void (*prepare)(struct world *w);
} cases[] = {
    {OUT_OK, ALL_OPEN, PLAIN, {"/s/1.ts"}},
    {OUT_OK, TOKEN_ALONE, SIGNED, {"/s/i.m3u8"}},
    {OUT_OK, "", PLAIN, {"/api/test", .method = "POST", .content = "{}"}},
    {OUT_PARTIAL, ALL_OPEN, PLAIN, {"/s/1.ts", .fields = "Range: bytes=0-0\r\n"}},
    {OUT_NO_CONTENT, "", PLAIN, {"/s/1.ts", .method = "OPTIONS"}},
    {OUT_NOT_MODIFIED, ALL_OPEN, PLAIN, {"/s/1.ts", .fields = "If-None-Match: *\r\n"}},
    {OUT_TO_HTTPS, "", PLAIN, {"/s/1.ts", .door = &to_https}},
    {OUT_TO_HTTPS_SAME, "", PLAIN, {"/s/1.ts", .method = "POST", .door = &to_https}},
    {OUT_MOVED, "", PLAIN, {"/api/test"}},
    {OUT_KEY_REDIRECT,
     "access: { policy: { key: [] }, key: { redirect: https://k.example } }\n",
     PLAIN,
     {"/s/k.key"}},
    {OUT_TOKEN_MISSING, "", PLAIN, {"/s/i.m3u8"}},
    {OUT_TOKEN_MALFORMED, "", PLAIN, {"/s/i.m3u8?token=x"}},
    {OUT_TOKEN_BAD_SIG, "", FORGED, {"/s/i.m3u8"}},
    {OUT_GATE_BAD_SIG, "", GATE_OF_OTHERS, {"/s/1.ts"}},
    {OUT_TOKEN_OUT_OF_SCOPE, "", OUT_OF_SCOPE, {"/s/i.m3u8"}},
    {OUT_TOKEN_EXPIRED, "", SIGNED_LATE, {"/s/i.m3u8"}},
    {OUT_TOKEN_OTHER_VIEWER, TOKEN_USE " }\n", SIGNED, {"/s/i.m3u8"}, use_elsewhere},
    {OUT_TOKEN_USED_UP, TOKEN_USE ", replay: { mode: count } }\n", SIGNED, {"/s/i.m3u8"}, use_here},
    {OUT_BROWSER_LIMIT,
     TOKEN_USE ", browser_adaptive: { enabled: on } }\n",
     SIGNED,
     {"/s/i.m3u8"},
     use_here},
    {OUT_REVOKED, SESSION, GATE_OF_SESSION, {"/s/1.ts"}, use_and_end},
    {OUT_NO_GRANT, "", SIGNED, {"/s/i.m3u8"}},
    {OUT_GRANT_OTHER_STREAM, "", SIGNED, {"/s/i.m3u8"}, grant_other},
    {OUT_NO_SESSION, "", PLAIN, {"/s/x.bin"}, grant_this},
    {OUT_SESSION_RATE, SESSION, SIGNED, {"/s/i.m3u8"}, begin_many_sessions},
    {OUT_TOO_MANY_STREAMS,
     "access: { policy: { playlist: [token, session] }, max_streams: 1 }\n",
     SIGNED,
     {"/s/i.m3u8"},
     watch_another},
    {OUT_NO_CREDENTIAL, "", PLAIN, {"/s/1.ts"}},
    {OUT_API_KEY_MISSING, "", PLAIN, {"/api/test"}},
    {OUT_API_KEY_WRONG, "", PLAIN, {"/api/test"}},
    {OUT_API_NO_LOGIN, "", PLAIN, {"/api/test"}},
    {OUT_API_SCOPE, "", PLAIN, {"/api/test"}},
    {OUT_API_FORGED, "", PLAIN, {"/api/test"}},
    {OUT_API_SIGNATURE, "", PLAIN, {"/api/test"}},
    {OUT_API_BAD_REQUEST, "", PLAIN, {"/api/test", .method = "POST", .content = "{}"}},
    {OUT_BAD_REQUEST, ALL_OPEN, PLAIN, {"/s/1.ts", .content = "x"}},
    {OUT_BAD_REQUEST,
     "",
     PLAIN,
     {"/api/test", .method = "POST", .content = "{}", .content_error = -EPROTO}},
    {OUT_BAD_REQUEST, "", REFUSED_HEAD},
    {OUT_BAD_PATH, "", PLAIN, {"/../s/1.ts"}},
    {OUT_NOT_FOUND, ALL_OPEN, PLAIN, {"/s/missing.ts"}},
    {OUT_FORBIDDEN_FILE, ALL_OPEN, PLAIN, {"/s/link.ts"}, link_outside},
    {OUT_METHOD_NOT_ALLOWED, "", PLAIN, {"/s/1.ts", .method = "DELETE"}},
    {OUT_HEAD_TIMEOUT,
     "",
     PLAIN,
     {"/api/test", .method = "POST", .content = "{}", .content_error = -ETIMEDOUT}},
    {OUT_HEAD_TIMEOUT, "", REFUSED_HEAD},
    {OUT_BODY_TOO_LARGE,
     "",
     PLAIN,
     {"/api/test", .method = "POST", .content = "{}", .content_error = -EMSGSIZE}},
    {OUT_PRECONDITION, ALL_OPEN, PLAIN, {"/s/1.ts", .fields = "If-Match: \"other\"\r\n"}},
    {OUT_URI_TOO_LONG, "", PLAIN, {"/s/%31.ts", .arena_room = 1}},
    {OUT_BAD_RANGE, ALL_OPEN, PLAIN, {"/s/1.ts", .fields = "Range: bytes=100-\r\n"}},
    {OUT_EXPECTATION, ALL_OPEN, PLAIN, {"/s/1.ts", .fields = "Expect: 200-maybe\r\n"}},
    {OUT_HEAD_TOO_LARGE, "", REFUSED_HEAD},
    {OUT_VERSION, "", REFUSED_HEAD},
    {OUT_CLIENT_LEFT, ALL_OPEN, PLAIN, {"/s/1.ts", .send_error = -ECONNRESET}},
    {OUT_CLIENT_LEFT,
     ALL_OPEN,
     PLAIN,
     {"/s/1.ts", .sending = SEND_LATER, .send_error = -ECONNRESET}},
    {OUT_CLIENT_LEFT,
     "",
     PLAIN,
     {"/api/test", .method = "POST", .content = "{}", .content_error = -ECONNRESET}},
    {OUT_SEND_TIMEOUT,
     ALL_OPEN,
     PLAIN,
     {"/s/1.ts", .sending = SEND_LATER, .send_error = -ETIMEDOUT}},
    {OUT_INTERNAL, ALL_OPEN, PLAIN, {"/s/1.ts", .arena_room = 1}},
    {OUT_PLAYLIST_TOO_LARGE,
     ALL_OPEN "playlist: { max_size: 1KiB }\n",
     PLAIN,
     {"/s/i.m3u8"},
     grow_playlist},
    {OUT_ORIGIN_ERROR, ALL_OPEN, CHANGES_MEANWHILE, {"/s/i.m3u8"}},
    {OUT_ORIGIN_BROKE, ALL_OPEN, PLAIN, {"/s/1.ts", .before_pull = cut_file}},
    {OUT_ORIGIN_BROKE,
     ALL_OPEN,
     PLAIN,
     {"/s/1.ts", .before_pull = cut_file, .sending = SEND_LATER}},
    {OUT_ORIGIN_TIMEOUT, ALL_OPEN, EXPIRES, {"/s/1.ts"}},
    {OUT_ORIGIN_TIMEOUT, ALL_OPEN, EXPIRES, {"/s/i.m3u8"}},
    {OUT_ORIGIN_DOWN, ALL_OPEN, UNREACHABLE, {"/s/1.ts"}},
    {OUT_ORIGIN_BAD, ALL_OPEN, TALKS_NONSENSE, {"/s/i.m3u8"}},
    {OUT_STORE_DOWN, SESSION, SIGNED, {"/s/i.m3u8"}, lose_store},
    {OUT_STORE_FULL, SESSION, SIGNED, {"/s/i.m3u8"}, fill_store},
    {OUT_OVERLOADED, ALL_OPEN, PLAIN, {"/s/1.ts"}, use_up_descriptors},
    {OUT_DRAINING, "", REFUSED_HEAD},
};

static const char *other_query(struct world *w, const char *path, const char *url)
{
    return arena_printf(&w->arena, "%s%s", path, strchr(url, '?')).p;
}

static const char *target_of(struct world *w, const struct outcome_case *c)
{
    const char *path = c->question.target;

    switch (c->way) {
    case SIGNED:
        return usual(w, path);
    case SIGNED_LATE:
        return signed_path(w, "u1", path, T0 - 1);
    case FORGED:
        return other_query(w, path, usual(w, "/t/x"));
    case OUT_OF_SCOPE:
        return signed_scope(w, "u1", path, "/t/", T0 + 60);
    case GATE_OF_OTHERS:
        return gate_scope(w, "u1", path, "/s/", T0 + 60, OTHER_IP, VIEWER_UA);
    case GATE_OF_SESSION:
        return gate_scope(w, "u1", path, "/s/", T0 + 12 * 3600, VIEWER_IP, VIEWER_UA);
    default:
        return path;
    }
}

static bool is_loading(const struct asking *a)
{
    return a->req != NULL && strcmp(a->req->at->name, "load") == 0;
}

static struct answer expire(struct world *w, const struct question *q)
{
    struct asking *a;

    world_hold_pool(w);
    a = world_ask_begin(w, q);
    req_expire(a->req);
    world_release_pool(w);
    return world_ask_end(a);
}

static struct answer change_meanwhile(struct world *w, const struct question *q)
{
    struct asking *a = world_ask_begin(w, q);

    while (a->req != NULL) {
        world_hold_pool(w);
        TURN_UNTIL(w->loop, is_loading(a));
        world_write(w, "/s/i.m3u8", "#EXTM3U\n");
        world_release_pool(w);
        TURN_UNTIL(w->loop, !is_loading(a));
    }
    return a->answer;
}

static bool is_by_http(const struct outcome_case *c)
{
    return c->way == UNREACHABLE || c->way == TALKS_NONSENSE;
}

static void open_for(struct world *w, const struct outcome_case *c)
{
    if (is_by_http(c))
        world_open_http(w, c->settings);
    else
        world_open(w, c->settings);
}

static struct answer fail_at_origin(struct world *w, const struct question *q, int err)
{
    struct asking *a;

    origin_forget_asked();
    a = world_ask_begin(w, q);
    origin_end(origin_asked(0), err);
    return world_ask_end(a);
}

static struct answer produce(struct world *w, const struct outcome_case *c)
{
    struct question q = c->question;

    if (c->way == REFUSED_HEAD)
        return world_refuse(w, c->want);
    q.target = target_of(w, c);
    w->api_outcome = strcmp(q.target, "/api/test") == 0 ? c->want : OUT_OK;
    if (c->way == EXPIRES)
        return expire(w, &q);
    if (is_by_http(c))
        return fail_at_origin(w, &q, c->way == UNREACHABLE ? -ECONNREFUSED : -EPROTO);
    return c->way == CHANGES_MEANWHILE ? change_meanwhile(w, &q) : world_ask(w, &q);
}

static void write_stream(struct world *w)
{
    world_write(w, "/s/i.m3u8", PLAYLIST);
    world_write(w, "/s/1.ts", "one");
    world_write(w, "/s/x.bin", "bin");
}

/* ---- what an outcome leaves behind ---- */

static bool is_after_head(enum outcome o)
{
    return o == OUT_CLIENT_LEFT || o == OUT_SEND_TIMEOUT || o == OUT_ORIGIN_BROKE;
}

static void check_fields(const struct answer *a)
{
    const struct outcome_row *row = outcome_row(a->outcome);

    if (row->class == SERVED || is_after_head(a->outcome))
        return;
    assert_int_equal(a->status, row->status);
    assert_field(a, "Cache-Control", "no-store");
    assert_field(a, "Retry-After", row->status == 503 ? "1" : "");
    assert_field(a, "WWW-Authenticate", row->status == 401 ? "Bearer" : "");
    assert_true(str_find(a->body, row->word) < 0); /* why is for the log alone */
}

static struct journal_record newest(struct world *w, enum journal_ring ring)
{
    struct journal_record *all;

    assert_int_equal(journal_read(&w->worker->journal, 1, ring, 1, &w->arena, &all), 1);
    return all[0];
}

static bool is_decided_by(const struct fact *told, enum outcome o)
{
    bool is_other_origin = o == OUT_NOT_FOUND && told->check == FACT_CHECK_ORIGIN;
    bool is_store = told->check == FACT_CHECK_STORE; /* it says more than the outcome */

    return (told->check == facts_check_of(o) || is_other_origin) &&
           (told->verdict == facts_verdict_of(o) || is_store) &&
           str_ends(told->text, outcome_row(o)->text);
}

/* The log can tell which check it was, and what it said. */
static void check_facts(struct world *w, const struct answer *a)
{
    struct facts f = newest(w, JOURNAL_RECENT).facts;
    struct fact told[FACTS_MAX];
    unsigned decisive = 0, n = facts_tell(&f, &w->arena, told);

    for (unsigned i = 0; i < n; i++) {
        if (!told[i].is_decisive)
            continue;
        decisive++;
        if (!is_decided_by(&told[i], a->outcome))
            fail_msg("%.*s: %.*s", STR_FMT(fact_check_word(told[i].check)), STR_FMT(told[i].text));
    }
    assert_int_equal(decisive, outcome_row(a->outcome)->class != SERVED);
}

static void check_journal(struct world *w, const struct answer *a)
{
    struct journal_record *all;
    const struct outcome_row *row = outcome_row(a->outcome);
    unsigned denied = journal_read(&w->worker->journal, 1, JOURNAL_DENIED, 100, &w->arena, &all);

    assert_int_equal(newest(w, JOURNAL_RECENT).facts.outcome, a->outcome);
    assert_int_equal(newest(w, JOURNAL_RECENT).status, row->status);
    assert_int_equal(denied, row->class == DENIED);
    if (denied > 0)
        assert_int_equal(all[0].facts.outcome, a->outcome);
}

static void produce_and_check(const struct outcome_case *c)
{
    struct world w;
    struct answer a;

    open_for(&w, c);
    write_stream(&w);
    if (c->prepare != NULL)
        c->prepare(&w);
    a = produce(&w, c);
    if (c->prepare == use_up_descriptors)
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &descriptors), 0);
    assert_outcome(a, c->want);
    check_fields(&a);
    assert_int_equal(counted(&w, STAT_FIRST_OUTCOME + (int)c->want), 1);
    check_journal(&w, &a);
    check_facts(&w, &a);
    world_close(&w);
}

static void test_every_outcome(void **state)
{
    bool is_produced[OUTCOME_COUNT] = {false};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        produce_and_check(&cases[i]);
        is_produced[cases[i].want] = true;
    }
    for (int o = 0; o < OUTCOME_COUNT; o++)
        if (!is_produced[o])
            fail_msg("nothing produces %.*s", STR_FMT(outcome_row((enum outcome)o)->word));
}

/* ---- rows ---- */

static void test_rows(void **state)
{
    for (int o = 0; o < OUTCOME_COUNT; o++) {
        const struct outcome_row *row = outcome_row((enum outcome)o);

        assert_true(row->word.n > 0 && row->text.n > 0);
        for (size_t i = 0; i < row->word.n; i++)
            assert_true(row->word.p[i] == '_' || (row->word.p[i] >= 'a' && row->word.p[i] <= 'z'));
        assert_int_equal(row->class == SERVED, row->status < 400);
        for (int other = 0; other < o; other++)
            assert_false(str_eq(row->word, outcome_row((enum outcome)other)->word));
    }
    assert_str(outcome_row(OUT_TOKEN_BAD_SIG)->word, "token_bad_sig");
}

/* ---- the log ---- */

static char log_text[1 << 16];

/* What is written to stderr while `c` is produced. */
static void capture(const struct outcome_case *c)
{
    int before = dup(STDERR_FILENO), fd = memfd_create("log", 0);
    struct world w;
    ssize_t n;

    assert_true(before >= 0 && fd >= 0);
    open_for(&w, c);
    write_stream(&w);
    if (c->prepare != NULL)
        c->prepare(&w);
    log_set_level(LOG_INFO);
    assert_true(dup2(fd, STDERR_FILENO) >= 0);
    produce(&w, c);
    dup2(before, STDERR_FILENO);
    world_close(&w);
    close(before);
    n = pread(fd, log_text, sizeof log_text - 1, 0);
    assert_true(n >= 0);
    log_text[n] = '\0';
    close(fd);
}

static void test_the_log(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome_row *row = outcome_row(cases[i].want);
        struct str line;

        if (cases[i].prepare == use_up_descriptors)
            continue;
        capture(&cases[i]);
        line = str_of(log_text);
        assert_int_equal(str_find(line, row->word) >= 0, row->class != SERVED);
        assert_int_equal(str_find(line, STR("token=")), -1); /* queries hold tokens */
        assert_int_equal(str_find(line, STR("gate=")), -1);
        if (row->class == FAILED && row->status >= 500)
            assert_true(str_find(line, STR("warn")) >= 0);
    }
}

/* ---- an arena that is full, at every byte ---- */

static const struct {
    const char *name, *settings, *target, *fields;
    bool is_signed;
    const char *needs; /* a field without which the answer would be wrong */
    const char *method;
    const struct door *door;
} tight_cases[] = {
    {"playlist", "access: { policy: { playlist: [token, session] } }\n", "/s/i.m3u8",
     "Origin: https://page.example\r\n", true, "Set-Cookie"},
    {"file", ALL_OPEN, "/s/1.ts", "", false, "ETag"},
    {"HEAD", ALL_OPEN, "/s/1.ts", "", false, "Last-Modified", "HEAD"},
    {"range", ALL_OPEN, "/s/1.ts", "Range: bytes=1-\r\n", false, "Content-Range"},
    {"several ranges", ALL_OPEN, "/s/1.ts", "Range: bytes=0-0,2-2\r\n", false, "Content-Type"},
    {"bad range", ALL_OPEN, "/s/1.ts", "Range: bytes=9-\r\n", false, "Content-Type"},
    {"escaped path", ALL_OPEN, "/s/%31.ts", "", false, "Last-Modified"},
    {"redirect", ALL_OPEN, "/s/1.ts", "", false, "Location", .door = &to_https},
    {"not HLS", ALL_OPEN, "/s/text.m3u8", "", false, "ETag"},
    {"parts of a copy", TOKEN_ALONE, "/s/i.m3u8", "Range: bytes=0-0,2-2\r\n", true, "Content-Type"},
    {"compressed copy", TOKEN_ALONE "compression: { min_size: 1 }\n", "/s/i.m3u8",
     "Accept-Encoding: gzip\r\n", true, "Content-Encoding"},
    {"compressed text", ALL_OPEN "compression: { min_size: 1 }\n", "/s/long.txt",
     "Accept-Encoding: br\r\n", false, "Content-Encoding"},
};

static struct answer ask_tight(size_t i, size_t room)
{
    struct world w;
    struct answer a;

    world_open(&w, tight_cases[i].settings);
    write_stream(&w);
    world_write(&w, "/s/text.m3u8", "text");
    world_write(&w, "/s/long.txt", PLAYLIST PLAYLIST PLAYLIST);
    a = ask(&w, tight_cases[i].is_signed ? usual(&w, tight_cases[i].target) : tight_cases[i].target,
            .method = tight_cases[i].method, .fields = tight_cases[i].fields,
            .door = tight_cases[i].door, .arena_room = room);
    if (outcome_row(a.outcome)->class == SERVED && answer_field(&a, tight_cases[i].needs).n == 0)
        fail_msg("%s, %zu bytes: %.*s without %s", tight_cases[i].name, room,
                 STR_FMT(outcome_row(a.outcome)->word), tight_cases[i].needs);
    a.body = STR(""); /* goes with its world */
    world_close(&w);
    return a;
}

static void test_tight_arenas(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(tight_cases); i++) {
        struct answer whole = ask_tight(i, 0);
        struct answer a = {.outcome = OUT_INTERNAL};

        for (size_t room = 1; room < 8192 && a.outcome != whole.outcome; room += 1 + room / 16)
            a = ask_tight(i, room);
        assert_outcome(a, whole.outcome); /* there was a size that was enough */
        assert_int_equal(a.length, whole.length);
    }
}

TEST_MAIN(cmocka_unit_test(test_rows), cmocka_unit_test(test_every_outcome),
          cmocka_unit_test(test_the_log), cmocka_unit_test(test_tight_arenas))
