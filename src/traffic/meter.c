/*
 * Tallies by uid, the oldest first. Each writing takes those that were there when it began, a batch
 * at a time; a batch that failed stays as it is, number and bytes, until the store has taken it.
 */
#include "traffic/meter.h"

#include <errno.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/stock.h"
#include "net/watch.h"
#include "traffic/file_type.h"

_Static_assert((int)FILE_TYPE_COUNT <= (int)TRAFFIC_TYPES,
               "each file type has a place in a record");

struct tally {
    struct map_node node;
    struct list link;
    struct traffic_counts counts;
    struct ip ip;                       /* the one seen last, which is in the sketch */
    uint8_t session[METER_SESSION_LEN]; /* the same; zeroes: none yet */
    size_t uid_n;
    char uid[];
};

struct meter {
    struct loop *loop;
    struct store_worker *store;
    struct meter_hooks hooks;
    struct ticker *ticker;
    struct map by_uid;
    struct list oldest_first;
    struct traffic_add batch;
    struct buf lines; /* of the batch; empty: there is none */
    uint64_t batch_bytes;
    size_t due; /* tallies that this writing takes still */
    bool is_ending, has_given_up;
};

static void tell(struct meter *m, enum meter_event e, uint64_t n)
{
    if (n > 0)
        m->hooks.happened(m->hooks.arg, e, n);
}

/* ---- tallies ---- */

static struct str uid_of(const struct tally *t)
{
    return (struct str){t->uid, t->uid_n};
}

static bool match(const struct map_node *node, const void *key)
{
    return str_eq(uid_of(MAP_ENTRY(node, const struct tally, node)), *(const struct str *)key);
}

static struct tally *find(struct meter *m, uint64_t hash, struct str uid)
{
    struct map_node *node = map_get(&m->by_uid, hash, match, &uid);

    return node != NULL ? MAP_ENTRY(node, struct tally, node) : NULL;
}

static struct tally *begin(struct meter *m, uint64_t hash, struct str uid)
{
    struct tally *t = stock_zalloc(sizeof *t + uid.n);

    t->uid_n = uid.n;
    memcpy(t->uid, uid.p, uid.n);
    t->counts.first = loop_unix(m->loop);
    list_append(&m->oldest_first, &t->link);
    map_put(&m->by_uid, &t->node, hash);
    return t;
}

static void end(struct meter *m, struct tally *t)
{
    map_remove(&m->by_uid, &t->node);
    list_remove(&t->link);
    traffic_counts_done(&t->counts);
    stock_free(t);
}

static struct tally *tally_of(struct meter *m, const struct meter_sample *s)
{
    bool is_known = s->uid.n > 0 && s->uid.n <= STORE_UID_MAX;
    struct str uid = is_known ? s->uid : METER_UNKNOWN;
    uint64_t hash = is_known && s->hash != 0 ? s->hash : hash_bytes(hash_process_key(), uid);
    struct tally *t = find(m, hash, uid);

    if (t != NULL || m->by_uid.count < METER_UIDS_MAX)
        return t != NULL ? t : begin(m, hash, uid);
    tell(m, METER_UNATTRIBUTED, s->bytes);
    uid = METER_UNKNOWN;
    hash = hash_bytes(hash_process_key(), uid);
    t = find(m, hash, uid);
    return t != NULL ? t : begin(m, hash, uid);
}

/* One player asks again and again: it is hashed once. */
static void see(struct tally *t, const struct ip *ip, const uint8_t *session)
{
    if (!ip_eq(&t->ip, ip)) {
        t->ip = *ip;
        sketch_add(&t->counts.ips, hash_content((struct str){(const char *)ip, sizeof *ip}).a);
    }
    if (session != NULL && memcmp(t->session, session, sizeof t->session) != 0) {
        memcpy(t->session, session, sizeof t->session);
        sketch_add(&t->counts.sessions,
                   hash_content((struct str){(const char *)session, METER_SESSION_LEN}).a);
    }
}

/* ---- writing ---- */

static void write_due(struct meter *m);

static void fill_batch(struct meter *m)
{
    for (int i = 0; i < TRAFFIC_BATCH_MAX && m->due > 0; i++, m->due--) {
        struct tally *t = LIST_ENTRY(list_first(&m->oldest_first), struct tally, link);

        traffic_add_line(&m->lines, uid_of(t), &t->counts);
        m->batch_bytes += traffic_total(&t->counts);
        end(m, t);
    }
    assert(!m->lines.is_full);
    m->batch.number++;
    m->batch.lines = buf_str(&m->lines);
}

static void after_batch(struct meter *m, int err)
{
    tell(m, err == 0 ? METER_WRITTEN : METER_FAILED, 1);
    if (err == 0) {
        buf_clear(&m->lines);
        m->batch_bytes = 0;
    }
}

static bool has_more(const struct meter *m)
{
    return m->lines.n > 0 || m->due > 0;
}

/* At the end somebody waits for it. */
static void say_if_idle(struct meter *m)
{
    if (m->is_ending && !op_is_under_way(&m->batch.op))
        loop_stop(m->loop);
}

static void on_added(struct op *op, int err)
{
    struct meter *m = container_of(op, struct meter, batch.op);

    after_batch(m, err);
    if (err == 0)
        write_due(m);
    say_if_idle(m);
}

/* One batch after the other, until none is due, or the store does not take one. */
static void write_due(struct meter *m)
{
    int r = 1;

    while (r > 0 && !op_is_under_way(&m->batch.op) && has_more(m)) {
        if (m->lines.n == 0)
            fill_batch(m);
        m->batch.now = loop_unix(m->loop);
        r = store_traffic_add(m->store, &m->batch);
        if (r != 0)
            after_batch(m, MIN(r, 0));
    }
}

static void write_all(struct meter *m)
{
    m->due = m->by_uid.count;
    write_due(m);
}

static void on_tick(void *arg)
{
    struct meter *m = arg;

    m->hooks.collect(m->hooks.arg);
    write_all(m);
}

/* ---- meter.h ---- */

struct meter *meter_new(struct loop *l, struct store_worker *s, const struct meter_hooks *hooks)
{
    struct meter *m = xzalloc(sizeof *m);

    m->loop = l;
    m->store = s;
    m->hooks = *hooks;
    map_init(&m->by_uid);
    list_init(&m->oldest_first);
    buf_init(&m->lines, (size_t)TRAFFIC_BATCH_MAX * TRAFFIC_LINE_MAX);
    op_init(&m->batch.op, on_added);
    random_bytes(m->batch.source, sizeof m->batch.source);
    m->ticker = ticker_new(l, METER_WRITE, on_tick, m);
    return m;
}

static void give_up(void *arg)
{
    struct meter *m = arg;

    op_cancel(&m->batch.op);
    m->has_given_up = true;
    loop_stop(m->loop);
}

static void try_again(void *arg)
{
    write_due(arg);
    say_if_idle(arg);
}

/* Again, when the store does not take it: until patience ends. */
static void write_the_rest(struct meter *m, usec_t patience)
{
    struct alarm *over = alarm_new(m->loop, give_up, m);
    struct alarm *again = alarm_new(m->loop, try_again, m);

    m->is_ending = true;
    alarm_set(over, patience);
    write_all(m);
    while (has_more(m) && !m->has_given_up) {
        if (!op_is_under_way(&m->batch.op))
            alarm_set(again, METER_LAST_PAUSE);
        loop_run(m->loop);
    }
    alarm_free(&again);
    alarm_free(&over);
}

void meter_free(struct meter **m, usec_t patience)
{
    struct meter *old = TAKE(*m);
    uint64_t lost;

    if (old == NULL)
        return;
    ticker_free(&old->ticker);
    write_the_rest(old, patience);
    lost = old->batch_bytes;
    LIST_FOREACH_SAFE (link, &old->oldest_first) {
        struct tally *t = LIST_ENTRY(link, struct tally, link);

        lost += traffic_total(&t->counts);
        end(old, t);
    }
    tell(old, METER_LOST, lost);
    map_done(&old->by_uid);
    buf_done(&old->lines);
    xfree_p(&old);
}

void meter_count(struct meter *m, const struct meter_sample *s)
{
    struct tally *t = tally_of(m, s);

    assert(s->class < TRAFFIC_CLASSES);
    t->counts.last = loop_unix(m->loop);
    t->counts.requests += s->is_first;
    t->counts.bytes[s->class] += s->bytes;
    t->counts.types[file_type_of(s->path)] += s->bytes;
    see(t, s->client, s->session);
    if (m->by_uid.count >= METER_UIDS_EARLY && m->due == 0)
        write_all(m);
}
