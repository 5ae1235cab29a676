/* File ranges through sendfile into a socket, byte for byte; files cut short on the way. */
#include <errno.h>
#include <sys/socket.h>

#include "net/loop_testing.h"
#include "net/sock.h"
#include "origin/folder_testing.h"
#include "origin/origin.h"

enum { SIZE = 1024 * 1024 + 13 };

static struct test_folder folder;
static char bytes[SIZE];

struct opener {
    struct origin_file file;
    bool is_done;
};

static void on_opened(struct op *op, int err)
{
    assert_int_equal(err, 0);
    container_of(op, struct opener, file.op)->is_done = true;
}

/* Sends a body as a connection will: peek, sendfile, advance, wait for room. */
struct sender {
    struct sock sock;
    struct body *body;
    int broken;
    bool is_closed;
};

static void send_more(struct sock *s)
{
    struct sender *p = container_of(s, struct sender, sock);

    while (p->body->left > 0 && p->broken == 0) {
        struct body_view v;
        ssize_t n;

        p->broken = MIN(body_peek(p->body, &v), 0);
        if (p->broken < 0)
            break;
        assert_int_equal(v.kind, BODY_FILE);
        n = sock_send_file(s, v.fd, v.offset, v.length);
        if (n == -EAGAIN)
            return;
        assert_true(n >= 0);
        body_advance(p->body, (uint64_t)n);
    }
    sock_want(s, 0);
    sock_shutdown_write(s);
}

static void on_closed(struct sock *s)
{
    container_of(s, struct sender, sock)->is_closed = true;
}

static const struct sock_ops sender_ops = {.writable = send_more, .closed = on_closed};

struct delivery {
    struct loop *loop;
    struct opener opener;
    struct arena arena;
    struct sender sender;
    int fd;          /* the viewer's side */
    int lowest_free; /* descriptor before anything was opened */
    char *got;
    size_t n;
};

static int lowest_free(void)
{
    int fd = dup(folder.root_fd);

    close(fd);
    return fd;
}

static void begin(struct delivery *d, uint64_t first, uint64_t length)
{
    struct buf error = {.cap = 256};
    struct origin *o = NULL;
    int fds[2];

    *d = (struct delivery){.lowest_free = lowest_free()};
    d->loop = loop_new();
    d->got = xmalloc(SIZE);
    arena_init(&d->arena, 4096);
    assert_int_equal(origin_folder_new(folder.root, &o, &error), 0);
    op_init(&d->opener.file.op, on_opened);
    origin_open(o, d->loop, STR("/f"), &d->opener.file);
    origin_free(&o);
    TURN_UNTIL(d->loop, d->opener.is_done);
    d->sender.body = origin_file_body_new(&d->arena, &d->opener.file, first, length);
    assert_non_null(d->sender.body);
    assert_false(d->opener.file.is_open);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    d->fd = fds[1];
    assert_int_equal(sock_init(&d->sender.sock, d->loop, fds[0], &sender_ops), 0);
    sock_want(&d->sender.sock, SOCK_WRITE);
}

/* False when the sender has ended. */
static bool receive(struct delivery *d)
{
    ssize_t n;

    TURN_UNTIL(d->loop, (n = read(d->fd, d->got + d->n, SIZE - d->n)) >= 0);
    d->n += (size_t)n;
    return n > 0;
}

static void end(struct delivery *d)
{
    sock_close(&d->sender.sock);
    TURN_UNTIL(d->loop, d->sender.is_closed);
    body_done(d->sender.body);
    origin_file_done(&d->opener.file);
    arena_done(&d->arena);
    loop_free(&d->loop);
    close(d->fd);
    xfree_p(&d->got);
    assert_int_equal(lowest_free(), d->lowest_free);
}

static void ranges_arrive_byte_for_byte(void **state)
{
    static const struct {
        uint64_t first, length;
    } cases[] = {
        {0, SIZE}, {0, 1},    {1, 1},         {SIZE - 1, 1}, {4095, 2},
        {0, 0},    {SIZE, 0}, {12345, 67890}, {1, SIZE - 2}, {SIZE / 2, SIZE - SIZE / 2},
    };

    test_folder_write(&folder, "f", bytes, SIZE);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct delivery d;

        begin(&d, cases[i].first, cases[i].length);
        while (receive(&d))
            ;
        assert_int_equal(d.sender.broken, 0);
        assert_int_equal(d.n, cases[i].length);
        assert_memory_equal(d.got, bytes + cases[i].first, d.n);
        end(&d);
    }
}

static void a_file_cut_short_breaks_the_body(void **state)
{
    struct delivery d;

    test_folder_write(&folder, "f", bytes, SIZE);
    begin(&d, 10, SIZE - 10);
    assert_true(receive(&d));
    test_folder_write(&folder, "f", bytes, 20);
    while (receive(&d))
        ;
    assert_int_equal(d.sender.broken, -EIO);
    assert_true(d.n < SIZE - 10);
    assert_memory_equal(d.got, bytes + 10, d.n);
    end(&d);
}

static void a_file_that_grows_is_sent_as_announced(void **state)
{
    struct delivery d;

    test_folder_write(&folder, "f", bytes, 1000);
    begin(&d, 0, 1000);
    test_folder_write(&folder, "f", bytes, SIZE);
    while (receive(&d))
        ;
    assert_int_equal(d.n, 1000);
    assert_memory_equal(d.got, bytes, 1000);
    end(&d);
}

static void a_body_may_end_in_the_middle(void **state)
{
    struct delivery d;

    test_folder_write(&folder, "f", bytes, SIZE);
    begin(&d, 0, SIZE);
    assert_true(receive(&d));
    assert_true(d.sender.body->left > 0);
    end(&d);
}

static void a_full_arena_leaves_the_file_with_its_owner(void **state)
{
    struct delivery d;
    struct arena tiny;

    test_folder_write(&folder, "f", bytes, 10);
    begin(&d, 0, 10);
    d.opener.file.fd = dup(d.fd); /* any descriptor will do */
    d.opener.file.is_open = true;
    arena_init(&tiny, 8);
    assert_null(origin_file_body_new(&tiny, &d.opener.file, 0, 10));
    assert_true(d.opener.file.is_open);
    arena_done(&tiny);
    end(&d);
}

static int setup(void **state)
{
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    test_folder_init(&folder);
    return 0;
}

static int teardown(void **state)
{
    test_folder_done(&folder);
    return 0;
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(ranges_arrive_byte_for_byte),
    cmocka_unit_test(a_file_cut_short_breaks_the_body),
    cmocka_unit_test(a_file_that_grows_is_sent_as_announced),
    cmocka_unit_test(a_body_may_end_in_the_middle),
    cmocka_unit_test(a_full_arena_leaves_the_file_with_its_owner),
};

int main(void)
{
    return cmocka_run_group_tests(tests, setup, teardown);
}
