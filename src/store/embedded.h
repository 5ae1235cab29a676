/*
 * The embedded backend's inside, shared by its files: the store of the process, the worker's part
 * of it, and the rules of each kind of record on top of a transaction (`struct db_tx`, whose errors
 * are sticky).
 */
#ifndef STORE_EMBEDDED_H
#define STORE_EMBEDDED_H

#include "base/list.h"
#include "store/backend.h"
#include "store/db.h"
#include "store/housekeeping.h"
#include "store/notes.h"
#include "store/record.h"
#include "store/traffic.h"

struct embedded_worker;

enum {
    SWEEP_TABLES = 6,
    LIST_SCAN_MAX = 65536, /* records a list looks at, so that it cannot hold its worker up */
};

struct embedded {
    struct store base;
    struct db *db;
    struct hash_key hash_key;          /* of stream keys, from `meta` */
    _Atomic bool is_healthy;           /* of what the gate needs: traffic is not looked at */
    _Atomic usec_t write_usec;         /* the same */
    _Atomic uint64_t revocations;      /* the number of the last one that is in memory */
    unsigned sweep_step;               /* records a sweep may remove in one transaction */
    struct key sweep_at[SWEEP_TABLES]; /* where the next sweep goes on */
    struct key take_at;                /* the same of taking counts; under the write lock */
};

/* A call that writes: decides, then writes. When it answers an error of its own it has written
 * nothing. */
typedef int (*write_fn)(struct embedded_worker *w, struct db_tx *tx, struct op *op);

struct write_call {
    struct list link;
    struct embedded_worker *worker;
    struct op *op;
    write_fn write;
    int error;
};

struct embedded_worker {
    struct store_worker base;
    struct embedded *e;
    struct db_tx reader;
    struct list queued;  /* struct write_call: written at the end of this turn */
    struct list aside;   /* the same: behind them, in a transaction of their own */
    struct list running; /* of the batch that is being written or answered */
    struct list spare;
    struct loop_task flush;
    struct notes notes;
    struct ticker *ticker;
    struct housekeeping *housekeeping; /* of the one worker that does it, else NULL */
    struct list fresh;                 /* struct fresh_revocation: of the transaction under way */
};

struct fresh_revocation { /* goes to memory once it is committed */
    struct list link;
    struct key key;
};

static inline struct embedded_worker *embedded_worker(struct store_worker *w)
{
    return container_of(w, struct embedded_worker, base);
}

/* Queues a call for the write transaction of this turn: 0. */
int embedded_write(struct embedded_worker *w, struct op *op, write_fn write);
/* The same for what the gate does not wait for: its failure is its own, and says nothing of the
 * store's health. */
int embedded_write_aside(struct embedded_worker *w, struct op *op, write_fn write);

/* Commits, and then brings into memory what was revoked in it. For who writes outside of a turn's
 * transaction; never within it. */
int embedded_commit(struct embedded_worker *w, struct db_tx *tx) MUST_CHECK;

/* ---- counters in `meta` (embedded.c) ---- */

uint64_t meta_get(struct db_tx *tx, struct str name);
void meta_add(struct db_tx *tx, struct str name, uint64_t more);
uint64_t meta_next(struct db_tx *tx, struct str name); /* one more than last time */

/* ---- admission ---- */

int embedded_admit(struct store_worker *w, struct admission *a);

/* ---- uses ---- */

struct use_plan {
    bool takes; /* `record` is what to write */
    struct use_record record;
};

enum admit_verdict use_judge(struct db_tx *tx, const struct admission *a,
                             const struct use_limit *limit, struct use_plan *ret,
                             uint32_t *ret_count);
void use_take(struct db_tx *tx, const struct use_limit *limit, const struct use_plan *plan);

/* ---- grants ---- */

struct grant_query {
    const struct ip *ip;
    const uint8_t *ua_hash;
    struct str uid; /* "" = any */
    struct str stream_key;
    uint64_t hash;
    unix_t now;
};

bool grant_find_key(struct db_tx *tx, const struct grant_query *q,
                    struct str *ret_uid); /* one that holds the stream key */
bool grant_find_any(struct db_tx *tx, const struct grant_query *q, struct str *ret_uid);

int embedded_grant_put(struct store_worker *w, struct grant_put *g);
int embedded_grant_revoke(struct store_worker *w, struct grant_revoke *g);
int embedded_grant_list(struct store_worker *w, struct grant_list *g);

void grant_erase(struct embedded *e, struct db_tx *tx,
                 struct str key); /* with its entries in the index */
void grant_write(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                 const struct grant_record *g);
void grant_erase_key(struct embedded *e, struct db_tx *tx, const struct grant_name *name,
                     struct str stream_key);
bool key_starts(struct str key, const struct key *prefix);

/* ---- sessions ---- */

enum {
    SESSION_LOOK_UP_MAX =
        256, /* records looked at for a live one: more of a place or viewer are not found */
};

struct session_query {
    const uint8_t *viewer;
    struct str uid; /* "" = any */
    struct str stream_key;
    uint64_t hash;
    struct str id; /* presented */
    unix_t now;
};

bool session_is_live(const struct store_rules *rules, const struct session_record *s, unix_t now);
bool session_find(struct db_tx *tx, const struct store_rules *rules, const struct session_query *q,
                  struct session_record *ret);
/* The first second, from `now` on, whose gate tokens nobody holds. */
unix_t session_free_start(struct db_tx *tx, const struct store_rules *rules, const uint8_t *viewer,
                          struct str uid, unix_t now);
void session_begin(struct db_tx *tx, const struct session_record *s);
void session_renew(struct db_tx *tx, const struct session_record *s, unix_t now);
void session_erase(struct db_tx *tx, struct str key);
void session_id_text(const uint8_t id[SESSION_RAW_ID_LEN], char ret[STORE_SESSION_ID_LEN + 1]);

int embedded_session_list(struct store_worker *w, struct session_list *l);
int embedded_session_end(struct store_worker *w, struct session_end *e);

/* ---- ending sessions ---- */

struct session_filter {
    struct str uid;
    struct ip_net net;      /* family IP_NONE: any */
    const uint8_t *ua_hash; /* NULL: any */
    struct str stream_key;  /* "": any */
};

/* Is there room for the revocations of all its sessions? Asked before anything is written. */
bool sessions_may_end(struct embedded *e, struct db_tx *tx, struct str uid);
/* Ends what matches, live or idle, and revokes its gate tokens. Returns how many these were. */
unsigned sessions_end(struct embedded_worker *w, struct db_tx *tx, const struct session_filter *f,
                      unix_t now);

/* One, by its key; `ends` is its end. 1 if it was not over already. */
unsigned session_end_one(struct embedded_worker *w, struct db_tx *tx, const struct key *session,
                         unix_t ends, unix_t now);

/* ---- streams: how many of a uid live at a time ---- */

struct stream { /* another one of the uid */
    uint8_t viewer[STORE_VIEWER_LEN];
    uint64_t hash;
    unix_t ends, last, started;
    bool is_own; /* of the same viewer as the session that was judged */
};

enum stream_asked { STREAM_BY_REQUEST, STREAM_BY_NOTE }; /* store.h: of what a touch may not do */

struct stream_plan {
    const struct store_rules *rules; /* judged by these, */
    unix_t at;                       /* at this time */
    bool enters;                     /* the session is no stream yet, and may become one */
    unsigned others;                 /* that live; the ones to end stand first */
    unsigned own;                    /* of them, of the same viewer */
    unsigned ends;                   /* how many of them make way */
    struct stream other[STORE_MAX_STREAMS];
};

/* May this session be a stream of its uid at `at`? Reads; all of `ret` is set but what is behind
 * `others`. Nothing in it is borrowed. */
enum admit_verdict streams_judge(struct db_tx *tx, const struct store_rules *rules,
                                 const struct session_record *s, unix_t at, enum stream_asked by,
                                 struct stream_plan *ret);
/* Writes what was planned in the same transaction. Strings of `s` must not be borrowed from it.
 * When the session begins, its record is the caller's to write. */
void streams_carry_out(struct embedded_worker *w, struct db_tx *tx, const struct session_record *s,
                       const struct stream_plan *p);

/* ---- noted activity ---- */

void embedded_note(struct embedded_worker *w, const uint8_t *viewer, uint64_t hash, struct str uid,
                   unix_t now);
void embedded_notes_tick(void *worker);
void embedded_notes_flush(struct embedded_worker *w); /* all */
void embedded_touch(struct store_worker *w, const uint8_t *viewer, struct str uid,
                    struct str stream_key, unix_t now);

/* ---- traffic ---- */

int embedded_traffic_add(struct store_worker *w, struct traffic_add *a);
int embedded_traffic_list(struct store_worker *w, struct traffic_list *l);
int embedded_traffic_take(struct store_worker *w, struct traffic_take *t);
int embedded_report_next(struct store_worker *w, struct report_next *n);
int embedded_report_done(struct store_worker *w, struct report_done *d);
int embedded_traffic_lead(struct store_worker *w, struct traffic_lead *l);

/* ---- housekeeping ---- */

int embedded_housekeep(struct store *s, unix_t now);
int revocations_load(struct embedded *e); /* into memory, what other processes have added too */

#endif
