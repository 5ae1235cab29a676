/* TLS over TCP, where the kernel may seal what is sent: whole and in order whether it does or not,
 * and that it does where it is offered. */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls_testing.h"

enum { MANY = 3000000 };

static struct tls_pair_of_ends e;
static struct test_pair pair;
static char bytes[MANY];

static const struct way {
    int version;
    const char *cipher; /* of TLS 1.2 */
    const char *suite;  /* of TLS 1.3 */
} ways[] = {
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL},
    {TLS1_2_VERSION, "ECDHE-ECDSA-AES256-GCM-SHA384", NULL},
    {TLS1_2_VERSION, "ECDHE-ECDSA-CHACHA20-POLY1305", NULL},
    {TLS1_3_VERSION, NULL, "TLS_AES_128_GCM_SHA256"},
    {TLS1_3_VERSION, NULL, "TLS_AES_256_GCM_SHA384"},
    {TLS1_3_VERSION, NULL, "TLS_CHACHA20_POLY1305_SHA256"},
};

static int setup_all(void **state)
{
    struct tls_pair files;

    test_pair_make(&pair, &(struct test_recipe){KEY_EC, "DNS:a.test"});
    files = test_pair_files(&pair);
    e.loop = loop_new();
    e.tickets = tls_tickets_new(USEC_PER_SEC * 3600);
    e.server = test_server(&files, 1, TLS_1_2, e.tickets);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + (i >> 8) + (i >> 16));
    return 0;
}

static int teardown_all(void **state)
{
    tls_server_free(&e.server);
    tls_tickets_free(&e.tickets);
    loop_free(&e.loop);
    test_files_remove();
    return 0;
}

static void tcp_pair(int fds[2], bool small)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), room = 4096;
    socklen_t n = sizeof any;

    assert_int_equal(bind(door, (struct sockaddr *)&any, n), 0);
    assert_int_equal(getsockname(door, (struct sockaddr *)&any, &n), 0);
    assert_int_equal(listen(door, 1), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fds[1], (struct sockaddr *)&any, n), 0);
    fds[0] = accept(door, NULL, NULL);
    assert_true(fds[0] >= 0);
    if (small)
        setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    close(door);
}

static void connect_by_tcp(SSL_CTX *ctx, bool small)
{
    int fds[2];

    tcp_pair(fds, small);
    served_init(&e.served, e.loop, fds[0], e.server);
    client_init(&e.client, ctx, fds[1]);
}

static void begin(const struct way *w, bool small)
{
    SSL_CTX *ctx = client_context();

    SSL_CTX_set_min_proto_version(ctx, w->version);
    SSL_CTX_set_max_proto_version(ctx, w->version);
    if (w->cipher != NULL)
        assert_int_equal(SSL_CTX_set_cipher_list(ctx, w->cipher), 1);
    if (w->suite != NULL)
        assert_int_equal(SSL_CTX_set_ciphersuites(ctx, w->suite), 1);
    connect_by_tcp(ctx, small);
    ends_shake_hands(&e);
    SSL_CTX_free(ctx);
}

/* TCP lets us wait at times: for the window to be worth a segment, for an acknowledgement. */
static void rest(void)
{
    struct pollfd in = {.fd = e.client.fd, .events = POLLIN};

    poll(&in, 1, 1);
}

#define AWAIT(condition) STEP_UNTIL(&e, (rest(), (condition)))

static void expect_received(size_t n)
{
    AWAIT(e.client.got_n >= n || e.client.error != SSL_ERROR_NONE);
    assert_int_equal(e.client.error, SSL_ERROR_NONE);
    assert_int_equal(e.client.got_n, n);
    assert_memory_equal(e.client.got, bytes, n);
    e.client.got_n = 0;
}

static void the_kernel_seals_where_it_is_offered(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        begin(&ways[i], false);
        assert_int_equal(sock_seals(&e.served.sock), !tls_kernel_is_offered());
        client_send(&e.client, bytes, 1000);
        AWAIT(e.served.got_n == 1000);
        assert_memory_equal(e.served.got, bytes, 1000);
        served_send(&e.served, bytes, MANY);
        expect_received(MANY);
        sock_shutdown_write(&e.served.sock);
        AWAIT(e.client.error == SSL_ERROR_ZERO_RETURN);
        ends_close(&e);
    }
}

static void unix_sockets_are_sealed_here(void **state)
{
    SSL_CTX *ctx = client_context();

    ends_connect(&e, ctx, false);
    ends_shake_hands(&e);
    assert_true(sock_seals(&e.served.sock));
    ends_close(&e);
    SSL_CTX_free(ctx);
}

/* ---- sending, to a slow reader ---- */

typedef ssize_t send_fn(size_t from, size_t n);

static FILE *file;

static ssize_t send_pieces(size_t from, size_t n)
{
    struct iovec iov[] = {{bytes + from, MIN(n, (size_t)9)}, {bytes + from + 9, 0}};

    iov[1].iov_len = n > 9 ? MIN(n - 9, (size_t)40000) : 0;
    return sock_send(&e.served.sock, iov, 2, from % 3 == 0 && iov[0].iov_len + iov[1].iov_len < n);
}

static ssize_t send_file(size_t from, size_t n)
{
    return sock_send_file(&e.served.sock, fileno(file), (off_t)from, n);
}

static ssize_t lend(size_t from, size_t n)
{
    return sock_lend(&e.served.sock, bytes + from, n);
}

/* All kinds in turn, so that each follows upon what another has left half-sent. */
static void send_all(size_t n)
{
    static send_fn *const kinds[] = {send_pieces, send_file, lend};
    size_t sent = 0;
    int r = -EAGAIN;

    for (unsigned turn = 0; sent < n || r == -EAGAIN; turn++) {
        ssize_t k = 0;

        if (sent < n)
            k = kinds[turn % ARRAY_LEN(kinds)](sent, MIN(n - sent, (size_t)300000));
        assert_true(k >= 0 || k == -EAGAIN);
        sent += k > 0 ? (size_t)k : 0;
        r = sock_flush(&e.served.sock);
        assert_true(r == 0 || r == -EAGAIN);
        rest();
        client_step(&e.client);
        loop_turn(e.loop);
    }
}

static void every_kind_of_send_arrives_in_order(void **state)
{
    static const size_t speeds[] = {0, 5000, 50000};

    file = tmpfile();
    assert_int_equal(fwrite(bytes, 1, MANY, file), MANY);
    assert_int_equal(fflush(file), 0);
    for (size_t i = 0; i < ARRAY_LEN(ways) * ARRAY_LEN(speeds); i++) {
        begin(&ways[i / ARRAY_LEN(speeds)], i % 2 == 0);
        e.client.read_max = speeds[i % ARRAY_LEN(speeds)];
        send_all(MANY / 4);
        expect_received(MANY / 4);
        ends_close(&e);
    }
    fclose(file);
}

static void what_is_pushed_by_nothing_goes_by_itself(void **state)
{
    struct iovec iov = {bytes, 100};

    begin(&ways[3], false);
    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), 100);
    expect_received(100);
    ends_close(&e);
}

/* ---- the end ---- */

/* Flushed, then ended and closed at once: nothing of it may be lost to a FIN that overtakes it. */
static void the_end_comes_after_all_that_was_sent(void **state)
{
    bool is_ours;

    for (size_t n = 1; n < 400000; n = n * 5 / 4 + 1000) {
        begin(&ways[3 + n % 2], true);
        is_ours = sock_seals(&e.served.sock);
        e.client.read_max = 3000;
        served_send(&e.served, bytes, n);
        AWAIT(served_has_sent(&e.served));
        sock_shutdown_write(&e.served.sock);
        served_close(&e.served);
        AWAIT(e.client.error != SSL_ERROR_NONE || e.client.has_left);
        /* Sealed here, close_notify goes only where there is room for it. */
        assert_true(e.client.error == SSL_ERROR_ZERO_RETURN ||
                    (is_ours && e.client.error == SSL_ERROR_NONE));
        assert_int_equal(e.client.got_n, n);
        assert_memory_equal(e.client.got, bytes, n);
        client_done(&e.client);
    }
}

/* What is not flushed is not overtaken either: the FIN waits for the close. */
static void an_early_end_forges_nothing(void **state)
{
    struct iovec iov = {bytes, MANY};

    begin(&ways[3], true);
    while (sock_send(&e.served.sock, &iov, 1, false) > 0)
        continue;
    sock_shutdown_write(&e.served.sock);
    served_close(&e.served);
    AWAIT(e.client.error != SSL_ERROR_NONE || e.client.has_left);
    assert_true(e.client.error != SSL_ERROR_SSL);
    client_done(&e.client);
}

static void a_peer_that_is_gone_is_noticed(void **state)
{
    struct iovec iov = {bytes, 100000};
    ssize_t r;

    begin(&ways[3], false);
    close(e.client.fd);
    e.client.fd = -1;
    do
        r = sock_send(&e.served.sock, &iov, 1, false);
    while (r > 0 || r == -EAGAIN);
    assert_true(r == -EPIPE || r == -ECONNRESET);
    assert_int_equal(sock_flush(&e.served.sock), r);
    ends_close(&e);
}

/* The kernel's key cannot be changed, and what it seals with the old one would be garbage. */
static void new_keys_are_made_or_the_connection_ends(void **state)
{
    begin(&ways[3], false);
    served_send(&e.served, bytes, 1000);
    expect_received(1000);
    assert_int_equal(SSL_key_update(e.client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
    client_send(&e.client, "x", 1);
    if (sock_seals(&e.served.sock)) {
        AWAIT(e.served.got_n == 1);
        served_send(&e.served, bytes, 1000);
        expect_received(1000);
    } else {
        AWAIT(e.served.last == -EPROTO);
        assert_int_equal(sock_flush(&e.served.sock), -EPROTO);
        assert_int_equal(sock_send(&e.served.sock, &(struct iovec){bytes, 1}, 1, false), -EPROTO);
        sock_shutdown_write(&e.served.sock);
        AWAIT(e.client.has_left);
        assert_int_equal(e.client.error, SSL_ERROR_NONE);
    }
    ends_close(&e);
}

/* Of the client's own key alone: receiving is ours. */
static void the_peer_may_change_its_own_key(void **state)
{
    begin(&ways[3], false);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(e.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        client_send(&e.client, bytes + i, 1);
    }
    AWAIT(e.served.got_n == 5);
    served_send(&e.served, bytes, 1000);
    expect_received(1000);
    ends_close(&e);
}

static void a_forged_record_is_answered_by_an_alert(void **state)
{
    static const char forged[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        begin(&ways[i], false);
        assert_int_equal(send(e.client.fd, forged, sizeof forged - 1, 0), sizeof forged - 1);
        AWAIT(e.served.last == -EPROTO && e.client.error == SSL_ERROR_SSL);
        ends_close(&e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_seals_where_it_is_offered),
        cmocka_unit_test(unix_sockets_are_sealed_here),
        cmocka_unit_test(every_kind_of_send_arrives_in_order),
        cmocka_unit_test(what_is_pushed_by_nothing_goes_by_itself),
        cmocka_unit_test(the_end_comes_after_all_that_was_sent),
        cmocka_unit_test(an_early_end_forges_nothing),
        cmocka_unit_test(a_peer_that_is_gone_is_noticed),
        cmocka_unit_test(new_keys_are_made_or_the_connection_ends),
        cmocka_unit_test(the_peer_may_change_its_own_key),
        cmocka_unit_test(a_forged_record_is_answered_by_an_alert),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
