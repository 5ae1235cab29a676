/*
 * A client connection from accept to close: a PROXY header and TLS, where its entrance has them,
 * then a protocol, which is chosen by ALPN or by the first bytes, and at the end, after our last
 * byte, the client's. What is said in between is the protocol's (h1_conn.h, h2_conn.h): it drives
 * requests through struct transport and is told here when the socket moves.
 *
 * Owned by the loop; conn_close() lets it go, at the end of the turn.
 */
#ifndef SERVER_CONN_H
#define SERVER_CONN_H

#include "net/sock.h"
#include "server/worker.h"

/* How long what a client still sends is read and thrown away after a response that ends the
 * connection: closing earlier would reset the connection and could destroy that response on its way
 * (RFC 9112 9.6). */
#define CONN_LINGER_TIME (2 * USEC_PER_SEC)

/*    state     what it waits for                                           deadline */
#define CONN_STATES(X)                                                                   \
    X(OPENING)  /* PROXY header and TLS                                     handshake */ \
    X(SPEAKING) /* see the protocol                                         its own */   \
    X(LINGER)   /* the client's end, after ours                             linger */    \
    X(CLOSED)   /* the loop, to let go of the socket                        none */

enum conn_state {
#define X(name) CONN_##name,
    CONN_STATES(X)
#undef X
};

struct conn;

struct protocol {
    bool is_h2; /* for the gauge */
    /* The socket's events while SPEAKING. */
    void (*readable)(struct conn *c);
    void (*writable)(struct conn *c);
    void (*hangup)(struct conn *c);
    /* c->limit has run out. */
    void (*expired)(struct conn *c);
    /* The worker drains: close as soon as nothing is lost by it. */
    void (*drain)(struct conn *c);
    /* Cut off whatever is under way, and conn_close(). */
    void (*abort)(struct conn *c, enum outcome why);
    /* In a turn after the connection's end: the session's memory goes. */
    void (*free)(struct conn *c);
};

struct conn {
    struct sock sock;
    struct worker *worker;
    struct entrance *entrance; /* a reference */
    struct list link;          /* in worker->connections */
    struct time_limit limit;
    const struct protocol *protocol; /* NULL until it is chosen */
    void *session;                   /* the protocol's */
    struct ip peer;
    uint8_t state;   /* enum conn_state; enter() */
    bool is_tls;     /* from the client to us, or to the proxy that says so */
    bool peer_ended; /* the client has ended its side */
};

void conn_accept(struct worker *w, int fd, const struct net_address *peer,
                 struct entrance *e); /* takes `fd` */

void conn_drain_all(struct worker *w);
void conn_abort_all(struct worker *w);

/* ---- for protocols ---- */

/* From here on. Who had the connection before has freed its own session. */
void conn_speak(struct conn *c, const struct protocol *p, void *session);

/* Our side is done. What the client may still be sending is awaited for a while. */
void conn_finish(struct conn *c);
/* At once. No event comes any more. */
void conn_close(struct conn *c);

/* A new request of this connection, with what is the connection's in it. */
struct req *conn_new_request(struct conn *c, const struct transport *t, void *owner);

/* ---- conn_opening.c ---- */

/* Begins what stands before a protocol; chooses it at once when nothing does. */
void conn_open(struct conn *c);
void conn_opening_readable(struct conn *c);

#endif
