/*
 * The steps of a script, run by the thread of their connection with blocking calls behind poll(2).
 */
#include "client/peer_internal_testing.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/panic.h"

/* GONE: the connection has ended; STOPPED: peer_free() ends everything. */
enum { STEP_OK = 0, STEP_BAD = -1, STEP_STOPPED = -2, STEP_GONE = -3 };

#define NO_DEADLINE (UINT64_MAX / 2)
#define POLL_MSEC_MAX ((usec_t)60000)

static const char *const act_names[] = {"the end",
#define X(name, text) #name,
                                        PEER_STEPS(X)
#undef X
};

const char *peer_act_name(enum peer_act act)
{
    return act_names[act];
}

/* Failures */

void peer_note_failure(struct peer *p, const char *format, ...)
{
    char text[sizeof p->failure];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "peer: %s\n", text);
    pthread_mutex_lock(&p->lock);
    if (p->failure[0] == '\0')
        memcpy(p->failure, text, sizeof text);
    pthread_mutex_unlock(&p->lock);
}

static int bad(struct peer_conn *c, const char *what, struct str bytes)
{
    peer_note_failure(c->peer, "connection %u, step %ld (%s '%.*s'): %s: '%.*s'", c->number,
                      (long)(c->at - c->script->steps), act_names[c->at->act],
                      STR_FMT(str_first(c->at->bytes, 80)), what, STR_FMT(str_first(bytes, 200)));
    return STEP_BAD;
}

/* Waiting and bytes */

/* STEP_OK: `events` (or an error, which the next call will tell) are there. */
static int wait_for(struct peer_conn *c, short events, usec_t until)
{
    struct pollfd fds[] = {{c->peer->stop, POLLIN, 0}, {c->fd, events, 0}};
    usec_t now = clock_monotonic();
    int r;

    if (now >= until)
        return bad(c, "took too long", STR(""));
    do
        r = poll(fds, ARRAY_LEN(fds), (int)MIN((until - now) / USEC_PER_MSEC + 1, POLL_MSEC_MAX));
    while (r < 0 && errno == EINTR);
    if (fds[1].revents != 0)
        return STEP_OK;
    return fds[0].revents != 0 ? STEP_STOPPED : wait_for(c, events, until);
}

static usec_t step_deadline(void)
{
    return clock_monotonic() + PEER_STEP_SECONDS * USEC_PER_SEC;
}

/* More bytes into `in`; STEP_GONE at the end of the stream. */
static int read_more(struct peer_conn *c, usec_t until)
{
    int r = wait_for(c, POLLIN, until);
    char *to = buf_reserve(&c->in, 4096);
    ssize_t n;

    if (r < 0)
        return r;
    if (to == NULL)
        return bad(c, "too much", buf_str(&c->in));
    n = recv(c->fd, to, 4096, 0);
    if (n <= 0)
        return STEP_GONE;
    buf_added(&c->in, (size_t)n);
    return STEP_OK;
}

/* What comes in an ignoring connection is thrown away while we wait for room to send. */
static void drain(struct peer_conn *c)
{
    char bytes[4096];

    while (recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0)
        ;
}

static int send_all(struct peer_conn *c, struct str s)
{
    usec_t until = step_deadline();

    while (s.n > 0) {
        int r = wait_for(c, POLLOUT, until);
        ssize_t n;

        if (r < 0)
            return r;
        n = send(c->fd, s.p, s.n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return STEP_GONE;
        if (n > 0) {
            atomic_fetch_add(&c->peer->sent, (unsigned long long)n);
            s = str_skip(s, (size_t)n);
        }
        if (c->ignores)
            drain(c);
    }
    return STEP_OK;
}

/* The steps */

static int read_head(struct peer_conn *c)
{
    usec_t until = step_deadline();
    ptrdiff_t end;

    while ((end = str_find(buf_str(&c->in), STR("\r\n\r\n"))) < 0) {
        int r = read_more(c, until);

        if (r == STEP_GONE)
            return bad(c, "closed instead of a head", buf_str(&c->in));
        if (r < 0)
            return r;
    }
    buf_clear(&c->head);
    buf_add(&c->head, str_first(buf_str(&c->in), (size_t)end + 4));
    buf_consume(&c->in, (size_t)end + 4);
    return STEP_OK;
}

static int step_rx(struct peer_conn *c, bool is_exact)
{
    struct str want = c->at->bytes;
    int r = read_head(c);

    if (r < 0)
        return r;
    if (is_exact ? !str_eq(buf_str(&c->head), want) : str_find(buf_str(&c->head), want) < 0)
        return bad(c, "got another head", buf_str(&c->head));
    atomic_fetch_add(&c->peer->heads, 1);
    return STEP_OK;
}

static int step_rx_content(struct peer_conn *c)
{
    struct str want = c->at->bytes;
    usec_t until = step_deadline();

    while (c->in.n < want.n) {
        int r = read_more(c, until);

        if (r == STEP_GONE)
            return bad(c, "closed instead of content", buf_str(&c->in));
        if (r < 0)
            return r;
    }
    if (!str_eq(str_first(buf_str(&c->in), want.n), want))
        return bad(c, "got other content", buf_str(&c->in));
    buf_consume(&c->in, want.n);
    return STEP_OK;
}

/* What has come unasked until now. */
static int check_leftover(struct peer_conn *c)
{
    if (c->ignores)
        buf_clear(&c->in);
    return c->in.n > 0 ? bad(c, "got unexpected bytes", buf_str(&c->in)) : STEP_OK;
}

/* Nothing may come but the end. */
static int await_end(struct peer_conn *c, usec_t until)
{
    int r;

    do {
        r = check_leftover(c);
        if (r == STEP_OK)
            r = read_more(c, until);
    } while (r == STEP_OK);
    return r;
}

static int step_rx_end(struct peer_conn *c)
{
    int r = await_end(c, step_deadline());

    return r == STEP_GONE ? STEP_OK : r;
}

static int left_early(struct peer_conn *c)
{
    return c->may_leave ? STEP_GONE : bad(c, "closed while we were sending", STR(""));
}

static int step_tx(struct peer_conn *c)
{
    int r = send_all(c, c->at->bytes);

    return r == STEP_GONE ? left_early(c) : r;
}

static int step_tx_slowly(struct peer_conn *c)
{
    struct str left = c->at->bytes;
    int r = STEP_OK;

    for (; left.n > 0 && r == STEP_OK; left = str_skip(left, c->at->n)) {
        usleep((useconds_t)c->at->pause); /* being slow is what this step is for */
        r = send_all(c, str_first(left, c->at->n));
    }
    return r == STEP_GONE ? left_early(c) : r;
}

static int step_tx_pattern(struct peer_conn *c)
{
    char piece[16 * 1024];
    uint64_t at = c->at->from, end = at + c->at->n;
    int r = STEP_OK;

    while (at < end && r == STEP_OK) {
        size_t n = (size_t)MIN(end - at, (uint64_t)sizeof piece);

        for (size_t i = 0; i < n; i++)
            piece[i] = peer_pattern(at + i);
        r = send_all(c, (struct str){piece, n});
        at += n;
    }
    return r == STEP_GONE ? left_early(c) : r;
}

static int step_tx_flood(struct peer_conn *c)
{
    int r;

    do
        r = send_all(c, c->at->bytes);
    while (r == STEP_OK);
    return r == STEP_GONE ? STEP_OK : r;
}

static int step_wait(struct peer_conn *c)
{
    struct peer_barrier *b = c->at->barrier;
    struct pollfd stop = {c->peer->stop, POLLIN, 0};
    usec_t until = step_deadline();

    atomic_fetch_add(&b->reached, 1);
    while (!atomic_load(&b->is_open)) {
        if (poll(&stop, 1, 1) > 0)
            return STEP_STOPPED;
        if (clock_monotonic() >= until)
            return bad(c, "the barrier was not opened", STR(""));
    }
    return STEP_OK;
}

static void hang_up(struct peer_conn *c, bool with_reset)
{
    struct linger hard = {.l_onoff = 1};

    if (c->fd < 0)
        return;
    if (with_reset)
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    atomic_fetch_sub(&c->peer->open, 1);
    close(c->fd);
    c->fd = -1;
}

/* Goes on when the other side says more; GONE when it has had enough. */
static int step_again(struct peer_conn *c)
{
    int r = STEP_OK;

    if (c->in.n > 0)
        return STEP_OK;
    atomic_fetch_sub(&c->peer->busy, 1);
    r = read_more(c, NO_DEADLINE);
    atomic_fetch_add(&c->peer->busy, 1);
    return r == STEP_STOPPED ? STEP_GONE : r;
}

static int run_step(struct peer_conn *c)
{
    switch (c->at->act) {
    case PEER_RX:
        return step_rx(c, false);
    case PEER_RX_EXACT:
        return step_rx(c, true);
    case PEER_HAS:
        return str_find(buf_str(&c->head), c->at->bytes) >= 0
                   ? STEP_OK
                   : bad(c, "not in the head", buf_str(&c->head));
    case PEER_LACKS:
        return str_find_nocase(buf_str(&c->head), c->at->bytes) < 0
                   ? STEP_OK
                   : bad(c, "in the head", buf_str(&c->head));
    case PEER_RX_CONTENT:
        return step_rx_content(c);
    case PEER_RX_END:
        return step_rx_end(c);
    case PEER_IGNORE:
        c->ignores = true;
        return STEP_OK;
    case PEER_MAY_LEAVE:
        c->may_leave = true;
        return STEP_OK;
    case PEER_TX:
        return step_tx(c);
    case PEER_TX_SLOWLY:
        return step_tx_slowly(c);
    case PEER_TX_PATTERN:
        return step_tx_pattern(c);
    case PEER_TX_FLOOD:
        return step_tx_flood(c);
    case PEER_WAIT:
        return step_wait(c);
    case PEER_OPEN:
        atomic_store(&c->at->barrier->is_open, true);
        return STEP_OK;
    case PEER_RESET:
    case PEER_CLOSE:
        hang_up(c, c->at->act == PEER_RESET);
        return STEP_GONE;
    case PEER_AGAIN:
        return step_again(c);
    default:
        WRONG("no such step");
    }
}

static int run_script(struct peer_conn *c)
{
    int r = STEP_OK;

    c->at = c->script->steps;
    while (c->at->act != PEER_DONE) {
        r = run_step(c);
        if (r < 0)
            break;
        c->at = c->at->act == PEER_AGAIN ? c->script->steps : c->at + 1;
    }
    return r;
}

void *peer_conn_run(void *conn)
{
    struct peer_conn *c = conn;
    int r = run_script(c);

    if (r == STEP_STOPPED)
        bad(c, "was not done yet", STR(""));
    atomic_fetch_sub(&c->peer->busy, 1);
    if (r == STEP_OK)
        await_end(c, NO_DEADLINE);
    hang_up(c, false);
    return NULL;
}
