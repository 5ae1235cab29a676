/*
 * A worker: one thread with its loop, its listening sockets, its connections and its share of gate
 * and store. Built and freed by the main thread; in between everything of it runs on its own.
 */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <pthread.h>

#include "gate/gate.h"
#include "http/h1.h"
#include "http/h2.h"
#include "net/listener.h"
#include "server/snapshot.h"

enum {
    WORKER_INPUT_BYTES = 64 * 1024, /* one recv; shared by all connections of the worker */
    WORKER_FILE_BYTES = 68 * 1024,
};

enum worker_state {
    WORKER_SERVING,
    WORKER_DRAINING, /* accepts nothing, lets running responses finish */
    WORKER_STOPPING, /* cuts what is left */
    WORKER_ENDED,    /* its thread has come back: orders that come late mean nothing */
};

/*
 * A deadline in one of the worker's queues, and what happens then: connections and requests wait in
 * the same queues.
 */
struct time_limit {
    struct deadline deadline;
    void (*expired)(struct time_limit *l);
};

/* Connections of all workers together. */
struct connection_limit {
    _Atomic unsigned count;
    unsigned max;
};

struct worker {
    unsigned number;
    enum worker_state state;
    struct loop *loop;
    struct gate_worker *gate;
    struct store_worker *store;
    struct client *client;     /* to HTTP origins */
    struct reporter *reporter; /* of the one worker that has it, else NULL */
    struct client *receiver;   /* its own: to the receiver of reports */
    struct listening {
        struct worker *worker;
        struct listener *listener; /* owned; NULL: it accepts no more */
        struct entrance *entrance; /* a reference: for those who come now */
    } listening[WORKER_MAX_LISTENERS];
    unsigned listening_count;
    struct list connections;
    struct connection_limit *limit; /* the process's */
    unsigned max_streams;           /* of an HTTP/2 connection */
    struct deadline_queue *handshake, *idle, *head, *work, *content, *send, *linger; /* of struct
                                                                                time_limit */
    struct deadline_queue *drain;
    struct deadline drained;                     /* in `drain`: the end of patience */
    struct ticker *ending;                       /* watches for the last request to go */
    struct loop_message drain_order, stop_order; /* from the main thread; each is sent once */
    pthread_t thread;
    /* For one call at a time: */
    struct h1_index index;          /* the head being parsed */
    struct h2_batch *batch;         /* owned: the frames being sent */
    char input[WORKER_INPUT_BYTES]; /* what is received */
    char file[WORKER_FILE_BYTES];   /* what is read of a file to be sent in frames */
};

static inline void time_limit_set(struct deadline_queue *q, struct time_limit *l)
{
    deadline_set(q, &l->deadline);
}

static inline void time_limit_clear(struct time_limit *l)
{
    deadline_clear(&l->deadline);
}

static inline bool time_limit_is_set(const struct time_limit *l)
{
    return deadline_is_set(&l->deadline);
}

void time_limit_init(struct time_limit *l, void (*expired)(struct time_limit *l));

/* Number `number` of `count`. `fds` are listening descriptors, one for each of the snapshot's
 * entrances; taken. */
struct worker *worker_new(struct gate *gate, struct store *store, struct snapshot *snapshot,
                          unsigned number, unsigned count, struct connection_limit *limit,
                          const int *fds);
void worker_free(struct worker **w);

int worker_start(struct worker *w) MUST_CHECK; /* 0, or -errno: no thread */
/* From the main thread, each at most once, the one for draining first. */
void worker_drain(struct worker *w);
void worker_stop(struct worker *w);

/* The next requests of this worker are judged by `s`; takes a reference of its own. From the main
 * thread. */
void worker_reload(struct worker *w, struct snapshot *s);
void worker_join(struct worker *w);

/* A connection is gone: the last one may end a draining worker. */
void worker_connection_closed(struct worker *w);

#endif
