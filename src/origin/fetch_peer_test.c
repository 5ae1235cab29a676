/*
 * Fetches and checks over real connections: servers that do exactly what their script says, resets
 * and stalls and restarts among it. Whatever happens, what arrives is the object, byte for byte, or
 * the fetch says that it is not.
 */
#include <errno.h>
#include <unistd.h>

#include "client/peer_testing.h"
#include "net/loop_testing.h"
#include "origin/cluster_testing.h"

enum {
    SIZE = 700 * 1000, /* of the object: several times what a socket holds */
    SERVERS_MAX = 2,
};

#define ETAG "ETag: \"v1\"\r\n"

static struct loop *loop;
static struct client *client;
static struct origin_worker worker;
static struct cluster *cluster;
static struct peer *peers[SERVERS_MAX];
static struct str names[SERVERS_MAX];
static struct cluster_settings settings;
static unsigned changes[SERVER_STATE_COUNT];

/* The sink. */
static struct {
    struct origin_fetch *f;
    unsigned heads, ends, status;
    int err;
    struct buf got;
    uint64_t first;   /* of the object, where `got` should begin */
    bool holds;       /* each piece, until the test says so */
    unsigned is_held; /* pieces taken and not proceeded from */
    char reason[160];
    unsigned retries, resumes;
} seen;

static void on_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    seen.heads++;
    seen.status = a->status;
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    assert_int_equal(seen.heads, 1);
    assert_int_equal(seen.is_held, 0);
    buf_add(&seen.got, bytes);
    seen.is_held = seen.holds;
    return !seen.holds;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct str reason = origin_fetch_reason(f);

    seen.ends++;
    seen.err = err;
    seen.retries = origin_fetch_retries(f);
    seen.resumes = origin_fetch_resumes(f);
    snprintf(seen.reason, sizeof seen.reason, "%.*s", STR_FMT(reason));
    seen.f = NULL;
}

static void on_change(struct origin_worker *w, const struct server_change *change)
{
    changes[change->to]++;
}

static int set_up(void **state)
{
    static const struct client_limits limits = {.max_connections = 20,
                                                .max_idle = 10,
                                                .keep_alive = 30 * USEC_PER_SEC,
                                                .dns_cache = 30 * USEC_PER_SEC};

    memset(&seen, 0, sizeof seen);
    memset(changes, 0, sizeof changes);
    buf_init(&seen.got, 4 * SIZE);
    loop = loop_new();
    client = client_new(loop, &limits);
    origin_worker_init(&worker, loop, client);
    worker.changed = on_change;
    for (unsigned i = 0; i < SERVERS_MAX; i++) {
        peers[i] = peer_new("127.0.0.1");
        names[i] = str_of(peer_base(peers[i]));
    }
    settings = test_settings(names, SERVERS_MAX);
    settings.retry_pause = 20 * USEC_PER_MSEC;
    return 0;
}

/* The client first: it closes its connections, which the scripts wait for. */
static int tear_down(void **state)
{
    if (seen.f != NULL)
        origin_fetch_cancel(&seen.f);
    assert_true(list_is_empty(&worker.fetches));
    cluster_free(&cluster);
    client_free(&client);
    loop_free(&loop);
    for (unsigned i = 0; i < SERVERS_MAX; i++)
        peer_free(&peers[i]);
    buf_done(&seen.got);
    return 0;
}

static void start_cluster(unsigned servers)
{
    settings.server_count = servers;
    cluster = test_cluster(&settings);
}

static void start_fetch(const struct origin_request *r)
{
    static const struct origin_sink sink = {on_head, on_data, on_end};

    seen.f = origin_fetch_start(&worker, cluster, r, &sink, NULL);
}

static void get(unsigned servers)
{
    start_cluster(servers);
    start_fetch(&(struct origin_request){.target = STR("/s/1.ts"), .stream_key = STR("s")});
}

static void wait_for_end(void)
{
    TURN_UNTIL(loop, seen.ends > 0);
}

static void expect_pattern(uint64_t n)
{
    assert_int_equal(seen.got.n, n);
    for (uint64_t i = 0; i < n; i++)
        if (seen.got.p[i] != peer_pattern(seen.first + i))
            fail_msg("byte %llu is wrong", (unsigned long long)i);
}

static void expect_whole(void)
{
    wait_for_end();
    if (seen.err != 0)
        fail_msg("%d: %s", seen.err, seen.reason);
    assert_int_equal(seen.heads, 1);
    expect_pattern(SIZE);
}

static void expect_error(int err, const char *reason, uint64_t got)
{
    wait_for_end();
    assert_int_equal(seen.err, err);
    assert_string_equal(seen.reason, reason);
    expect_pattern(got);
}

/* Texts of scripts: copied by PEER_SCRIPT. */

static const char *whole_head(void)
{
    static char text[256];

    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n" ETAG "Content-Length: %d\r\n\r\n", SIZE);
    return text;
}

static const char *range_asked(uint64_t from)
{
    static char text[64];

    snprintf(text, sizeof text, "\r\nRange: bytes=%llu-\r\n", (unsigned long long)from);
    return text;
}

static const char *rest_head(uint64_t from)
{
    static char text[256];

    snprintf(text, sizeof text,
             "HTTP/1.1 206 Partial Content\r\n" ETAG "Content-Range: bytes %llu-%d/%d\r\n"
             "Content-Length: %llu\r\n\r\n",
             (unsigned long long)from, SIZE - 1, SIZE, (unsigned long long)(SIZE - from));
    return text;
}

static void script_rest(struct peer *p, uint64_t from)
{
    PEER_SCRIPT(p, RX("GET /s/1.ts HTTP/1.1\r\n"), HAS(range_asked(from)),
                HAS("\r\nIf-Range: \"v1\"\r\n"), HAS("\r\nAccept-Encoding: identity\r\n"),
                TX(rest_head(from)), TX_PATTERN(from, SIZE - from));
}

/* Bodies that break */

/* The reset comes when all bytes before it have been read: else it takes some of them away, and no
 * script could tell where the next request begins. */
static void reset_at(uint64_t at, unsigned servers)
{
    struct peer_barrier all_read = {0};

    PEER_SCRIPT(peers[0], RX("GET /s/1.ts HTTP/1.1\r\n"), LACKS("\nRange:"), TX(whole_head()),
                TX_PATTERN(0, at), WAIT(&all_read), RESET);
    script_rest(peers[servers - 1], at);
    get(servers);
    TURN_UNTIL(loop, seen.heads == 1 && seen.got.n == at);
    atomic_store(&all_read.is_open, true);
    expect_whole();
    assert_int_equal(seen.resumes, 1);
}

static void a_reset_at_every_seventh(void **state)
{
    for (unsigned servers = 1; servers <= 2; servers++) {
        for (unsigned i = 0; i < 7; i++) {
            reset_at((uint64_t)SIZE * i / 7, servers);
            tear_down(state);
            set_up(state);
        }
    }
}

static void a_body_that_ends_early(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 12345), CLOSE);
    script_rest(peers[0], 12345);
    get(1);
    expect_whole();
}

static void a_body_in_chunks(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "),
                TX("HTTP/1.1 200 OK\r\n" ETAG "Transfer-Encoding: chunked\r\n\r\n"
                   "3039\r\n"), /* 12345 */
                TX_PATTERN(0, 12345), TX("\r\n"), CLOSE);
    PEER_SCRIPT(peers[0], RX("GET "), HAS("\r\nRange: bytes=12345-\r\n"), TX(rest_head(12345)),
                TX_PATTERN(12345, SIZE - 12345));
    get(1);
    expect_whole();
}

static void a_stall(void **state)
{
    settings.stall_timeout = 300 * USEC_PER_MSEC;
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 1000));
    script_rest(peers[1], 1000);
    get(2);
    expect_whole();
    assert_int_equal(seen.resumes, 1);
}

/* The server dies with all its connections, and comes back on the same port. */
static void a_restart(void **state)
{
    struct peer_barrier all_read = {0};

    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, SIZE / 2), WAIT(&all_read),
                RESET);
    get(1);
    TURN_UNTIL(loop, seen.got.n == SIZE / 2);
    peer_down(peers[0]);
    atomic_store(&all_read.is_open, true);
    /* More tries fail than would be allowed before the head. */
    TURN_UNTIL(loop, origin_fetch_retries(seen.f) > settings.retries + 1);
    assert_int_equal(seen.ends, 0);
    script_rest(peers[0], SIZE / 2);
    peer_up(peers[0]);
    expect_whole();
    assert_true(changes[SERVER_EJECTED] >= 1 && changes[SERVER_UP] >= 1);
    assert_int_equal(test_state(cluster, 0, loop), SERVER_UP);
}

static void a_server_with_another_version(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 5000), CLOSE);
    PEER_SCRIPT(peers[1], MAY_LEAVE, RX("GET "), HAS("\r\nIf-Range: \"v1\"\r\n"),
                TX("HTTP/1.1 200 OK\r\nETag: \"v2\"\r\nContent-Length: 700000\r\n\r\n"),
                TX_PATTERN(1, SIZE));
    script_rest(peers[0], 5000);
    get(2);
    expect_whole();
}

static void only_another_version(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 5000), CLOSE);
    PEER_SCRIPT(peers[0], MAY_LEAVE, RX("GET "),
                TX("HTTP/1.1 206 Partial Content\r\nETag: \"v2\"\r\nContent-Length: 695000\r\n"
                   "Content-Range: bytes 5000-699999/700000\r\n\r\n"),
                TX_PATTERN(5001, SIZE - 5000));
    get(1);
    expect_error(-ECONNRESET, "the rest is of another version", 5000);
}

static void a_rest_from_somewhere_else(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 5000), CLOSE);
    PEER_SCRIPT(peers[0], MAY_LEAVE, RX("GET "), TX(rest_head(4000)),
                TX_PATTERN(4000, SIZE - 4000));
    get(1);
    expect_error(-ECONNRESET, "a 206 with other bounds than asked for", 5000);
}

static void a_range_that_breaks(void **state)
{
    seen.first = 1000;
    PEER_SCRIPT(peers[0], RX("GET "), HAS("\r\nRange: bytes=1000-1999\r\n"),
                TX("HTTP/1.1 206 X\r\n" ETAG "Content-Range: bytes 1000-1999/700000\r\n"
                   "Content-Length: 1000\r\n\r\n"),
                TX_PATTERN(1000, 300), CLOSE);
    PEER_SCRIPT(peers[0], RX("GET "), HAS("\r\nRange: bytes=1300-1999\r\n"),
                TX("HTTP/1.1 206 X\r\n" ETAG "Content-Range: bytes 1300-1999/700000\r\n"
                   "Content-Length: 700\r\n\r\n"),
                TX_PATTERN(1300, 700));
    start_cluster(1);
    start_fetch(
        &(struct origin_request){.target = STR("/s/1.ts"), .range = STR("bytes=1000-1999")});
    wait_for_end();
    assert_int_equal(seen.err, 0);
    assert_int_equal(seen.status, 206);
    expect_pattern(1000);
}

static void proceed_until_end(void)
{
    while (seen.ends == 0) {
        TURN_UNTIL(loop, seen.ends > 0 || seen.is_held);
        if (seen.ends > 0)
            break;
        seen.is_held = 0;
        origin_fetch_proceed(seen.f);
    }
}

static void a_slow_viewer(void **state)
{
    seen.holds = true;
    settings.stall_timeout = 500 * USEC_PER_MSEC;
    PEER_SCRIPT(peers[0], RX("GET "), TX(whole_head()), TX_PATTERN(0, 300000), CLOSE);
    script_rest(peers[0], 300000);
    get(1);
    proceed_until_end();
    expect_whole();
    assert_int_equal(seen.resumes, 1);
}

/* Before the head */

static void nobody_there(void **state)
{
    peer_down(peers[0]);
    peer_down(peers[1]);
    get(2);
    wait_for_end();
    assert_int_equal(seen.err, -ECONNREFUSED);
    assert_int_equal(seen.heads, 0);
    assert_int_equal(seen.retries, 2);
}

static void the_second_one_is_there(void **state)
{
    peer_down(peers[0]);
    PEER_SCRIPT(peers[1], RX("GET /s/1.ts "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(2);
    expect_whole();
    assert_int_equal(seen.retries, 1);
}

static void a_reset_before_the_head(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX("HTTP/1.1 200 OK\r\nConte"), RESET);
    PEER_SCRIPT(peers[1], RX("GET "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(2);
    expect_whole();
}

static void silence(void **state)
{
    settings.first_byte_timeout = 300 * USEC_PER_MSEC;
    PEER_SCRIPT(peers[0], RX("GET "));
    PEER_SCRIPT(peers[1], RX("GET "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(2);
    expect_whole();
    assert_int_equal(atomic_load(&cluster->servers[0].failures), 1);
}

static void silence_everywhere(void **state)
{
    settings.first_byte_timeout = 10 * USEC_PER_SEC;
    settings.deadline = 300 * USEC_PER_MSEC;
    PEER_SCRIPT(peers[0], RX("GET "));
    get(2);
    wait_for_end();
    assert_int_equal(seen.err, -ETIMEDOUT);
    assert_int_equal(peer_connections(peers[1]), 0);
    assert_int_equal(atomic_load(&cluster->servers[0].failures), 0);
}

/* The same connection serves the next try: what was left of the first answer has been read. */
static void busy_at_first(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater"),
                RX("GET "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(1);
    expect_whole();
    assert_int_equal(peer_connections(peers[0]), 1);
}

static void busy_to_the_end(void **state)
{
    PEER_SCRIPT_ALL(peers[0], RX("GET "), TX("HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nlater"),
                    AGAIN);
    get(1);
    wait_for_end();
    assert_int_equal(seen.err, 0);
    assert_int_equal(seen.status, 503);
    assert_str(buf_str(&seen.got), "later");
    assert_int_equal(peer_heads(peers[0]), 3);
}

/* Its connection is closed at once. */
static void garbage(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 100000\r\n\r\n\x1f\x8b",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 206 X\r\nContent-Range: bytes 0-4/5\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "SSH-2.0-OpenSSH_9.2p1\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (unsigned try = 0; try < 3; try++)
            PEER_SCRIPT(peers[0], RX("GET "), TX(answers[i]), RX_END);
        get(1);
        wait_for_end();
        assert_int_equal(seen.err, -EPROTO);
        assert_int_equal(seen.heads, 0);
        TURN_UNTIL(loop, peer_open_connections(peers[0]) == 0);
        tear_down(state);
        set_up(state);
    }
}

static void a_relative_redirect(void **state)
{
    char location[128];

    snprintf(location, sizeof location,
             "HTTP/1.1 302 Found\r\nLocation: %s/there/./x\r\nContent-Length: 0\r\n\r\n",
             peer_base(peers[1]));
    PEER_SCRIPT(peers[0], RX("GET /s/1.ts "), TX(location));
    PEER_SCRIPT(peers[1], RX("GET /there/x "),
                TX("HTTP/1.1 307 X\r\nLocation: ../b?c=d\r\nContent-Length: 0\r\n\r\n"),
                RX("GET /b?c=d "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(2);
    expect_whole();
    assert_int_equal(seen.retries, 0);
}

static void a_redirect_out(void **state)
{
    char location[128];

    snprintf(location, sizeof location,
             "HTTP/1.1 302 Found\r\nLocation: %s/\r\nContent-Length: 0\r\n\r\n",
             peer_base(peers[1]));
    PEER_SCRIPT(peers[0], RX("GET "), TX(location));
    get(1); /* the other one is there, but not of this cluster */
    wait_for_end();
    assert_int_equal(seen.err, -ELOOP);
    assert_int_equal(peer_connections(peers[1]), 0);
}

static void a_socket_in_the_file_system(void **state)
{
    char path[64], address[80];
    struct peer *p;
    struct str name;

    snprintf(path, sizeof path, "/tmp/hlsgate-origin-%d.sock", (int)getpid());
    snprintf(address, sizeof address, "unix:%s", path);
    p = peer_new(address);
    assert_non_null(p);
    name = str_of(address);
    settings.servers = &name;
    PEER_SCRIPT(p, RX("GET /s/1.ts "), HAS("\r\nHost: localhost\r\n"), TX(whole_head()),
                TX_PATTERN(0, SIZE));
    get(1);
    expect_whole();
    tear_down(state);
    peer_free(&p);
    unlink(path);
    set_up(state);
}

static void one_host_for_all(void **state)
{
    settings.host = STR("video.example");
    PEER_SCRIPT(peers[0], RX("GET "), HAS("\r\nHost: video.example\r\n"), TX(whole_head()),
                TX_PATTERN(0, SIZE));
    get(1);
    expect_whole();
}

/* Owners */

static void cancelling(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), MAY_LEAVE, TX(whole_head()), TX_PATTERN(0, SIZE / 2), RX_END);
    get(1);
    TURN_UNTIL(loop, seen.got.n > 0);
    origin_fetch_cancel(&seen.f);
    TURN_UNTIL(loop, peer_open_connections(peers[0]) == 0);
    assert_int_equal(seen.ends, 0);
}

/* The next fetch goes over the same connection. */
static void dropping(void **state)
{
    PEER_SCRIPT(peers[0], RX("GET "), TX("HTTP/1.1 404 X\r\nContent-Length: 9\r\n\r\nnot here\n"),
                RX("GET "), TX(whole_head()), TX_PATTERN(0, SIZE));
    get(1);
    TURN_UNTIL(loop, seen.heads == 1);
    if (seen.f != NULL) /* it may have come to its end in the same turn */
        origin_fetch_drop(&seen.f);
    seen.heads = seen.ends = 0;
    buf_clear(&seen.got);
    start_fetch(&(struct origin_request){.target = STR("/s/1.ts")});
    expect_whole();
}

/* Checks */

static void a_server_goes_down_and_comes_back(void **state)
{
    settings.health.interval = 20 * USEC_PER_MSEC;
    settings.health.timeout = 2 * USEC_PER_SEC;
    settings.health.path = STR("/ping");
    for (unsigned i = 0; i < 2; i++)
        PEER_SCRIPT_ALL(peers[i], RX("GET /ping "), HAS("\r\nUser-Agent: hlsgate\r\n"), MAY_LEAVE,
                        TX("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npong"), AGAIN);
    start_cluster(2);
    cluster_check_start(cluster, &worker);
    TURN_UNTIL(loop, peer_heads(peers[0]) >= 3 && peer_heads(peers[1]) >= 3);
    assert_int_equal(peer_connections(peers[0]), 1); /* kept open between checks */
    assert_int_equal(changes[SERVER_DOWN], 0);
    cluster_check_stop(cluster);

    client_free(&client); /* so that its connection does not live on */
    client =
        client_new(loop, &(struct client_limits){
                             .max_connections = 4, .max_idle = 4, .keep_alive = 30 * USEC_PER_SEC});
    worker.client = client;
    peer_down(peers[1]);
    cluster_check_start(cluster, &worker);
    TURN_UNTIL(loop, changes[SERVER_DOWN] == 1);
    assert_int_equal(test_state(cluster, 1, loop), SERVER_DOWN);
    assert_int_equal(test_state(cluster, 0, loop), SERVER_UP);
    peer_up(peers[1]);
    TURN_UNTIL(loop, changes[SERVER_UP] == 1);
    assert_int_equal(test_state(cluster, 1, loop), SERVER_UP);
    cluster_check_stop(cluster);
}

#define UNIT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

TEST_MAIN(UNIT(a_reset_at_every_seventh), UNIT(a_body_that_ends_early), UNIT(a_body_in_chunks),
          UNIT(a_stall), UNIT(a_restart), UNIT(a_server_with_another_version),
          UNIT(only_another_version), UNIT(a_rest_from_somewhere_else), UNIT(a_range_that_breaks),
          UNIT(a_slow_viewer), UNIT(nobody_there), UNIT(the_second_one_is_there),
          UNIT(a_reset_before_the_head), UNIT(silence), UNIT(silence_everywhere),
          UNIT(busy_at_first), UNIT(busy_to_the_end), UNIT(garbage), UNIT(a_relative_redirect),
          UNIT(a_redirect_out), UNIT(a_socket_in_the_file_system), UNIT(one_host_for_all),
          UNIT(cancelling), UNIT(dropping), UNIT(a_server_goes_down_and_comes_back))
