/*
 * HTTP/1.1 on a connection: bytes become requests, one at a time (pipelined ones wait in their
 * order), and responses become bytes. An idle connection holds no buffer and no arena.
 *
 * h1_conn.c: life and input; h1_send.c: output.
 */
#ifndef SERVER_H1_CONN_H
#define SERVER_H1_CONN_H

#include "gate/req.h"
#include "http/chunked.h"
#include "http/h1.h"
#include "server/conn.h"

/*    state     what it waits for                                                 deadline */
#define H1_STATES(X)                                                                         \
    X(IDLE)    /* the first byte of a request                                     idle */    \
    X(HEAD)    /* the rest of a head                                              head */    \
    X(WORKING) /* the request's own steps                                         work */    \
    X(CONTENT) /* the rest of a request's content                                 content */ \
    X(SENDING) /* room in the socket, or the next piece of a body                 send */

enum h1_conn_state {
#define X(name) H1_##name##_STATE,
    H1_STATES(X)
#undef X
};

struct h1_conn {
    struct conn *conn;  /* whose session this is */
    struct req *req;    /* owned; the one under way */
    uint8_t state;      /* enum h1_conn_state; h1_conn_enter() */
    bool may_be_h2;     /* the first bytes have yet to tell */
    bool is_last;       /* no request is taken after this response */
    bool ends_by_close; /* the response under way: where it ends, only our close will say */
    bool is_processing; /* process() is on the stack */
    struct h1 h1;
    struct str
        view; /* input not looked at yet: in worker->input (only while processing) or in `kept` */
    struct buf kept;        /* input that waits for more, or for its turn; no memory when empty */
    struct iovec head_left; /* of the response's head, in the request's arena */
    struct body *out; /* what is sent: the request's body, or `chunked` around it; NULL: none */
    struct chunked_body *chunked; /* in the request's arena */
};

void h1_conn_start(struct conn *c);

/* ---- between the two files ---- */

void h1_conn_enter(struct h1_conn *h, enum h1_conn_state s);

/* Is this response the last on its connection? */
bool h1_conn_must_end(const struct h1_conn *h, const struct req *r);

/* transport->respond, and what goes on with it. */
int h1_conn_respond(struct req *r);
void h1_conn_writable(struct conn *c);

#endif
