/*
 * Objects of HTTP origins: out of memory while they are fresh; else by a fetch that all who want
 * the object share, begun here or joined. What turns out not to be shareable goes on in pass.c.
 */
#include "gate/compress.h"
#include "gate/fetch.h"
#include "gate/lifetime.h"
#include "gate/steps.h"

#include "access/token.h"

/* CTA-5004: analytics of the player, another one with each request. */
static bool is_for_analytics(struct str name)
{
    return str_eq(name, STR("CMCD"));
}

/* In one piece: a query may be thousands of parameters. */
struct str origin_query_of(struct req *r)
{
    struct str rest = r->url.query;
    char *text = rest.n > 0 ? arena_alloc(&r->arena, rest.n) : NULL, *at = text;
    struct url_param p;

    while (text != NULL && url_next_param(&rest, &p)) {
        if (token_is_param(p.name) || is_for_analytics(p.name))
            continue;
        if (at > text)
            *at++ = '&';
        memcpy(at, p.whole.p, p.whole.n);
        at += p.whole.n;
    }
    return (struct str){text, (size_t)(at - text)};
}

void origin_request_of(struct req *r, struct origin_request *ret)
{
    char *ip = arena_alloc(&r->arena, IP_TEXT_MAX);
    struct str target[] = {url_encode_path(&r->arena, r->url.path), STR("?"), r->origin_query};

    *ret = (struct origin_request){
        .target = arena_join(&r->arena, target, r->origin_query.n > 0 ? 3 : 1),
        .stream_key = r->stream_key,
        .user_agent = r->head.known[FIELD_USER_AGENT],
        .forwarded_for = ip != NULL ? ip_format(&r->client, ip) : STR_NONE,
    };
}

void req_set_cache_word(struct req *r, enum cache_word word)
{
    static const enum gate_stat stats[] = {
        [CACHE_WORD_HIT] = STAT_CACHE_HIT,       [CACHE_WORD_MISS] = STAT_CACHE_MISS,
        [CACHE_WORD_JOIN] = STAT_CACHE_JOIN,     [CACHE_WORD_STALE] = STAT_CACHE_STALE,
        [CACHE_WORD_BYPASS] = STAT_CACHE_BYPASS,
    };
    bool is_in_memory = word == CACHE_WORD_HIT || word == CACHE_WORD_STALE;

    r->cache_word = word;
    gate_count(r->worker, stats[word], 1);
    if (r->class == CLASS_PLAYLIST)
        gate_count(r->worker, is_in_memory ? STAT_PLAYLIST_HIT : STAT_PLAYLIST_MISS, 1);
}

void req_add_cache_word(struct req *r)
{
    static const struct str words[] = {
        [CACHE_WORD_HIT] = STR("HIT"),       [CACHE_WORD_MISS] = STR("MISS"),
        [CACHE_WORD_JOIN] = STR("JOIN"),     [CACHE_WORD_STALE] = STR("STALE"),
        [CACHE_WORD_BYPASS] = STR("BYPASS"),
    };

    if (r->rules->cache.has_header && r->cache_word != CACHE_WORD_NONE)
        req_add_field(r, STR("X-Cache"), words[r->cache_word]);
}

/* ---- an entry ---- */

/* Takes the reference. Status 0: only that this object is not shared. */
static const struct step *use(struct req *r, struct cache_entry *e, enum cache_word word)
{
    enum outcome o;

    if (e->status == 0) {
        cache_entry_unref(&e);
        return STEP(pass);
    }
    req_set_cache_word(r, word);
    o = outcome_of_status(e->status);
    r->entry = e;
    return o == OUT_OK ? STEP(rewrite) : req_fail(r, o);
}

/* ---- a flight ---- */

const struct step *req_do_without_origin(struct req *r, enum outcome why)
{
    usec_t now = loop_now(r->worker->loop);

    if (r->stale == NULL || r->stale->status != 200 ||
        now >= atomic_load_explicit(&r->stale->error_until, memory_order_relaxed))
        return req_fail(r, why);
    lifetime_excuse(r->stale, now);
    return use(r, TAKE(r->stale), CACHE_WORD_STALE);
}

static bool has_range(const struct req *r)
{
    return r->head.method == HTTP_GET && r->head.known[FIELD_RANGE].n > 0;
}

/* "bytes=0-" asks for everything: no reason to wait until the end is known. */
static bool is_whole_range(const struct req *r)
{
    return str_eq_nocase(r->head.known[FIELD_RANGE], STR("bytes=0-"));
}

/* May this request be answered while its object is still arriving? */
static bool can_begin(const struct req *r)
{
    const struct flight_head *h = flight_head(r->reader.flight);

    if (r->class == CLASS_PLAYLIST)
        return false; /* it is rewritten as a whole */
    if (h->length == BODY_LENGTH_UNKNOWN)
        return !has_range(r) || is_whole_range(r);
    return !compress_wants(r, h->type, h->length); /* it is compressed as a whole */
}

static enum cache_word word_of(const struct req *r)
{
    if (flight_is_private(r->reader.flight))
        return CACHE_WORD_BYPASS;
    if (flight_state(r->reader.flight) == FLIGHT_LANDED) {
        const struct cache_entry *e = flight_entry(r->reader.flight);

        if (e == r->stale || e->is_from_disk)
            return CACHE_WORD_HIT; /* it has proved right */
    }
    return r->is_leader ? CACHE_WORD_MISS : CACHE_WORD_JOIN;
}

/* The next step, or WAIT while there is nothing to decide. */
static const struct step *look(struct req *r)
{
    struct flight *f = r->reader.flight;
    enum flight_state s;
    struct cache_entry *e;
    enum cache_word word;

    do {
        s = flight_state(f);
        switch (s) {
        case FLIGHT_ASKED:
            break;
        case FLIGHT_GROWING:
            if (!can_begin(r))
                break;
            req_set_cache_word(r, word_of(r));
            return STEP(respond);
        case FLIGHT_LANDED:
            e = cache_entry_ref(flight_entry(f));
            word = word_of(r);
            flight_leave(&r->reader);
            return use(r, e, word);
        case FLIGHT_LOST: {
            enum outcome why = (enum outcome)flight_why(f);

            flight_leave(&r->reader);
            return req_do_without_origin(r, why);
        }
        case FLIGHT_ALONE:
            flight_leave(&r->reader);
            return STEP(pass);
        default:
            WRONG("flight in no state");
        }
    } while (!flight_wait(&r->reader, s, FLIGHT_ANY_BYTES));
    return STEP(WAIT);
}

static void on_changed(struct flight_reader *reader)
{
    struct req *r = container_of(reader, struct req, reader);

    req_resume(r, look(r));
}

void req_wait_for_flight(struct req *r)
{
    const struct step *s = look(r);

    assert(s == STEP(WAIT)); /* nothing has come yet */
}

const struct step *req_ask_privately(struct req *r)
{
    struct gate_worker *w = r->worker;

    r->reader = (struct flight_reader){.changed = on_changed};
    r->is_leader = true;
    fetch_begin(r, flight_new_private(w->gate->cache, w->loop, &r->reader), NULL, true);
    return look(r);
}

/* A HEAD is no reason to fetch a body; but the length of a playlist, or of what is compressed, is
 * known only once that is done. */
static bool is_content_needed(const struct req *r)
{
    return r->head.method != HTTP_HEAD || r->class == CLASS_PLAYLIST ||
           compress_wants(r, STR_NONE, HTTP_LENGTH_UNKNOWN);
}

static const struct step *ask_for_head(struct req *r)
{
    struct cache_entry *e = cache_get(r->worker->gate->cache, r->cache_key);

    if (e != NULL &&
        loop_now(r->worker->loop) < atomic_load_explicit(&e->fresh_until, memory_order_relaxed))
        return use(r, e, CACHE_WORD_HIT);
    cache_entry_unref(&e);
    return STEP(pass);
}

const struct step *step_ask(struct req *r)
{
    struct gate_worker *w = r->worker;
    struct cache_lookup found;

    if (r->class == CLASS_KEY)
        return STEP(pass); /* keys are never kept */
    if (!is_content_needed(r))
        return ask_for_head(r);
    r->reader = (struct flight_reader){.changed = on_changed};
    switch (cache_look_up(w->gate->cache, r->cache_key, loop_now(w->loop), w->loop, &r->reader,
                          &found)) {
    case CACHE_FRESH:
        return use(r, found.entry, CACHE_WORD_HIT);
    case CACHE_STALE:
        if (found.flight != NULL)
            fetch_begin(r, found.flight, found.entry, false);
        return use(r, found.entry, CACHE_WORD_STALE);
    case CACHE_BEGUN:
        r->stale = found.entry;
        r->is_leader = true;
        fetch_begin(r, found.flight, found.entry, true);
        return look(r);
    case CACHE_JOINED:
        r->stale = found.entry;
        return look(r);
    default:
        WRONG("look-up without an answer");
    }
}
