/*
 * The lanes of a worker, the calls that wait for one, and the breaker. One lane at a time is begun
 * (the newcomer); when it is fit the next is, until there are as many as there should be. What is
 * begun when, is decided in failed(), redis_link_lane_fit(), redis_link_lane_lost() and
 * redis_link_switched() alone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/panic.h"
#include "store/redis_internal.h"

#define SAME_TROUBLE_AGAIN (10 * USEC_PER_SEC) /* in the log */
#define SPREAD (20 * USEC_PER_MSEC)            /* all workers lose their primary in one moment */

usec_t redis_random(usec_t below)
{
    uint64_t n;

    random_bytes(&n, sizeof n);
    return n % (below + 1);
}

/* ---- trouble ---- */

static bool is_worth_a_line(const struct redis_link *l, const char *what)
{
    usec_t gap = strcmp(l->said, what) == 0 ? SAME_TROUBLE_AGAIN : USEC_PER_SEC;

    return !l->events.is_quiet && (l->said_at == 0 || loop_now(l->loop) - l->said_at >= gap);
}

static void remember(struct redis_link *l, const char *server, const char *what)
{
    char text[STORE_SERVER_MAX + REDIS_WHY_MAX];

    snprintf(text, sizeof text, "%s: %s", server, what);
    redis_say_trouble(l->shared, text);
    l->has_trouble = true;
}

void redis_link_trouble(struct redis_link *l, const char *server, const char *what)
{
    remember(l, server, what);
    if (!is_worth_a_line(l, what))
        return;
    snprintf(l->said, sizeof l->said, "%s", what);
    l->said_at = loop_now(l->loop);
    log_warn("store: redis %s: %s", server, what);
}

void redis_link_well(struct redis_link *l)
{
    if (!l->has_trouble)
        return;
    l->has_trouble = false;
    redis_say_trouble(l->shared, "");
}

/* ---- the breaker ---- */

struct redis_lane *redis_link_choose(struct redis_link *l)
{
    struct redis_lane *best = NULL;

    LIST_FOREACH (link, &l->lanes) {
        struct redis_lane *lane = LIST_ENTRY(link, struct redis_lane, member);

        if (!redis_lane_is_free(lane))
            continue;
        if (lane->conn.out.n > 0) /* it is going to send in this turn anyhow */
            return lane;
        if (best == NULL || lane->conn.under_way < best->conn.under_way)
            best = lane;
    }
    return best;
}

void redis_link_serve_waiting(struct redis_link *l)
{
    struct redis_lane *lane;
    struct list *link;

    while ((lane = redis_link_choose(l)) != NULL && (link = list_take_first(&l->waiting)) != NULL) {
        struct redis_ticket *t = LIST_ENTRY(link, struct redis_ticket, pending.link);

        if (!redis_ticket_send(t, lane))
            redis_ticket_end(t, -EAGAIN, NULL);
    }
}

static void refuse_waiting(struct redis_link *l)
{
    struct list refused, *link;

    list_init(&refused); /* those who come back at once have their answer from the breaker */
    list_move_all(&refused, &l->waiting);
    while ((link = list_take_first(&refused)) != NULL)
        redis_ticket_end(LIST_ENTRY(link, struct redis_ticket, pending.link), -EAGAIN, NULL);
}

static void set_state(struct redis_link *l, enum link_state state)
{
    enum link_state before = l->state;

    if (state == before)
        return;
    l->state = state;
    if (before == LINK_UP)
        atomic_fetch_sub(&l->shared->links_up, 1);
    if (state == LINK_UP)
        atomic_fetch_add(&l->shared->links_up, 1);
}

static void open_breaker(struct redis_link *l, const char *server, const char *why)
{
    remember(l, server, why);
    if (!l->events.is_quiet)
        log_error("store: redis %s is out of reach: %s", server, why);
    set_state(l, LINK_OPEN);
    refuse_waiting(l);
}

/* ---- attempts ---- */

static void try_server(struct redis_link *l, struct str server)
{
    l->attempt = ATTEMPT_CONNECTING;
    l->newcomer = redis_lane_new(l, &l->resolve, server);
    list_append(&l->lanes, &l->newcomer->member);
}

static unsigned lanes_wanted(const struct redis_link *l)
{
    return MAX(l->shared->o.connections, 1u);
}

static void begin(struct redis_link *l)
{
    alarm_clear(l->retry);
    if (l->ask != NULL) {
        l->attempt = ATTEMPT_ASKING;
        redis_inquiry_start(l->ask);
    } else {
        try_server(l, l->shared->o.server);
    }
}

static void on_retry(void *arg)
{
    begin(arg);
}

/* "At once", but not all workers in one moment. */
static void begin_soon(struct redis_link *l)
{
    l->attempt = ATTEMPT_RESTING;
    alarm_set(l->retry, redis_random(SPREAD));
}

/* Half of the time is fixed, half is left to chance. */
static void rest(struct redis_link *l)
{
    l->backoff = MIN(MAX(l->backoff * 2, REDIS_RETRY_MIN), REDIS_RETRY_MAX);
    l->attempt = ATTEMPT_RESTING;
    alarm_set(l->retry, l->backoff / 2 + redis_random(l->backoff / 2));
}

static void failed(struct redis_link *l, const char *server, const char *why)
{
    redis_count(&l->shared->counters.connect_failures);
    if (l->state == LINK_TRYING)
        open_breaker(l, server, why);
    else
        redis_link_trouble(l, server, why);
    rest(l);
}

void redis_link_asked(struct redis_link *l, const char *server, const char *why)
{
    if (server == NULL)
        failed(l, l->shared->o.primary.p, why);
    else
        try_server(l, str_of(server));
}

static void came_up(struct redis_link *l)
{
    set_state(l, LINK_UP);
    if (!l->events.is_quiet)
        log_info("store: redis %s is fit for use", l->server);
    if (l->events.up != NULL)
        l->events.up(l->events.arg);
}

void redis_link_lane_fit(struct redis_link *l, struct redis_lane *lane)
{
    assert(lane == l->newcomer);
    redis_count(&l->shared->counters.connects);
    l->fit++;
    snprintf(l->server, sizeof l->server, "%s", lane->server);
    redis_say_server(l->shared, lane->server);
    redis_link_well(l);
    if (l->state != LINK_UP)
        came_up(l);
    redis_link_serve_waiting(l);
    l->newcomer = NULL;
    l->attempt = ATTEMPT_NONE;
    redis_followers_up(l->followers);
    if (l->fit < lanes_wanted(l))
        begin(l);
}

/* One that lasts says nothing of another that cannot be made. */
void redis_link_lane_proved(struct redis_link *l)
{
    if (l->attempt == ATTEMPT_NONE)
        l->backoff = 0;
}

static void last_one_lost(struct redis_link *l, const struct redis_lane *lane)
{
    l->server[0] = '\0';
    set_state(l, LINK_TRYING);
    remember(l, lane->server, lane->conn.why);
    if (!l->events.is_quiet)
        log_warn("store: redis %s is lost: %s", lane->server, lane->conn.why);
}

/* One that was fit is replaced at once, unless it was lost in its first second: then what has
 * closed it would close the next, as fast as they can be made. */
static void fit_lane_lost(struct redis_link *l, const struct redis_lane *lane)
{
    bool is_proved = lane->is_left || loop_now(l->loop) - lane->fit_since >= USEC_PER_SEC;

    if (--l->fit == 0)
        last_one_lost(l, lane);
    else
        redis_link_trouble(l, lane->server, lane->conn.why);
    if (l->attempt == ATTEMPT_ASKING || l->attempt == ATTEMPT_CONNECTING)
        return;
    if (is_proved) {
        begin_soon(l);
        return;
    }
    if (l->fit == 0)
        open_breaker(l, lane->server, lane->conn.why);
    if (l->attempt != ATTEMPT_RESTING)
        rest(l);
}

void redis_link_lane_lost(struct redis_link *l, struct redis_lane *lane)
{
    if (lane != l->newcomer) {
        fit_lane_lost(l, lane);
    } else {
        l->newcomer = NULL;
        if (lane->is_left)
            begin_soon(l);
        else
            failed(l, lane->server, lane->conn.why);
    }
    redis_lane_free(&lane);
}

void redis_link_switched(struct redis_link *l, const char *server)
{
    LIST_FOREACH (link, &l->lanes) {
        struct redis_lane *lane = LIST_ENTRY(link, struct redis_lane, member);

        if (strcmp(lane->server, server) == 0)
            continue;
        lane->is_left = true;
        redis_conn_break(&lane->conn, "is the primary no more, a Sentinel says");
    }
    l->backoff = 0;
    if (l->attempt == ATTEMPT_RESTING)
        begin_soon(l);
}

/* ---- life ---- */

static void on_second(void *arg)
{
    struct redis_link *l = arg;

    LIST_FOREACH (link, &l->lanes) {
        struct redis_lane *lane = LIST_ENTRY(link, struct redis_lane, member);

        if (lane->state == LANE_FIT)
            redis_lane_ping(lane);
    }
    redis_followers_tick(l->followers);
}

static void step_expired(struct deadline *d)
{
    struct redis_pending *p = container_of(d, struct redis_pending, deadline);

    redis_conn_break(p->conn, "did not answer in time");
}

struct redis_link *redis_link_new(struct redis_shared *shared, struct loop *l,
                                  const struct redis_link_events *events)
{
    struct redis_link *link = xzalloc(sizeof *link);

    link->shared = shared;
    link->loop = l;
    if (events != NULL)
        link->events = *events;
    list_init(&link->lanes);
    list_init(&link->waiting);
    link->calls = deadline_queue_new(l, shared->o.timeout, redis_ticket_expired);
    link->steps = deadline_queue_new(l, shared->o.timeout, step_expired);
    redis_resolve_init(&link->resolve, l);
    if (shared->o.sentinel_count > 0)
        link->ask = redis_inquiry_new(link);
    link->followers = redis_followers_new(link);
    link->retry = alarm_new(l, on_retry, link);
    link->ticker = ticker_new(l, USEC_PER_SEC, on_second, link);
    atomic_fetch_add(&shared->links, 1);
    begin(link);
    return link;
}

static void drop_tickets(struct redis_link *l, struct list *pending)
{
    struct list *link;

    while ((link = list_first(pending)) != NULL)
        redis_ticket_drop(LIST_ENTRY(link, struct redis_ticket, pending.link));
}

/* All that a lane owes besides its step and WAIT are tickets. */
static void drop_lane(struct redis_link *l, struct redis_lane *lane)
{
    list_remove(&lane->step.link);
    deadline_clear(&lane->step.deadline);
    redis_replicas_done(lane);
    drop_tickets(l, &lane->conn.pending);
    redis_lane_free(&lane);
}

void redis_link_free(struct redis_link **link)
{
    struct redis_link *l = TAKE(*link);
    struct list *lane;

    if (l == NULL)
        return;
    redis_followers_free(&l->followers);
    redis_inquiry_free(&l->ask);
    drop_tickets(l, &l->waiting);
    while ((lane = list_first(&l->lanes)) != NULL)
        drop_lane(l, LIST_ENTRY(lane, struct redis_lane, member));
    assert(l->under_way == 0);
    redis_resolve_done(&l->resolve);
    ticker_free(&l->ticker);
    alarm_free(&l->retry);
    set_state(l, LINK_OPEN);
    atomic_fetch_sub(&l->shared->links, 1);
    xfree_p(&l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->state == LINK_UP;
}

void redis_link_listen(struct redis_link *l, struct str channel, void (*heard)(void *arg),
                       void *arg)
{
    redis_followers_listen(l->followers, channel, heard, arg);
}

/* ---- draining ---- */

static void stop_draining(void *arg)
{
    struct redis_link *l = arg;

    l->is_drained = true;
    loop_stop(l->loop);
}

void redis_link_ticket_gone(struct redis_link *l)
{
    if (--l->under_way == 0 && l->patience != NULL && !l->is_drained)
        stop_draining(l);
}

void redis_link_drain(struct redis_link *l, usec_t most)
{
    if (l->under_way == 0)
        return;
    assert(l->patience == NULL);
    l->is_drained = false;
    l->patience = alarm_new(l->loop, stop_draining, l);
    alarm_set(l->patience, most);
    while (!l->is_drained)
        loop_run(l->loop);
    alarm_free(&l->patience);
}
