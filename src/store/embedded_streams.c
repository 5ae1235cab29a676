/*
 * Streams at a time: the table `streams` names the sessions that count for a uid, one for each
 * viewer and stream key. It says nothing of their activity: that stands in the sessions' records,
 * once. So an entry whose session lapsed, ended or made room for a newer one counts for nothing,
 * and is removed when the next stream of its uid is entered. By this no uid has more entries than
 * max_streams ever was, and nothing else has to keep the table right.
 */
#include <stdlib.h>

#include "store/embedded.h"

static bool is_active(const struct store_rules *rules, const struct session_record *s, unix_t at)
{
    return s->ends > at && s->last + rules->streams_idle > at;
}

/* The session that an entry names, if it is one that counts at `at`. */
static bool find_active(struct db_tx *tx, const struct store_rules *rules,
                        const struct session_record *named, unix_t at, struct session_record *ret)
{
    struct key own;
    struct str value;

    session_key(&own, named->viewer, named->hash, named->uid, named->ends);
    return db_get(tx, DB_SESSIONS, key_str(&own), &value) &&
           session_unpack(key_str(&own), value, ret) && is_active(rules, ret, at);
}

static bool is_same_viewer(const struct session_record *a, const struct session_record *b)
{
    return memcmp(a->viewer, b->viewer, STORE_VIEWER_LEN) == 0;
}

static bool is_same_place(const struct session_record *a, const struct session_record *b)
{
    return a->hash == b->hash && is_same_viewer(a, b);
}

static void add_other(struct stream_plan *p, const struct session_record *s,
                      const struct session_record *named, const struct session_record *found)
{
    struct stream *other = &p->other[p->others++];

    *other = (struct stream){.hash = named->hash,
                             .ends = named->ends,
                             .last = found->last,
                             .started = found->started,
                             .is_own = is_same_viewer(named, s)};
    memcpy(other->viewer, named->viewer, STORE_VIEWER_LEN);
    p->own += other->is_own;
}

/* Counts the others. Is the session itself one that counts? */
static bool look(struct db_tx *tx, const struct store_rules *rules, const struct session_record *s,
                 unix_t at, struct stream_plan *ret)
{
    struct session_record named, found;
    bool is_counted = false, more;
    struct key prefix;
    struct str key, value;

    grant_uid_key(&prefix, s->uid);
    more = db_seek(tx, DB_STREAMS, key_str(&prefix), &key, &value);
    for (ret->others = ret->own = 0;
         more && key_starts(key, &prefix) && ret->others < STORE_MAX_STREAMS;
         more = db_next(tx, DB_STREAMS, &key, &value)) {
        if (!stream_unpack(key, value, &named) || !find_active(tx, rules, &named, at, &found))
            continue;
        if (!is_same_place(&named, s))
            add_other(ret, s, &named, &found);
        else
            is_counted = named.ends == s->ends;
    }
    return is_counted;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

/* Its viewer's own; idle for longest; then the oldest; then what is the same in every backend. */
static int by_turn(const void *a, const void *b)
{
    const struct stream *x = a, *y = b;
    int order = compare(y->is_own, x->is_own);

    if (order == 0)
        order = compare(x->last, y->last);
    if (order == 0)
        order = compare(x->started, y->started);
    if (order == 0)
        order = compare(x->ends, y->ends);
    return order != 0 ? order : memcmp(x->viewer, y->viewer, STORE_VIEWER_LEN);
}

/* How many make way; 0: it is refused. */
static unsigned making_way(const struct stream_plan *p, enum stream_asked by)
{
    unsigned needed = p->others - p->rules->max_streams + 1;

    if (p->own > 0)
        return by == STREAM_BY_REQUEST ? MIN(p->own, needed) : 0;
    return p->rules->streams_end_oldest ? needed : 0;
}

enum admit_verdict streams_judge(struct db_tx *tx, const struct store_rules *rules,
                                 const struct session_record *s, unix_t at, enum stream_asked by,
                                 struct stream_plan *ret)
{
    ret->rules = rules;
    ret->at = at;
    ret->enters = !look(tx, rules, s, at, ret);
    ret->ends = 0;
    if (!ret->enters || ret->others < rules->max_streams)
        return ADMITTED;
    ret->ends = making_way(ret, by);
    if (ret->ends == 0 || db_count(tx, DB_REVOKED) + ret->ends > STORE_MAX_REVOCATIONS) {
        ret->enters = false;
        return REFUSED_TOO_MANY_STREAMS;
    }
    qsort(ret->other, ret->others, sizeof *ret->other, by_turn);
    return ADMITTED;
}

static void remove_lapsed(struct db_tx *tx, const struct stream_plan *p, struct str uid)
{
    struct session_record named, found;
    struct key prefix, own;
    struct str key, value;
    bool more;

    grant_uid_key(&prefix, uid);
    more = db_seek(tx, DB_STREAMS, key_str(&prefix), &key, &value);
    while (more && key_starts(key, &prefix)) {
        key_set(&own, key);
        if (!stream_unpack(key_str(&own), value, &named) ||
            !find_active(tx, p->rules, &named, p->at, &found))
            db_del(tx, DB_STREAMS, key_str(&own));
        more = db_seek_after(tx, DB_STREAMS, key_str(&own), &key, &value);
    }
}

void streams_carry_out(struct embedded_worker *w, struct db_tx *tx, const struct session_record *s,
                       const struct stream_plan *p)
{
    struct key session, own;
    uint8_t ends[8];

    if (!p->enters)
        return;
    for (unsigned i = 0; i < p->ends; i++) {
        session_key(&session, p->other[i].viewer, p->other[i].hash, s->uid, p->other[i].ends);
        session_end_one(w, tx, &session, p->other[i].ends, p->at);
    }
    remove_lapsed(tx, p, s->uid);
    stream_key_of_place(&own, s->uid, s->viewer, s->hash);
    db_put(tx, DB_STREAMS, key_str(&own), number_pack((uint64_t)s->ends, ends));
}
