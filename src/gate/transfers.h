/*
 * Answers on their way to viewers, for those who watch: how much has gone, how fast, to whom. A
 * body that the socket takes in one call never comes here, so a small request pays nothing; one
 * that waits for room (or for its origin) is listed by its worker until the request ends. What is
 * shown of it stands still while it is listed, but for two atomics that its worker stores as it
 * sends (req_note_sent()).
 *
 * A reader, on any thread, holds one worker's lock at a time, for a look at its list, and copies
 * what it shows. The worker takes the lock when a transfer is listed and when it ends, never while
 * it sends.
 */
#ifndef GATE_TRANSFERS_H
#define GATE_TRANSFERS_H

#include "access/policy.h"
#include "access/viewer.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/list.h"
#include "http/request.h"

struct req;
struct gate;
struct transfers; /* a worker's */

enum {
    TRANSFERS_SHOWN_MAX = 1000, /* in one answer, whoever asks for more */
    /* of texts that viewers choose: longer ones are cut */
    TRANSFER_PATH_MAX = 256,
    TRANSFER_UID_MAX = 128,
    TRANSFER_KEY_MAX = 128,
    TRANSFER_UA_MAX = 160,
};

/* In each request. */
struct transfer {
    struct list link; /* while it is listed */
    /* Of the readers, behind the lock: what the last of them saw, and the speed up to then. */
    usec_t seen_at;
    uint64_t seen_sent, speed;
};

struct transfers *transfers_new(void);
void transfers_free(struct transfers **t); /* nothing may be listed */

/* On the worker's thread. Removing what is not listed is harmless. */
void transfers_add(struct transfers *t, struct req *r);
void transfers_remove(struct transfers *t, struct req *r);

struct transfer_view {
    unsigned worker;
    enum path_class class;
    enum http_method method;
    uint16_t status;
    uint8_t http_major, http_minor;
    bool is_tls;
    struct ip client;
    uint8_t viewer[VIEWER_ID_LEN];
    uint64_t sent, total; /* bytes of this answer's body; total: BODY_LENGTH_UNKNOWN */
    uint64_t speed;       /* bytes a second, lately */
    usec_t age;           /* since the request's head had come */
    usec_t first_byte;    /* of the body, after that head; 0: none yet */
    uint16_t path_n, uid_n, key_n, ua_n;
    char path[TRANSFER_PATH_MAX], uid[TRANSFER_UID_MAX], stream_key[TRANSFER_KEY_MAX],
        ua[TRANSFER_UA_MAX];
};

/*    sort        word          by */
#define TRANSFER_SORTS(X)                                       \
    X(AGE, "duration", "how long it has been running")          \
    X(SENT, "bytes", "bytes sent")                              \
    X(SPEED, "speed", "bytes a second")                         \
    X(PROGRESS, "progress", "the share that has been sent")     \
    X(FIRST_BYTE, "first_byte", "how long its first byte took") \
    X(UID, "uid", "user")                                       \
    X(PATH, "path", "path")                                     \
    X(CLIENT, "client", "address")

enum transfer_sort {
#define X(name, word, by) TRANSFERS_BY_##name,
    TRANSFER_SORTS(X)
#undef X
        TRANSFER_SORT_COUNT
};

/* TRANSFER_SORT_COUNT for an unknown word. */
enum transfer_sort transfer_sort_parse(struct str word);

struct transfer_query {
    enum transfer_sort sort;
    bool is_ascending;
    unsigned limit;             /* at most TRANSFERS_SHOWN_MAX */
    struct str uid, stream_key; /* STR_NONE: any */
};

struct transfer_list {
    unsigned running;            /* all of them */
    unsigned matching;           /* by uid and stream key */
    uint64_t speed;              /* of those that match */
    struct transfer_view **rows; /* `count` of them, sorted, in the arena */
    unsigned count;
};

/* From any thread. Of those that match, the first `limit` in the order that was asked for. False:
 * the arena is full. */
bool transfers_read(const struct gate *g, const struct transfer_query *q, struct arena *a,
                    struct transfer_list *ret) MUST_CHECK;

#endif
