/*
 * Taking rights away: revoking grants and ending sessions. Every session record that matches is
 * ended, live or idle, since its gate tokens are good until its end; (viewer, uid, ends) goes to
 * `revoked` in the same transaction and to memory once that is committed.
 *
 * A network matches when it overlaps the one asked for: who revokes an address must not leave a
 * wider grant that lets it in.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/codec.h"
#include "store/embedded.h"

/* ---- sessions ---- */

bool sessions_may_end(struct embedded *e, struct db_tx *tx, struct str uid)
{
    uint64_t count = db_count(tx, DB_REVOKED);
    struct key prefix;
    struct str key, value;
    bool more;

    grant_uid_key(&prefix, uid);
    more = db_seek(tx, DB_SESSIONS_BY_UID, key_str(&prefix), &key, &value);
    for (; more && key_starts(key, &prefix) && count <= STORE_MAX_REVOCATIONS; count++)
        more = db_next(tx, DB_SESSIONS_BY_UID, &key, &value);
    return count <= STORE_MAX_REVOCATIONS;
}

static bool is_meant(const struct session_filter *f, const struct session_record *s)
{
    return (f->net.base.family == IP_NONE || ip_net_contains(&f->net, &s->ip)) &&
           (f->ua_hash == NULL || memcmp(f->ua_hash, s->ua_hash, STORE_UA_LEN) == 0) &&
           (f->stream_key.n == 0 || str_eq(f->stream_key, s->stream_key));
}

/* What is over already needs no revocation and does not count. */
unsigned session_end_one(struct embedded_worker *w, struct db_tx *tx, const struct key *session,
                         unix_t ends, unix_t now)
{
    struct fresh_revocation *fresh;
    struct session_record s;
    struct str value;

    if (!db_get(tx, DB_SESSIONS, key_str(session), &value) ||
        !session_unpack(key_str(session), value, &s))
        return 0;
    if (ends >= now) { /* a gate token is good in its last second */
        fresh = xzalloc(sizeof *fresh);
        revoked_key(&fresh->key, s.viewer, ends, s.uid);
        list_append(&w->fresh, &fresh->link);
        db_put(tx, DB_REVOKED, key_str(&fresh->key), STR(""));
    }
    session_erase(tx, key_str(session));
    return ends > now;
}

static bool is_meant_by_key(struct db_tx *tx, const struct session_filter *f,
                            const struct key *session)
{
    struct session_record s;
    struct str value;

    return db_get(tx, DB_SESSIONS, key_str(session), &value) &&
           session_unpack(key_str(session), value, &s) && is_meant(f, &s);
}

unsigned sessions_end(struct embedded_worker *w, struct db_tx *tx, const struct session_filter *f,
                      unix_t now)
{
    struct session_record s;
    struct key prefix, at, session;
    struct str key, value;
    unsigned ended = 0;
    bool more;

    grant_uid_key(&prefix, f->uid);
    more = db_seek(tx, DB_SESSIONS_BY_UID, key_str(&prefix), &key, &value);
    while (more && key_starts(key, &prefix)) {
        key_set(&at, key);
        if (session_by_uid_unpack(key, value, &s)) {
            session_key(&session, s.viewer, s.hash, s.uid, s.ends);
            if (is_meant_by_key(tx, f, &session))
                ended += session_end_one(w, tx, &session, s.ends, now);
        }
        more = db_seek_after(tx, DB_SESSIONS_BY_UID, key_str(&at), &key, &value);
    }
    return ended;
}

static unsigned end_by_id(struct embedded_worker *w, struct db_tx *tx, const struct session_end *e)
{
    uint8_t id[SESSION_RAW_ID_LEN];
    struct str key, value;
    struct key session;

    if (base64url_decode(e->id, id, sizeof id) < 0)
        return 0;
    if (!db_get(tx, DB_SESSION_IDS, (struct str){(const char *)id, sizeof id}, &key))
        return 0;
    key_set(&session, key);
    if (!db_get(tx, DB_SESSIONS, key_str(&session), &value))
        return 0;
    return session_end_one(w, tx, &session, record_expires(value), e->now);
}

static int write_end(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct session_end *e = container_of(op, struct session_end, op);
    struct session_filter f = {.uid = e->uid};

    e->ended = 0;
    if (e->id.n > 0 ? db_count(tx, DB_REVOKED) >= STORE_MAX_REVOCATIONS
                    : !sessions_may_end(w->e, tx, e->uid))
        return -ENOSPC;
    e->ended = e->id.n > 0 ? end_by_id(w, tx, e) : sessions_end(w, tx, &f, e->now);
    return 0;
}

int embedded_session_end(struct store_worker *w, struct session_end *e)
{
    return embedded_write(embedded_worker(w), &e->op, write_end);
}

/* ---- grants ---- */

struct revoking {
    struct embedded_worker *w;
    struct db_tx *tx;
    struct grant_revoke *g;
    struct ip_net net; /* asked for, widened as grants are */
};

static bool overlaps(const struct ip_net *a, const struct ip_net *b)
{
    return ip_net_contains(a, &b->base) || ip_net_contains(b, &a->base);
}

static bool has_key(const struct grant_record *g, struct str stream_key)
{
    for (unsigned i = 0; i < g->count; i++)
        if (str_eq(g->keys[i], stream_key))
            return true;
    return false;
}

static bool is_grant_meant(const struct revoking *r, const struct grant_name *name,
                           const struct grant_record *grant)
{
    const struct grant_revoke *g = r->g;

    return (g->net.base.family == IP_NONE || overlaps(&r->net, &name->net)) &&
           (!g->has_ua || memcmp(g->ua_hash, name->ua_hash, STORE_UA_LEN) == 0) &&
           (g->stream_key.n == 0 || has_key(grant, g->stream_key));
}

/* Without the stream key; a grant that had no other goes whole. */
static void take_from(struct revoking *r, const struct key *key, const struct grant_name *name,
                      struct grant_record *grant)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < grant->count; i++)
        if (!str_eq(grant->keys[i], r->g->stream_key))
            grant->keys[kept++] = grant->keys[i];
    grant->count = kept;
    if (r->g->stream_key.n == 0 || kept == 0) {
        grant_erase(r->w->e, r->tx, key_str(key));
        return;
    }
    grant_write(r->w->e, r->tx, name, grant);
    grant_erase_key(r->w->e, r->tx, name, r->g->stream_key);
}

static void revoke_one(struct revoking *r, const struct key *key, struct str value)
{
    struct session_filter f = {.uid = r->g->uid, .stream_key = r->g->stream_key};
    struct grant_record grant;
    struct grant_name name;
    bool is_live;

    if (!grant_name_unpack(key_str(key), &name) || !grant_unpack(value, &grant) ||
        !is_grant_meant(r, &name, &grant))
        return;
    is_live = grant.expires > r->g->now;
    take_from(r, key, &name, &grant);
    r->g->grants_removed += is_live;
    f.net = name.net; /* what it let in may lie outside of what was asked for */
    f.ua_hash = name.ua_hash;
    r->g->sessions_ended += sessions_end(r->w, r->tx, &f, r->g->now);
}

static void revoke_grants(struct revoking *r)
{
    struct key prefix, at;
    struct str key, value;
    bool more;

    grant_uid_key(&prefix, r->g->uid);
    more = db_seek(r->tx, DB_GRANTS, key_str(&prefix), &key, &value);
    while (more && key_starts(key, &prefix)) {
        key_set(&at, key);
        revoke_one(r, &at, value);
        more = db_seek_after(r->tx, DB_GRANTS, key_str(&at), &key, &value);
    }
}

static int write_revocation(struct embedded_worker *w, struct db_tx *tx, struct op *op)
{
    struct grant_revoke *g = container_of(op, struct grant_revoke, op);
    struct revoking r = {.w = w, .tx = tx, .g = g};
    struct session_filter f = {
        .uid = g->uid, .ua_hash = g->has_ua ? g->ua_hash : NULL, .stream_key = g->stream_key};

    g->grants_removed = g->sessions_ended = 0;
    if (!sessions_may_end(w->e, tx, g->uid))
        return -ENOSPC;
    if (g->net.base.family != IP_NONE)
        f.net = r.net = store_widen(store_rules(w->base.store), &g->net);
    revoke_grants(&r);
    g->sessions_ended +=
        sessions_end(w, tx, &f, g->now); /* let in by grants that have expired since */
    return 0;
}

int embedded_grant_revoke(struct store_worker *w, struct grant_revoke *g)
{
    return embedded_write(embedded_worker(w), &g->op, write_revocation);
}
