/* The process: everything that is made once, in order, and unmade in the opposite one. */
#ifndef SERVER_SERVER_H
#define SERVER_SERVER_H

#include "server/snapshot.h"

/*
 * Serves until SIGTERM (drains) or SIGINT (stops); SIGHUP loads `config` again. The process's exit
 * code. Takes the snapshot, which was loaded with `tickets`.
 */
int server_run(struct snapshot *snapshot, const char *config, struct tls_tickets *tickets);

/*
 * What only the machine can tell: can the addresses be bound, can the store be opened? 0, or -1
 * with a line for each problem in `ret_errors`.
 */
int server_try(const struct snapshot *snapshot, struct buf *ret_errors) MUST_CHECK;

#endif
