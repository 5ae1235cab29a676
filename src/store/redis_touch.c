/*
 * Activity that gate tokens have shown without the store: noted in the worker and sent a few
 * seconds later, many in one script (store/lua/touch.lua), one script at a time. What fails is
 * sent again: a touch twice is a touch once.
 */
#include <errno.h>

#include "base/panic.h"
#include "store/redis.h"

enum { NOTE_ARGS = 4, TOUCHES = (REDIS_ARGS_MAX - 8) / NOTE_ARGS };

void redis_touch(struct store_worker *worker, const uint8_t *viewer, struct str uid,
                 struct str stream_key, unix_t now)
{
    struct redis_worker *w = redis_worker(worker);
    char place[STORE_VIEWER_LEN + 1 + STORE_UID_MAX + STORE_KEY_MAX];
    size_t n = STORE_VIEWER_LEN;

    memcpy(place, viewer, STORE_VIEWER_LEN);
    place[n++] = (char)uid.n;
    memcpy(place + n, uid.p, uid.n);
    n += uid.n;
    memcpy(place + n, stream_key.p, stream_key.n);
    n += stream_key.n;
    notes_add(&w->notes, (struct str){place, n}, loop_now(worker->loop), now);
}

static void add_note(const struct note *note, struct redis_args *args)
{
    struct str place = note_place(note);
    size_t uid_len = (uint8_t)place.p[STORE_VIEWER_LEN];
    struct str rest = str_skip(place, STORE_VIEWER_LEN + 1);

    redis_add(args, str_first(place, STORE_VIEWER_LEN));
    redis_add(args, str_first(rest, uid_len));
    redis_add(args, str_skip(rest, uid_len));
    redis_add_number(args, note->now);
}

static struct str limit_of(struct redis_worker *w, const struct store_rules *rules)
{
    struct redis_scratch s = {w->limit, w->limit + sizeof w->limit};

    if (rules->max_streams > 0)
        redis_put_limit(&s, rules);
    return str_range(w->limit, s.at);
}

static void encode(struct redis_call *call, struct redis_args *args)
{
    struct redis_worker *w = container_of(call, struct redis_worker, touching);
    const struct store_rules *rules = store_rules(w->base.store);
    unsigned left = w->touched;

    redis_add_number(args, loop_unix(w->base.loop));
    redis_add_number(args, rules->session_ttl);
    redis_add_number(args, store_grain(rules));
    redis_add(args, limit_of(w, rules));
    LIST_FOREACH (link, &w->notes.oldest_first) {
        if (left-- == 0)
            break;
        add_note(LIST_ENTRY(link, struct note, link), args);
    }
}

static void send_due(struct redis_worker *w, usec_t at);

/* Sessions that had lapsed, and whose uid had no room for them any more. */
static int take_ended(struct redis_worker *w, const redisReply *reply)
{
    struct redis_reader r;

    redis_read(&r, reply, 1);
    (void)redis_read_number(&r, 0, 1);
    if (r.is_bad)
        return -EIO;
    return redis_has_more(&r) ? redis_read_revoked(&r, w->r) : 0;
}

static void answered(struct redis_call *call, int err, const redisReply *reply)
{
    struct redis_worker *w = container_of(call, struct redis_worker, touching);

    if (err == 0 && take_ended(w, reply) < 0)
        redis_count(&w->r->shared.counters.errors); /* the notes are written all the same */
    for (; err == 0 && w->touched > 0; w->touched--)
        notes_drop(&w->notes, LIST_ENTRY(list_first(&w->notes.oldest_first), struct note, link));
    w->touched = 0;
    if (err == 0)
        send_due(w, loop_now(w->base.loop)); /* there may be more than one script takes */
}

/* Those that are due at `at`. */
static void send_due(struct redis_worker *w, usec_t at)
{
    usec_t age = store_note_age(store_rules(w->base.store));
    unsigned count = 0;

    if (w->touched > 0)
        return; /* on their way */
    LIST_FOREACH (link, &w->notes.oldest_first) {
        if (count == TOUCHES || !note_is_due(LIST_ENTRY(link, struct note, link), at, age))
            break;
        count++;
    }
    if (count == 0)
        return;
    w->touching =
        (struct redis_call){.script = SCRIPT_touch, .encode = encode, .answered = answered};
    w->touched = count;
    if (redis_link_call(w->link, &w->touching) < 0)
        w->touched = 0;
}

static void on_tick(void *arg)
{
    struct redis_worker *w = arg;

    send_due(w, loop_now(w->base.loop));
}

void redis_touch_begin(struct redis_worker *w)
{
    notes_init(&w->notes);
    w->ticker = ticker_new(w->base.loop, NOTES_TICK_MSEC * USEC_PER_MSEC, on_tick, w);
}

/* A bounded number of times: a store that is away must not hold a stop up. */
void redis_touch_end(struct redis_worker *w)
{
    size_t before = SIZE_MAX;

    ticker_free(&w->ticker);
    while (w->notes.by_place.count > 0 && w->notes.by_place.count < before) {
        before = w->notes.by_place.count;
        send_due(w, UINT64_MAX);
        redis_link_drain(w->link, w->r->shared.o.timeout);
    }
    redis_call_cancel(&w->touching);
    notes_done(&w->notes);
}
