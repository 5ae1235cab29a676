/*
 * Lines as datagrams to a socket of this machine: RFC 3164 as libc's syslog() writes it, or
 * journald's native protocol (FIELD=value, one a line). For target.c alone.
 */
#ifndef LOGS_DATAGRAM_H
#define LOGS_DATAGRAM_H

#include <sys/types.h>
#include <sys/un.h>

#include "base/str.h"

struct datagram_target {
    struct sockaddr_un address;
    bool is_journald;
};

/* Where they go: `socket`, or where the system has it when that is "". */
struct str datagram_path(bool is_journald, struct str socket);

/* -errno. The socket is non-blocking and belongs to the caller. */
int datagram_open(struct datagram_target *d, bool is_journald, struct str socket, int *ret_fd);

/*
 * Sends the first of `lines`; how many bytes it has, its line feed included; -EAGAIN, or -errno.
 * Connects anew, with another `*fd`, when who listened has been started again.
 */
ssize_t datagram_write(struct datagram_target *d, int *fd, struct str lines);

#endif
