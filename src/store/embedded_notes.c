/*
 * Noted activity of sessions, written a few seconds later, the oldest first and a bounded number at
 * a time. A note never revives a session: it counts only for one that was live when the note was
 * taken.
 */
#include "store/embedded.h"

enum { NOTES_A_TICK = 1024 };

void embedded_note(struct embedded_worker *w, const uint8_t *viewer, uint64_t hash, struct str uid,
                   unix_t now)
{
    struct key place;

    session_place_key(&place, viewer, hash, uid);
    notes_add(&w->notes, key_str(&place), loop_now(w->base.loop), now);
}

void embedded_touch(struct store_worker *worker, const uint8_t *viewer, struct str uid,
                    struct str stream_key, unix_t now)
{
    struct embedded_worker *w = embedded_worker(worker);

    embedded_note(w, viewer, record_hash(&w->e->hash_key, stream_key), uid, now);
}

/* The live session of a place, if there is one among the first of it. Of `ret` only the stream key
 * is borrowed from the page. */
static bool find_live(struct db_tx *tx, const struct store_rules *rules, const struct note *note,
                      struct key *ret_key, struct session_record *ret)
{
    struct key place;
    struct str key, value;
    bool more;

    key_set(&place, note_place(note));
    more = db_seek(tx, DB_SESSIONS, key_str(&place), &key, &value);

    for (int i = 0; more && i < SESSION_LOOK_UP_MAX && key_starts(key, &place); i++) {
        key_set(ret_key, key);
        if (session_unpack(key_str(ret_key), value, ret) && session_is_live(rules, ret, note->now))
            return true;
        more = db_next(tx, DB_SESSIONS, &key, &value);
    }
    return false;
}

/*
 * May it go on? One that had lapsed, and whose uid has as many streams as it may have by now, ends:
 * as long as its gate tokens are good nobody asks. Nor does it end what its viewer changed to.
 */
static bool stays_a_stream(struct embedded_worker *w, struct db_tx *tx,
                           const struct store_rules *rules, const struct key *own,
                           const struct session_record *s, unix_t at)
{
    struct stream_plan plan;

    if (!store_limits_streams(rules, s->uid))
        return true;
    if (streams_judge(tx, rules, s, at, STREAM_BY_NOTE, &plan) == ADMITTED) {
        streams_carry_out(w, tx, s, &plan);
        return true;
    }
    if (db_count(tx, DB_REVOKED) < STORE_MAX_REVOCATIONS)
        session_end_one(w, tx, own, s->ends, at);
    return false;
}

static void write_note(struct embedded_worker *w, struct db_tx *tx, const struct store_rules *rules,
                       const struct note *note)
{
    uint8_t room[RECORD_ROOM];
    struct session_record s;
    struct str renewed;
    struct key own;
    unix_t last;

    if (!find_live(tx, rules, note, &own, &s))
        return;
    last = s.last;
    if (note->now <= last || note->now - last < store_grain(rules))
        return;
    s.last = note->now;
    renewed = session_pack(&s, room); /* before a change takes what it is borrowed from */
    s.last = last;
    if (stays_a_stream(w, tx, rules, &own, &s, note->now))
        db_put(tx, DB_SESSIONS, key_str(&own), renewed);
}

/* Writes up to `max` notes that are due at `at`; on failure they wait for the next time. */
static int flush(struct embedded_worker *w, usec_t at, int max)
{
    const struct store_rules *rules = store_rules(w->base.store);
    struct db_tx tx;
    int written = 0, r = db_begin_write(&tx, w->e->db);

    if (r < 0)
        return r;
    LIST_FOREACH (link, &w->notes.oldest_first) {
        const struct note *note = LIST_ENTRY(link, struct note, link);

        if (written == max || !note_is_due(note, at, store_note_age(rules)))
            break;
        write_note(w, &tx, rules, note);
        written++;
    }
    r = embedded_commit(w, &tx);
    for (int i = 0; r == 0 && i < written; i++)
        notes_drop(&w->notes, LIST_ENTRY(w->notes.oldest_first.next, struct note, link));
    return r;
}

void embedded_notes_tick(void *worker)
{
    struct embedded_worker *w = worker;
    usec_t now = loop_now(w->base.loop);

    if (notes_due(&w->notes, now, store_note_age(store_rules(w->base.store))) != NULL)
        (void)flush(w, now, NOTES_A_TICK); /* what fails waits for the next tick */
}

void embedded_notes_flush(struct embedded_worker *w)
{
    int r = 0;

    while (r == 0 && !list_is_empty(&w->notes.oldest_first))
        r = flush(w, UINT64_MAX, NOTES_A_TICK);
}
