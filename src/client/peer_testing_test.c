/* The scripted server itself: it must fail a test that deserves it. */
#include "client/peer_testing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/test.h"

static int connect_to(struct peer *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)peer_port(p)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -errno;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything until the other side closes; -errno when it resets. */
static ssize_t hear(int fd, char *ret, size_t room)
{
    ssize_t n, total = 0;

    while ((n = recv(fd, ret + total, room - (size_t)total, 0)) > 0)
        total += n;
    return n < 0 ? -errno : total;
}

static void a_script_is_followed(void **state)
{
    struct peer *p = peer_new("127.0.0.1");
    struct peer_barrier barrier = {0};
    char got[64] = "";
    int fd;

    PEER_SCRIPT(p, RX("GET /a "), HAS("\r\nX: y"), LACKS("cookie"), RX_CONTENT("12"), TX("one "),
                WAIT(&barrier), TX_SLOWLY("two", 1, 10), TX_PATTERN(0, 3), CLOSE);
    fd = connect_to(p);
    say(fd, "GET /a HTTP/1.1\r\nX: y\r\n\r\n12");
    atomic_store(&barrier.is_open, true);
    assert_int_equal(hear(fd, got, sizeof got), 10);
    assert_memory_equal(got, "one two\0\1\2", 10);
    assert_int_equal(peer_heads(p), 1);
    assert_int_equal(peer_connections(p), 1);
    close(fd);
    peer_free(&p);
}

static void resets_and_refusals(void **state)
{
    struct peer *p = peer_new("127.0.0.1");
    char got[64];
    int fd;

    PEER_SCRIPT(p, RX("GET"), RESET);
    PEER_SCRIPT_ALL(p, RX("GET"), TX("again"), AGAIN);
    fd = connect_to(p);
    say(fd, "GET\r\n\r\n");
    assert_int_equal(hear(fd, got, sizeof got), -ECONNRESET);
    close(fd);

    peer_down(p);
    assert_int_equal(connect_to(p), -ECONNREFUSED);
    peer_up(p);
    fd = connect_to(p);
    say(fd, "GET\r\n\r\nGET\r\n\r\n");
    shutdown(fd, SHUT_WR);
    assert_int_equal(hear(fd, got, sizeof got), 10);
    close(fd);
    peer_free(&p);
}

/* What must fail, and a word of why. */
static void mismatches_are_failures(void **state)
{
    static const struct {
        struct peer_step steps[3];
        const char *say, *why;
    } cases[] = {
        {{{.act = PEER_RX, .bytes = {"GET /b", 6}}}, "GET /a\r\n\r\n", "another head"},
        {{{.act = PEER_RX_EXACT, .bytes = {"GET /a\r\n", 8}}}, "GET /a\r\n\r\n", "another head"},
        {{{.act = PEER_RX}, {.act = PEER_HAS, .bytes = {"X", 1}}}, "GET /a\r\n\r\n", "not in"},
        {{{.act = PEER_RX}, {.act = PEER_LACKS, .bytes = {"x", 1}}},
         "X: /a\r\n\r\n",
         "in the head"},
        {{{.act = PEER_RX}}, "GET /a\r\n", "instead of a head"},
        {{{.act = PEER_RX}}, "GET /a\r\n\r\nmore", "unexpected bytes"},
        {{{.act = PEER_RX}, {.act = PEER_RX_CONTENT, .bytes = {"xy", 2}}},
         "GET /a\r\n\r\nxz",
         "other content"},
        {{{.act = PEER_RX}, {.act = PEER_RX_CONTENT, .bytes = {"xy", 2}}},
         "GET /a\r\n\r\nx",
         "instead of content"},
        {{{PEER_DONE}}, "x", "unexpected bytes"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct peer *p = peer_new("127.0.0.1");
        char failure[PEER_FAILURE_MAX], got[16];
        int fd;

        peer_script(p, cases[i].steps);
        fd = connect_to(p);
        say(fd, cases[i].say);
        shutdown(fd, SHUT_WR);
        (void)hear(fd, got, sizeof got);
        close(fd);
        assert_false(peer_finish(&p, failure));
        assert_non_null(strstr(failure, cases[i].why));
    }
}

static void scripts_and_connections_must_match(void **state)
{
    struct peer *p = peer_new("127.0.0.1");
    char failure[PEER_FAILURE_MAX], got[16];
    int fd;

    PEER_SCRIPT(p, RX("never"));
    assert_false(peer_finish(&p, failure));
    assert_non_null(strstr(failure, "no connection came"));

    p = peer_new("127.0.0.1");
    fd = connect_to(p);
    assert_int_equal(hear(fd, got, sizeof got), 0);
    close(fd);
    assert_false(peer_finish(&p, failure));
    assert_non_null(strstr(failure, "no script"));
}

TEST_MAIN(cmocka_unit_test(a_script_is_followed), cmocka_unit_test(resets_and_refusals),
          cmocka_unit_test(mismatches_are_failures),
          cmocka_unit_test(scripts_and_connections_must_match))
