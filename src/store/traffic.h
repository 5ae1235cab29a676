/*
 * Traffic in the store: what was delivered to each uid and not reported yet, and the reports that
 * wait for their receiver. A part of store.h's interface: its rules about calls, errors and strings
 * count here too.
 *
 *     workers' counts ── store_traffic_add() ──► counts of each uid
 *                                                     │ store_traffic_take(): each interval
 *                                                     ▼
 *     receiver ◄── store_report_next() ────────── reports, the oldest first
 *          └────── store_report_done() ──────────►  gone
 *
 * What is counted stays in exactly one of these places until a receiver has acknowledged it.
 *
 * What is counted never takes the room that the gate needs: an embedded store that is nearly full
 * answers -ENOSPC to counts (they wait, and add up, in the memory of who counted them) while
 * grants, sessions and uses are still stored; reports are made until it is full, as they make room
 * once they are acknowledged. Calls about traffic run in transactions of their own, behind the
 * gate's of the same turn, so that one which fails concerns no viewer and no revocation.
 *
 * A call that answered -ETIMEDOUT may have been done. So a batch of counts has a number, and given
 * again it counts once; a report has its id from its making on; to end one twice is to end it once.
 */
#ifndef STORE_TRAFFIC_H
#define STORE_TRAFFIC_H

#include "base/sketch.h"
#include "store/store.h"

enum {
    TRAFFIC_CLASSES = 8, /* what they are is the callers' to know */
    TRAFFIC_TYPES = 16,
    TRAFFIC_SOURCE_LEN = 16,
    TRAFFIC_BATCH_MAX = 100,    /* uids of one batch: Redis does nothing else meanwhile */
    TRAFFIC_REPORT_MAX = 500,   /* uids of one report: a receiver must be able to take it */
    TRAFFIC_REPORTS_MAX = 1024, /* that wait; with so many, what is counted is not taken, but goes
                                   on adding up by uid: a receiver that is away for days costs no
                                   more than its users are */
    REPORT_ID_LEN = 32,
    TRAFFIC_LEAD_MAX = 100,
    TRAFFIC_KEEP_SEC = 30 * 86400, /* in Redis: what nobody counted to or took for so long goes */
};

/* Of one uid. A zeroed one is empty, and holds no memory. */
struct traffic_counts {
    unix_t first, last;
    uint64_t requests;
    uint64_t bytes[TRAFFIC_CLASSES];
    uint64_t types[TRAFFIC_TYPES];
    struct sketch ips, sessions;
};

void traffic_counts_done(struct traffic_counts *c);
void traffic_counts_merge(struct traffic_counts *c, const struct traffic_counts *more);
uint64_t traffic_total(const struct traffic_counts *c); /* bytes of all classes */

enum {
    TRAFFIC_NUMBERS = 3 + TRAFFIC_CLASSES + TRAFFIC_TYPES,
    TRAFFIC_RECORD_MAX = TRAFFIC_NUMBERS * 8 + 2 * SKETCH_PACKED_MAX,
    TRAFFIC_LINE_MAX = 1 + STORE_UID_MAX + 2 + TRAFFIC_RECORD_MAX,
};

/*
 * As it is stored, in both backends: numbers as big-endian doubles (Lua's), in the order of the
 * struct, then both sketches. False, and nothing held, for what is not of this shape.
 */
size_t traffic_pack(const struct traffic_counts *c, uint8_t room[TRAFFIC_RECORD_MAX]);
bool traffic_unpack(struct str record, struct traffic_counts *ret);
/* No more than what decides whether it is due, without a byte of memory: of many, most are not. */
bool traffic_peek(struct str record, unix_t *ret_first, uint64_t *ret_bytes);

/* What stands in a report's body and head as it is: printable ASCII, no quotes. */
bool traffic_is_report_id(struct str id);

/* A line of a batch: length and bytes of the uid, length (16 bits) and bytes of the record. */
void traffic_add_line(struct buf *lines, struct str uid, const struct traffic_counts *c);
/* Takes one off the front; both are borrowed. False: nothing is left, or it is malformed. */
bool traffic_next_line(struct str *lines, struct str *ret_uid, struct str *ret_record);

/* ---- counts ---- */

struct traffic_add {
    struct op op;
    unix_t now;
    uint8_t source[TRAFFIC_SOURCE_LEN]; /* whose batches are numbered */
    uint64_t number;                    /* greater than that of its last batch */
    struct str lines;                   /* at most TRAFFIC_BATCH_MAX */
};
int store_traffic_add(struct store_worker *s, struct traffic_add *a);

struct traffic_line {
    struct str uid;
    struct traffic_counts counts;
};
void traffic_lines_done(struct traffic_line *lines, unsigned count);

/* Who has most, of what is counted and not taken. */
struct traffic_list {
    struct op op;
    struct arena *arena;
    /* asked */
    unsigned limit;
    /* answered */
    struct traffic_line *lines; /* most bytes first; in the arena, but what they hold is freed by
                                   traffic_lines_done() */
    unsigned count;
    uint64_t uids;                  /* that have counts */
    bool is_partial;                /* embedded: more than could be looked at */
    uint64_t bytes, requests;       /* counted here so far, reported or not */
    uint64_t waiting, acknowledged; /* reports */
};
int store_traffic_list(struct store_worker *s, struct traffic_list *l);

/* ---- reports ---- */

struct traffic_take {
    struct op op;
    /* asked */
    unix_t now;
    char id[REPORT_ID_LEN]; /* of the report, if one comes of it: a new one each time */
    uint64_t min_bytes;     /* who has so many, */
    unix_t before;          /* and who has been counted since then or longer */
    bool discards;          /* no report is made: they are forgotten */
    /* answered */
    unsigned taken; /* uids */
    bool has_more;  /* ask again */
    bool is_held;   /* TRAFFIC_REPORTS_MAX wait: nothing was taken */
};
enum { TRAFFIC_ALL = 0 };
#define TRAFFIC_NONE ((uint64_t)1 << 53) /* min_bytes that nobody has */
int store_traffic_take(struct store_worker *s, struct traffic_take *t);

struct report_next { /* the oldest */
    struct op op;
    struct arena *arena;
    /* answered */
    uint64_t waiting; /* how many there are, this one among them */
    bool is_there;
    char id[REPORT_ID_LEN];
    unix_t made;
    struct traffic_line *lines; /* as above */
    unsigned count;
};
int store_report_next(struct store_worker *s, struct report_next *n);

struct report_done {
    struct op op;
    char id[REPORT_ID_LEN];
    unix_t made;
};
int store_report_done(struct store_worker *s, struct report_done *d);

/*
 * Who reports, of all processes that share the store: the first that asks, for as long as it asks
 * again within `ttl`.
 */
struct traffic_lead {
    struct op op;
    unix_t now;
    uint8_t holder[TRAFFIC_SOURCE_LEN];
    unsigned ttl; /* seconds, TRAFFIC_LEAD_MAX at most; 0: gives it back */
    /* answered */
    bool is_leader;
};
int store_traffic_lead(struct store_worker *s, struct traffic_lead *l);

#endif
