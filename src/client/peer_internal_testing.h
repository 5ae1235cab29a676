/* The scripted server from inside: for peer_testing.c and peer_steps_testing.c only. */
#ifndef CLIENT_PEER_INTERNAL_TESTING_H
#define CLIENT_PEER_INTERNAL_TESTING_H

#include "client/peer_testing.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/list.h"

struct script {
    struct list link; /* in peer.scripts */
    struct peer_step *steps;
};

struct peer {
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    } at;
    socklen_t at_length;
    char base[64];
    int reserved;  /* bound and deaf: keeps the port while we are down; -1 for a unix socket */
    int listening; /* -1: down */
    int stop;      /* eventfd: readable when all is over */
    int turn;      /* eventfd: readable when the accepting thread shall end */
    pthread_t acceptor;

    pthread_mutex_t lock;
    struct list scripts; /* not taken yet */
    struct script *all;
    struct peer_conn *connections[PEER_CONNECTIONS_MAX];
    unsigned count;
    char failure[PEER_FAILURE_MAX]; /* the first one */

    atomic_uint heads, open, busy; /* busy: with a script that is not through */
    atomic_ullong sent;
};

struct peer_conn {
    struct peer *peer;
    struct script *script; /* owned, unless it is everybody's */
    pthread_t thread;
    unsigned number;
    int fd;
    struct buf in;   /* read, not asked for yet */
    struct buf head; /* the last one */
    bool ignores, may_leave;
    const struct peer_step *at;
};

/* peer_steps_testing.c */
const char *peer_act_name(enum peer_act act);
void peer_note_failure(struct peer *p, const char *format, ...) PRINTF_LIKE(2, 3);
void *peer_conn_run(void *conn); /* a thread's */

#endif
