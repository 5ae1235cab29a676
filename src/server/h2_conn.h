/*
 * HTTP/2 on a connection: the codec (http/h2.h) turns bytes into requests, many at a time, and
 * responses into frames; each stream is one request's transport.
 *
 * h2_conn.c: life and input; h2_stream.c: requests; h2_send.c: output.
 */
#ifndef SERVER_H2_CONN_H
#define SERVER_H2_CONN_H

#include "gate/req.h"
#include "http/h2.h"
#include "server/conn.h"

/* A batch ends with the frame that reaches its size: one more may be in it. */
enum {
    H2_BATCH_MIN = 1024, /* a frame, for who reads slowly: what there is no room for is copied */
    H2_BATCH_MAX = 50 * 1024, /* four full frames, which are one send over TLS */
};

struct h2_conn {
    struct conn *conn; /* whose session this is */
    struct h2 *h2;     /* owned */
    struct list streams;
    uint64_t moved;         /* bytes of bodies that have gone, of all streams */
    struct loop_task flush; /* at the end of the turn: what requests of this turn have to say leaves
                               together */
    size_t batch;           /* bytes gathered at once: grows while the socket takes all of it */
    struct buf rest;        /* of a batch that the socket had no room for */
    bool is_blocked;        /* ... or is sealed and waits there */
    bool is_busy;           /* taking input or sending: what comes up meanwhile needs no flush of
                               its own */
    bool is_failed;         /* the client has broken the protocol */
    bool is_ending;         /* nothing is done any more */
};

/* Takes `input`, which has been received. */
void h2_conn_start(struct conn *c, struct str input);

/* ---- between the files ---- */

/* At the end of the turn. */
void h2_conn_will_flush(struct h2_conn *h);

extern const struct h2_events h2_stream_events;
/* Ends every request; their streams are reset. */
void h2_streams_abort(struct h2_conn *h, enum outcome why);

/* Sends what there is. 0, or -errno: the connection is broken. */
int h2_conn_send(struct h2_conn *h);

#endif
