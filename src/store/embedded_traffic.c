/*
 * Counts of uids in `traffic`, and reports: a row in `reports` and a row for each uid in
 * `report_lines`, numbered in the order of their making. Counts move from one table to the other in
 * one transaction.
 */
#include <errno.h>

#include "base/panic.h"
#include "store/embedded.h"

enum {
    SOURCE_LIFE_SEC = 86400, /* a worker counts every second, or has gone */
    TAKE_SCAN_MAX = 16384,   /* records one taking looks at, so that it cannot hold its worker up */
    NUMBER_LEN = 8,
    SOURCE_VALUE = 2 * NUMBER_LEN,
    REPORT_VALUE = NUMBER_LEN + REPORT_ID_LEN,
    LEAD_VALUE = NUMBER_LEN + TRAFFIC_SOURCE_LEN,
};

static void uid_key(struct key *k, struct str uid)
{
    assert(uid.n <= STORE_UID_MAX);
    k->bytes[0] = (uint8_t)uid.n;
    memcpy(k->bytes + 1, uid.p, uid.n);
    k->n = 1 + uid.n;
}

static void line_key(struct key *k, uint64_t number, struct str uid_key)
{
    number_pack(number, k->bytes);
    assert(uid_key.n <= sizeof k->bytes - NUMBER_LEN);
    memcpy(k->bytes + NUMBER_LEN, uid_key.p, uid_key.n);
    k->n = NUMBER_LEN + uid_key.n;
}

static struct str bytes_str(const void *p, size_t n)
{
    return (struct str){p, n};
}

static void put_counts(struct db_tx *tx, enum db_table table, struct str key,
                       const struct traffic_counts *c)
{
    uint8_t room[TRAFFIC_RECORD_MAX];

    db_put(tx, table, key, bytes_str(room, traffic_pack(c, room)));
}

/* ---- adding ---- */

/* Has this batch, or a later one of its source, been counted? Notes that it has from now on. */
static bool is_counted(struct db_tx *tx, const struct traffic_add *a)
{
    struct str key = bytes_str(a->source, sizeof a->source), value;
    uint8_t room[SOURCE_VALUE];

    if (db_get(tx, DB_TRAFFIC_SOURCES, key, &value) && value.n == SOURCE_VALUE &&
        number_unpack(str_skip(value, NUMBER_LEN)) >= a->number)
        return true;
    number_pack((uint64_t)(a->now + SOURCE_LIFE_SEC), room);
    number_pack(a->number, room + NUMBER_LEN);
    db_put(tx, DB_TRAFFIC_SOURCES, key, bytes_str(room, sizeof room));
    return false;
}

static void add_line(struct db_tx *tx, struct str uid, struct traffic_counts *more)
{
    struct traffic_counts c = {0};
    struct str value;
    struct key k;

    uid_key(&k, uid);
    if (db_get(tx, DB_TRAFFIC, key_str(&k), &value) && traffic_unpack(value, &c)) {
        traffic_counts_merge(&c, more);
        put_counts(tx, DB_TRAFFIC, key_str(&k), &c);
        traffic_counts_done(&c);
    } else {
        put_counts(tx, DB_TRAFFIC, key_str(&k), more);
    }
    meta_add(tx, STR("traffic_bytes"), traffic_total(more));
    meta_add(tx, STR("traffic_requests"), more->requests);
}

static int write_add(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct traffic_add *a = container_of(op, struct traffic_add, op);
    struct str lines = a->lines, uid, record;

    if (tx->is_tight)
        return -ENOSPC;
    if (is_counted(tx, a))
        return 0;
    while (traffic_next_line(&lines, &uid, &record)) {
        struct traffic_counts c;

        if (!traffic_unpack(record, &c))
            continue;
        add_line(tx, uid, &c);
        traffic_counts_done(&c);
    }
    return 0;
}

int embedded_traffic_add(struct store_worker *w, struct traffic_add *a)
{
    return embedded_write_aside(embedded_worker(w), &a->op, write_add);
}

/* ---- taking ---- */

struct taking {
    struct db_tx *tx;
    struct traffic_take *take;
    uint64_t number; /* of the report; 0: there is none yet */
};

static bool is_due(const struct traffic_take *t, struct str value)
{
    uint64_t bytes;
    unix_t first;

    return traffic_peek(value, &first, &bytes) && (bytes >= t->min_bytes || first <= t->before);
}

static void begin_report(struct taking *t)
{
    uint8_t key[NUMBER_LEN], value[REPORT_VALUE];

    t->number = meta_next(t->tx, STR("reports"));
    number_pack((uint64_t)t->take->now, value);
    memcpy(value + NUMBER_LEN, t->take->id, REPORT_ID_LEN);
    db_put(t->tx, DB_REPORTS, number_pack(t->number, key), bytes_str(value, sizeof value));
}

/* `value` is borrowed from the page, which the first change may move. */
static void take_one(struct taking *t, const struct key *k, struct str value)
{
    uint8_t record[TRAFFIC_RECORD_MAX];
    struct key line;

    assert(value.n <= sizeof record); /* or it would not be due */
    memcpy(record, value.p, value.n);
    if (!t->take->discards && t->number == 0)
        begin_report(t);
    line_key(&line, t->number, key_str(k));
    if (!t->take->discards)
        db_put(t->tx, DB_REPORT_LINES, key_str(&line), bytes_str(record, value.n));
    db_del(t->tx, DB_TRAFFIC, key_str(k));
    t->take->taken++;
}

/* From where the last one stopped, to the end of the table, the report's limit, or as far as one
 * call may go. */
static void take_due(struct taking *t, struct key *at)
{
    struct str key, value;
    bool more = db_seek(t->tx, DB_TRAFFIC, key_str(at), &key, &value);
    int looked = 0;

    for (; more && looked < TAKE_SCAN_MAX && t->take->taken < TRAFFIC_REPORT_MAX; looked++) {
        key_set(at, key);
        if (!is_due(t->take, value)) {
            more = db_next(t->tx, DB_TRAFFIC, &key, &value);
            continue;
        }
        take_one(t, at, value);
        more = db_seek_after(t->tx, DB_TRAFFIC, key_str(at), &key, &value);
    }
    t->take->has_more = more;
    key_set(at, more ? key : STR(""));
}

static int write_take(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct traffic_take *take = container_of(op, struct traffic_take, op);
    struct taking t = {.tx = tx, .take = take};

    take->taken = 0;
    take->has_more = false;
    take->is_held = !take->discards && db_count(tx, DB_REPORTS) >= TRAFFIC_REPORTS_MAX;
    if (take->is_held)
        return 0;
    if (tx->is_full && !take->discards)
        return -ENOSPC;
    take_due(&t, &w->e->take_at);
    return 0;
}

int embedded_traffic_take(struct store_worker *w, struct traffic_take *t)
{
    return embedded_write_aside(embedded_worker(w), &t->op, write_take);
}

/* ---- reports ---- */

static int read_line(struct arena *arena, struct str uid_key, struct str value,
                     struct traffic_line *ret)
{
    struct traffic_line line;

    if (uid_key.n == 0 || !traffic_unpack(value, &line.counts))
        return 0;
    line.uid = arena_copy(arena, str_skip(uid_key, 1));
    if (line.uid.p == NULL) {
        traffic_counts_done(&line.counts);
        return -ENOMEM;
    }
    *ret = line;
    return 1;
}

static int read_report(struct db_tx *tx, struct report_next *n, struct str number)
{
    struct key prefix;
    struct str key, value;
    bool more;
    int r = 0;

    key_set(&prefix, number);
    n->lines = arena_alloc(n->arena, TRAFFIC_REPORT_MAX * sizeof *n->lines);
    if (n->lines == NULL)
        return -ENOMEM;
    more = db_seek(tx, DB_REPORT_LINES, key_str(&prefix), &key, &value);
    while (r >= 0 && more && key_starts(key, &prefix) && n->count < TRAFFIC_REPORT_MAX) {
        r = read_line(n->arena, str_skip(key, NUMBER_LEN), value, &n->lines[n->count]);
        n->count += r > 0;
        more = db_next(tx, DB_REPORT_LINES, &key, &value);
    }
    return MIN(r, 0);
}

static int find_report(struct db_tx *tx, struct report_next *n)
{
    struct str key, value;

    n->waiting = db_count(tx, DB_REPORTS);
    n->is_there = db_seek(tx, DB_REPORTS, STR_NONE, &key, &value) && value.n == REPORT_VALUE;
    n->count = 0;
    if (!n->is_there)
        return 0;
    n->made = (unix_t)number_unpack(str_first(value, NUMBER_LEN));
    memcpy(n->id, value.p + NUMBER_LEN, REPORT_ID_LEN);
    if (!traffic_is_report_id(bytes_str(n->id, sizeof n->id)))
        return -EIO;
    return read_report(tx, n, key);
}

int embedded_report_next(struct store_worker *worker, struct report_next *n)
{
    struct embedded_worker *w = embedded_worker(worker);
    int end, r = db_begin_read(&w->reader);

    if (r < 0)
        return r;
    r = find_report(&w->reader, n);
    end = db_end_read(&w->reader);
    r = end < 0 ? end : r;
    if (r == 0)
        return 1;
    traffic_lines_done(n->lines, n->count);
    n->count = 0;
    return r;
}

static void erase_lines(struct db_tx *tx, const struct key *number)
{
    struct str key, value;
    struct key line;

    while (db_seek(tx, DB_REPORT_LINES, key_str(number), &key, &value) && key_starts(key, number)) {
        key_set(&line, key);
        db_del(tx, DB_REPORT_LINES, key_str(&line));
    }
}

static int write_done(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    const struct report_done *d = container_of(op, struct report_done, op);
    struct str key, value;
    struct key number;
    bool more = db_seek(tx, DB_REPORTS, STR_NONE, &key, &value);

    while (more &&
           (value.n != REPORT_VALUE || memcmp(value.p + NUMBER_LEN, d->id, REPORT_ID_LEN) != 0))
        more = db_next(tx, DB_REPORTS, &key, &value);
    if (!more)
        return 0;
    key_set(&number, key);
    erase_lines(tx, &number);
    db_del(tx, DB_REPORTS, key_str(&number));
    meta_add(tx, STR("traffic_acknowledged"), 1);
    return 0;
}

int embedded_report_done(struct store_worker *w, struct report_done *d)
{
    return embedded_write_aside(embedded_worker(w), &d->op, write_done);
}

/* ---- who reports ---- */

/* What lasts for longer than anybody could have asked for was taken before the clock was put back,
 * maybe by a process that is no more: it would keep all others from reporting for as long. */
static bool lasts(unix_t until, const struct traffic_lead *l)
{
    return until > l->now && until <= l->now + TRAFFIC_LEAD_MAX;
}

static int write_lead(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct traffic_lead *l = container_of(op, struct traffic_lead, op);
    struct str key = STR("lead"), value;
    uint8_t room[LEAD_VALUE];
    bool is_taken = db_get(tx, DB_META, key, &value) && value.n == LEAD_VALUE &&
                    lasts((unix_t)number_unpack(str_first(value, NUMBER_LEN)), l) &&
                    memcmp(value.p + NUMBER_LEN, l->holder, sizeof l->holder) != 0;

    l->is_leader = !is_taken && l->ttl > 0;
    if (is_taken)
        return 0;
    number_pack((uint64_t)l->now + l->ttl, room);
    memcpy(room + NUMBER_LEN, l->holder, sizeof l->holder);
    db_put(tx, DB_META, key, bytes_str(room, sizeof room));
    return 0;
}

int embedded_traffic_lead(struct store_worker *w, struct traffic_lead *l)
{
    return embedded_write_aside(embedded_worker(w), &l->op, write_lead);
}
