/*
 * A bounded buffer between the threads that log and the one that writes. The lock is held for a
 * memcpy, never for a write.
 */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"

enum {
    LINE_MAX_BYTES = 4096, /* a longer line is cut: a 16 KiB request head must not fill the log */
    STUCK_MSEC = 1000,
    PENDING_CAP_BYTES = 1 << 20, /* what a stuck stderr may hold back before lines are dropped */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t writer;
    bool is_running, is_stopping;
    struct buf pending;
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

static _Atomic int level_now = LOG_INFO;
static atomic_ulong dropped;

/* A stderr that takes nothing for so long gets nothing of this line: the process must be able to
 * stop. */
static bool wait_for_room(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&p, 1, STUCK_MSEC) > 0;
}

static void write_all(struct str s)
{
    while (s.n > 0) {
        ssize_t w = write(STDERR_FILENO, s.p, s.n);

        if (w > 0)
            s = str_skip(s, (size_t)w);
        else if (errno == EAGAIN ? !wait_for_room() : errno != EINTR)
            return;
    }
}

static void *write_loop(void *arg)
{
    struct buf mine;

    (void)arg;
    buf_init(&mine, PENDING_CAP_BYTES);
    pthread_mutex_lock(&out.lock);
    while (!out.is_stopping || out.pending.n > 0) {
        if (out.pending.n == 0) {
            pthread_cond_wait(&out.wake, &out.lock);
            continue;
        }
        struct buf full = out.pending;

        out.pending = mine;
        pthread_mutex_unlock(&out.lock);
        write_all(buf_str(&full));
        buf_clear(&full);
        mine = full;
        pthread_mutex_lock(&out.lock);
    }
    pthread_mutex_unlock(&out.lock);
    buf_done(&mine);
    return NULL;
}

void log_set_level(enum log_level most_verbose)
{
    level_now = most_verbose;
}

bool log_wants(enum log_level level)
{
    return (int)level <= level_now;
}

void log_start(enum log_level most_verbose)
{
    log_set_level(most_verbose);
    buf_init(&out.pending, PENDING_CAP_BYTES);
    out.is_stopping = false;
    out.is_running = pthread_create(&out.writer, NULL, write_loop, NULL) == 0;
}

void log_stop(void)
{
    pthread_mutex_lock(&out.lock);
    bool was_running = out.is_running;

    out.is_running = false;
    out.is_stopping = true;
    pthread_cond_signal(&out.wake);
    pthread_mutex_unlock(&out.lock);
    if (was_running) {
        pthread_join(out.writer, NULL);
        buf_done(&out.pending);
    }
}

unsigned long log_dropped(void)
{
    return atomic_load(&dropped);
}

static size_t format_prefix(enum log_level level, char *ret, size_t room)
{
    static const char *const names[] = {"error", "warn ", "info ", "debug"};
    usec_t now = clock_unix_usec();
    time_t seconds = (time_t)(now / USEC_PER_SEC);
    struct tm t;
    size_t n;

    gmtime_r(&seconds, &t);
    n = strftime(ret, room, "%Y-%m-%dT%H:%M:%S", &t);
    n += (size_t)snprintf(ret + n, room - n, ".%03uZ %s ", (unsigned)(now / 1000 % 1000),
                          names[level]);
    return n;
}

/* How many bytes from `i` on a terminal would obey, or a reader could not tell from a new line. */
static size_t unseen_length(struct str text, size_t i)
{
    struct str rest = str_skip(text, i);
    struct str c = str_first(rest, str_utf8_char(rest));

    return code_point_is_unseen(str_code_point(c)) ? c.n : 0;
}

/* `text` so that it can only be one line; returns how many bytes of `ret` are used. */
static size_t escape(struct str text, char *ret, size_t room)
{
    bool is_utf8 = str_is_utf8(text);
    size_t n = 0, escaped = 0; /* bytes from here on that are to be escaped */

    for (size_t i = 0; i < text.n && n + 5 < room; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (escaped == 0 && !is_utf8)
            escaped = c >= 0x20 && c < 0x7f ? 0 : 1;
        else if (escaped == 0 && (c & 0xc0) != 0x80) /* else within a character */
            escaped = unseen_length(text, i);
        if (escaped == 0) {
            ret[n++] = (char)c;
            continue;
        }
        n += (size_t)snprintf(ret + n, room - n, "\\x%02x", c);
        escaped--;
    }
    return n;
}

struct str log_quote(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, 2 * s.n + 2);
    size_t n = 0;

    if (p == NULL)
        return STR("\"\"");
    p[n++] = '"';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            p[n++] = '\\';
        p[n++] = s.p[i];
    }
    p[n++] = '"';
    return (struct str){p, n};
}

static void submit(struct str line)
{
    pthread_mutex_lock(&out.lock);
    bool is_queued = out.is_running;

    if (is_queued) {
        if (line.n <= out.pending.cap - out.pending.n)
            buf_add(&out.pending, line);
        else
            atomic_fetch_add(&dropped, 1);
        pthread_cond_signal(&out.wake);
    }
    pthread_mutex_unlock(&out.lock);
    if (!is_queued)
        write_all(line);
}

void log_line(enum log_level level, const char *format, ...)
{
    char raw[LINE_MAX_BYTES], line[LINE_MAX_BYTES + 64];
    va_list args;
    size_t n;
    int want;

    if (!log_wants(level))
        return;
    va_start(args, format);
    want = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    if (want < 0)
        return;
    n = format_prefix(level, line, sizeof line);
    n +=
        escape((struct str){raw, MIN((size_t)want, sizeof raw - 1)}, line + n, sizeof line - n - 1);
    line[n++] = '\n';
    submit((struct str){line, n});
}
