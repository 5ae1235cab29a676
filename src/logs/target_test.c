#include "logs/target.h"

#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "logs/testing.h"

#define LINES STR("one\ntwo\n")

static void test_file_is_appended_to(void **state)
{
    struct test_place p;
    struct stat st;
    struct str text;

    place_make(&p, "access.log");
    for (int i = 0; i < 2; i++) {
        AUTO(line_target_close) struct line_target *t = target_at(LINES_TO_FILE, p.path);

        assert_int_equal(line_target_write(t, LINES), LINES.n);
    }
    text = text_of_file(p.path);
    assert_str(text, "one\ntwo\none\ntwo\n");
    free((void *)(uintptr_t)text.p);
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(st.st_mode & 07, 0); /* who came from where is nobody else's business */
    place_remove(&p);
}

static void refuses(const char *path, int err, const char *word)
{
    struct line_target_options o = {.kind = LINES_TO_FILE, .path = str_of(path)};
    struct line_target *t = NULL;
    struct buf error;

    buf_init(&error, 512);
    assert_int_equal(line_target_open(&o, &t, &error), err);
    assert_null(t);
    assert_true(str_find(buf_str(&error), str_of(path)) >= 0);
    assert_true(str_find(buf_str(&error), str_of(word)) >= 0);
    buf_done(&error);
}

static void test_what_cannot_be_opened_says_why(void **state)
{
    struct test_place p;

    place_make(&p, "pipe");
    refuses("/nowhere/at/all", -ENOENT, "No such file");
    refuses(p.folder, -EISDIR, "Is a directory");
    assert_int_equal(mkfifo(p.path, 0600), 0);
    refuses(p.path, -ENXIO, "nobody reads");
    place_remove(&p);
}

/* As stdout would be: shared with others, so it stays blocking, and a write must not block. */
static void test_full_pipe_is_waited_for(void **state)
{
    static char line[3000];
    struct line_target *t;
    int ends[2], saved = dup(STDOUT_FILENO), count = 0;
    ssize_t n;

    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    t = target_at(LINES_TO_STDOUT, "");
    dup2(saved, STDOUT_FILENO);
    while ((n = line_target_write(t, (struct str){line, sizeof line})) > 0)
        count++;
    assert_int_equal(n, -EAGAIN);
    assert_true(count > 1);
    assert_int_equal(read(ends[0], line, sizeof line), sizeof line);
    assert_int_equal(read(ends[0], line, sizeof line), sizeof line);
    assert_true(line_target_write(t, (struct str){line, sizeof line}) > 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(line_target_write(t, LINES), -EPIPE);
    line_target_close(&t);
    close(saved);
}

/* The file system takes half of a line and then no more: the next one begins on a line of its own.
 */
static void test_torn_line_is_ended(void **state)
{
    struct test_place p;
    struct line_target *t;
    struct str text;

    place_make(&p, "access.log");
    t = target_at(LINES_TO_FILE, p.path);
    assert_int_equal(line_target_write(t, STR("half of a li")), 12);
    line_target_give_up(t);
    assert_int_equal(line_target_write(t, LINES), LINES.n);
    line_target_give_up(t); /* nothing is half done now */
    assert_int_equal(line_target_write(t, LINES), LINES.n);
    line_target_close(&t);
    text = text_of_file(p.path);
    assert_str(text, "half of a li\none\ntwo\none\ntwo\n");
    free((void *)(uintptr_t)text.p);
    place_remove(&p);
}

/* Also when it is another process that goes on, or the same one after SIGUSR1. */
static void test_torn_line_of_another_is_ended(void **state)
{
    struct test_place p;
    struct line_target *t;
    struct str text;

    place_make(&p, "access.log");
    t = target_at(LINES_TO_FILE, p.path);
    assert_int_equal(line_target_write(t, STR("half of a li")), 12);
    line_target_close(&t);
    for (int i = 0; i < 2; i++) {
        t = target_at(LINES_TO_FILE, p.path);
        assert_int_equal(line_target_write(t, LINES), LINES.n);
        line_target_close(&t);
    }
    text = text_of_file(p.path);
    assert_str(text, "half of a li\none\ntwo\none\ntwo\n");
    free((void *)(uintptr_t)text.p);
    place_remove(&p);
}

static void test_full_disk_is_an_error(void **state)
{
    struct line_target *t = target_at(LINES_TO_FILE, "/dev/full");

    assert_int_equal(line_target_write(t, LINES), -ENOSPC);
    line_target_close(&t);
}

static int listen_at(const char *path)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    return fd;
}

static struct str receive(int fd, char room[256])
{
    ssize_t n = recv(fd, room, 256, 0);

    assert_true(n > 0);
    return (struct str){room, (size_t)n};
}

static void test_journald_gets_a_datagram_a_line(void **state)
{
    struct test_place p;
    struct line_target *t;
    char room[256];
    int fd;

    place_make(&p, "socket");
    fd = listen_at(p.path);
    t = target_at(LINES_TO_JOURNALD, p.path);
    assert_int_equal(line_target_write(t, LINES), strlen("one\n"));
    assert_str(receive(fd, room), "PRIORITY=6\nSYSLOG_IDENTIFIER=hlsgate\nMESSAGE=one\n");
    line_target_close(&t);
    close(fd);
    place_remove(&p);
}

static void test_syslog_and_its_restart(void **state)
{
    struct test_place p;
    struct line_target *t;
    struct str got;
    char room[256];
    int fd;

    place_make(&p, "socket");
    fd = listen_at(p.path);
    t = target_at(LINES_TO_SYSLOG, p.path);
    close(fd);
    unlink(p.path);
    assert_true(line_target_write(t, LINES) < 0); /* nobody is there */
    fd = listen_at(p.path);
    assert_int_equal(line_target_write(t, LINES), strlen("one\n"));
    got = receive(fd, room);
    assert_true(str_starts(got, STR("<30>")) && str_ends(got, STR("]: one")));
    assert_true(str_find(got, STR(" hlsgate[")) > 0);
    line_target_close(&t);
    close(fd);
    place_remove(&p);
}

static int ignore_sigpipe(void **state)
{
    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_is_appended_to),
        cmocka_unit_test(test_what_cannot_be_opened_says_why),
        cmocka_unit_test(test_full_pipe_is_waited_for),
        cmocka_unit_test(test_torn_line_is_ended),
        cmocka_unit_test(test_torn_line_of_another_is_ended),
        cmocka_unit_test(test_full_disk_is_an_error),
        cmocka_unit_test(test_journald_gets_a_datagram_a_line),
        cmocka_unit_test(test_syslog_and_its_restart),
    };

    return cmocka_run_group_tests(tests, ignore_sigpipe, NULL);
}
