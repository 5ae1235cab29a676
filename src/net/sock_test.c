/* Sockets over socketpairs: echo, back-pressure, ends and resets, closing inside callbacks, wishes.
 */
#include "net/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "net/loop_testing.h"

struct peer {
    struct sock sock;
    char bytes[4096];
    size_t n; /* in `bytes`, not sent back yet */
    int readable, writable, hangups, closed;
    ssize_t last;        /* what the last recv answered */
    bool close_on_event; /* the first callback closes */
    int deaf;            /* so many calls of readable() are ignored */
};

#define PEER(s) container_of(s, struct peer, sock)

static void send_back(struct peer *p)
{
    struct iovec iov[2] = {{p->bytes, p->n / 2}, {p->bytes + p->n / 2, p->n - p->n / 2}};
    ssize_t n = sock_send(&p->sock, iov, 2, false);

    if (n > 0) {
        memmove(p->bytes, p->bytes + n, p->n - (size_t)n);
        p->n -= (size_t)n;
    }
    sock_want(&p->sock, p->n > 0 ? SOCK_WRITE : SOCK_READ);
}

static void echo_readable(struct sock *s)
{
    struct peer *p = PEER(s);

    if (p->readable++ < p->deaf)
        return;
    if (p->close_on_event) {
        sock_close(s);
        return;
    }
    p->last = sock_recv(s, p->bytes, sizeof p->bytes);
    if (p->last > 0) {
        p->n = (size_t)p->last;
        send_back(p);
    } else if (p->last != -EAGAIN) {
        sock_close(s);
    }
}

static void echo_writable(struct sock *s)
{
    struct peer *p = PEER(s);

    p->writable++;
    if (p->close_on_event)
        sock_close(s);
    else
        send_back(p);
}

static void count_closed(struct sock *s)
{
    PEER(s)->closed++;
    memset(s, 0xff, sizeof *s); /* the memory is ours again */
}

static const struct sock_ops echo_ops = {
    .readable = echo_readable, .writable = echo_writable, .closed = count_closed};

struct pair {
    struct loop *loop;
    struct peer echo;
    int fd; /* the other side, blocking with a time limit */
};

static int setup(void **state)
{
    static struct pair p;
    int fds[2];

    p = (struct pair){.loop = loop_new()};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(sock_init(&p.echo.sock, p.loop, fds[0], &echo_ops), 0);
    p.fd = fds[1];
    fcntl(p.fd, F_SETFL, O_NONBLOCK);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct pair *p = *state;

    if (p->echo.closed == 0 && !p->echo.sock.is_closing)
        sock_close(&p->echo.sock);
    loop_free(&p->loop);
    assert_int_equal(p->echo.closed, 1);
    if (p->fd >= 0)
        close(p->fd);
    return 0;
}

static void what_comes_goes_back(void **state)
{
    struct pair *p = *state;
    char got[16] = "";

    assert_int_equal(sock_recv(&p->echo.sock, got, sizeof got), -EAGAIN);
    sock_want(&p->echo.sock, SOCK_READ);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(write(p->fd, "hello", 5), 5);
        TURN_UNTIL(p->loop, read(p->fd, got, sizeof got) == 5);
        assert_string_equal(got, "hello");
    }
    assert_int_equal(p->echo.readable, 3);
    assert_int_equal(p->echo.writable, 0);
}

static void what_is_peeked_at_stays(void **state)
{
    struct pair *p = *state;
    char got[16];

    assert_int_equal(sock_peek(&p->echo.sock, got, sizeof got), -EAGAIN);
    assert_int_equal(write(p->fd, "hello", 5), 5);
    assert_int_equal(sock_peek(&p->echo.sock, got, 2), 2);
    assert_int_equal(sock_peek(&p->echo.sock, got, sizeof got), 5);
    assert_int_equal(sock_recv(&p->echo.sock, got, sizeof got), 5);
    shutdown(p->fd, SHUT_WR);
    assert_int_equal(sock_peek(&p->echo.sock, got, sizeof got), 0);
}

/* ---- the end of the other side, noticed without reading ---- */

static void note_hangup(struct sock *s)
{
    PEER(s)->hangups++;
    sock_want(s, 0);
}

static void a_hangup_is_told_to_who_wants_it(void **state)
{
    static const struct sock_ops ops = {.readable = echo_readable, .hangup = note_hangup};
    struct pair *p = *state;

    p->echo.sock.ops = &ops;
    sock_want(&p->echo.sock, SOCK_HANGUP);
    assert_int_equal(write(p->fd, "x", 1), 1); /* not an end */
    for (int i = 0; i < 5; i++)
        loop_turn(p->loop);
    assert_int_equal(p->echo.hangups, 0);
    shutdown(p->fd, SHUT_WR);
    TURN_UNTIL(p->loop, p->echo.hangups == 1);
    assert_int_equal(p->echo.readable, 0);
    p->echo.sock.ops = &echo_ops;
}

/* ---- lending ---- */

enum { LENT_BYTES = 3000000, LENT_OFFSET = 777 };

/* Pages of our own, as sock_lend() asks for. */
static char *lendable(void)
{
    char *p = mmap(NULL, LENT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);
    for (size_t i = 0; i < LENT_BYTES; i++)
        p[i] = (char)(i * 7 + (i >> 8));
    return p;
}

/* Reads what is there; all of it must be what was lent. */
static size_t take(int fd, const char *want)
{
    static char got[100000];
    ssize_t n = read(fd, got, sizeof got);

    if (n > 0)
        assert_memory_equal(got, want, n);
    return n > 0 ? (size_t)n : 0;
}

/* The reader takes less at a time than is lent, so the rest of what is in the pipe is thrown away,
 * again and again, and lent anew. */
static void what_is_lent_arrives_whole(void **state)
{
    struct pair *p = *state;
    char *bytes = lendable();
    size_t sent = LENT_OFFSET, got = LENT_OFFSET;
    unsigned parted = 0;

    while (got < LENT_BYTES) {
        if (sent < LENT_BYTES) {
            size_t lent = MIN((size_t)LENT_BYTES - sent, (size_t)500000);
            ssize_t n = sock_lend(&p->echo.sock, bytes + sent, lent);

            assert_true(n > 0 || n == -EAGAIN);
            parted += n < (ssize_t)lent;
            sent += n > 0 ? (size_t)n : 0;
        }
        got += take(p->fd, bytes + got);
    }
    assert_int_equal(got, sent);
    assert_true(parted > 0);
    munmap(bytes, LENT_BYTES);
}

/* What the kernel has is its own: the memory may be unmapped before the peer has read it. */
static void what_is_lent_outlives_its_memory(void **state)
{
    struct pair *p = *state;
    char *bytes = lendable(), *copy = lendable();
    ssize_t n = sock_lend(&p->echo.sock, bytes, LENT_BYTES);
    size_t got = 0;

    assert_true(n > 0);
    munmap(bytes, LENT_BYTES);
    bytes = lendable();
    memset(bytes, 0, LENT_BYTES);
    while (got < (size_t)n)
        got += take(p->fd, copy + got);
    munmap(bytes, LENT_BYTES);
    munmap(copy, LENT_BYTES);
}

/* A socket that takes nothing, or is broken, leaves nothing behind for the next one. */
static void nothing_lent_goes_astray(void **state)
{
    struct pair *p = *state;
    char *bytes = lendable();
    struct peer other = {0};
    int fds[2];
    size_t got = 0;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    assert_int_equal(sock_init(&other.sock, p->loop, fds[0], &echo_ops), 0);
    while (sock_lend(&p->echo.sock, bytes + 100000, 300000) > 0)
        continue;
    assert_int_equal(sock_lend(&other.sock, bytes, 5000), 5000);
    while (got < 5000)
        got += take(fds[1], bytes + got);
    close(fds[1]);
    assert_int_equal(sock_lend(&other.sock, bytes + 100000, 5000), -EPIPE);
    sock_close(&other.sock);
    TURN_UNTIL(p->loop, other.closed == 1);
    munmap(bytes, LENT_BYTES);
}

/* Fills both directions until the echo must wait for room, then takes everything back and compares.
 */
static void a_full_socket_waits_and_loses_nothing(void **state)
{
    struct pair *p = *state;
    unsigned sent = 0, got = 0;
    uint32_t word;

    sock_want(&p->echo.sock, SOCK_READ);
    for (int idle = 0; idle < 10; loop_turn(p->loop)) {
        if (write(p->fd, &sent, sizeof sent) == sizeof sent)
            sent++, idle = 0;
        else
            idle++;
    }
    assert_true(sent > 100);
    assert_true(p->echo.n > 0 && p->echo.sock.wanted == SOCK_WRITE);
    while (got < sent) {
        TURN_UNTIL(p->loop, read(p->fd, &word, sizeof word) == sizeof word);
        assert_int_equal(word, got);
        got++;
    }
    assert_true(p->echo.writable > 0);
}

static void the_end_of_the_peer_is_zero(void **state)
{
    struct pair *p = *state;

    p->echo.last = 99;
    sock_want(&p->echo.sock, SOCK_READ);
    shutdown(p->fd, SHUT_WR);
    TURN_UNTIL(p->loop, p->echo.closed == 1);
    assert_int_equal(p->echo.last, 0);
}

static void sending_to_nobody_is_an_error_not_a_signal(void **state)
{
    struct pair *p = *state;
    struct iovec iov = {"x", 1};
    FILE *f = tmpfile();

    assert_true(fputs("file", f) >= 0 && fflush(f) == 0);
    close(p->fd);
    p->fd = -1;
    assert_int_equal(sock_send(&p->echo.sock, &iov, 1, false), -EPIPE);
    assert_int_equal(sock_send_file(&p->echo.sock, fileno(f), 0, 4), -EPIPE);
    sock_shutdown_write(&p->echo.sock);
    fclose(f);
}

static void shutdown_lets_what_was_sent_arrive(void **state)
{
    struct pair *p = *state;
    struct iovec iov = {"last words", 10};
    char got[16];

    assert_int_equal(sock_send(&p->echo.sock, &iov, 1, true), 10);
    sock_shutdown_write(&p->echo.sock);
    assert_int_equal(read(p->fd, got, sizeof got), 10);
    assert_int_equal(read(p->fd, got, sizeof got), 0);
    assert_int_equal(write(p->fd, "x", 1), 1); /* the other direction lives */
    assert_int_equal(sock_recv(&p->echo.sock, got, sizeof got), 1);
}

/* Readable and writable in one event: the first callback closes, the second must not come. */
static void no_callback_after_close(void **state)
{
    struct pair *p = *state;

    p->echo.close_on_event = true;
    assert_int_equal(write(p->fd, "x", 1), 1);
    sock_want(&p->echo.sock, SOCK_READ | SOCK_WRITE);
    TURN_UNTIL(p->loop, p->echo.readable + p->echo.writable > 0);
    TURN_UNTIL(p->loop, p->echo.closed > 0);
    assert_int_equal(p->echo.readable + p->echo.writable, 1);
}

static void closed_comes_in_a_later_turn(void **state)
{
    struct pair *p = *state;
    char c;

    sock_want(&p->echo.sock, SOCK_READ);
    loop_turn(p->loop);
    assert_int_equal(write(p->fd, "x", 1), 1);
    sock_close(&p->echo.sock);
    assert_int_equal(p->echo.closed, 0);
    TURN_UNTIL(p->loop, p->echo.closed > 0);
    assert_int_equal(p->echo.readable, 0);
    assert_int_equal(read(p->fd, &c, 1), -1); /* the descriptor is gone, with a byte unread */
    assert_int_equal(errno, ECONNRESET);
}

static void closing_before_the_first_turn_is_fine(void **state)
{
    struct pair *p = *state;

    sock_want(&p->echo.sock, SOCK_READ | SOCK_WRITE);
    sock_close(&p->echo.sock);
}

static void wishes_reach_the_kernel_only_when_they_last(void **state)
{
    struct pair *p = *state;
    struct sock *s = &p->echo.sock;

    sock_want(s, SOCK_READ);
    assert_int_equal(s->armed, 0);
    loop_turn(p->loop);
    assert_int_equal(s->armed, SOCK_READ | SOCK_HANGUP);

    sock_want(s, SOCK_WRITE); /* and back within the turn */
    sock_want(s, SOCK_READ);
    loop_turn(p->loop);
    assert_int_equal(p->echo.writable, 0);

    sock_want(s, 0); /* costs nothing until something comes */
    loop_turn(p->loop);
    assert_int_equal(s->armed, SOCK_READ | SOCK_HANGUP);
    assert_int_equal(write(p->fd, "x", 1), 1);
    TURN_UNTIL(p->loop, s->armed == 0);
    assert_int_equal(p->echo.readable, 0);

    sock_want(s, SOCK_READ); /* level-triggered: what came meanwhile is still told */
    TURN_UNTIL(p->loop, p->echo.readable == 1);
    sock_want(s, SOCK_READ | SOCK_WRITE);
    TURN_UNTIL(p->loop, p->echo.writable > 0);
}

static void a_reader_that_waits_in_between_costs_the_kernel_nothing(void **state)
{
    struct pair *p = *state;
    struct sock *s = &p->echo.sock;

    sock_want(s, SOCK_READ);
    loop_turn(p->loop);
    for (int i = 0; i < 3; i++) {
        sock_want(s, SOCK_HANGUP); /* for a store, an origin */
        assert_true(list_is_empty(&s->end_of_turn.link));
        sock_want(s, SOCK_READ);
        assert_true(list_is_empty(&s->end_of_turn.link));
    }
    sock_want(s, SOCK_HANGUP);
    assert_int_equal(write(p->fd, "x", 1), 1);
    TURN_UNTIL(p->loop, s->armed == SOCK_HANGUP); /* the byte is not told again and again */
    assert_int_equal(p->echo.readable, 0);
}

static void files_are_sent_by_range(void **state)
{
    static const struct {
        off_t offset;
        size_t n;
        const char *want;
    } cases[] = {{0, 10, "0123456789"}, {3, 4, "3456"}, {9, 1, "9"}, {8, 5, "89"}, {10, 1, ""}};
    struct pair *p = *state;
    FILE *f = tmpfile();
    char got[16];

    assert_true(fputs("0123456789", f) >= 0 && fflush(f) == 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ssize_t want = (ssize_t)strlen(cases[i].want);

        assert_int_equal(sock_send_file(&p->echo.sock, fileno(f), cases[i].offset, cases[i].n),
                         want);
        if (want > 0) {
            assert_int_equal(read(p->fd, got, sizeof got), want);
            assert_memory_equal(got, cases[i].want, want);
        }
    }
    fclose(f);
}

/* Over TCP: the end of the peer; ours is p->sock. */
static int connected(struct loop *l, struct peer *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int listening = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listening, (struct sockaddr *)&a, n), 0);
    assert_int_equal(listen(listening, 1), 0);
    assert_int_equal(getsockname(listening, (struct sockaddr *)&a, &n), 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, n), 0);
    assert_int_equal(sock_init(&p->sock, l, accept(listening, NULL, NULL), &echo_ops), 0);
    close(listening);
    return client;
}

/* A reset is EPOLLERR, upon which libuv stops watching: who waits is told until it is read. */
static void a_reset_is_told_to_whoever_waits(void **state)
{
    struct loop *l = loop_new();
    struct linger hard = {.l_onoff = 1};
    struct peer p = {.deaf = 2};
    int client = connected(l, &p);

    sock_want(&p.sock, SOCK_READ);
    loop_turn(l);
    setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(client);
    TURN_UNTIL(l, p.closed == 1);
    assert_int_equal(p.last, -ECONNRESET);
    loop_free(&l);
}

static void a_close_can_be_a_reset(void **state)
{
    for (int is_hard = 0; is_hard < 2; is_hard++) {
        struct loop *l = loop_new();
        struct peer p = {.deaf = 2};
        int client = connected(l, &p);
        char byte;

        if (is_hard)
            sock_set_reset(&p.sock);
        sock_close(&p.sock);
        TURN_UNTIL(l, p.closed == 1);
        assert_int_equal(recv(client, &byte, 1, 0), is_hard ? -1 : 0);
        close(client);
        loop_free(&l);
    }
}

static void a_bad_descriptor_is_refused(void **state)
{
    struct loop *l = loop_new();
    struct peer p = {0};
    int fd = memfd_create("no socket", MFD_CLOEXEC);

    assert_true(sock_init(&p.sock, l, fd, &echo_ops) < 0); /* epoll takes no regular files */
    assert_int_equal(fcntl(fd, F_GETFD), -1);              /* closed all the same */
    loop_free(&l);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
TEST_MAIN(T(what_comes_goes_back), T(what_is_peeked_at_stays),
          T(a_full_socket_waits_and_loses_nothing), T(the_end_of_the_peer_is_zero),
          T(sending_to_nobody_is_an_error_not_a_signal), T(shutdown_lets_what_was_sent_arrive),
          T(no_callback_after_close), T(closed_comes_in_a_later_turn),
          T(closing_before_the_first_turn_is_fine), T(wishes_reach_the_kernel_only_when_they_last),
          T(a_reader_that_waits_in_between_costs_the_kernel_nothing), T(files_are_sent_by_range),
          T(a_hangup_is_told_to_who_wants_it), T(what_is_lent_arrives_whole),
          T(what_is_lent_outlives_its_memory), T(nothing_lent_goes_astray),
          cmocka_unit_test(a_reset_is_told_to_whoever_waits),
          cmocka_unit_test(a_close_can_be_a_reset), cmocka_unit_test(a_bad_descriptor_is_refused))
