/*
 * Requests to servers: choosing one, and what the answer says of its health. Several workers meet
 * here, without locks: a server's health moves by compare-and-swap, and the worker whose swap it
 * was tells of the change, so each change is told exactly once.
 */
#include <stdio.h>

#include "origin/cluster_internal.h"

enum { FIRST_BYTE_WEIGHT = 8 }; /* a sample moves the average by an eighth of the difference */

static void tell(struct cluster *c, struct origin_worker *w, const struct server *s,
                 const struct health *from, const struct health *to, struct str why)
{
    struct server_change change = {.cluster = c->settings.name,
                                   .server = s->text,
                                   .from = from->state,
                                   .to = to->state,
                                   .why = why};

    if (to->state == SERVER_EJECTED)
        change.ejected_for = to->until - loop_now(w->loop);
    if (w->changed != NULL)
        w->changed(w, &change);
}

/* False: another worker was faster; `*word` is what it has made of it. */
static bool move(struct cluster *c, struct origin_worker *w, struct server *s, uint64_t *word,
                 const struct health *to, struct str why)
{
    struct health from = health_unpack(*word);
    uint64_t next = health_pack(to);

    if (next == *word)
        return true;
    if (!atomic_compare_exchange_strong(&s->health, word, next))
        return false;
    if (to->state == from.state)
        return true;
    if (to->state == SERVER_EJECTED)
        atomic_fetch_add(&s->ejections, 1);
    tell(c, w, s, &from, to, why);
    return true;
}

void server_news(struct cluster *c, struct origin_worker *w, struct server *s,
                 enum health_event event, enum use_kind kind, struct str why)
{
    uint64_t word = atomic_load(&s->health);
    struct health next;

    do
        next = health_next(health_unpack(word), event, kind, &c->rules, loop_now(w->loop));
    while (!move(c, w, s, &word, &next, why));
}

/* Choosing */

static server_set usable(const struct cluster *c, usec_t now)
{
    server_set set = 0;

    for (unsigned i = 0; i < c->settings.server_count; i++) {
        struct health h = health_unpack(atomic_load(&c->servers[i].health));

        if (health_is_usable(&h, now))
            set |= server_bit(i);
    }
    return set;
}

struct offer {
    server_set servers;
    bool is_again;       /* all of them have been tried */
    bool is_last_resort; /* all of them are out: better a try than a refusal */
};

static struct offer offer_now(const struct cluster *c, const struct server_wish *wish, usec_t now)
{
    struct offer o = {.servers = usable(c, now) & ~wish->barred};

    o.is_last_resort = o.servers == 0;
    if (o.is_last_resort)
        o.servers = cluster_all(c) & ~wish->barred;
    o.is_again = (o.servers & ~wish->tried) == 0;
    if (!o.is_again)
        o.servers &= ~wish->tried;
    return o;
}

bool cluster_offers_another(const struct cluster *c, const struct server_wish *wish, usec_t now)
{
    return !offer_now(c, wish, now).is_again;
}

/* How a request to it would begin. Begins the trial, if it is time for one. */
static enum use_kind begin(struct cluster *c, struct origin_worker *w, struct server *s)
{
    uint64_t word = atomic_load(&s->health);

    for (;;) {
        struct health h = health_unpack(word), tried = health_on_trial(h);

        if (h.state == SERVER_UP)
            return USE_ORDINARY;
        if (!health_may_be_tried(&h, loop_now(w->loop)))
            return USE_LAST_RESORT;
        if (move(c, w, s, &word, &tried, STR("its time is over")))
            return USE_TRIAL;
    }
}

static void count_in(struct origin_worker *w, struct server *s, enum use_kind kind,
                     struct server_use *ret)
{
    *ret = (struct server_use){.server = s, .kind = kind, .began = loop_now(w->loop)};
    atomic_fetch_add(&s->under_way, 1);
    atomic_fetch_add(&s->requests, 1);
}

bool cluster_pick(struct cluster *c, struct origin_worker *w, const struct server_wish *wish,
                  struct server_use *ret)
{
    unsigned turn = atomic_fetch_add(&c->turn, 1);
    struct offer o;
    struct server *s;
    enum use_kind kind;

    do {
        o = offer_now(c, wish, loop_now(w->loop));
        if (o.servers == 0)
            return false;
        s = &c->servers[balance_choose(c, o.servers, wish->stream_key, turn)];
        kind = begin(c, w, s);
        /* Again, when another worker has just begun its trial or thrown it out. */
    } while (kind == USE_LAST_RESORT && !o.is_last_resort);
    count_in(w, s, kind, ret);
    return true;
}

void cluster_pick_server(struct cluster *c, struct origin_worker *w, unsigned server,
                         struct server_use *ret)
{
    struct server *s = &c->servers[server];

    count_in(w, s, begin(c, w, s), ret);
}

/* The verdict */

static void judge(struct cluster *c, struct origin_worker *w, struct server_use *u,
                  enum health_event verdict, struct str why)
{
    if (verdict == HEALTH_FAILED)
        atomic_fetch_add(&u->server->failures, 1);
    server_news(c, w, u->server, verdict, u->kind, why);
}

/* A sample that another worker overwrites is no loss. */
static void sample_first_byte(struct server *s, usec_t sample)
{
    int64_t average = (int64_t)atomic_load_explicit(&s->first_byte, memory_order_relaxed);

    if (average == 0)
        average = (int64_t)sample;
    average += ((int64_t)sample - average) / FIRST_BYTE_WEIGHT;
    atomic_store_explicit(&s->first_byte, (usec_t)average, memory_order_relaxed);
}

void server_use_head(struct cluster *c, struct origin_worker *w, struct server_use *u,
                     unsigned status)
{
    char why[32];

    sample_first_byte(u->server, loop_now(w->loop) - u->began);
    if (status_is_failure(status)) {
        snprintf(why, sizeof why, "status %u", status);
        judge(c, w, u, HEALTH_FAILED, str_of(why));
        u->is_judged = true;
    } else if (u->kind != USE_ORDINARY) {
        /* Back now, not at the end of a long body; that may still break off. */
        judge(c, w, u, HEALTH_ANSWERED, STR("it answers again"));
        u->kind = USE_ORDINARY;
    }
}

void server_use_end(struct cluster *c, struct origin_worker *w, struct server_use *u,
                    enum health_event verdict, struct str why)
{
    if (!u->is_judged)
        judge(c, w, u, verdict, why);
    atomic_fetch_sub(&u->server->under_way, 1);
    u->server = NULL;
}
