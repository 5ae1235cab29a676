/* The embedded store: the rules all backends share, and what is its own: disk, crashes, threads. */
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"
#include "store/backend.h"
#include "store/conformance.h"
#include "store/embedded.h"

static char folder[] = "/tmp/hlsgate_store_XXXXXX";
static char path[64];
static uint64_t size = 64 << 20;

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *walk)
{
    return remove(name);
}

static void remove_store(void)
{
    nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct store *open_store(const struct store_rules *rules)
{
    struct store_embedded_options o = {.path = path, .size = size};
    struct store *s = NULL;
    struct buf error;
    int r;

    buf_init(&error, 1000);
    r = store_open_embedded(&o, rules, &s, &error);
    if (r < 0)
        fail_msg("%d: %.*s", r, STR_FMT(buf_str(&error)));
    buf_done(&error);
    return s;
}

static struct store *open_empty(const struct store_rules *rules)
{
    remove_store();
    return open_store(rules);
}

static void housekeep(struct store *s, unix_t now)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(embedded_housekeep(s, now), 0);
}

static void reopen(struct world *w)
{
    world_close(w);
    world_open(w, open_store(&conformance_rules));
}

/* ---- disk ---- */

static void test_files_are_private(void **state)
{
    struct world w;
    struct stat st;
    char name[100];

    world_open(&w, open_empty(&conformance_rules));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(name, sizeof name, "%s/data.mdb", path);
    assert_int_equal(stat(name, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    world_close(&w);
}

static void test_reopening_keeps_everything(void **state)
{
    static const struct step play = {.checks = ADMIT_GRANT | ADMIT_SESSION | ADMIT_USE,
                                     .use = {{'a', USE_BIND}}};
    struct store_session before, after, revoked;
    uint8_t viewer[STORE_VIEWER_LEN];
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    world_grant(&w, &play);
    world_grant(&w, &(struct step){.uid = "u2"});
    before = world_session(&w, &play);
    revoked = world_session(&w, &(struct step){.uid = "u2", .checks = ADMIT_SESSION});
    world_revoke(&w, &(struct step){.uid = "u2"});
    revoked.uid = STR("u2"); /* the arena goes */
    reopen(&w);
    after = world_session(&w, &play);
    assert_string_equal(after.id, before.id);
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_USE, .ua = "UA-2",
                                  .use = {{'a', USE_BIND}}, .want = REFUSED_OTHER_VIEWER});
    step_viewer(&play, viewer);
    assert_true(store_is_revoked(w.worker, viewer, revoked.uid, revoked.ends));
    assert_false(store_is_revoked(w.worker, viewer, STR("u1"), after.ends));
    world_close(&w);
}

static void test_cannot_open(void **state)
{
    struct store_embedded_options o = {.path = "/proc/nowhere/store", .size = size};
    struct store *s = NULL;
    struct buf error;

    buf_init(&error, 1000);
    assert_int_equal(store_open_embedded(&o, &conformance_rules, &s, &error), -ENOENT);
    assert_null(s);
    assert_true(str_find(buf_str(&error), STR("/proc/nowhere/store")) >= 0);
    buf_done(&error);
}

/* A record of a format to come. */
static void test_unknown_format(void **state)
{
    struct store_embedded_options o = {.path = path, .size = size};
    struct store *s = open_empty(&conformance_rules);
    struct buf error;
    struct db_tx tx;
    struct db *db;

    store_close(&s);
    buf_init(&error, 1000);
    assert_int_equal(db_open(path, size, &db, &error), 0);
    assert_int_equal(db_begin_write(&tx, db), 0);
    db_put(&tx, DB_META, STR("version"), STR("\0\0\0\0\0\0\0\x63"));
    assert_int_equal(db_commit(&tx), 0);
    db_close(&db);
    assert_int_equal(store_open_embedded(&o, &conformance_rules, &s, &error), -EPROTO);
    assert_true(str_find(buf_str(&error), STR("format")) >= 0);
    buf_done(&error);
}

static struct step nth_use(int i, char id_room[16])
{
    struct step s = {.kind = ADMIT, .checks = ADMIT_SESSION, .uid = id_room, .at = i / 1000};

    snprintf(id_room, 16, "user%d", i);
    return s;
}

/* Sessions until there is no room; how many there are. */
static int begin_until_full(struct world *w)
{
    char uid[16];
    int n = 0, r = 0;

    for (; r == 0 && n < 100000; n++) {
        struct step s = nth_use(n, uid);
        struct admission a;

        step_admission(&s, &w->arena, &a);
        r = world_wait(w, store_admit(w->worker, &a));
    }
    assert_int_equal(r, -ENOSPC);
    return n - 1;
}

/* When no more can be stored, what is there still works, rights can be taken away, and it gets well
 * by itself. */
static void test_full_map(void **state)
{
    char uid[16];
    int stored;
    struct store_stats stats;
    struct world w;

    size = 2 << 20;
    world_open(&w, open_empty(&conformance_rules));
    world_grant(&w, &(struct step){0});
    stored = begin_until_full(&w);
    store_stats(w.store, &stats);
    assert_false(stats.is_healthy);
    assert_int_equal(stats.sessions, stored); /* nothing of what failed is there */
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_GRANT});
    for (int i = 0; i < stored; i++) { /* what was answered for is there */
        struct step s = nth_use(i, uid);

        s.may_not_begin = true;
        s.at = 100;
        world_step(&w, &s);
    }
    world_grant(&w, &(struct step){.uid = "u9", .want_error = -ENOSPC});
    assert_int_equal(world_revoke(&w, &(struct step){.uid = "user0", .at = 100}).sessions_ended, 1);
    for (int i = 0; i < 100 && stats.sessions > 0; i++) {
        embedded_housekeep(w.store, T0 + 50000);
        store_stats(w.store, &stats);
    }
    embedded_housekeep(w.store, T0 + 50000);
    store_stats(w.store, &stats);
    assert_true(stats.is_healthy); /* nobody had to write for it to see that there is room again */
    assert_int_equal(stats.sessions, 0);
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .at = 50000});
    world_close(&w);
    size = 64 << 20;
}

/* ---- traffic beside the gate ---- */

/* Counts of uid after uid, a batch of one each, until the store takes no more; how many it took. */
static unsigned count_until_full(struct world *w)
{
    struct traffic_counts c = {.first = T0, .last = T0, .requests = 1, .bytes = {1}};
    struct traffic_add a = {.now = T0};
    struct buf lines;
    char uid[32];
    int r = 0;

    buf_init(&lines, TRAFFIC_LINE_MAX);
    world_op(&a.op);
    while (r == 0 && a.number < 100000) {
        snprintf(uid, sizeof uid, "viewer %u", (unsigned)a.number++);
        buf_clear(&lines);
        traffic_add_line(&lines, str_of(uid), &c);
        a.lines = buf_str(&lines);
        r = world_wait(w, store_traffic_add(w->worker, &a));
    }
    buf_done(&lines);
    assert_int_equal(r, -ENOSPC);
    return (unsigned)a.number - 1;
}

/* What is stored is what was answered for. */
static void assert_counted(struct world *w, unsigned uids)
{
    struct traffic_list l = {.arena = &w->arena, .limit = 1};

    world_op(&l.op);
    assert_int_equal(world_wait(w, store_traffic_list(w->worker, &l)), 0);
    traffic_lines_done(l.lines, l.count);
    assert_int_equal(l.uids, uids);
    assert_int_equal(l.bytes, uids);
}

/* Grants, sessions and revocations go on as if there were no traffic, and nobody calls it ill. */
static void assert_gate_is_well(struct world *w)
{
    static const struct step play = {.checks = ADMIT_GRANT | ADMIT_SESSION | ADMIT_USE,
                                     .use = {{'a', USE_BIND}}};
    struct store_stats stats;

    world_grant(w, &play);
    world_session(w, &play);
    assert_int_equal(world_revoke(w, &(struct step){0}).sessions_ended, 1);
    store_stats(w->store, &stats);
    assert_true(stats.is_healthy);
    housekeep(w->store, T0);
    store_stats(w->store, &stats);
    assert_true(stats.is_healthy);
}

static void test_traffic_leaves_the_gate_its_room(void **state)
{
    struct world w;
    unsigned uids;

    size = 2 << 20;
    world_open(&w, open_empty(&conformance_rules));
    uids = count_until_full(&w);
    assert_true(uids > 100);
    assert_gate_is_well(&w);
    reopen(&w);
    assert_gate_is_well(&w);
    assert_counted(&w, uids);
    world_close(&w);
    size = 64 << 20;
}

enum { COUNTED = 1000, LISTED = 60 };

static uint64_t bytes_of_nth(unsigned n)
{
    return n * 7919 % 97; /* many have the same */
}

static void count_many(struct world *w)
{
    struct traffic_add a = {.now = T0};
    struct buf lines;

    buf_init(&lines, TRAFFIC_LINE_MAX);
    world_op(&a.op);
    for (unsigned n = 0; n < COUNTED; n++) {
        struct traffic_counts c = {.first = T0, .last = T0, .bytes = {bytes_of_nth(n)}};
        char uid[16];

        snprintf(uid, sizeof uid, "u%04u", n);
        buf_clear(&lines);
        traffic_add_line(&lines, str_of(uid), &c);
        a.number++;
        a.lines = buf_str(&lines);
        assert_int_equal(world_wait(w, store_traffic_add(w->worker, &a)), 0);
    }
    buf_done(&lines);
}

/* How many come before it: those with more bytes, and those with as many whose uid is smaller. */
static unsigned place_of(unsigned n)
{
    unsigned before = 0;

    for (unsigned i = 0; i < COUNTED; i++)
        before +=
            bytes_of_nth(i) > bytes_of_nth(n) || (bytes_of_nth(i) == bytes_of_nth(n) && i < n);
    return before;
}

static void test_a_list_has_those_with_most(void **state)
{
    struct traffic_list l = {.limit = LISTED};
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    l.arena = &w.arena;
    count_many(&w);
    world_op(&l.op);
    assert_int_equal(world_wait(&w, store_traffic_list(w.worker, &l)), 0);
    assert_int_equal(l.uids, COUNTED);
    assert_int_equal(l.count, LISTED);
    for (unsigned i = 0; i < l.count; i++) {
        uint64_t n = 0;

        assert_int_equal(str_parse_u64(str_skip(l.lines[i].uid, 1), COUNTED, &n), 0);
        assert_int_equal(place_of((unsigned)n), i);
        assert_int_equal(traffic_total(&l.lines[i].counts), bytes_of_nth((unsigned)n));
    }
    traffic_lines_done(l.lines, l.count);
    world_close(&w);
}

static bool lead_at(struct world *w, char holder, unix_t at)
{
    struct traffic_lead l = {.now = at, .ttl = 10};

    world_op(&l.op);
    memset(l.holder, holder, sizeof l.holder);
    assert_int_equal(world_wait(w, store_traffic_lead(w->worker, &l)), 0);
    return l.is_leader;
}

/* A process was killed, and the clock was a day ahead until then: it must not lead for a day. */
static void test_a_lead_from_the_future_is_over(void **state)
{
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    assert_true(lead_at(&w, 'a', T0 + 86400));
    reopen(&w);
    assert_true(lead_at(&w, 'b', T0));
    assert_false(lead_at(&w, 'a', T0 + 1));
    assert_true(lead_at(&w, 'a', T0 + 10));
    world_close(&w);
}

/* ---- crashes ---- */

struct claim {
    int n;
    char session[STORE_SESSION_ID_LEN + 1];
};

/* Begins sessions and says which, until it is killed. */
static _Noreturn void write_until_killed(int to)
{
    char uid[16];
    struct world w;

    world_open(&w, open_store(&conformance_rules));
    for (int i = 0;; i++) {
        struct step s = nth_use(i, uid);
        struct claim c = {.n = i};

        strcpy(c.session, world_session(&w, &s).id);
        if (write(to, &c, sizeof c) != sizeof c)
            _exit(1);
    }
}

static int check_claims(int from, struct world *w)
{
    struct claim c;
    char uid[16];
    int n = 0;

    for (; read(from, &c, sizeof c) == sizeof c; n++) {
        struct step s = nth_use(c.n, uid);

        s.may_not_begin = true;
        assert_string_equal(world_session(w, &s).id, c.session);
    }
    return n;
}

static void test_kill_9_loses_nothing(void **state)
{
    int claimed = 0;

    for (int round = 0; round < 8; round++) {
        struct store *s = open_empty(&conformance_rules);
        struct world w;
        int fds[2];
        pid_t pid;

        store_close(&s);
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_until_killed(fds[1]);
        close(fds[1]);
        usleep(30000 + (useconds_t)round * 7919);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        world_open(&w, open_store(&conformance_rules));
        claimed += check_claims(fds[0], &w);
        close(fds[0]);
        world_close(&w);
    }
    assert_true(claimed > 100);
}

/* ---- processes and threads ---- */

/* A second process with the folder open, as in a hand-over, learns of revocations within a second.
 */
static void test_revocations_of_another_process(void **state)
{
    struct store *s = open_empty(&conformance_rules);
    uint8_t viewer[STORE_VIEWER_LEN];
    struct store_session session;
    struct world w;
    int status;
    pid_t pid;

    store_close(&s);
    step_viewer(&(struct step){0}, viewer);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        world_open(&w, open_store(&conformance_rules));
        for (int i = 0; i < 5000 && !store_is_revoked(w.worker, viewer, STR("u1"), T0 + 43200);
             i++) {
            housekeep(w.store, T0);
            usleep(1000);
        }
        _exit(store_is_revoked(w.worker, viewer, STR("u1"), T0 + 43200) ? 0 : 1);
    }
    world_open(&w, open_store(&conformance_rules));
    session = world_session(&w, &(struct step){.checks = ADMIT_SESSION});
    assert_int_equal(session.ends, T0 + 43200);
    world_revoke(&w, &(struct step){0});
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    world_close(&w);
}

enum { THREADS = 4, TRIES = 200, MAX_WINS = 77 };

struct racer {
    pthread_t thread;
    struct store *store;
    struct loop *loop;
    int wins, answers;
    bool was_revoked;
};

static struct racer racers[THREADS];

struct
try {
    struct admission a;
    struct racer *racer;
};

static void on_tried(struct op *op, int err)
{
    struct try *t = container_of(op, struct try, a.op);

    t->racer->answers++;
    t->racer->wins += err == 0 && t->a.verdict == ADMITTED;
}

static void *race(void *arg)
{
    static const struct step one = {.checks = ADMIT_SESSION | ADMIT_USE,
                                    .use = {{'t', USE_COUNT, MAX_WINS}}};
    struct racer *racer = arg;
    struct store_worker *worker = store_worker_new(racer->store, racer->loop);
    struct try *tries = xcalloc(TRIES, sizeof *tries);
    struct arena arena;

    arena_init(&arena, 4 << 20);
    for (int i = 0; i < TRIES; i++) {
        tries[i].racer = racer;
        step_admission(&one, &arena, &tries[i].a);
        op_init(&tries[i].a.op, on_tried);
        if (store_admit(worker, &tries[i].a) > 0)
            on_tried(&tries[i].a.op, 0);
        racer->was_revoked |= store_is_revoked(worker, tries[i].a.viewer, STR("u1"), T0 + 43200);
        if (i % 7 == 0)
            loop_turn(racer->loop);
    }
    while (racer->answers < TRIES)
        loop_turn(racer->loop);
    store_worker_free(&worker);
    arena_done(&arena);
    free(tries);
    return NULL;
}

static void test_threads_take_exactly_max(void **state)
{
    struct world w;
    int wins = 0;

    world_open(&w, open_empty(&conformance_rules));
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .ua = "UA-2"});
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.store = w.store, .loop = loop_new()};
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    store_set_rules(w.store, &conformance_rules);
    world_revoke(&w, &(struct step){.ua = "UA-2"});
    housekeep(w.store, T0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        loop_free(&racers[i].loop);
        wins += racers[i].wins;
        assert_int_equal(racers[i].answers, TRIES);
        assert_false(racers[i].was_revoked); /* that was another viewer */
    }
    assert_int_equal(wins, MAX_WINS);
    world_close(&w);
}

/* The ticker, the pool, and a worker that leaves while its housekeeping is under way. */
static void test_housekeeping_runs_and_stops(void **state)
{
    struct store_stats stats = {.uses = 1};
    struct world w;

    world_open(&w, open_empty(&conformance_rules));
    world_step(&w, &(struct step){ADMIT, .checks = ADMIT_USE, .use = {{'a', USE_BIND}}});
    clock_set_fake(USEC_PER_SEC, T0 + 50000);
    store_housekeep(w.worker);
    for (int i = 0; i < 5000 && stats.uses > 0; i++) {
        clock_set_fake(USEC_PER_SEC + (usec_t)i * USEC_PER_MSEC, T0 + 50000);
        loop_turn(w.loop);
        usleep(1000);
        store_stats(w.store, &stats);
    }
    assert_int_equal(stats.uses, 0);
    clock_set_fake(0, -1);
    world_close(&w);
}

/* ---- streams ---- */

static uint64_t stream_entries(struct world *w)
{
    struct db_usage usage;

    db_usage(container_of(w->store, struct embedded, base)->db, &usage);
    return usage.entries[DB_STREAMS];
}

/* Entries go when a stream of the uid is entered, and with the end of their session. */
static void test_entries_of_streams_go(void **state)
{
    struct store_rules rules = conformance_rules;
    struct world w;

    world_open(&w, open_empty(&rules));
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "before"});
    assert_int_equal(stream_entries(&w), 0); /* without a limit there are none */
    rules.max_streams = 4;
    rules.streams_idle = 60;
    store_set_rules(w.store, &rules);
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "a"});
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "b"});
    world_session(&w, &(struct step){.checks = ADMIT_SESSION, .key = "b", .uid = "u2"});
    assert_int_equal(stream_entries(&w), 3);
    world_session(&w, &(struct step){.at = 60, .checks = ADMIT_SESSION, .key = "c"});
    assert_int_equal(stream_entries(&w), 2); /* of u1 the others have lapsed */
    housekeep(w.store, T0 + rules.session_max);
    assert_int_equal(stream_entries(&w), 1);
    housekeep(w.store, T0 + 60 + rules.session_max);
    assert_int_equal(stream_entries(&w), 0);
    world_close(&w);
}

int main(void)
{
    static const struct conformance c = {open_empty, housekeep};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files_are_private),
        cmocka_unit_test(test_reopening_keeps_everything),
        cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_unknown_format),
        cmocka_unit_test(test_full_map),
        cmocka_unit_test(test_traffic_leaves_the_gate_its_room),
        cmocka_unit_test(test_a_list_has_those_with_most),
        cmocka_unit_test(test_a_lead_from_the_future_is_over),
        cmocka_unit_test(test_kill_9_loses_nothing),
        cmocka_unit_test(test_revocations_of_another_process),
        cmocka_unit_test(test_threads_take_exactly_max),
        cmocka_unit_test(test_housekeeping_runs_and_stops),
        cmocka_unit_test(test_entries_of_streams_go),
    };
    int failed;

    if (mkdtemp(folder) == NULL)
        return 1;
    snprintf(path, sizeof path, "%s/store", folder);
    failed = conformance_run(&c) + cmocka_run_group_tests_name("embedded", tests, NULL, NULL);
    remove_store();
    rmdir(folder);
    return failed;
}
