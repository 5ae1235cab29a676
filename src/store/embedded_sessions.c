/*
 * Sessions: finding, beginning, renewing, ending. A session is live while it is not idle for longer
 * than session_ttl and not at its end; its record stays until its end, for its gate tokens are good
 * until then and a revocation must find them.
 *
 * Invariant: no two sessions of one viewer and uid end at the same second, and none at the second
 * of a revocation, so (viewer, uid, ends), which is what a gate token carries, names one session.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/codec.h"
#include "store/embedded.h"

void session_id_text(const uint8_t id[SESSION_RAW_ID_LEN], char ret[STORE_SESSION_ID_LEN + 1])
{
    ret[base64url_encode(id, SESSION_RAW_ID_LEN, ret)] = '\0';
}

bool session_is_live(const struct store_rules *rules, const struct session_record *s, unix_t now)
{
    return s->ends > now && s->last + rules->session_ttl > now;
}

/* ---- finding ---- */

static bool is_asked_for(const struct store_rules *rules, const struct session_query *q,
                         const struct session_record *s)
{
    return s->hash == q->hash && str_eq(s->stream_key, q->stream_key) &&
           memcmp(s->viewer, q->viewer, STORE_VIEWER_LEN) == 0 &&
           (q->uid.n == 0 || str_eq(s->uid, q->uid)) && session_is_live(rules, s, q->now);
}

/* A session id is no credential: presented by another viewer, or for another stream, it is not
 * there. */
static bool find_by_id(struct db_tx *tx, const struct store_rules *rules,
                       const struct session_query *q, struct session_record *ret)
{
    uint8_t id[SESSION_RAW_ID_LEN];
    struct str key, value;

    if (q->id.n != STORE_SESSION_ID_LEN || base64url_decode(q->id, id, sizeof id) < 0)
        return false;
    if (!db_get(tx, DB_SESSION_IDS, (struct str){(const char *)id, sizeof id}, &key))
        return false;
    return db_get(tx, DB_SESSIONS, key, &value) && session_unpack(key, value, ret) &&
           is_asked_for(rules, q, ret);
}

/* With a uid the first of its place is the newest, and as a rule the only one that may be live;
 * after session_max was lowered a dead one may stand before it. */
static bool find_by_viewer(struct db_tx *tx, const struct store_rules *rules,
                           const struct session_query *q, struct session_record *ret)
{
    int look_ups = SESSION_LOOK_UP_MAX;
    struct key prefix;
    struct str key, value;
    bool more;

    if (q->uid.n > 0)
        session_place_key(&prefix, q->viewer, q->hash, q->uid);
    else
        session_viewer_key(&prefix, q->viewer, q->hash);
    more = db_seek(tx, DB_SESSIONS, key_str(&prefix), &key, &value);
    for (; more && look_ups > 0 && key_starts(key, &prefix); look_ups--) {
        if (session_unpack(key, value, ret) && is_asked_for(rules, q, ret))
            return true;
        more = look_ups > 1 && db_next(tx, DB_SESSIONS, &key, &value);
    }
    return false;
}

bool session_find(struct db_tx *tx, const struct store_rules *rules, const struct session_query *q,
                  struct session_record *ret)
{
    return find_by_id(tx, rules, q, ret) || find_by_viewer(tx, rules, q, ret);
}

/* ---- beginning, renewing, erasing ---- */

static bool is_taken(struct db_tx *tx, const uint8_t *viewer, struct str uid, unix_t ends)
{
    struct key by_uid, revoked;
    struct str value;

    session_by_uid_key(&by_uid, uid, viewer, ends);
    revoked_key(&revoked, viewer, ends, uid);
    return db_get(tx, DB_SESSIONS_BY_UID, key_str(&by_uid), &value) ||
           db_get(tx, DB_REVOKED, key_str(&revoked), &value);
}

/*
 * The seconds behind `now` are taken in a row, if at all: the end of the row is found by doubling
 * and halving. One by one, a viewer with a scope token could make a row long and each further
 * session slow.
 */
unix_t session_free_start(struct db_tx *tx, const struct store_rules *rules, const uint8_t *viewer,
                          struct str uid, unix_t now)
{
    unix_t ends = now + rules->session_max, taken = -1, is_free = 0;

    while (is_taken(tx, viewer, uid, ends + is_free)) {
        taken = is_free;
        is_free = is_free * 2 + 1;
    }
    while (is_free - taken > 1) {
        unix_t middle = taken + (is_free - taken) / 2;

        if (is_taken(tx, viewer, uid, ends + middle))
            taken = middle;
        else
            is_free = middle;
    }
    return now + is_free;
}

static void write_record(struct db_tx *tx, const struct key *key, const struct session_record *s)
{
    uint8_t room[RECORD_ROOM];

    db_put(tx, DB_SESSIONS, key_str(key), session_pack(s, room));
}

void session_begin(struct db_tx *tx, const struct session_record *s)
{
    struct key key, by_uid;
    uint8_t hash[8];

    session_key(&key, s->viewer, s->hash, s->uid, s->ends);
    session_by_uid_key(&by_uid, s->uid, s->viewer, s->ends);
    write_record(tx, &key, s);
    db_put(tx, DB_SESSION_IDS, (struct str){(const char *)s->id, SESSION_RAW_ID_LEN},
           key_str(&key));
    db_put(tx, DB_SESSIONS_BY_UID, key_str(&by_uid), number_pack(s->hash, hash));
}

void session_renew(struct db_tx *tx, const struct session_record *s, unix_t now)
{
    struct session_record renewed = *s;
    struct key key;

    session_key(&key, s->viewer, s->hash, s->uid, s->ends);
    renewed.last = now;
    write_record(tx, &key, &renewed);
}

void session_erase(struct db_tx *tx, struct str key)
{
    struct session_record s;
    struct key own, by_uid;
    struct str value;

    if (!db_get(tx, DB_SESSIONS, key, &value) || !session_unpack(key, value, &s))
        return;
    key_set(&own, key);
    session_by_uid_key(&by_uid, s.uid, s.viewer, s.ends);
    db_del(tx, DB_SESSION_IDS, (struct str){(const char *)s.id, SESSION_RAW_ID_LEN});
    db_del(tx, DB_SESSIONS_BY_UID, key_str(&by_uid));
    db_del(tx, DB_SESSIONS, key_str(&own));
}

/* ---- listing ---- */

struct listing {
    struct session_list *list;
    const struct store_rules *rules;
    int error;
};

static bool list_one(struct listing *l, const struct session_record *s)
{
    struct session_list *list = l->list;
    struct session_info *info = &list->sessions[list->count];

    if (!session_is_live(l->rules, s, list->now))
        return true;
    *info = (struct session_info){.uid = arena_copy(list->arena, s->uid),
                                  .stream_key = arena_copy(list->arena, s->stream_key),
                                  .ip = s->ip,
                                  .started = s->started,
                                  .last = s->last,
                                  .ends = s->ends};
    memcpy(info->ua_hash, s->ua_hash, STORE_UA_LEN);
    session_id_text(s->id, info->id);
    if (info->stream_key.p == NULL)
        l->error = -ENOMEM;
    list->count++;
    return l->error == 0;
}

static void list_all(struct db_tx *tx, struct listing *l)
{
    struct session_record s;
    struct str key, value;
    bool more = db_seek(tx, DB_SESSIONS, STR_NONE, &key, &value);

    l->list->total = db_count(tx, DB_SESSIONS);
    for (int i = 0; more && i < LIST_SCAN_MAX && l->list->count < l->list->limit; i++) {
        if (session_unpack(key, value, &s) && !list_one(l, &s))
            return;
        more = db_next(tx, DB_SESSIONS, &key, &value);
    }
}

static bool get_by_uid(struct db_tx *tx, struct str by_uid, struct str by_uid_value,
                       struct session_record *ret)
{
    struct key key;
    struct str value, text;

    if (!session_by_uid_unpack(by_uid, by_uid_value, ret))
        return false;
    session_key(&key, ret->viewer, ret->hash, ret->uid, ret->ends);
    if (!db_get(tx, DB_SESSIONS, key_str(&key), &value))
        return false;
    text = ret->uid; /* of the page, not of `key` */
    if (!session_unpack(key_str(&key), value, ret))
        return false;
    ret->uid = text;
    ret->viewer = (const uint8_t *)text.p + text.n;
    return true;
}

static void list_uid(struct db_tx *tx, struct listing *l)
{
    struct session_record s;
    struct key prefix;
    struct str key, value;
    bool more;

    grant_uid_key(&prefix, l->list->uid);
    more = db_seek(tx, DB_SESSIONS_BY_UID, key_str(&prefix), &key, &value);
    for (int i = 0; more && i < LIST_SCAN_MAX && key_starts(key, &prefix); i++) {
        l->list->total++;
        if (l->list->count < l->list->limit && get_by_uid(tx, key, value, &s) && !list_one(l, &s))
            return;
        more = db_next(tx, DB_SESSIONS_BY_UID, &key, &value);
    }
}

int embedded_session_list(struct store_worker *worker, struct session_list *list)
{
    struct embedded_worker *w = embedded_worker(worker);
    struct listing l = {.list = list, .rules = store_rules(worker->store)};
    int r = db_begin_read(&w->reader);

    if (r < 0)
        return r;
    list->total = list->count = 0;
    list->limit = (unsigned)MIN((uint64_t)list->limit, db_count(&w->reader, DB_SESSIONS));
    list->sessions = arena_alloc(list->arena, MAX(list->limit, 1u) * sizeof *list->sessions);
    if (list->sessions == NULL)
        l.error = -ENOMEM;
    else if (list->uid.n > 0)
        list_uid(&w->reader, &l);
    else
        list_all(&w->reader, &l);
    r = db_end_read(&w->reader);
    return r < 0 ? r : l.error < 0 ? l.error : 1;
}
