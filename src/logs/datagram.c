/* One sendmsg() a line, its frame in front of it: nothing is copied. */
#include "logs/datagram.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

enum {
    FRAME_MAX = 128,
    PRIORITY = 3 * 8 + 6, /* RFC 3164 4.1.1: facility "system daemons", severity "informational" */
};

struct str datagram_path(bool is_journald, struct str socket)
{
    if (socket.n > 0)
        return socket;
    return is_journald ? STR("/run/systemd/journal/socket") : STR("/dev/log");
}

static int connect_to(const struct datagram_target *d)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;

    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&d->address, sizeof d->address) == 0)
        return fd;
    r = -errno;
    close(fd);
    return r;
}

int datagram_open(struct datagram_target *d, bool is_journald, struct str socket, int *ret_fd)
{
    struct str path = datagram_path(is_journald, socket);
    int fd;

    *d = (struct datagram_target){.address.sun_family = AF_UNIX, .is_journald = is_journald};
    if (path.n >= sizeof d->address.sun_path)
        return -ENAMETOOLONG;
    memcpy(d->address.sun_path, path.p, path.n);
    fd = connect_to(d);
    if (fd < 0)
        return fd;
    *ret_fd = fd;
    return 0;
}

/* What stands in front of a line. RFC 3164 4.1.2: the time is local, and without a year. */
static size_t frame(const struct datagram_target *d, char ret[FRAME_MAX])
{
    time_t now = time(NULL);
    struct tm t;
    size_t n;

    if (d->is_journald)
        return (size_t)snprintf(ret, FRAME_MAX, "PRIORITY=6\nSYSLOG_IDENTIFIER=hlsgate\nMESSAGE=");
    localtime_r(&now, &t);
    n = (size_t)snprintf(ret, FRAME_MAX, "<%d>", PRIORITY);
    n += strftime(ret + n, FRAME_MAX - n, "%b %e %H:%M:%S", &t);
    return n + (size_t)snprintf(ret + n, FRAME_MAX - n, " hlsgate[%d]: ", (int)getpid());
}

static int send_line(const struct datagram_target *d, int fd, struct str line)
{
    char head[FRAME_MAX];
    struct iovec iov[] = {
        {head, frame(d, head)}, {(void *)(uintptr_t)line.p, line.n}, {(char[]){'\n'}, 1}};
    struct msghdr m = {.msg_iov = iov, .msg_iovlen = d->is_journald ? 3 : 2};

    return sendmsg(fd, &m, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool is_gone(int r)
{
    return r == -ECONNREFUSED || r == -ENOTCONN || r == -ECONNRESET || r == -EPIPE;
}

static int connect_again(const struct datagram_target *d, int *fd)
{
    int other = connect_to(d);

    if (other < 0)
        return other;
    close(*fd);
    *fd = other;
    return 0;
}

ssize_t datagram_write(struct datagram_target *d, int *fd, struct str lines)
{
    struct str line = str_first(lines, (size_t)str_find_char(lines, '\n'));
    int r = send_line(d, *fd, line);

    if (is_gone(r)) {
        r = connect_again(d, fd);
        if (r == 0)
            r = send_line(d, *fd, line);
    }
    return r < 0 ? r : (ssize_t)line.n + 1;
}
