/* Binding and accepting, over TCP and Unix sockets; running out of descriptors. */
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "net/loop_testing.h"

struct acceptor {
    struct listener *listener;
    int count, family;
    bool free_at_first;
    int fd; /* the last one, when `keep` */
    bool keep;
};

static void on_accepted(void *arg, int fd, const struct net_address *peer)
{
    struct acceptor *a = arg;

    a->count++;
    a->family = peer->u.any.sa_family;
    if (a->keep)
        a->fd = fd;
    else
        close(fd);
    if (a->free_at_first)
        listener_free(&a->listener);
}

static struct net_address address(const char *text)
{
    struct net_address a;

    assert_int_equal(net_address_parse(str_of(text), &a), 0);
    return a;
}

static struct net_address address_of(int fd)
{
    struct net_address a = {.length = sizeof a.u};

    assert_int_equal(getsockname(fd, &a.u.any, &a.length), 0);
    return a;
}

static int listening_on(const char *text, struct net_address *ret)
{
    struct net_address a = address(text);
    int fd = net_listen(&a, 128, false);

    assert_true(fd >= 0);
    *ret = a.u.any.sa_family == AF_UNIX ? a : address_of(fd);
    return fd;
}

static int connect_to(const struct net_address *a)
{
    int fd = socket(a->u.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    if (connect(fd, &a->u.any, a->length) < 0) {
        int r = -errno;

        close(fd);
        return r;
    }
    return fd;
}

/* A path of this test process, in a new folder. */
static const char *unix_text(char ret[64], const char *name)
{
    static char folder[] = "/tmp/hlsgate-net-XXXXXX";

    if (strstr(folder, "XXXXXX") != NULL)
        assert_non_null(mkdtemp(folder));
    snprintf(ret, 64, "unix:%s/%s", folder, name);
    return ret;
}

static int remove_folder(void **state)
{
    char path[64];

    *strrchr(unix_text(path, "x"), '/') = '\0';
    return rmdir(path + strlen("unix:"));
}

static void accepted_sockets_are_ready_to_use(void **state)
{
    struct loop *l = loop_new();
    struct acceptor a = {.keep = true};
    struct net_address at;
    int fd = listening_on("127.0.0.1:0", &at), no_delay = 0, client;
    socklen_t n = sizeof no_delay;

    a.listener = listener_new(l, fd, on_accepted, &a);
    client = connect_to(&at);
    TURN_UNTIL(l, a.count == 1);
    assert_int_equal(a.family, AF_INET);
    assert_true((fcntl(a.fd, F_GETFL) & O_NONBLOCK) != 0);
    assert_true((fcntl(a.fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(getsockopt(a.fd, IPPROTO_TCP, TCP_NODELAY, &no_delay, &n), 0);
    assert_int_equal(no_delay, 1);
    close(a.fd);
    close(client);
    listener_free(&a.listener);
    assert_int_equal(connect_to(&at), -ECONNREFUSED); /* at once, not at the end of the turn */
    loop_free(&l);
}

static void a_flood_is_taken_in_bursts(void **state)
{
    struct loop *l = loop_new();
    struct acceptor a = {0};
    struct net_address at;
    int fd = listening_on("127.0.0.1:0", &at), clients[LISTENER_BURST + 20];

    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        clients[i] = connect_to(&at);
    a.listener = listener_new(l, fd, on_accepted, &a);
    TURN_UNTIL(l, a.count > 0);
    assert_int_equal(a.count, LISTENER_BURST);
    TURN_UNTIL(l, a.count == ARRAY_LEN(clients));
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        close(clients[i]);
    listener_free(&a.listener);
    loop_free(&l);
}

static void a_listener_may_be_freed_while_accepting(void **state)
{
    struct loop *l = loop_new();
    struct acceptor a = {.free_at_first = true};
    struct net_address at;
    int fd = listening_on("127.0.0.1:0", &at), one = connect_to(&at), two = connect_to(&at);

    a.listener = listener_new(l, fd, on_accepted, &a);
    TURN_UNTIL(l, a.count > 0);
    for (int i = 0; i < 5; i++)
        loop_turn(l);
    assert_int_equal(a.count, 1);
    close(one);
    close(two);
    loop_free(&l);
}

static void both_families_reach_the_dual_stack_socket(void **state)
{
    struct loop *l = loop_new();
    struct acceptor a = {0};
    struct net_address v6 = address("[::]:0"), v4 = address("127.0.0.1:0");
    int fd = net_listen(&v6, 16, false), client;

    if (fd == -EAFNOSUPPORT)
        skip();
    assert_true(fd >= 0);
    v6 = address_of(fd);
    ((struct sockaddr_in *)&v4.u)->sin_port = ((struct sockaddr_in6 *)&v6.u)->sin6_port;
    a.listener = listener_new(l, fd, on_accepted, &a);
    client = connect_to(&v4);
    assert_true(client >= 0);
    TURN_UNTIL(l, a.count == 1);
    close(client);
    listener_free(&a.listener);
    loop_free(&l);
}

static void a_taken_port_is_noticed(void **state)
{
    struct net_address at;
    int plain = listening_on("127.0.0.1:0", &at), first, second;

    assert_int_equal(net_is_free(&at), -EADDRINUSE);
    assert_int_equal(net_listen(&at, 16, false), -EADDRINUSE);
    assert_int_equal(net_listen(&at, 16, true), -EADDRINUSE);
    close(plain);
    assert_int_equal(net_is_free(&at), 0);

    first = net_listen(&at, 16, true); /* workers of one process share it */
    second = net_listen(&at, 16, true);
    assert_true(first >= 0 && second >= 0);
    assert_int_equal(net_is_free(&at), -EADDRINUSE);
    close(first);
    close(second);
}

static void a_unix_socket_is_shared_by_duplicates(void **state)
{
    struct loop *one = loop_new(), *two = loop_new();
    struct acceptor a = {0}, b = {0};
    struct net_address at;
    char text[64];
    int fd = listening_on(unix_text(text, "shared"), &at), client;

    a.listener = listener_new(one, dup(fd), on_accepted, &a);
    b.listener = listener_new(two, fd, on_accepted, &b);
    client = connect_to(&at);
    TURN_UNTIL(one, a.count == 1);
    assert_int_equal(a.family, AF_UNIX);
    close(client);
    listener_free(&a.listener);
    client = connect_to(&at);
    TURN_UNTIL(two, b.count == 1);
    close(client);
    listener_free(&b.listener);
    unlink(at.u.unix_path.sun_path);
    loop_free(&one);
    loop_free(&two);
}

static void a_stale_socket_file_is_replaced_a_live_one_not(void **state)
{
    struct net_address at;
    char text[64];
    int fd = listening_on(unix_text(text, "stale"), &at);

    assert_int_equal(net_is_free(&at), -EADDRINUSE);
    assert_int_equal(net_listen(&at, 16, false), -EADDRINUSE);
    close(fd); /* the file stays */
    assert_int_equal(net_is_free(&at), 0);
    fd = net_listen(&at, 16, false);
    assert_true(fd >= 0);
    close(connect_to(&at));
    close(fd);
    unlink(at.u.unix_path.sun_path);
}

static void other_files_are_never_removed(void **state)
{
    char text[64];
    struct net_address at = address(unix_text(text, "precious"));
    const char *path = at.u.unix_path.sun_path;
    struct stat st;

    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(net_is_free(&at), -EADDRINUSE);
    assert_int_equal(net_listen(&at, 16, false), -EADDRINUSE);
    assert_int_equal(stat(path, &st), 0);
    unlink(path);

    assert_int_equal(symlink("/nowhere", path), 0);
    assert_int_equal(net_listen(&at, 16, false), -EADDRINUSE);
    unlink(path);
}

static void a_missing_folder_is_told(void **state)
{
    struct net_address at = address("unix:/nonexistent-folder/x.sock");

    assert_int_equal(net_listen(&at, 16, false), -ENOENT);
}

/* accept4 cannot answer while the limit leaves no number free; it pauses, and goes on when there is
 * one. */
static void running_out_of_descriptors_pauses(void **state)
{
    struct loop *l = loop_new();
    struct acceptor a = {0};
    struct net_address at;
    struct rlimit before, tight;
    unsigned long pauses = listener_pauses();
    int fd = listening_on("127.0.0.1:0", &at), client, next;

    a.listener = listener_new(l, fd, on_accepted, &a);
    loop_turn(l);
    client = connect_to(&at);
    next = dup(fd); /* the number accept would get */
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    tight = (struct rlimit){(rlim_t)next, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
    TURN_UNTIL(l, listener_pauses() == pauses + 1);
    for (int i = 0; i < 20; i++)
        loop_turn(l); /* far less than 100 ms: still pausing, not spinning */
    assert_int_equal(listener_pauses(), pauses + 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    TURN_UNTIL(l, a.count == 1);
    close(client);
    listener_free(&a.listener);
    loop_free(&l);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(accepted_sockets_are_ready_to_use),
    cmocka_unit_test(a_flood_is_taken_in_bursts),
    cmocka_unit_test(a_listener_may_be_freed_while_accepting),
    cmocka_unit_test(both_families_reach_the_dual_stack_socket),
    cmocka_unit_test(a_taken_port_is_noticed),
    cmocka_unit_test(a_unix_socket_is_shared_by_duplicates),
    cmocka_unit_test(a_stale_socket_file_is_replaced_a_live_one_not),
    cmocka_unit_test(other_files_are_never_removed),
    cmocka_unit_test(a_missing_folder_is_told),
    cmocka_unit_test(running_out_of_descriptors_pauses),
};

int main(void)
{
    return cmocka_run_group_tests(tests, NULL, remove_folder);
}
