/*
 * A map for look-ups and a list in the order of age; both own nothing, an entry is one allocation.
 * All have the same life, so the first of the list is the next to go. Clearing counts the version
 * up; what is of an older one is dropped where it is met, two for each that is put, so that no put
 * pays for many.
 */
#include "store/verdicts.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/panic.h"

enum { DROPPED_BY_A_PUT = 2 };

struct verdicts {
    struct map map;
    struct list by_age; /* the oldest first */
    unsigned max;
    usec_t ttl;
    uint64_t version;
};

/* What was asked, but for its strings. Zeroed before it is filled: its padding is compared. */
struct question {
    unsigned checks;
    bool token_expired, may_begin;
    struct ip ip;
    uint8_t ua_hash[STORE_UA_LEN], viewer[STORE_VIEWER_LEN];
    uint8_t uid_n, session_id_n;
    uint16_t stream_key_n;
};

enum {
    QUESTION_ROOM = sizeof(struct question) + STORE_UID_MAX + STORE_KEY_MAX + STORE_SESSION_ID_LEN
};

struct entry {
    struct map_node node;
    struct list link;
    usec_t until;
    uint64_t version;
    bool has_session, grant_matched;
    char session_id[STORE_SESSION_ID_LEN + 1];
    unix_t started, ends;
    size_t question_n, session_uid_n, grant_uid_n;
    char bytes[]; /* the question, the session's uid, the grant's uid */
};

struct verdicts *verdicts_new(unsigned max, usec_t ttl)
{
    struct verdicts *v = xzalloc(sizeof *v);

    assert(max > 0);
    *v = (struct verdicts){.max = max, .ttl = ttl};
    map_init(&v->map);
    list_init(&v->by_age);
    return v;
}

static void drop(struct verdicts *v, struct entry *e)
{
    map_remove(&v->map, &e->node);
    list_remove(&e->link);
    free(e);
}

void verdicts_free(struct verdicts **v)
{
    struct verdicts *old = TAKE(*v);

    if (old == NULL)
        return;
    while (!list_is_empty(&old->by_age))
        drop(old, LIST_ENTRY(old->by_age.next, struct entry, link));
    map_done(&old->map);
    free(old);
}

void verdicts_set_ttl(struct verdicts *v, usec_t ttl)
{
    v->ttl = ttl;
}

uint64_t verdicts_version(const struct verdicts *v)
{
    return v->version;
}

void verdicts_clear(struct verdicts *v)
{
    v->version++;
}

/* ---- the question ---- */

/* An id that is longer than any we gave out is a viewer's invention: no room for it here. */
static bool is_worth_keeping(const struct verdicts *v, const struct admission *a)
{
    return v->ttl > 0 && !a->is_dry && (a->checks & ADMIT_USE) == 0 &&
           a->session_id.n <= STORE_SESSION_ID_LEN && a->uid.n <= STORE_UID_MAX &&
           a->stream_key.n <= STORE_KEY_MAX;
}

static char *append(char *to, struct str s)
{
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

static struct str question_of(const struct admission *a, char room[QUESTION_ROOM])
{
    struct question q;
    char *end;

    memset(&q, 0, sizeof q);
    q.checks = a->checks;
    q.token_expired = a->token_expired;
    q.may_begin = a->may_begin;
    q.ip = a->ip;
    memcpy(q.ua_hash, a->ua_hash, sizeof q.ua_hash);
    memcpy(q.viewer, a->viewer, sizeof q.viewer);
    q.uid_n = (uint8_t)a->uid.n;
    q.session_id_n = (uint8_t)a->session_id.n;
    q.stream_key_n = (uint16_t)a->stream_key.n;
    memcpy(room, &q, sizeof q);
    end = append(room + sizeof q, a->uid);
    end = append(end, a->session_id);
    end = append(end, a->stream_key);
    return str_range(room, end);
}

static bool match(const struct map_node *node, const void *key)
{
    const struct entry *e = MAP_ENTRY(node, const struct entry, node);

    return str_eq((struct str){e->bytes, e->question_n}, *(const struct str *)key);
}

static struct entry *find(const struct verdicts *v, struct str question, uint64_t *ret_hash)
{
    struct map_node *node;

    *ret_hash = hash_bytes(hash_process_key(), question);
    node = map_get(&v->map, *ret_hash, match, &question);
    return node != NULL ? MAP_ENTRY(node, struct entry, node) : NULL;
}

static bool is_over(const struct verdicts *v, const struct entry *e, usec_t now)
{
    return e->version != v->version || now >= e->until;
}

/* ---- the answer ---- */

static bool answer(const struct entry *e, struct admission *a)
{
    const char *uids = e->bytes + e->question_n;
    struct str session_uid = arena_copy(a->arena, (struct str){uids, e->session_uid_n}),
               grant_uid =
                   arena_copy(a->arena, (struct str){uids + e->session_uid_n, e->grant_uid_n});

    if (session_uid.p == NULL || grant_uid.p == NULL)
        return false;
    a->verdict = ADMITTED;
    a->has_session = e->has_session;
    a->session_is_new = false;
    a->session = (struct store_session){.uid = session_uid, .started = e->started, .ends = e->ends};
    memcpy(a->session.id, e->session_id, sizeof a->session.id);
    a->grant_uid = grant_uid;
    a->grant_matched = e->grant_matched;
    a->use_count = a->refused_use = 0;
    a->streams_counted = false;
    a->streams = a->streams_ended = 0;
    a->streams_ended_own = false;
    return true;
}

bool verdicts_get(struct verdicts *v, struct admission *a, usec_t now)
{
    char room[QUESTION_ROOM];
    struct entry *e;
    uint64_t hash;

    if (v->map.count == 0 || !is_worth_keeping(v, a))
        return false;
    e = find(v, question_of(a, room), &hash);
    if (e == NULL)
        return false;
    if (is_over(v, e, now)) {
        drop(v, e);
        return false;
    }
    if (e->has_session && a->now >= e->ends)
        return false; /* it has ended since, which no store has to tell */
    return answer(e, a);
}

static struct entry *entry_new(const struct admission *a, struct str question)
{
    struct str session_uid = a->has_session ? a->session.uid : STR("");
    struct entry *e = xzalloc(sizeof *e + question.n + session_uid.n + a->grant_uid.n);

    e->question_n = question.n;
    e->session_uid_n = session_uid.n;
    e->grant_uid_n = a->grant_uid.n;
    append(append(append(e->bytes, question), session_uid), a->grant_uid);
    e->has_session = a->has_session;
    e->grant_matched = a->grant_matched;
    if (a->has_session) {
        memcpy(e->session_id, a->session.id, sizeof e->session_id);
        e->started = a->session.started;
        e->ends = a->session.ends;
    }
    return e;
}

static void make_room(struct verdicts *v, usec_t now)
{
    for (int i = 0; i < DROPPED_BY_A_PUT && !list_is_empty(&v->by_age); i++) {
        struct entry *oldest = LIST_ENTRY(v->by_age.next, struct entry, link);

        if (v->map.count < v->max && !is_over(v, oldest, now))
            break;
        drop(v, oldest);
    }
}

void verdicts_put(struct verdicts *v, const struct admission *a, usec_t asked, uint64_t version)
{
    char room[QUESTION_ROOM];
    struct str question;
    struct entry *e;
    uint64_t hash;

    if (version != v->version || a->verdict != ADMITTED || a->session_is_new ||
        !is_worth_keeping(v, a))
        return;
    question = question_of(a, room);
    e = find(v, question, &hash);
    if (e != NULL)
        drop(v, e);
    make_room(v, asked);
    e = entry_new(a, question);
    e->until = asked + v->ttl;
    e->version = version;
    map_put(&v->map, &e->node, hash);
    list_append(&v->by_age, &e->link);
}
