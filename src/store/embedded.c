/*
 * The embedded store: opening, the workers, and the one write transaction of a loop turn.
 *
 * Calls that write are queued; at the end of the turn all of them run in one transaction, one after
 * the other, each seeing what those before it wrote. Only after the commit are they answered, so an
 * answer is never taken back. When the commit fails, all of the batch get its error and nothing was
 * changed. A call cancelled before that is not run at all.
 *
 * What is only counted (traffic) goes into a second transaction behind the first, so that the gate
 * never fails with it.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/panic.h"
#include "store/embedded.h"

enum { FORMAT_VERSION = 1, SWEEP_STEP = 256 };

/* ---- meta ---- */

uint64_t meta_get(struct db_tx *tx, struct str name)
{
    struct str value = STR_NONE;

    db_get(tx, DB_META, name, &value);
    return number_unpack(value);
}

void meta_add(struct db_tx *tx, struct str name, uint64_t more)
{
    uint8_t room[8];

    db_put(tx, DB_META, name, number_pack(meta_get(tx, name) + more, room));
}

uint64_t meta_next(struct db_tx *tx, struct str name)
{
    meta_add(tx, name, 1);
    return meta_get(tx, name);
}

static int init_meta(struct db_tx *tx, struct embedded *e)
{
    uint8_t room[8];
    struct str value;

    if (!db_get(tx, DB_META, STR("version"), &value)) {
        random_bytes(&e->hash_key, sizeof e->hash_key);
        db_put(tx, DB_META, STR("version"), number_pack(FORMAT_VERSION, room));
        db_put(tx, DB_META, STR("hash_key"),
               (struct str){(const char *)&e->hash_key, sizeof e->hash_key});
        return 0;
    }
    if (number_unpack(value) != FORMAT_VERSION)
        return -EPROTO;
    if (!db_get(tx, DB_META, STR("hash_key"), &value) || value.n != sizeof e->hash_key)
        return -EIO;
    memcpy(&e->hash_key, value.p, value.n);
    return 0;
}

static int load_meta(struct embedded *e, const char *path, struct buf *error)
{
    struct db_tx tx;
    int r = db_begin_write(&tx, e->db);

    if (r == 0)
        r = init_meta(&tx, e);
    if (r == 0)
        r = db_commit(&tx);
    else if (tx.txn != NULL)
        db_abort(&tx);
    if (r == -EPROTO)
        buf_printf(error,
                   "the store in %s has a format that this version does not read (it reads %d)",
                   path, FORMAT_VERSION);
    else if (r < 0)
        buf_printf(error, "cannot read the store in %s: %s", path, strerror(-r));
    return r;
}

/* ---- the batch ---- */

static void recycle(struct write_call *call)
{
    list_remove(&call->link);
    list_append(&call->worker->spare, &call->link);
}

static void cancel(struct op *op)
{
    recycle(op->work);
}

static int queue(struct embedded_worker *w, struct list *calls, struct op *op, write_fn write)
{
    struct list *spare = list_take_first(&w->spare);
    struct write_call *call =
        spare != NULL ? LIST_ENTRY(spare, struct write_call, link) : xmalloc(sizeof *call);

    *call = (struct write_call){.worker = w, .op = op, .write = write};
    list_init(&call->link);
    list_append(calls, &call->link);
    op_begin(op, cancel, call);
    loop_defer(w->base.loop, &w->flush);
    return 0;
}

int embedded_write(struct embedded_worker *w, struct op *op, write_fn write)
{
    return queue(w, &w->queued, op, write);
}

int embedded_write_aside(struct embedded_worker *w, struct op *op, write_fn write)
{
    return queue(w, &w->aside, op, write);
}

static void drop_fresh(struct embedded_worker *w)
{
    struct list *link;

    while ((link = list_take_first(&w->fresh)) != NULL)
        free(LIST_ENTRY(link, struct fresh_revocation, link));
}

/* Into memory. `number` follows on what was there unless another process revoked too: then
 * housekeeping reads all again. */
static void publish_fresh(struct embedded_worker *w, uint64_t number)
{
    uint64_t before = number - 1;

    LIST_FOREACH (link, &w->fresh)
        revoked_add(w->e->base.revoked,
                    key_str(&LIST_ENTRY(link, struct fresh_revocation, link)->key));
    atomic_compare_exchange_strong(&w->e->revocations, &before, number);
}

int embedded_commit(struct embedded_worker *w, struct db_tx *tx)
{
    bool has_fresh = !list_is_empty(&w->fresh);
    uint64_t number = has_fresh ? meta_next(tx, STR("revocations")) : 0;
    int r = db_commit(tx);

    if (r == 0 && has_fresh)
        publish_fresh(w, number);
    drop_fresh(w);
    return r;
}

/* `ret_is_full`: it went through, but there is no room for more. */
static int write_batch(struct embedded_worker *w, bool *ret_is_full)
{
    struct db_tx tx;
    int r = db_begin_write(&tx, w->e->db);

    if (r == 0) {
        LIST_FOREACH (link, &w->running) {
            struct write_call *call = LIST_ENTRY(link, struct write_call, link);

            call->error = call->write(w, &tx, call->op);
        }
        r = embedded_commit(w, &tx);
    }
    *ret_is_full = tx.is_full;
    return r;
}

static int write_for_the_gate(struct embedded_worker *w)
{
    usec_t begun = clock_monotonic();
    bool is_full;
    int r = write_batch(w, &is_full);

    atomic_store_explicit(&w->e->write_usec, clock_monotonic() - begun, memory_order_relaxed);
    if (r < 0 || is_full) /* housekeeping says when it is over */
        atomic_store_explicit(&w->e->is_healthy, false, memory_order_relaxed);
    return r;
}

static void answer_batch(struct embedded_worker *w, int r)
{
    struct list *link;

    while ((link = list_first(&w->running)) !=
           NULL) { /* an answer may cancel others, and queue new ones */
        struct write_call *call = LIST_ENTRY(link, struct write_call, link);
        int error = r < 0 ? r : call->error;
        struct op *op = call->op;

        recycle(call);
        op_finish(op, error);
    }
}

static void flush(struct loop_task *task)
{
    struct embedded_worker *w = container_of(task, struct embedded_worker, flush);
    bool is_full;

    list_move_all(&w->running, &w->queued);
    if (!list_is_empty(&w->running))
        answer_batch(w, write_for_the_gate(w));
    list_move_all(&w->running, &w->aside);
    if (!list_is_empty(&w->running))
        answer_batch(w, write_batch(w, &is_full));
}

/* ---- workers ---- */

static struct store_worker *worker_new(struct store *s, struct loop *l)
{
    struct embedded_worker *w = xzalloc(sizeof *w);

    w->base = (struct store_worker){.store = s, .loop = l};
    w->e = container_of(s, struct embedded, base);
    w->reader.db = w->e->db;
    list_init(&w->queued);
    list_init(&w->aside);
    list_init(&w->running);
    list_init(&w->spare);
    list_init(&w->fresh);
    loop_task_init(&w->flush, flush);
    notes_init(&w->notes);
    w->ticker = ticker_new(l, NOTES_TICK_MSEC * USEC_PER_MSEC, embedded_notes_tick, w);
    return &w->base;
}

static void worker_free(struct store_worker *worker)
{
    struct embedded_worker *w = embedded_worker(worker);
    struct list *link;

    assert(list_is_empty(&w->queued) && list_is_empty(&w->aside)); /* its callers end first */
    assert(list_is_empty(&w->running));
    housekeeping_free(&w->housekeeping);
    ticker_free(&w->ticker);
    loop_task_cancel(&w->flush);
    embedded_notes_flush(w);
    notes_done(&w->notes);
    db_reader_done(&w->reader);
    while ((link = list_take_first(&w->spare)) != NULL)
        free(LIST_ENTRY(link, struct write_call, link));
    free(w);
}

static void housekeep(struct store_worker *worker)
{
    struct embedded_worker *w = embedded_worker(worker);

    assert(w->housekeeping == NULL);
    w->housekeeping = housekeeping_new(worker->loop, worker->store, embedded_housekeep);
}

/* ---- the store ---- */

static void stats(struct store *s, struct store_stats *ret)
{
    struct embedded *e = container_of(s, struct embedded, base);
    struct db_usage usage;

    db_usage(e->db, &usage);
    ret->grants = usage.entries[DB_GRANTS];
    ret->sessions = usage.entries[DB_SESSIONS];
    ret->uses = usage.entries[DB_USES];
    ret->revocations = usage.entries[DB_REVOKED];
    ret->bytes_used = usage.bytes_used;
    ret->bytes_limit = usage.bytes_limit;
    ret->write_usec = atomic_load_explicit(&e->write_usec, memory_order_relaxed);
    ret->is_healthy = atomic_load_explicit(&e->is_healthy, memory_order_relaxed);
}

static void close_store(struct store *s)
{
    struct embedded *e = container_of(s, struct embedded, base);

    db_close(&e->db);
    store_done(&e->base);
    free(e);
}

static int instance_beat(struct store_worker *w, struct instance_beat *b)
{
    int r = instances_begin(b, 1);

    return r < 0 ? r : 1;
}

static const struct store_backend_ops embedded_ops = {
    .kind = "embedded",
    .close = close_store,
    .stats = stats,
    .housekeep = housekeep,
    .worker_new = worker_new,
    .worker_free = worker_free,
    .admit = embedded_admit,
    .touch = embedded_touch,
    .grant_put = embedded_grant_put,
    .grant_revoke = embedded_grant_revoke,
    .grant_list = embedded_grant_list,
    .session_list = embedded_session_list,
    .session_end = embedded_session_end,
    .traffic_add = embedded_traffic_add,
    .traffic_list = embedded_traffic_list,
    .traffic_take = embedded_traffic_take,
    .report_next = embedded_report_next,
    .report_done = embedded_report_done,
    .traffic_lead = embedded_traffic_lead,
    .instance_beat = instance_beat,
};

static void close_half_open(struct store **s)
{
    store_close(s);
}

int store_open_embedded(const struct store_embedded_options *o, const struct store_rules *rules,
                        struct store **ret, struct buf *error)
{
    struct embedded *e = xzalloc(sizeof *e);
    AUTO(close_half_open) struct store *s = &e->base;
    int r;

    store_init(s, &embedded_ops, rules);
    atomic_store(&e->is_healthy, true);
    e->sweep_step = SWEEP_STEP;
    r = db_open(o->path, o->size, &e->db, error);
    if (r == 0)
        r = load_meta(e, o->path, error);
    if (r < 0)
        return r;
    r = revocations_load(e);
    if (r < 0) {
        buf_printf(error, "cannot read the revocations in %s: %s", o->path, strerror(-r));
        return r;
    }
    *ret = TAKE(s);
    return 0;
}
