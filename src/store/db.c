/*
 * The only file that includes lmdb.h.
 *
 * Commits go to the page cache by write(2) and are synced each second by housekeeping (NOSYNC,
 * NOMETASYNC): a killed process loses nothing. A power cut loses what was written since the last
 * sync, and, on a filesystem that does not keep the order of writes, may damage the file: sessions
 * and grants are then begun anew. No WRITEMAP: through it a full disk is a SIGBUS, through write(2)
 * it is ENOSPC. NOTLS: a reader belongs to a worker, not to a thread's first use of it. Several
 * processes may have the folder open, during a hand-over they do; slots of readers that died are
 * given back at open.
 */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/panic.h"

enum {
    MAX_READERS = 1024,
    RESERVE_SHARE = 16, /* one part in so many is the reserve, */
    RESERVE_MIN = 64,   /* and not less than so many pages: of these the disk's reserve is made */
    FULL = 2,           /* reserves that are left when the store is full, */
    TIGHT = 3,          /* and when it takes only what the gate needs */
    AHEAD = 1024,       /* pages that the file is given blocks for before they are needed */
};

struct db {
    MDB_env *env;
    size_t page_size, reserve; /* the reserve in pages */
    _Atomic size_t backed;     /* pages, from the front, that the disk has given blocks for */
    MDB_dbi tables[DB_TABLE_COUNT];
};

static const char *const table_names[] = {
#define X(id, name) [DB_##id] = name,
    DB_TABLES(X)
#undef X
};

static int error_of(int rc)
{
    switch (rc) {
    case EDQUOT:
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return -ENOSPC;
    case MDB_READERS_FULL:
    case MDB_MAP_RESIZED: /* another process has opened it larger */
        return -EAGAIN;
    default:
        return rc >= 0 ? -rc : -EIO;
    }
}

static int tx_fail(struct db_tx *tx, int rc)
{
    if (tx->error == 0)
        tx->error = error_of(rc);
    return tx->error;
}

static MDB_val val_of(struct str s)
{
    return (MDB_val){s.n, (void *)(uintptr_t)s.p};
}

static struct str str_of_val(MDB_val v)
{
    return (struct str){v.mv_data, v.mv_size};
}

/* ---- opening ---- */

static int open_tables(struct db *db)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(db->env, NULL, 0, &txn);

    if (rc != 0)
        return rc;
    for (int i = 0; i < DB_TABLE_COUNT && rc == 0; i++)
        rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &db->tables[i]);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

/* A file that has no reserve left is given one: a store that was full can always be swept after a
 * restart. */
static int make_reserve(struct db *db, uint64_t size)
{
    MDB_envinfo info;
    MDB_stat stat;
    uint64_t least;
    int rc = mdb_env_info(db->env, &info);

    if (rc == 0)
        rc = mdb_env_stat(db->env, &stat);
    if (rc != 0)
        return rc;
    db->page_size = stat.ms_psize;
    db->reserve = MAX(size / stat.ms_psize / RESERVE_SHARE, (size_t)RESERVE_MIN);
    least = (info.me_last_pgno + 1 + db->reserve) * db->page_size;
    return least > size ? mdb_env_set_mapsize(db->env, least) : 0;
}

static int open_env(struct db *db, const char *path, uint64_t size)
{
    unsigned flags = MDB_NOSYNC | MDB_NOMETASYNC | MDB_NOTLS | MDB_NORDAHEAD;
    int rc = mdb_env_create(&db->env);

    if (rc == 0)
        rc = mdb_env_set_mapsize(db->env, size);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(db->env, DB_TABLE_COUNT);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(db->env, MAX_READERS);
    if (rc == 0)
        rc = mdb_env_open(db->env, path, flags, 0600);
    if (rc == 0)
        rc = mdb_reader_check(db->env, NULL);
    if (rc == 0)
        rc = make_reserve(db, size);
    return rc != 0 ? rc : open_tables(db);
}

int db_open(const char *path, uint64_t size, struct db **ret, struct buf *error)
{
    AUTO(db_close) struct db *db = xzalloc(sizeof *db);
    int rc;

    if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        int err = -errno;

        buf_printf(error, "cannot make the folder %s: %s", path, strerror(-err));
        return err;
    }
    rc = open_env(db, path, size);
    if (rc != 0) {
        buf_printf(error, "cannot open the store in %s: %s", path, mdb_strerror(rc));
        return error_of(rc);
    }
    *ret = TAKE(db);
    return 0;
}

void db_close(struct db **db)
{
    if (*db == NULL)
        return;
    if ((*db)->env != NULL) {
        mdb_env_sync((*db)->env, 1);
        mdb_env_close((*db)->env);
    }
    free(*db);
    *db = NULL;
}

int db_sync(struct db *db)
{
    return error_of(mdb_env_sync(db->env, 1));
}

void db_usage(struct db *db, struct db_usage *ret)
{
    struct db_tx tx = {.db = db};
    MDB_envinfo info;
    MDB_stat stat;

    *ret = (struct db_usage){0};
    if (mdb_env_info(db->env, &info) != 0 || mdb_env_stat(db->env, &stat) != 0)
        return;
    ret->bytes_used = (uint64_t)(info.me_last_pgno + 1) * stat.ms_psize;
    ret->bytes_limit = info.me_mapsize;
    if (db_begin_read(&tx) == 0) {
        for (int i = 0; i < DB_TABLE_COUNT; i++)
            ret->entries[i] = db_count(&tx, i);
        db_end_read(&tx);
    }
    db_reader_done(&tx);
}

/* ---- transactions ---- */

int db_begin_read(struct db_tx *tx)
{
    int rc = tx->idle != NULL ? mdb_txn_renew(tx->idle)
                              : mdb_txn_begin(tx->db->env, NULL, MDB_RDONLY, &tx->idle);

    assert(tx->txn == NULL);
    tx->error = 0;
    if (rc != 0)
        return tx_fail(tx, rc);
    tx->txn = tx->idle;
    memset(tx->is_renewed, 0, sizeof tx->is_renewed);
    return 0;
}

int db_end_read(struct db_tx *tx)
{
    assert(tx->txn != NULL && !tx->is_write);
    mdb_txn_reset(tx->txn);
    tx->txn = NULL;
    return tx->error;
}

static void close_cursors(struct db_tx *tx)
{
    for (int i = 0; i < DB_TABLE_COUNT; i++)
        if (tx->cursors[i] != NULL)
            mdb_cursor_close(TAKE(tx->cursors[i]));
}

void db_reader_done(struct db_tx *tx)
{
    assert(tx->txn == NULL);
    close_cursors(tx);
    if (tx->idle != NULL)
        mdb_txn_abort(TAKE(tx->idle));
}

/* How many pages LMDB has to use again; counting stops at `enough`. 0 is its own table of them. */
static size_t count_free_pages(struct db *db, size_t enough)
{
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    MDB_val key, pages;
    size_t n = 0;

    if (mdb_txn_begin(db->env, NULL, MDB_RDONLY, &txn) != 0)
        return 0;
    if (mdb_cursor_open(txn, 0, &cursor) == 0) {
        while (n < enough && mdb_cursor_get(cursor, &key, &pages, MDB_NEXT) == 0)
            n += pages.mv_size / sizeof(size_t) - 1; /* a list behind its length */
        mdb_cursor_close(cursor);
    }
    mdb_txn_abort(txn);
    return n;
}

size_t db_room(struct db *db, size_t enough)
{
    MDB_envinfo info;
    size_t fresh;

    if (mdb_env_info(db->env, &info) != 0)
        return 0;
    fresh = info.me_mapsize / db->page_size - (info.me_last_pgno + 1);
    return fresh >= enough ? enough : fresh + count_free_pages(db, enough - fresh);
}

/* Blocks for the pages up to `end`: true when they are there, or the filesystem promises nothing.
 */
static bool back_up_to(struct db *db, size_t end)
{
    size_t backed = atomic_load(&db->backed);
    int fd, rc;

    if (backed >= end)
        return true;
    if (mdb_env_get_fd(db->env, &fd) != 0)
        return false;
    do
        rc = fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)(backed * db->page_size),
                       (off_t)((end - backed) * db->page_size)) < 0
                 ? errno
                 : 0;
    while (rc == EINTR);
    if (rc == EOPNOTSUPP || rc == ENOSYS)
        end = SIZE_MAX; /* never asked again */
    else if (rc != 0)
        return false;
    atomic_store(&db->backed, end); /* of two threads the last one wins: too few is no harm */
    return true;
}

/* The same of the disk: are `enough` pages left that have blocks, or will get them? */
static bool disk_has_room(struct db *db, size_t used, size_t limit, size_t enough)
{
    size_t backed = atomic_load(&db->backed), fresh = backed > used ? backed - used : 0;

    if (fresh >= AHEAD / 2) /* not at each write anew */
        return true;
    if (back_up_to(db, MIN(used + AHEAD, limit)) || back_up_to(db, MIN(used + enough, limit)))
        return true;
    return fresh + count_free_pages(db, enough - fresh) >= enough;
}

static bool has_reserves(struct db *db, size_t count)
{
    MDB_envinfo info;

    return db_room(db, db->reserve * count) >= db->reserve * count &&
           mdb_env_info(db->env, &info) == 0 &&
           disk_has_room(db, info.me_last_pgno + 1, info.me_mapsize / db->page_size,
                         RESERVE_MIN * count);
}

bool db_has_room(struct db *db)
{
    return has_reserves(db, FULL);
}

void db_check_readers(struct db *db)
{
    int dead;

    (void)mdb_reader_check(db->env, &dead);
}

int db_begin_write(struct db_tx *tx, struct db *db)
{
    int rc;

    *tx = (struct db_tx){.db = db, .is_write = true, .is_tight = !has_reserves(db, TIGHT)};
    tx->is_full = tx->is_tight && !db_has_room(db);
    rc = mdb_txn_begin(db->env, NULL, 0, &tx->txn);
    return rc != 0 ? tx_fail(tx, rc) : 0;
}

int db_commit(struct db_tx *tx)
{
    int rc;

    if (tx->error != 0) {
        db_abort(tx);
        return tx->error;
    }
    close_cursors(tx);
    rc = mdb_txn_commit(TAKE(tx->txn));
    return rc != 0 ? tx_fail(tx, rc) : 0;
}

void db_abort(struct db_tx *tx)
{
    close_cursors(tx);
    mdb_txn_abort(TAKE(tx->txn));
}

/* ---- looking up ---- */

static bool is_found(struct db_tx *tx, int rc)
{
    if (rc != 0 && rc != MDB_NOTFOUND)
        tx_fail(tx, rc);
    return rc == 0;
}

bool db_get(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_value)
{
    MDB_val k = val_of(key), v;

    if (tx->error != 0 || !is_found(tx, mdb_get(tx->txn, tx->db->tables[table], &k, &v)))
        return false;
    *ret_value = str_of_val(v);
    return true;
}

uint64_t db_count(struct db_tx *tx, enum db_table table)
{
    MDB_stat stat;

    if (tx->error != 0 || !is_found(tx, mdb_stat(tx->txn, tx->db->tables[table], &stat)))
        return 0;
    return stat.ms_entries;
}

static MDB_cursor *cursor_of(struct db_tx *tx, enum db_table table)
{
    MDB_cursor **c = &tx->cursors[table];
    int rc = 0;

    if (*c == NULL)
        rc = mdb_cursor_open(tx->txn, tx->db->tables[table], c);
    else if (!tx->is_write && !tx->is_renewed[table])
        rc = mdb_cursor_renew(tx->txn, *c);
    tx->is_renewed[table] = true;
    if (rc == 0)
        return *c;
    tx_fail(tx, rc);
    return NULL;
}

static bool move(struct db_tx *tx, enum db_table table, struct str key, MDB_cursor_op how,
                 struct str *ret_key, struct str *ret_value)
{
    MDB_cursor *c = tx->error == 0 ? cursor_of(tx, table) : NULL;
    MDB_val k = val_of(key), v;

    if (c == NULL || !is_found(tx, mdb_cursor_get(c, &k, &v, how)))
        return false;
    *ret_key = str_of_val(k);
    *ret_value = str_of_val(v);
    return true;
}

bool db_seek(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_key,
             struct str *ret_value)
{
    if (key.n == 0)
        return move(tx, table, key, MDB_FIRST, ret_key, ret_value);
    return move(tx, table, key, MDB_SET_RANGE, ret_key, ret_value);
}

bool db_next(struct db_tx *tx, enum db_table table, struct str *ret_key, struct str *ret_value)
{
    return move(tx, table, STR_NONE, MDB_NEXT, ret_key, ret_value);
}

bool db_seek_after(struct db_tx *tx, enum db_table table, struct str key, struct str *ret_key,
                   struct str *ret_value)
{
    struct str k, v;

    if (!db_seek(tx, table, key, &k, &v))
        return false;
    if (str_eq(k, key))
        return db_next(tx, table, ret_key, ret_value);
    *ret_key = k;
    *ret_value = v;
    return true;
}

/* ---- changing ---- */

void db_put(struct db_tx *tx, enum db_table table, struct str key, struct str value)
{
    MDB_val k = val_of(key), v = val_of(value);
    int rc;

    assert(tx->is_write);
    if (tx->error != 0)
        return;
    rc = mdb_put(tx->txn, tx->db->tables[table], &k, &v, 0);
    if (rc != 0)
        tx_fail(tx, rc);
}

void db_del(struct db_tx *tx, enum db_table table, struct str key)
{
    MDB_val k = val_of(key);

    assert(tx->is_write);
    if (tx->error == 0)
        is_found(tx, mdb_del(tx->txn, tx->db->tables[table], &k, NULL));
}
