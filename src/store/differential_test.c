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
#include "store/differential_testing.h"
#include "store/embedded.h"
#include "store/redis_testing.h"

enum {
    EMBEDDED,
    REDIS,
    REDIS_LONG_WAY,
    STORES,
    CALLS_MAX = 400,
    SEEN_MAX = 4000,
    ANSWER_MAX = 1 << 20,
    STORY_MAX = 64 << 20
};

struct seen { /* a session, by what its gate tokens name */
    uint8_t viewer[STORE_VIEWER_LEN];
    char uid[STORE_UID_MAX + 1];
    unix_t ends;
    char ids[STORES][STORE_SESSION_ID_LEN + 1];
};

struct walk {
    uint64_t seed;
    struct store_rules rules;
    struct world worlds[STORES];
    struct seen seen[SEEN_MAX];
    unsigned seen_count;
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

/* ---- sessions by their number ---- */

static int number_of_name(const uint8_t *viewer, struct str uid, unix_t ends)
{
    struct seen *s = walk.seen;

    for (; s < walk.seen + walk.seen_count; s++)
        if (s->ends == ends && memcmp(s->viewer, viewer, STORE_VIEWER_LEN) == 0 &&
            str_eq(uid, str_of(s->uid)))
            return (int)(s - walk.seen);
    if (walk.seen_count == SEEN_MAX)
        return -1;
    *s = (struct seen){.ends = ends};
    memcpy(s->viewer, viewer, STORE_VIEWER_LEN);
    memcpy(s->uid, uid.p, uid.n);
    return (int)walk.seen_count++;
}

static int number_of_id(int store, const char *id)
{
    for (unsigned i = 0; i < walk.seen_count; i++)
        if (strcmp(walk.seen[i].ids[store], id) == 0)
            return (int)i;
    return -1;
}

/* One name has one id for ever. */
static void note_id(int store, int number, const char *id)
{
    char *known;

    if (number < 0 || id[0] == '\0')
        return;
    known = walk.seen[number].ids[store];
    if (known[0] == '\0')
        memcpy(known, id, STORE_SESSION_ID_LEN + 1);
    assert_string_equal(known, id);
}

/* ---- answers ---- */

static void print_net(const struct ip_net *net, struct buf *ret)
{
    char room[IP_NET_TEXT_MAX];

    buf_printf(ret, " %.*s", STR_FMT(ip_net_format(net, room)));
}

static void print_session(int store, const struct admission *a, struct buf *ret)
{
    bool is_only_told = a->session_is_new && a->is_dry;
    int number = is_only_told ? -1 : number_of_name(a->viewer, a->session.uid, a->session.ends);

    note_id(store, number, a->session.id);
    buf_printf(ret, " %s session #%d of %.*s, %lld to %lld", a->session_is_new ? "new" : "old",
               number, STR_FMT(a->session.uid), (long long)a->session.started - T0,
               (long long)a->session.ends - T0);
}

static bool is_of_use(const struct admission *a)
{
    return a->verdict == REFUSED_OTHER_VIEWER || a->verdict == REFUSED_USED_UP;
}

static void print_admission(int store, const struct admission *a, struct buf *ret)
{
    static const char *const verdicts[] = {"admitted",   "token expired", "no grant", "grant key",
                                           "no session", "other viewer",  "used up",  "too fast"};

    buf_printf(ret, "%s", verdicts[a->verdict]);
    if (a->has_session)
        print_session(store, a, ret);
    if (a->grant_matched)
        buf_printf(ret, " grant of %.*s", STR_FMT(a->grant_uid));
    buf_printf(ret, " uses %u", a->use_count);
    if (is_of_use(a))
        buf_printf(ret, " refused by %c", a->uses[a->refused_use].id[0]);
}

/* The same for whoever asks it, but no question for the short cut. */
static void ask_the_long_way(struct admission *a)
{
    if (!(a->checks & ADMIT_USE))
        a->uses[0].mode = a->uses[1].mode = USE_NONE;
    a->checks |= ADMIT_USE;
    if (a->uses[1].mode == USE_NONE) {
        a->uses[1] = a->uses[0];
        a->uses[0].mode = USE_NONE;
    }
}

static void do_admit(int store, const struct call *c, struct buf *ret)
{
    struct world *w = &walk.worlds[store];
    struct step step = c->step;
    struct admission a;
    int err;

    if (c->session >= 0)
        step.session_id = walk.seen[c->session].ids[store];
    step_admission(&step, &w->arena, &a);
    if (store == REDIS_LONG_WAY)
        ask_the_long_way(&a);
    err = world_wait(w, store_admit(w->worker, &a));
    if (err < 0)
        buf_printf(ret, "error %d", err);
    else
        print_admission(store, &a, ret);
}

static void do_grant(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_put g = world_grant(w, &c->step);

    print_net(&g.stored_net, ret);
    buf_printf(ret, " %s, keys %u less %u, pairs %u less %u:", g.is_new ? "new" : "renewed", g.keys,
               g.keys_evicted, g.pairs, g.pairs_evicted);
    for (unsigned i = 0; i < g.keys; i++)
        buf_printf(ret, " %.*s", STR_FMT(g.all_keys[i]));
}

static void do_revoke(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_revoke g = world_revoke(w, &c->step);

    buf_printf(ret, "%u grants, %u sessions", g.grants_removed, g.sessions_ended);
}

static void do_touch(struct world *w, const struct call *c)
{
    uint8_t viewer[STORE_VIEWER_LEN];

    step_viewer(&c->step, viewer);
    store_touch(w->worker, viewer, str_of(c->step.uid), str_of(c->step.key), T0 + c->step.at);
}

static void do_end(int store, const struct call *c, struct buf *ret)
{
    struct world *w = &walk.worlds[store];
    struct session_end e = {.now = T0 + c->step.at};

    world_op(&e.op);
    if (c->kind == CALL_END_UID)
        e.uid = str_of(c->step.uid);
    else
        e.id = c->session >= 0 ? str_of(walk.seen[c->session].ids[store]) : STR("nothing");
    if (e.uid.n == 0 && e.id.n == 0)
        e.id = STR("nothing");
    assert_int_equal(world_wait(w, store_session_end(w->worker, &e)), 0);
    buf_printf(ret, "%u ended", e.ended);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A list is a set; a short one may be any part of it. */
static void print_lines(char **lines, unsigned count, unsigned limit, struct buf *ret)
{
    qsort(lines, count, sizeof *lines, by_text);
    buf_printf(ret, "%u:", count);
    for (unsigned i = 0; i < count; i++) {
        if (limit == EVERYTHING)
            buf_printf(ret, "\n        %s", lines[i]);
        free(lines[i]);
    }
    free(lines);
}

static char *grant_line(const struct grant_info *g)
{
    struct buf line;

    buf_init(&line, ANSWER_MAX);
    buf_printf(&line, "%.*s%s %02x%02x%02x%02x %lld to %lld", STR_FMT(g->uid),
               g->is_static ? " static" : "", g->ua_hash[0], g->ua_hash[1], g->ua_hash[2],
               g->ua_hash[3], (long long)g->created - T0, (long long)g->expires - T0);
    print_net(&g->net, &line);
    for (unsigned i = 0; i < g->key_count; i++)
        buf_printf(&line, " %.*s", STR_FMT(g->keys[i]));
    return buf_take_cstr(&line);
}

static void do_list_grants(struct world *w, const struct call *c, struct buf *ret)
{
    struct grant_list l = {
        .arena = &w->arena, .now = T0 + c->step.at, .uid = str_of(c->step.uid), .limit = c->limit};
    char **lines;

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_grant_list(w->worker, &l)), 0);
    lines = xmalloc((l.count + 1) * sizeof *lines);
    for (unsigned i = 0; i < l.count; i++)
        lines[i] = grant_line(&l.grants[i]);
    buf_printf(ret, "of %llu ", (unsigned long long)l.total);
    print_lines(lines, l.count, c->limit, ret);
}

static char *session_line(int store, const struct session_info *s)
{
    char room[IP_TEXT_MAX];
    struct buf line;

    buf_init(&line, ANSWER_MAX);
    buf_printf(&line, "#%04d %.*s %.*s %.*s %02x%02x%02x%02x %lld last %lld to %lld",
               number_of_id(store, s->id), STR_FMT(s->uid), STR_FMT(s->stream_key),
               STR_FMT(ip_format(&s->ip, room)), s->ua_hash[0], s->ua_hash[1], s->ua_hash[2],
               s->ua_hash[3], (long long)s->started - T0, (long long)s->last - T0,
               (long long)s->ends - T0);
    return buf_take_cstr(&line);
}

static void do_list_sessions(int store, const struct call *c, struct buf *ret)
{
    struct world *w = &walk.worlds[store];
    struct session_list l = {
        .arena = &w->arena, .now = T0 + c->step.at, .uid = str_of(c->step.uid), .limit = c->limit};
    char **lines;

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_session_list(w->worker, &l)), 0);
    assert_true(l.total >= l.count);
    lines = xmalloc((l.count + 1) * sizeof *lines);
    for (unsigned i = 0; i < l.count; i++)
        lines[i] = session_line(store, &l.sessions[i]);
    print_lines(lines, l.count, c->limit, ret);
}

static void do_call(int store, const struct call *c, struct buf *ret)
{
    struct world *w = &walk.worlds[store];

    switch (c->kind) {
    case CALL_ADMIT:
        do_admit(store, c, ret);
        break;
    case CALL_GRANT:
        do_grant(w, c, ret);
        break;
    case CALL_REVOKE:
        do_revoke(w, c, ret);
        break;
    case CALL_TOUCH:
        do_touch(w, c);
        break;
    case CALL_END_ID:
    case CALL_END_UID:
        do_end(store, c, ret);
        break;
    case CALL_LIST_GRANTS:
        do_list_grants(w, c, ret);
        break;
    case CALL_LIST_SESSIONS:
        do_list_sessions(store, c, ret);
        break;
    case CALL_SWEEP:
        sweep(store, T0 + c->step.at);
        break;
    case CALL_RULES:
        store_set_rules(w->store, &c->rules);
        break;
    default:
        fail_msg("no call");
    }
}

/* Of all sessions that have been, but those whose gate tokens are over. */
static void print_revoked(int store, unix_t now, struct buf *ret)
{
    struct store_worker *w = walk.worlds[store].worker;

    for (unsigned i = 0; i < walk.seen_count; i++) {
        const struct seen *s = &walk.seen[i];

        if (s->ends < now || !store_is_revoked(w, s->viewer, str_of(s->uid), s->ends))
            continue;
        buf_printf(ret, " -%u", i);
        assert_true(store_has_revocation(w, s->viewer, str_of(s->uid)));
    }
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

        buf_clear(answer);
        do_call(i, c, answer);
        write_notes(i);
        print_revoked(i, T0 + c->step.at, answer);
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
    char key[16];

    if (c->kind == CALL_RULES)
        walk.rules = c->rules;
    for (int i = 0; c->kind == CALL_BURST && i < BURST; i++) {
        struct call one = burst_call(c, i, key);

        make_call(&one);
    }
    if (c->kind != CALL_BURST)
        make_call(c);
}

static void begin_walk(uint64_t seed, struct dice *d)
{
    *d = (struct dice){seed};
    walk.seed = seed;
    walk.seen_count = 0;
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
    unsigned calls;
    int at = 0;

    begin_walk(seed, &d);
    calls = 20 + dice_below(&d, CALLS_MAX);
    for (unsigned i = 0; i < calls && walk.seen_count + BURST < SEEN_MAX; i++) {
        struct call c = random_call(&d, &walk.rules, at, walk.seen_count);

        at = c.step.at;
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
