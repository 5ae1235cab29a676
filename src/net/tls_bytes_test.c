/* Bytes over TLS: every shape of a send, readers that are slow, input that the kernel does not
 * show, and the ways in which a connection ends. */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/tls_testing.h"

enum { MANY = 3000000 };

static struct tls_pair_of_ends e;
static SSL_CTX *client;
static struct test_pair pair;
static char bytes[MANY];

static int setup_all(void **state)
{
    struct tls_pair files;

    test_pair_make(&pair, &(struct test_recipe){KEY_EC, "DNS:a.test"});
    files = test_pair_files(&pair);
    e.loop = loop_new();
    e.tickets = tls_tickets_new(USEC_PER_SEC * 3600);
    e.server = test_server(&files, 1, TLS_1_2, e.tickets);
    client = client_context();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7 + (i >> 8) + (i >> 16));
    return 0;
}

static int teardown_all(void **state)
{
    SSL_CTX_free(client);
    tls_server_free(&e.server);
    tls_tickets_free(&e.tickets);
    loop_free(&e.loop);
    test_files_remove();
    return 0;
}

/* A connection whose hands are shaken, with little room in the kernel. */
static int setup(void **state)
{
    ends_connect(&e, client, true);
    ends_shake_hands(&e);
    client_step(&e.client); /* takes the tickets */
    return 0;
}

static int teardown(void **state)
{
    ends_close(&e);
    return 0;
}

static void expect_received(size_t n)
{
    assert_int_equal(e.client.got_n, n);
    assert_memory_equal(e.client.got, bytes, n);
    e.client.got_n = 0;
}

/* ---- sending ---- */

/* Cuts `n` bytes into pieces of the given lengths, over and over; returns how many there are. */
static int cut(const int *lengths, size_t from, size_t n, struct iovec *ret, int max)
{
    int count = 0;

    for (int i = 0; count < max && n > 0; i++, count++) {
        size_t k;

        if (lengths[i] < 0)
            i = 0;
        k = MIN((size_t)lengths[i], n);
        ret[count] = (struct iovec){bytes + from, k};
        from += k;
        n -= k;
    }
    return count;
}

/* Until all of `n` has arrived; a send begins wherever the one before has ended. */
static void send_cut(const int *lengths, size_t n)
{
    struct iovec iov[64];
    size_t sent = 0;

    for (int idle = 0; e.client.got_n < n; idle++) {
        int count = cut(lengths, sent, n - sent, iov, ARRAY_LEN(iov));
        ssize_t r =
            count > 0 ? sock_send(&e.served.sock, iov, count, n % 2) : sock_flush(&e.served.sock);

        assert_true(r >= 0 || r == -EAGAIN);
        assert_true(r <= SOCK_SEAL_AT_ONCE && idle < TURNS_MAX);
        sent += r > 0 ? (size_t)r : 0;
        client_step(&e.client);
    }
    assert_int_equal(sock_flush(&e.served.sock), 0);
    expect_received(n);
}

static void every_shape_arrives_whole(void **state)
{
    static const int shapes[][6] = {
        {MANY, -1},         {1, -1},
        {16384, -1},        {16383, -1},
        {16385, -1},        {9, 16375, -1},
        {9, 16384, -1},     {0, 5, 0, 100000, -1},
        {20000, 1, -1},     {65536, -1},
        {65537, 2, 3, -1},  {300, 16384, 16384, 1, -1},
        {49152, 16384, -1}, {1, 2, 3, 40000, 0, -1},
    };
    static const size_t sizes[] = {1,     2,     100,   16383, 16384, 16385,
                                   32768, 65535, 65536, 65537, 200001};
    static const size_t speeds[] = {0, 1000, 16406, 50000}; /* of the reader */

    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
            e.client.read_max = speeds[(i + k) % ARRAY_LEN(speeds)];
            if (shapes[i][0] > 1 || sizes[k] < 20000)
                send_cut(shapes[i], sizes[k]);
        }
}

static void nothing_is_sent_as_nothing(void **state)
{
    struct iovec none = {bytes, 0};

    assert_int_equal(sock_send(&e.served.sock, &none, 1, false), 0);
    assert_int_equal(sock_send(&e.served.sock, NULL, 0, false), 0);
    assert_int_equal(recv(e.client.fd, bytes, 1, MSG_PEEK), -1);
}

/* All is taken though the kernel has room for a part; then nothing, until all of it has gone. */
static void what_finds_no_room_is_kept_and_goes_first(void **state)
{
    struct iovec iov = {bytes, MANY};

    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), SOCK_SEAL_AT_ONCE);
    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), -EAGAIN);
    assert_int_equal(sock_flush(&e.served.sock), -EAGAIN);
    sock_want(&e.served.sock, SOCK_WRITE);
    e.served.error = -EAGAIN;
    STEP_UNTIL(&e, served_has_sent(&e.served)); /* told `writable`, as often as it takes */
    STEP_UNTIL(&e, e.client.got_n == SOCK_SEAL_AT_ONCE);
    expect_received(SOCK_SEAL_AT_ONCE);
}

static void much_is_sent_through_the_loop(void **state)
{
    e.client.read_max = 30000;
    served_send(&e.served, bytes, MANY);
    STEP_UNTIL(&e, e.client.got_n == MANY);
    assert_true(served_has_sent(&e.served));
    expect_received(MANY);
}

static void what_is_lent_arrives_whole(void **state)
{
    size_t sent = 0;

    while (e.client.got_n < MANY) {
        ssize_t r = sent < MANY ? sock_lend(&e.served.sock, bytes + sent, MANY - sent)
                                : sock_flush(&e.served.sock);

        assert_true(r >= 0 || r == -EAGAIN);
        sent += r > 0 ? (size_t)r : 0;
        client_step(&e.client);
    }
    expect_received(MANY);
}

static void files_are_sent_by_range(void **state)
{
    FILE *f = tmpfile();
    size_t sent = 1000;

    assert_int_equal(fwrite(bytes, 1, 500000, f), 500000);
    assert_int_equal(fflush(f), 0);
    while (sent < 400000) {
        ssize_t r = sock_send_file(&e.served.sock, fileno(f), (off_t)sent, 400000 - sent);

        assert_true(r > 0 || r == -EAGAIN);
        sent += r > 0 ? (size_t)r : 0;
        client_step(&e.client);
    }
    while (sock_flush(&e.served.sock) == -EAGAIN)
        client_step(&e.client);
    client_step(&e.client);
    assert_int_equal(e.client.got_n, 399000);
    assert_memory_equal(e.client.got, bytes + 1000, 399000);
    assert_int_equal(sock_send_file(&e.served.sock, fileno(f), 499999, 10), 1);
    assert_int_equal(sock_send_file(&e.served.sock, fileno(f), 500000, 10), 0);
    assert_int_equal(sock_send_file(&e.served.sock, -1, 0, 10), -EBADF);
    fclose(f);
}

/* Two sockets share the loop's buffer; what one keeps never reaches the other's peer. */
static void sockets_of_a_loop_do_not_mix(void **state)
{
    static struct tls_pair_of_ends other;
    char *upside_down = bytes + MANY / 2;

    other = (struct tls_pair_of_ends){.loop = e.loop, .tickets = e.tickets, .server = e.server};
    ends_connect(&other, client, true);
    ends_shake_hands(&other);
    e.client.read_max = 700;
    other.client.read_max = 1100;
    served_send(&e.served, bytes, 300000);
    served_send(&other.served, upside_down, 300000);
    STEP_UNTIL(
        &e, (client_step(&other.client), e.client.got_n == 300000 && other.client.got_n == 300000));
    assert_memory_equal(e.client.got, bytes, 300000);
    assert_memory_equal(other.client.got, upside_down, 300000);
    ends_close(&other);
}

/* ---- receiving ---- */

static void stays_quiet(void)
{
    int before = e.served.readable;

    for (int i = 0; i < 20; i++)
        loop_turn(e.loop);
    assert_int_equal(e.served.readable, before);
}

static void what_the_kernel_does_not_show_is_told(void **state)
{
    e.served.gulp = 3;
    client_send(&e.client, bytes, 10);
    client_send(&e.client, bytes + 10, 10); /* two records that come as one */
    client_step(&e.client);
    TURN_UNTIL(e.loop, e.served.got_n == 20);
    assert_memory_equal(e.served.got, bytes, 20);
    assert_true(e.served.readable >= 7);
    stays_quiet();
}

static void reading_can_pause_between_records(void **state)
{
    e.served.gulp = 10;
    e.served.is_silent = true;
    client_send(&e.client, bytes, 10);
    client_send(&e.client, bytes + 10, 10);
    client_step(&e.client);
    sock_want(&e.served.sock, 0);
    assert_int_equal(sock_recv(&e.served.sock, e.served.got, 10), 10);
    stays_quiet(); /* nobody wants it */
    sock_want(&e.served.sock, SOCK_READ);
    assert_int_equal(e.served.got_n, 0); /* not out of sock_want() */
    TURN_UNTIL(e.loop, e.served.got_n == 10);
    assert_memory_equal(e.served.got, bytes + 10, 10);
    stays_quiet();
}

static void many_records_fill_one_recv(void **state)
{
    for (int i = 0; i < 100; i++)
        client_send(&e.client, bytes + i * 30, 30);
    TURN_UNTIL(e.loop, (client_step(&e.client), e.served.got_n == 3000));
    assert_memory_equal(e.served.got, bytes, 3000);
    assert_true(e.served.readable < 10);
}

/* Messages that bring nothing, more of them than one call may read. */
static void key_updates_without_end_hold_nobody_up(void **state)
{
    int left = 0;

    ends_close(&e);
    ends_connect(&e, client, false);
    ends_shake_hands(&e);
    e.served.is_silent = true;
    for (int i = 0; i < 6000; i++) {
        assert_int_equal(SSL_key_update(e.client.ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
        assert_int_equal(SSL_do_handshake(e.client.ssl), 1);
    }
    client_step(&e.client);
    assert_int_equal(sock_recv(&e.served.sock, e.served.got, 10), -EAGAIN);
    assert_int_equal(ioctl(e.served.sock.fd, FIONREAD, &left), 0);
    assert_true(left > 10000);
    e.served.is_silent = false;
    client_send(&e.client, bytes, 10);
    STEP_UNTIL(&e, e.served.got_n == 10);
}

/* Nobody is called again and again for the half of a record. */
static void half_a_record_is_waited_for(void **state)
{
    e.client.write_max = 20;
    client_send(&e.client, bytes, 100);
    client_step(&e.client);
    TURN_UNTIL(e.loop, e.served.readable > 0);
    assert_int_equal(e.served.last, -EAGAIN);
    stays_quiet();
    e.client.write_max = 0;
    STEP_UNTIL(&e, e.served.got_n == 100);
    assert_memory_equal(e.served.got, bytes, 100);
}

static void large_uploads_arrive_whole(void **state)
{
    for (size_t i = 0; i < 200000; i += 20000)
        client_send(&e.client, bytes + i, 20000);
    STEP_UNTIL(&e, e.served.got_n == 200000);
    assert_memory_equal(e.served.got, bytes, 200000);
}

static void keys_are_updated_when_asked(void **state)
{
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_key_update(e.client.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
        client_send(&e.client, bytes + i, 1);
    }
    STEP_UNTIL(&e, e.served.got_n == 5);
    send_cut((int[]){1000, -1}, 30000);
}

/* Each one asks for an answer, and none is read: what is kept has an end. */
static void answers_that_nobody_reads_have_an_end(void **state)
{
    for (int i = 0; e.served.last >= 0 || e.served.last == -EAGAIN; i++) {
        char *p;
        size_t n;

        assert_true(i < TURNS_MAX);
        for (int k = 0; k < 100; k++) {
            SSL_key_update(e.client.ssl, SSL_KEY_UPDATE_REQUESTED);
            SSL_write(e.client.ssl, "x", 1);
        }
        n = (size_t)BIO_get_mem_data(SSL_get_wbio(e.client.ssl), &p);
        for (size_t at = 0; at < n; loop_turn(e.loop)) {
            ssize_t sent = send(e.client.fd, p + at, n - at, MSG_NOSIGNAL);

            if (sent < 0 && errno != EAGAIN)
                break;
            at += sent > 0 ? (size_t)sent : 0;
            e.served.got_n = 0;
            if (e.served.last < 0 && e.served.last != -EAGAIN)
                break;
        }
        (void)BIO_reset(SSL_get_wbio(e.client.ssl));
    }
    assert_int_equal(e.served.last, -ENOBUFS);
}

/* ---- the end ---- */

static void close_notify_is_an_end(void **state)
{
    SSL_shutdown(e.client.ssl);
    client_step(&e.client);
    e.served.last = 99;
    TURN_UNTIL(e.loop, e.served.last == 0);
    assert_int_equal(sock_recv(&e.served.sock, bytes, 1), 0);
    served_send(&e.served, bytes, 5); /* the other direction lives */
    STEP_UNTIL(&e, e.client.got_n == 5 || e.client.error == SSL_ERROR_ZERO_RETURN);
}

/* Without a word, between two records or inside of one. */
static void an_end_of_the_stream_is_an_end(void **state)
{
    e.client.write_max = 10;
    client_send(&e.client, bytes, 100);
    client_step(&e.client);
    TURN_UNTIL(e.loop, e.served.readable > 0);
    shutdown(e.client.fd, SHUT_WR);
    TURN_UNTIL(e.loop, e.served.last == 0);
    assert_int_equal(e.served.got_n, 0);
}

static void data_before_the_end_is_not_lost(void **state)
{
    client_send(&e.client, bytes, 100);
    SSL_shutdown(e.client.ssl);
    client_step(&e.client);
    shutdown(e.client.fd, SHUT_WR);
    e.served.gulp = 60;
    TURN_UNTIL(e.loop, e.served.got_n == 100 && e.served.last == 0);
}

/* The kernel has nothing more to show. */
static void an_end_that_comes_with_bytes_is_told(void **state)
{
    client_send(&e.client, bytes, 10);
    SSL_shutdown(e.client.ssl);
    client_step(&e.client);
    TURN_UNTIL(e.loop, e.served.got_n == 10 && e.served.last == 0);
    sock_want(&e.served.sock, SOCK_READ); /* told once */
    stays_quiet();
}

static void our_end_is_close_notify(void **state)
{
    struct iovec last_words = {bytes, 10};

    assert_int_equal(sock_send(&e.served.sock, &last_words, 1, true), 10);
    sock_shutdown_write(&e.served.sock);
    STEP_UNTIL(&e, e.client.error == SSL_ERROR_ZERO_RETURN);
    expect_received(10);
    client_send(&e.client, bytes, 3); /* the other direction lives */
    STEP_UNTIL(&e, e.served.got_n == 3);
}

static void send_forged(void)
{
    static const char forged[] = "\x17\x03\x03\x00\x20"
                                 "0123456789abcdef0123456789abcdef";

    assert_int_equal(send(e.client.fd, forged, sizeof forged - 1, 0), sizeof forged - 1);
}

static void a_forged_record_breaks_the_connection(void **state)
{
    send_forged();
    STEP_UNTIL(&e, e.served.last < 0 && e.served.last != -EAGAIN);
    assert_int_equal(e.served.last, -EPROTO);
    STEP_UNTIL(&e, e.client.error == SSL_ERROR_SSL);                /* it is told */
    assert_int_equal(sock_recv(&e.served.sock, bytes, 1), -EPROTO); /* for ever */
    assert_int_equal(sock_send(&e.served.sock, &(struct iovec){bytes, 1}, 1, false), -EPROTO);
    assert_int_equal(sock_flush(&e.served.sock), -EPROTO);
}

static void a_forged_record_behind_bytes_is_told(void **state)
{
    client_send(&e.client, bytes, 10);
    client_step(&e.client);
    send_forged();
    TURN_UNTIL(e.loop, e.served.got_n == 10 && e.served.last == -EPROTO);
}

static void sending_to_nobody_is_an_error(void **state)
{
    struct iovec iov = {bytes, 100};

    close(e.client.fd);
    e.client.fd = -1;
    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), -EPIPE);
    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), -EPIPE);
    assert_int_equal(sock_flush(&e.served.sock), -EPIPE);
    sock_shutdown_write(&e.served.sock);
}

static void a_socket_may_close_with_bytes_kept(void **state)
{
    struct iovec iov = {bytes, MANY};

    assert_int_equal(sock_send(&e.served.sock, &iov, 1, false), SOCK_SEAL_AT_ONCE);
    client_send(&e.client, bytes, 100);
    client_step(&e.client);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(every_shape_arrives_whole),
        T(nothing_is_sent_as_nothing),
        T(what_finds_no_room_is_kept_and_goes_first),
        T(much_is_sent_through_the_loop),
        T(what_is_lent_arrives_whole),
        T(files_are_sent_by_range),
        T(sockets_of_a_loop_do_not_mix),
        T(what_the_kernel_does_not_show_is_told),
        T(reading_can_pause_between_records),
        T(many_records_fill_one_recv),
        T(key_updates_without_end_hold_nobody_up),
        T(half_a_record_is_waited_for),
        T(large_uploads_arrive_whole),
        T(keys_are_updated_when_asked),
        T(answers_that_nobody_reads_have_an_end),
        T(close_notify_is_an_end),
        T(an_end_of_the_stream_is_an_end),
        T(data_before_the_end_is_not_lost),
        T(an_end_that_comes_with_bytes_is_told),
        T(our_end_is_close_notify),
        T(a_forged_record_breaks_the_connection),
        T(a_forged_record_behind_bytes_is_told),
        T(sending_to_nobody_is_an_error),
        T(a_socket_may_close_with_bytes_kept),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
