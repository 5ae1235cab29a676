/*
 * Activity of sessions, noted in the worker and written a few seconds later, the oldest first and a
 * bounded number at a time. A session that is noted again meanwhile keeps its place: the more there
 * is to write, the more activity one write stands for.
 *
 * A note never revives a session: it counts only for one that was live when the note was taken.
 */
#include <stdlib.h>

#include "store/embedded.h"

enum {
    NOTES_MAX = 1 << 18, /* of one worker; more are not noted until there is room */
    NOTES_A_TICK = 1024,
    NOTE_AGE_SEC = 4,
    SHORT_SESSION = 20, /* seconds of life below which notes do not wait */
};

struct note {
    struct map_node node;
    struct list link;
    usec_t since; /* when it was first noted */
    unix_t now;   /* latest activity */
    struct key place;
};

void notes_init(struct notes *n)
{
    map_init(&n->by_place);
    list_init(&n->oldest_first);
}

static void note_free(struct notes *n, struct note *note)
{
    map_remove(&n->by_place, &note->node);
    list_remove(&note->link);
    free(note);
}

void notes_done(struct notes *n)
{
    LIST_FOREACH_SAFE (link, &n->oldest_first)
        note_free(n, LIST_ENTRY(link, struct note, link));
    map_done(&n->by_place);
}

static bool match(const struct map_node *node, const void *key)
{
    return str_eq(key_str(&MAP_ENTRY(node, const struct note, node)->place), key_str(key));
}

void notes_add(struct embedded_worker *w, const uint8_t *viewer, uint64_t hash, struct str uid,
               unix_t now)
{
    struct notes *n = &w->notes;
    struct map_node *node;
    struct note *note;
    struct key place;
    uint64_t h;

    session_place_key(&place, viewer, hash, uid);
    h = hash_bytes(hash_process_key(), key_str(&place));
    node = map_get(&n->by_place, h, match, &place);
    if (node != NULL) {
        note = MAP_ENTRY(node, struct note, node);
        note->now = MAX(note->now, now);
        return;
    }
    if (n->by_place.count == NOTES_MAX)
        return;
    note = xmalloc(sizeof *note);
    *note = (struct note){.since = loop_now(w->base.loop), .now = now, .place = place};
    list_append(&n->oldest_first, &note->link);
    map_put(&n->by_place, &note->node, h);
}

void embedded_touch(struct store_worker *worker, const uint8_t *viewer, struct str uid,
                    struct str stream_key, unix_t now)
{
    struct embedded_worker *w = embedded_worker(worker);

    notes_add(w, viewer, record_hash(&w->e->hash_key, stream_key), uid, now);
}

/* The live session of a place, if there is one among the first of it. */
static bool find_live(struct db_tx *tx, const struct store_rules *rules, const struct note *note,
                      struct key *ret_key, struct session_record *ret)
{
    struct str key, value;
    bool more = db_seek(tx, DB_SESSIONS, key_str(&note->place), &key, &value);

    for (int i = 0; more && i < SESSION_LOOK_UP_MAX && key_starts(key, &note->place); i++) {
        if (session_unpack(key, value, ret) && session_is_live(rules, ret, note->now)) {
            key_set(ret_key, key);
            return true;
        }
        more = db_next(tx, DB_SESSIONS, &key, &value);
    }
    return false;
}

static void write_note(struct db_tx *tx, const struct store_rules *rules, const struct note *note)
{
    uint8_t room[RECORD_ROOM];
    struct session_record s;
    struct key own;

    if (!find_live(tx, rules, note, &own, &s))
        return;
    if (note->now <= s.last || note->now - s.last < session_grain(rules))
        return;
    s.last = note->now;
    db_put(tx, DB_SESSIONS, key_str(&own), session_pack(&s, room));
}

/* Writes up to `max` notes taken before `before`; on failure they wait for the next time. */
static int flush(struct embedded_worker *w, usec_t before, int max)
{
    const struct store_rules *rules = store_rules(w->base.store);
    struct db_tx tx;
    int written = 0, r = db_begin_write(&tx, w->e->db);

    if (r < 0)
        return r;
    LIST_FOREACH (link, &w->notes.oldest_first) {
        struct note *note = LIST_ENTRY(link, struct note, link);

        if (written == max || note->since > before)
            break;
        write_note(&tx, rules, note);
        written++;
    }
    r = db_commit(&tx);
    for (int i = 0; r == 0 && i < written; i++)
        note_free(&w->notes, LIST_ENTRY(w->notes.oldest_first.next, struct note, link));
    return r;
}

void notes_tick(void *worker)
{
    struct embedded_worker *w = worker;
    bool is_short = store_rules(w->base.store)->session_ttl < SHORT_SESSION;
    usec_t now = loop_now(w->base.loop), age = is_short ? 0 : NOTE_AGE_SEC * USEC_PER_SEC;
    struct list *first = list_first(&w->notes.oldest_first);

    if (first == NULL || now < age || LIST_ENTRY(first, struct note, link)->since > now - age)
        return;
    (void)flush(w, now - age, NOTES_A_TICK); /* what fails waits for the next tick */
}

void notes_flush_all(struct embedded_worker *w)
{
    int r = 0;

    while (r == 0 && !list_is_empty(&w->notes.oldest_first))
        r = flush(w, UINT64_MAX, NOTES_A_TICK);
}
