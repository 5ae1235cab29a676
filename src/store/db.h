/*
 * LMDB behind what the store needs of it: tables, transactions, look-ups. Only db.c knows the
 * library.
 *
 * A transaction's error is sticky, as an arena's is: after the first failure every look-up finds
 * nothing and every change does nothing, so a decision is written straight down and db_commit() (or
 * db_end_read()) says once whether it counts. What look-ups give out is borrowed from the page:
 * valid until the next change in this transaction, or its end.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

/* Tables: id, name on disk */
#define DB_TABLES(X)                      \
    X(META, "meta")                       \
    X(NETWORKS, "networks")               \
    X(GRANTS, "grants")                   \
    X(GRANT_INDEX, "grant_index")         \
    X(SESSIONS, "sessions")               \
    X(SESSION_IDS, "session_ids")         \
    X(SESSIONS_BY_UID, "sessions_by_uid") \
    X(STREAMS, "streams")                 \
    X(USES, "uses")                       \
    X(REVOKED, "revoked")                 \
    X(TRAFFIC, "traffic")                 \
    X(TRAFFIC_SOURCES, "traffic_sources") \
    X(REPORTS, "reports")                 \
    X(REPORT_LINES, "report_lines")

enum db_table {
#define X(id, name) DB_##id,
    DB_TABLES(X)
#undef X
        DB_TABLE_COUNT
};

struct db;
struct MDB_txn;
struct MDB_cursor;

struct db_tx {
    struct db *db;
    struct MDB_txn *txn;                        /* NULL between the uses of a reader too */
    struct MDB_txn *idle;                       /* a reader's handle between its uses */
    struct MDB_cursor *cursors[DB_TABLE_COUNT]; /* opened when first needed */
    bool is_renewed[DB_TABLE_COUNT];            /* a reader's cursors: bound to this use of it */
    bool is_write;
    bool is_tight; /* a writer's: only what the gate needs should be stored */
    bool is_full;  /* a writer's: only what removes or overwrites records should go on */
    int error;     /* 0 or -errno: sticky */
};

/*
 * Opens the folder, made when missing (0700), and its tables. -errno, with a sentence in `error`.
 *
 * `size` is the most it may take on disk. A part of that is a reserve: LMDB needs free pages even
 * to remove a record, so without one a full store could not be swept, and no right be taken away.
 * When only the reserve is left, `is_full` is set in write transactions. Some room above that is
 * the gate's alone: when no more is left, `is_tight` is set.
 *
 * A disk may be full long before that. So the file is given blocks before they are needed
 * (fallocate(2)), and a reserve of them is kept by the same rule; where the filesystem cannot do
 * that, a full disk is seen when a commit fails.
 */
int db_open(const char *path, uint64_t size, struct db **ret, struct buf *error) MUST_CHECK;
void db_close(struct db **db);                /* syncs */
int db_sync(struct db *db);                   /* blocks */
bool db_has_room(struct db *db);              /* for new records of the gate's: not `is_full` */
void db_check_readers(struct db *db);         /* gives back the slots of readers that died */
size_t db_room(struct db *db, size_t enough); /* free pages; counts no further than `enough` */

struct db_usage {
    uint64_t bytes_used, bytes_limit;
    uint64_t entries[DB_TABLE_COUNT];
};
void db_usage(struct db *db, struct db_usage *ret);

/* A reader is kept by one thread and used again and again: no allocation, no lock. A zeroed one
 * with `db` set is ready. */
int db_begin_read(struct db_tx *tx) MUST_CHECK;
int db_end_read(struct db_tx *tx); /* the sticky error */
void db_reader_done(struct db_tx *tx);

/* Waits for the writers of other threads and processes. */
int db_begin_write(struct db_tx *tx, struct db *db) MUST_CHECK;
int db_commit(struct db_tx *tx) MUST_CHECK; /* on failure nothing was changed */
void db_abort(struct db_tx *tx);

bool db_get(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_value);
uint64_t db_count(struct db_tx *tx, enum db_table table);

/* The first record whose key is not below `key`; above `key`; the one behind the last found. */
bool db_seek(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_key,
             struct str *ret_value);
bool db_seek_after(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_key,
                   struct str *ret_value);
bool db_next(struct db_tx *tx, enum db_table table, struct str *ret_key, struct str *ret_value);

void db_put(struct db_tx *tx, enum db_table table, struct str key, struct str value);
void db_del(struct db_tx *tx, enum db_table table,
            struct str key); /* harmless when it is not there */

#endif
