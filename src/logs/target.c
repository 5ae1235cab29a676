/*
 * Descriptors that bytes are written to. A regular file takes everything; anything else (a pipe, a
 * terminal) is asked first and gets no more at once than a pipe with any room takes whole, since
 * what came as stdout is shared with others and must not be made non-blocking for them.
 */
#include "logs/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "logs/datagram.h"

struct line_target {
    enum line_target_kind kind;
    int fd;
    bool is_regular, is_socket;
    bool is_torn;                    /* the last byte that was taken is not a line's end */
    bool must_end_line;              /* ... and the rest of that line never comes */
    struct datagram_target datagram; /* syslog and journald */
};

static bool is_datagram(const struct line_target *t)
{
    return t->kind == LINES_TO_SYSLOG || t->kind == LINES_TO_JOURNALD;
}

static int open_fd(const struct line_target_options *o)
{
    int fd;

    if (o->kind == LINES_TO_STDOUT)
        fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    else /* non-blocking: for pipes with a name, which otherwise wait for a reader */
        fd = open(o->path.p, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                  0640);
    return fd < 0 ? -errno : fd;
}

/* Who wrote to it before may have died, or found the disk full, within a line. A file that may not
 * be read is taken to be in order. */
static bool ends_within_line(const char *path, off_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    bool is_torn;
    char last;

    if (fd < 0)
        return false;
    is_torn = pread(fd, &last, 1, size - 1) == 1 && last != '\n';
    close(fd);
    return is_torn;
}

static int open_stream(struct line_target *t, const struct line_target_options *o)
{
    struct stat st;

    t->fd = open_fd(o);
    if (t->fd < 0)
        return t->fd;
    if (fstat(t->fd, &st) < 0)
        return -errno;
    t->is_regular = S_ISREG(st.st_mode);
    t->is_socket = S_ISSOCK(st.st_mode);
    t->must_end_line = o->kind == LINES_TO_FILE && t->is_regular && st.st_size > 0 &&
                       ends_within_line(o->path.p, st.st_size);
    return 0;
}

static struct str name_of(const struct line_target_options *o)
{
    switch (o->kind) {
    case LINES_TO_FILE:
        return o->path;
    case LINES_TO_STDOUT:
        return STR("stdout");
    default:
        return datagram_path(o->kind == LINES_TO_JOURNALD, o->socket);
    }
}

int line_target_open(const struct line_target_options *o, struct line_target **ret,
                     struct buf *error)
{
    AUTO(line_target_close) struct line_target *t = xzalloc(sizeof *t);
    int r;

    t->kind = o->kind;
    t->fd = -1;
    if (is_datagram(t))
        r = datagram_open(&t->datagram, o->kind == LINES_TO_JOURNALD, o->socket, &t->fd);
    else
        r = open_stream(t, o);
    if (r < 0) {
        buf_printf(error, "cannot write the access log to %.*s: %s", STR_FMT(name_of(o)),
                   r == -ENXIO ? "nobody reads at the other end" : strerror(-r));
        return r;
    }
    *ret = TAKE(t);
    return 0;
}

void line_target_close(struct line_target **t)
{
    struct line_target *old = TAKE(*t);

    if (old == NULL)
        return;
    if (old->fd >= 0)
        close(old->fd);
    free(old);
}

int line_target_fd(const struct line_target *t)
{
    return t->fd;
}

static bool has_room(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};

    return poll(&p, 1, 0) > 0;
}

static ssize_t write_some(const struct line_target *t, struct str bytes)
{
    size_t piece = t->is_regular ? bytes.n : MIN(bytes.n, (size_t)PIPE_BUF);
    ssize_t n;

    if (!t->is_regular && !has_room(t->fd))
        return -EAGAIN;
    do
        n = t->is_socket ? send(t->fd, bytes.p, piece, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : write(t->fd, bytes.p, piece);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static ssize_t write_bytes(struct line_target *t, struct str bytes)
{
    ssize_t n = write_some(t, bytes);

    if (n > 0)
        t->is_torn = bytes.p[n - 1] != '\n';
    return n;
}

/* What was left of a line has been given up: what comes next must not go on in it. */
static ssize_t end_torn_line(struct line_target *t)
{
    ssize_t n = t->must_end_line ? write_bytes(t, STR("\n")) : 1;

    if (n > 0)
        t->must_end_line = false;
    return n;
}

ssize_t line_target_write(struct line_target *t, struct str lines)
{
    ssize_t n;

    if (is_datagram(t))
        return datagram_write(&t->datagram, &t->fd, lines);
    n = end_torn_line(t);
    if (n > 0)
        n = write_bytes(t, lines);
    return n == 0 ? -EIO : n;
}

void line_target_give_up(struct line_target *t)
{
    t->must_end_line = t->is_torn;
}
