/*
 * A client connection that speaks HTTP/1.1: bytes become requests, one at a time (pipelined ones
 * wait in their order), and responses become bytes. An idle connection holds no buffer and no
 * arena.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "net/listener.h"
#include "server/worker.h"

/* How long what a client still sends is read and thrown away after a response that ends the
 * connection: closing earlier would reset the connection and could destroy that response on its way
 * (RFC 9112 9.6). */
#define CONN_LINGER_TIME (2 * USEC_PER_SEC)

void conn_accept(struct worker *w, int fd, const struct net_address *peer); /* takes `fd` */

void conn_close_idle(
    struct worker *w); /* between requests: at once; the others close after their response */
void conn_abort_all(struct worker *w);

/* Deadlines: each gets a pointer to conn->deadline. */
void conn_on_idle(struct deadline *d);
void conn_on_slow_head(struct deadline *d);
void conn_on_slow_work(struct deadline *d);
void conn_on_slow_content(struct deadline *d);
void conn_on_slow_reader(struct deadline *d);
void conn_on_lingered(struct deadline *d);

#endif
