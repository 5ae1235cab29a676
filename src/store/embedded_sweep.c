/*
 * Housekeeping, on a thread of the pool: syncs to disk, takes up revocations that other processes
 * have written, and sweeps out what has expired.
 *
 * A sweep reads on from where the last one stopped, round and round through each table, and removes
 * what it found in small write transactions, so that no worker waits long. On a full disk the steps
 * become smaller: removing, too, needs a few free pages.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/embedded.h"

enum {
    SWEEP_READ = 16384, /* records looked at in one read transaction */
    SWEEP_ROUNDS = 32,  /* for each table, in one housekeeping */
    SWEEP_STEP_MAX = 256,
    SWEEP_STEP_MIN = 4,
    SWEEP_STEP_GROWTH = 8,
    PAGES_A_REMOVAL = 16,
};

static void erase_grant(struct embedded *e, struct db_tx *tx, struct str key)
{
    grant_erase(e, tx, key);
}

static void erase_session(struct embedded *e, struct db_tx *tx, struct str key)
{
    session_erase(tx, key);
}

static void erase_use(struct embedded *e, struct db_tx *tx, struct str key)
{
    db_del(tx, DB_USES, key);
}

/* Of a session that is over: where streams are entered, lapsed ones are removed. */
static void erase_stream(struct embedded *e, struct db_tx *tx, struct str key)
{
    db_del(tx, DB_STREAMS, key);
}

static void erase_source(struct embedded *e, struct db_tx *tx, struct str key)
{
    db_del(tx, DB_TRAFFIC_SOURCES, key);
}

static void erase_revoked(struct embedded *e, struct db_tx *tx, struct str key)
{
    db_del(tx, DB_REVOKED, key);
    revoked_remove(e->base.revoked,
                   key); /* its gate tokens have expired: right even when this is not committed */
}

static unix_t expires_in_value(struct str key, struct str value)
{
    return record_expires(value);
}

static unix_t expires_in_session(struct str key, struct str value)
{
    return record_expires(value) + 1; /* who revokes in the last second of its gate tokens must
                                         find it */
}

static unix_t expires_in_revoked(struct str key, struct str value)
{
    return revoked_key_ends(key) + 1; /* its gate token is good in that second still */
}

static const struct sweep {
    enum db_table table;
    unix_t (*expires)(struct str key, struct str value);
    void (*erase)(struct embedded *e, struct db_tx *tx, struct str key);
} sweeps[SWEEP_TABLES] = {
    {DB_GRANTS, expires_in_value, erase_grant},
    {DB_SESSIONS, expires_in_session, erase_session},
    {DB_STREAMS, expires_in_value, erase_stream},
    {DB_USES, expires_in_value, erase_use},
    {DB_REVOKED, expires_in_revoked, erase_revoked},
    {DB_TRAFFIC_SOURCES, expires_in_value, erase_source},
};

/*
 * A removal may take a dozen pages, which come back only two transactions later. A step that took
 * the last free ones would be the last of all.
 */
static unsigned step_of(struct embedded *e)
{
    size_t room = db_room(e->db, SWEEP_STEP_MAX * PAGES_A_REMOVAL) / PAGES_A_REMOVAL;

    return (unsigned)MAX(MIN(room, (size_t)e->sweep_step), (size_t)SWEEP_STEP_MIN);
}

struct expired {
    unsigned count;
    bool is_through; /* the end of the table was reached */
    struct key keys[SWEEP_STEP_MAX];
};

static int collect(struct embedded *e, const struct sweep *s, struct key *at, unix_t now,
                   struct expired *ret)
{
    struct db_tx tx = {.db = e->db};
    unsigned step = step_of(e);
    struct str key, value;
    int r = db_begin_read(&tx);
    bool more;

    ret->count = 0;
    if (r < 0)
        return r;
    more = db_seek(&tx, s->table, key_str(at), &key, &value);
    for (int i = 0; more && i < SWEEP_READ && ret->count < step; i++) {
        if (s->expires(key, value) <= now)
            key_set(&ret->keys[ret->count++], key);
        more = db_next(&tx, s->table, &key, &value);
    }
    key_set(at, more ? key : STR(""));
    ret->is_through = !more;
    r = db_end_read(&tx);
    db_reader_done(&tx);
    return r;
}

/* Judged again: it may have been renewed since it was collected. */
static int erase(struct embedded *e, const struct sweep *s, unix_t now,
                 const struct expired *expired)
{
    struct str value;
    struct db_tx tx;
    int r = db_begin_write(&tx, e->db);

    if (r < 0)
        return r;
    for (unsigned i = 0; i < expired->count; i++) {
        struct str key = key_str(&expired->keys[i]);

        if (db_get(&tx, s->table, key, &value) && s->expires(key, value) <= now)
            s->erase(e, &tx, key);
    }
    return db_commit(&tx);
}

/* Halved when the disk is full, then grown again bit by bit. False: smaller steps will not help. */
static bool adapt_step(struct embedded *e, int r)
{
    if (r == 0)
        e->sweep_step = MIN(e->sweep_step + SWEEP_STEP_GROWTH, (unsigned)SWEEP_STEP_MAX);
    if (r != -ENOSPC)
        return r == 0;
    if (e->sweep_step == SWEEP_STEP_MIN)
        return false;
    e->sweep_step = MAX(e->sweep_step / 2, (unsigned)SWEEP_STEP_MIN);
    return true;
}

static int sweep_table(struct embedded *e, unsigned table, unix_t now, struct expired *room)
{
    const struct sweep *s = &sweeps[table];
    struct key *at = &e->sweep_at[table], begun;
    int r = 0;

    for (int i = 0; i < SWEEP_ROUNDS; i++) {
        begun = *at;
        r = collect(e, s, at, now, room);
        if (r == 0 && room->count > 0)
            r = erase(e, s, now, room);
        if (r < 0)
            *at = begun;
        if (!adapt_step(e, r) || (r == 0 && room->is_through))
            break;
    }
    return r;
}

static int sweep(struct embedded *e, unix_t now)
{
    AUTO(xfree_p) struct expired *room = xmalloc(sizeof *room);
    int r = 0;

    for (unsigned i = 0; i < SWEEP_TABLES && r == 0; i++)
        r = sweep_table(e, i, now, room);
    return r;
}

/* ---- revocations ---- */

static void load_revocations(struct embedded *e, struct db_tx *tx)
{
    struct str key, value;
    bool more = db_seek(tx, DB_REVOKED, STR_NONE, &key, &value);

    for (; more; more = db_next(tx, DB_REVOKED, &key, &value))
        revoked_add(e->base.revoked, key);
}

int revocations_load(struct embedded *e)
{
    struct db_tx tx = {.db = e->db};
    struct str value = STR_NONE;
    int r = db_begin_read(&tx);

    if (r == 0) {
        db_get(&tx, DB_META, STR("revocations"), &value);
        if (number_unpack(value) != atomic_load(&e->revocations)) {
            load_revocations(e, &tx);
            atomic_store(&e->revocations, number_unpack(value));
        }
        r = db_end_read(&tx);
    }
    db_reader_done(&tx);
    return r;
}

int embedded_housekeep(struct store *s, unix_t now)
{
    struct embedded *e = container_of(s, struct embedded, base);
    int r = revocations_load(e), swept = sweep(e, now), synced = db_sync(e->db);

    r = r < 0 ? r : swept < 0 ? swept : synced;
    db_check_readers(e->db);
    atomic_store_explicit(&e->is_healthy, r == 0 && db_has_room(e->db), memory_order_relaxed);
    return r;
}
