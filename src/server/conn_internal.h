/* What the files of a connection share: conn.c (life, input), conn_send.c (output). */
#ifndef SERVER_CONN_INTERNAL_H
#define SERVER_CONN_INTERNAL_H

#include "gate/req.h"
#include "http/chunked.h"
#include "net/sock.h"
#include "server/conn.h"

/*    state     what it waits for                                                 deadline */
#define CONN_STATES(X)                                                                       \
    X(IDLE)    /* the first byte of a request                                     idle */    \
    X(HEAD)    /* the rest of a head                                              head */    \
    X(WORKING) /* the request's own steps                                         work */    \
    X(CONTENT) /* the rest of a request's content                                 content */ \
    X(SENDING) /* room in the socket, or the next piece of a body                 send */    \
    X(LINGER)  /* the client's end, after ours                                    linger */  \
    X(CLOSED)  /* the loop, to let go of the socket                               none */

enum conn_state {
#define X(name) CONN_##name,
    CONN_STATES(X)
#undef X
};

struct conn {
    struct sock sock;
    struct worker *worker;
    struct list link; /* in worker->connections */
    struct deadline deadline;
    struct req *req; /* owned; the one under way */
    struct ip peer;
    uint8_t state;      /* enum conn_state; conn_enter() */
    bool is_last;       /* no request is taken after this response */
    bool ends_by_close; /* the response under way: where it ends, only our close will say */
    bool peer_ended;    /* the client has ended its side */
    bool is_processing; /* conn_process() is on the stack */
    struct h1 h1;
    struct str
        view; /* input not looked at yet: in worker->input (only while processing) or in `kept` */
    struct buf kept;        /* input that waits for more, or for its turn; no memory when empty */
    struct iovec head_left; /* of the response's head, in the request's arena */
    struct body *out; /* what is sent: the request's body, or `chunked` around it; NULL: none */
    struct chunked_body *chunked; /* in the request's arena */
};

void conn_enter(struct conn *c, enum conn_state s);
void conn_close(struct conn *c);

/* Is this response the last on its connection? */
bool conn_must_end(const struct conn *c, const struct req *r);

/* transport->respond, and what goes on with it. */
int conn_respond(struct req *r);
void conn_on_writable(struct sock *s);

#endif
