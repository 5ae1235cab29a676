#include "store/fake_redis_testing.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/panic.h"
#include "net/listener.h"
#include "net/watch.h"

enum { COMMANDS_MAX = 200000, COMMAND_MAX = 4096, WORDS_MAX = 132, IN_MAX = 64 << 20 };

struct rule {
    char *command;
    int times; /* left; FAKE_ALWAYS */
    struct str answer;
};

struct fake_conn {
    struct list link; /* in fake.conns */
    struct fake *fake;
    int fd;
    struct watch *watch;
    struct buf in, out;
    unsigned loaded; /* scripts */
    bool is_silent, is_subscribed;
};

struct fake {
    struct loop *loop;
    struct net_address address;
    char server[160];
    int fd; /* bound; listens while the listener is there */
    struct listener *listener;
    struct list conns;
    struct rule rules[FAKE_RULES];
    unsigned rule_count;
    char **commands;
    unsigned command_count;
    unsigned connections, open, reads;
    bool is_held;
};

/* ---- commands ---- */

struct words {
    struct str at[WORDS_MAX];
    unsigned count;
};

/* "*2\r\n" at *at: its number, or -1 when it has not come whole. */
static long take_count(struct str in, size_t *at, char type)
{
    struct str rest = str_skip(in, *at);
    ptrdiff_t end = str_find(rest, STR("\r\n"));
    uint64_t n;

    if (end < 0)
        return -1;
    assert_int_equal(rest.p[0], type);
    assert_int_equal(str_parse_u64((struct str){rest.p + 1, (size_t)end - 1}, INT32_MAX, &n), 0);
    *at += (size_t)end + 2;
    return (long)n;
}

/* The bytes that the first command in `in` takes; 0: it is not whole. */
static size_t take_command(struct str in, struct words *ret)
{
    size_t at = 0;
    long count = take_count(in, &at, '*');

    ret->count = 0;
    for (long i = 0; i < count; i++) {
        long n = take_count(in, &at, '$');

        if (n < 0 || at + (size_t)n + 2 > in.n)
            return 0;
        assert_true(ret->count < WORDS_MAX);
        ret->at[ret->count++] = (struct str){in.p + at, (size_t)n};
        at += (size_t)n + 2;
    }
    return count < 0 ? 0 : at;
}

static char *joined(const struct words *w)
{
    struct buf text = {.cap = COMMAND_MAX};

    for (unsigned i = 0; i < w->count; i++) {
        if (i > 0)
            buf_add_char(&text, ' ');
        buf_add(&text, w->at[i].n > 1000 ? STR("...") : w->at[i]);
    }
    return buf_take_cstr(&text);
}

static bool begins(const char *command, const char *with)
{
    return strncmp(command, with, strlen(with)) == 0;
}

/* ---- answers ---- */

static void close_conn(struct fake_conn *c)
{
    list_remove(&c->link);
    watch_free(&c->watch);
    close(c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    c->fake->open--;
    xfree_p(&c);
}

static void send_out(struct fake_conn *c)
{
    ssize_t n = send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL);

    if (n > 0)
        buf_consume(&c->out, (size_t)n);
    watch_set(c->watch, c->out.n > 0 ? WATCH_READ | WATCH_WRITE : WATCH_READ);
}

static void bulk(struct fake_conn *c, struct str s)
{
    buf_printf(&c->out, "$%zu\r\n", s.n);
    buf_add(&c->out, s);
    buf_add(&c->out, STR("\r\n"));
}

static void answer_subscribe(struct fake_conn *c, const struct words *w)
{
    c->is_subscribed = true;
    buf_add(&c->out, STR("*3\r\n$9\r\nsubscribe\r\n"));
    bulk(c, w->at[1]);
    buf_add(&c->out, STR(":1\r\n"));
}

/* Sources of scripts are told apart by the order of loading alone. */
static void answer_load(struct fake_conn *c)
{
    buf_printf(&c->out, "$40\r\n%040u\r\n", c->loaded++);
}

static void answer_script(struct fake_conn *c, const struct words *w)
{
    char hello[41];

    snprintf(hello, sizeof hello, "%040u", 0);
    if (str_eq(w->at[1], str_of(hello))) {
        buf_add(&c->out, STR("*2\r\n:0\r\n:1\r\n"));
        return;
    }
    buf_add(&c->out, STR("*2\r\n:0\r\n"));
    bulk(c, w->count > 4 ? w->at[4] : STR(""));
}

static void answer_by_itself(struct fake_conn *c, const struct words *w, const char *command)
{
    if (begins(command, "ROLE"))
        buf_add(&c->out, STR("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"));
    else if (begins(command, "SCRIPT LOAD"))
        answer_load(c);
    else if (begins(command, "EVAL"))
        answer_script(c, w);
    else if (begins(command, "SUBSCRIBE"))
        answer_subscribe(c, w);
    else if (begins(command, "PING"))
        buf_add(&c->out, STR("*2\r\n$4\r\npong\r\n$0\r\n\r\n"));
    else if (begins(command, "WAIT"))
        buf_add(&c->out, STR(":1\r\n"));
    else
        buf_add(&c->out, STR("+OK\r\n"));
}

static struct rule *rule_for(struct fake *f, const char *command)
{
    for (unsigned i = f->rule_count; i-- > 0;) {
        struct rule *r = &f->rules[i];

        if (r->times != 0 && begins(command, r->command)) {
            r->times -= r->times > 0;
            return r;
        }
    }
    return NULL;
}

static bool ends_with(struct str *answer, const char *mark)
{
    if (!str_ends(*answer, str_of(mark)))
        return false;
    answer->n -= strlen(mark);
    return true;
}

/* False: the connection is closed. */
static bool answer(struct fake_conn *c, const struct words *w, const char *command)
{
    const struct rule *r = rule_for(c->fake, command);
    struct str text = r != NULL ? r->answer : STR_NONE;
    bool closes;

    if (r == NULL) {
        answer_by_itself(c, w, command);
        return true;
    }
    c->is_silent = ends_with(&text, FAKE_SILENCE);
    closes = ends_with(&text, FAKE_CLOSE);
    buf_add(&c->out, text);
    if (closes) {
        send_out(c);
        close_conn(c);
    }
    return !closes;
}

static bool act(struct fake_conn *c)
{
    struct fake *f = c->fake;
    struct words w;
    size_t n, at = 0;

    while (!f->is_held && !c->is_silent &&
           (n = take_command(str_skip(buf_str(&c->in), at), &w)) > 0) {
        assert_true(f->command_count < COMMANDS_MAX);
        f->commands[f->command_count++] = joined(&w);
        if (!answer(c, &w, f->commands[f->command_count - 1]))
            return false;
        at += n;
    }
    buf_consume(&c->in, at);
    send_out(c);
    return true;
}

/* ---- connections ---- */

static bool receive(struct fake_conn *c)
{
    char *at = buf_reserve(&c->in, 256 * 1024);
    ssize_t n = recv(c->fd, at, 256 * 1024, 0);

    if (n == 0 || (n < 0 && errno != EAGAIN)) {
        close_conn(c);
        return false;
    }
    if (n > 0) {
        c->fake->reads++;
        buf_added(&c->in, (size_t)n);
    }
    return true;
}

static void on_ready(void *arg, int fd, unsigned events)
{
    struct fake_conn *c = arg;

    if ((events & WATCH_READ) != 0 && !receive(c))
        return;
    (void)act(c);
}

static void on_accepted(void *arg, int fd, const struct net_address *peer)
{
    struct fake *f = arg;
    struct fake_conn *c = xzalloc(sizeof *c);

    c->fake = f;
    c->fd = fd;
    c->in.cap = c->out.cap = IN_MAX;
    c->watch = watch_new(f->loop, fd, on_ready, c);
    watch_set(c->watch, WATCH_READ);
    list_append(&f->conns, &c->link);
    f->connections++;
    f->open++;
}

void fake_up(struct fake *f)
{
    if (f->listener != NULL)
        return;
    assert_int_equal(listen(f->fd, 128), 0);
    f->listener = listener_new(f->loop, dup(f->fd), on_accepted, f);
}

void fake_drop(struct fake *f)
{
    LIST_FOREACH_SAFE (link, &f->conns)
        close_conn(LIST_ENTRY(link, struct fake_conn, link));
}

/* Bound and not listening, the port refuses all and is nobody else's. */
void fake_down(struct fake *f)
{
    listener_free(&f->listener);
    close(f->fd);
    f->fd = socket(f->address.u.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)), 0);
    assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)), 0);
    assert_int_equal(bind(f->fd, &f->address.u.any, f->address.length), 0);
    fake_drop(f);
}

struct fake *fake_new(struct loop *l, const char *address)
{
    struct fake *f = xzalloc(sizeof *f);

    f->loop = l;
    list_init(&f->conns);
    f->commands = xcalloc(COMMANDS_MAX, sizeof *f->commands);
    assert_int_equal(net_address_parse(str_of(address), &f->address), 0);
    f->fd = net_listen(&f->address, 128, true);
    assert_true(f->fd >= 0);
    if (f->address.u.any.sa_family != AF_UNIX)
        assert_int_equal(getsockname(f->fd, &f->address.u.any, &f->address.length), 0);
    net_address_format(&f->address, f->server, sizeof f->server);
    fake_up(f);
    return f;
}

void fake_free(struct fake **fake)
{
    struct fake *f = TAKE(*fake);

    listener_free(&f->listener);
    fake_drop(f);
    close(f->fd);
    if (f->address.u.any.sa_family == AF_UNIX)
        unlink(f->address.u.unix_path.sun_path);
    for (unsigned i = 0; i < f->rule_count; i++) {
        free(f->rules[i].command);
        free((char *)f->rules[i].answer.p);
    }
    for (unsigned i = 0; i < f->command_count; i++)
        free(f->commands[i]);
    free(f->commands);
    free(f);
}

const char *fake_server(const struct fake *f)
{
    return f->server;
}

/* ---- what the test says ---- */

void fake_answer_bytes(struct fake *f, const char *command, int times, struct str answer_)
{
    assert_true(f->rule_count < FAKE_RULES);
    f->rules[f->rule_count++] =
        (struct rule){xstrdup(command), times, {xmemdup(answer_.p, answer_.n), answer_.n}};
}

void fake_answer(struct fake *f, const char *command, int times, const char *text)
{
    fake_answer_bytes(f, command, times, str_of(text));
}

static void say(struct fake *f, bool to_all, struct str bytes)
{
    LIST_FOREACH (link, &f->conns) {
        struct fake_conn *c = LIST_ENTRY(link, struct fake_conn, link);

        if (!to_all && !c->is_subscribed)
            continue;
        buf_add(&c->out, bytes);
        send_out(c);
    }
}

void fake_say_to_all(struct fake *f, struct str bytes)
{
    say(f, true, bytes);
}

void fake_say_to_listeners(struct fake *f, struct str bytes)
{
    say(f, false, bytes);
}

void fake_publish(struct fake *f, const char *channel, const char *text)
{
    char message[512];

    snprintf(message, sizeof message, "*3\r\n$7\r\nmessage\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
             strlen(channel), channel, strlen(text), text);
    fake_say_to_listeners(f, str_of(message));
}

void fake_hold(struct fake *f)
{
    f->is_held = true;
}

void fake_let_go(struct fake *f)
{
    f->is_held = false;
    LIST_FOREACH_SAFE (link, &f->conns)
        (void)act(LIST_ENTRY(link, struct fake_conn, link));
}

unsigned fake_heard(const struct fake *f, const char *command)
{
    unsigned n = 0;

    for (unsigned i = 0; i < f->command_count; i++)
        n += begins(f->commands[i], command);
    return n;
}

const char *fake_last(const struct fake *f, const char *command)
{
    for (unsigned i = f->command_count; i-- > 0;) {
        if (begins(f->commands[i], command))
            return f->commands[i];
    }
    return "";
}

unsigned fake_connections(const struct fake *f)
{
    return f->connections;
}

unsigned fake_open(const struct fake *f)
{
    return f->open;
}

unsigned fake_reads(const struct fake *f)
{
    return f->reads;
}
