/*
 * First byte: what is asked for and what the one who asks does; two bytes: where the answer is
 * split; the rest: what a server says before it closes. A real client asks over a Unix socket,
 * twice: the answer comes whole, then in two pieces. Both times it must be told the same, and what
 * client.h promises must hold.
 */
#include "client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    TURNS_MAX = 100000,
    IS_HEAD = 1,
    HOLDS = 2,
    CANCELS_IN_HEAD = 4,
    CANCELS_IN_DATA = 8,
    IS_HTTP2 = 16
};

static char folder[] = "/tmp/hlsgate-fuzz-XXXXXX", path[64];
static struct loop *loop;
static struct client *client;
static int listening;

struct seen {
    struct client_transfer *t;
    unsigned how, heads, ends;
    uint16_t status;
    uint64_t length;
    bool is_held;
    struct buf body;
    int err;
};

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a)
{
    struct seen *s = arg;

    assert(t == s->t && s->heads == 0 && s->ends == 0 && a->status >= 200);
    s->heads++;
    s->status = a->status;
    s->length = a->content_length;
    if ((s->how & IS_HEAD) != 0 || a->status == 204 || a->status == 304)
        s->length = 0;
    if ((s->how & CANCELS_IN_HEAD) != 0)
        client_cancel(&s->t);
}

static bool on_data(void *arg, struct client_transfer *t, struct str bytes)
{
    struct seen *s = arg;

    assert(t == s->t && s->heads == 1 && s->ends == 0 && !s->is_held && bytes.n > 0);
    buf_add(&s->body, bytes);
    assert(s->body.n <= s->length);
    s->is_held = (s->how & HOLDS) != 0;
    if ((s->how & CANCELS_IN_DATA) != 0)
        client_cancel(&s->t);
    return !s->is_held;
}

static void on_end(void *arg, struct client_transfer *t, int err)
{
    struct seen *s = arg;

    assert(t == s->t && s->ends == 0 && !s->is_held && client_was_sent(t));
    assert(err == 0 || client_reason(t).n > 0);
    s->ends++;
    s->err = err;
    s->t = NULL;
}

static const struct client_sink sink = {on_head, on_data, on_end};

/* The world: made once */

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

static void make_world(void)
{
    static const struct client_limits limits = {
        .max_connections = 4, .keep_alive = USEC_PER_SEC, .dns_cache = USEC_PER_SEC};
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    assert(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert(bind(listening, (struct sockaddr *)&a, sizeof a) == 0 && listen(listening, 8) == 0);
    loop = loop_new();
    client = client_new(loop, &limits);
}

/* The server: this very thread, between the turns of the loop */

#define TURN_UNTIL(condition)                        \
    do {                                             \
        for (int turn_ = 0; !(condition); turn_++) { \
            assert(turn_ < TURNS_MAX);               \
            loop_turn(loop);                         \
        }                                            \
    } while (0)

static int take_request(void)
{
    char request[4096];
    size_t n = 0;
    ssize_t more;
    int fd;

    TURN_UNTIL((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    while (str_find((struct str){request, n}, STR("\r\n\r\n")) < 0) { /* or HTTP/2's preface */
        TURN_UNTIL((more = recv(fd, request + n, sizeof request - n, 0)) > 0);
        n += (size_t)more;
    }
    return fd;
}

static bool is_gone(const struct seen *s)
{
    return s->t == NULL;
}

static void proceed(struct seen *s)
{
    if (!s->is_held || is_gone(s))
        return;
    s->is_held = false;
    client_proceed(s->t);
}

/* Until the client has read it, as far as it does. */
static void say(struct seen *s, int fd, struct str bytes)
{
    while (bytes.n > 0 && !is_gone(s)) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);

        if (n > 0)
            bytes = str_skip(bytes, (size_t)n);
        else if (errno != EAGAIN)
            return;
        for (int i = 0; i < 3; i++)
            loop_turn(loop);
        proceed(s);
    }
}

static void settle(void)
{
    struct client_stats stats;

    TURN_UNTIL((client_stats(client, &stats), stats.transfers == 0));
}

static struct seen run(unsigned how, struct str answer, size_t split)
{
    struct client_peer peer = {.base = "http://unix",
                               .unix_path = path,
                               .protocol = (how & IS_HTTP2) != 0 ? CLIENT_HTTP_2 : CLIENT_AUTO,
                               .connect_timeout = 3600 * USEC_PER_SEC};
    struct client_request request = {
        .peer = &peer,
        .method = (how & IS_HEAD) != 0 ? HTTP_HEAD : HTTP_GET,
        .target = STR("/"),
        .first_byte_timeout = 3600 * USEC_PER_SEC,
        .stall_timeout = 3600 * USEC_PER_SEC,
    };
    struct seen s = {.how = how, .body.cap = 1 << 22};
    int fd;

    s.t = client_start(client, &request, &sink, &s);
    fd = take_request();
    say(&s, fd, str_first(answer, split));
    say(&s, fd, str_skip(answer, split));
    close(fd);
    TURN_UNTIL((proceed(&s), is_gone(&s)));
    settle();
    return s;
}

static void check(const struct seen *s)
{
    bool is_cancelled = s->ends == 0;

    assert(!is_cancelled || (s->how & (CANCELS_IN_HEAD | CANCELS_IN_DATA)) != 0);
    assert(is_cancelled || s->err == 0 || s->err == -ECONNRESET || s->err == -EPROTO ||
           s->err == -EMSGSIZE);
    assert(s->err != 0 || is_cancelled || s->heads == 1);
    assert(s->err != 0 || is_cancelled || s->length == HTTP_LENGTH_UNKNOWN ||
           s->body.n == s->length);
}

static bool is_prefix(struct str a, struct str b)
{
    return str_starts(a, b) || str_starts(b, a);
}

/* What a held transfer keeps back is lost when libcurl finds the rest malformed. */
static void check_same(const struct seen *a, const struct seen *b)
{
    struct str of_a = buf_str(&a->body), of_b = buf_str(&b->body);

    assert(a->heads == b->heads && a->status == b->status && a->length == b->length);
    if ((a->how & CANCELS_IN_DATA) != 0)
        return;
    assert(a->ends == b->ends && a->err == b->err);
    assert(str_eq(of_a, of_b) || ((a->how & HOLDS) != 0 && a->err != 0 && is_prefix(of_a, of_b)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct seen whole, split;
    struct str answer;

    if (n < 3)
        return 0;
    if (client == NULL)
        make_world();
    answer = (struct str){(const char *)data + 3, n - 3};
    whole = run(data[0], answer, answer.n);
    split = run(data[0], answer, MIN((size_t)(data[1] << 8 | data[2]), answer.n));
    check(&whole);
    check(&split);
    if (memchr(answer.p, '\0', answer.n) == NULL)
        check_same(&whole, &split);
    buf_done(&whole.body);
    buf_done(&split.body);
    return 0;
}
