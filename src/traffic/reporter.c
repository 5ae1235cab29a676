/*
 * One reporter: an alarm rings when the next thing is due, and it does one thing at a time: take,
 * read the oldest report, send it, say that it is done. Beside that the lead is renewed, also while
 * a receiver takes its time.
 */
#include <errno.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/panic.h"
#include "net/watch.h"
#include "traffic/reports_internal.h"

enum {
    BODY_CAP = 4 << 20, /* TRAFFIC_REPORT_MAX lines with the longest of uids take 1 MiB */
    REPORT_ARENA = 2 << 20,
    FIELDS_MAX = 5,
};

enum reporter_state { RESTING, TAKING, READING, SENDING, ENDING };

struct reporter {
    struct reports *reports;
    struct loop *loop;
    struct store_worker *store;
    struct client *client;
    void (*stopped)(void *arg); /* NULL: it goes on */
    void *arg;
    struct alarm *alarm;
    enum reporter_state state;
    bool is_leader, has_stopped;
    bool may_wait;   /* there may be reports in the store */
    bool must_end;   /* the one in `next` was acknowledged, and the store does not know yet */
    usec_t renew_at; /* the lead */
    usec_t take_at, send_at;
    unsigned failures; /* in a row */
    struct traffic_lead lead;
    struct traffic_take take;
    struct report_next next;
    struct report_done done;
    struct arena arena; /* of `next`, while there is more of it than its id */
    struct buf body;
    struct client_transfer *transfer;
    unsigned status; /* of the answer */
};

static void go_on(struct reporter *r);

/* ---- when ---- */

static usec_t now_of(struct reporter *r)
{
    return loop_now(r->loop);
}

static bool sends(const struct reporter *r)
{
    return r->reports->target.n > 0;
}

static usec_t pause_after(unsigned failures)
{
    usec_t pause = MIN(REPORTS_RETRY_MIN << MIN(failures - 1, 20u), REPORTS_RETRY_MAX);
    uint32_t chance;

    random_bytes(&chance, sizeof chance);
    return pause - pause / 2 * chance / UINT32_MAX;
}

static void rest(struct reporter *r)
{
    usec_t next = r->renew_at, now = now_of(r);

    if (r->is_leader && r->state == RESTING) {
        next = MIN(next, r->take_at);
        if (r->must_end || r->may_wait)
            next = MIN(next, r->send_at);
    }
    alarm_set(r->alarm, next > now ? next - now : 0);
}

static void stop(struct reporter *r)
{
    if (r->has_stopped)
        return;
    r->has_stopped = true;
    alarm_clear(r->alarm);
    r->stopped(r->arg);
}

/* What a failure of the store is for this step: later, again. */
static void store_failed(struct reporter *r, usec_t *at)
{
    *at = now_of(r) + REPORTS_RETRY_MIN;
    if (r->stopped != NULL)
        stop(r);
}

static void back(struct reporter *r)
{
    assert(r->state != RESTING);
    r->state = RESTING;
    go_on(r);
}

/* ---- the lead ---- */

static void after_lead(struct reporter *r, int err)
{
    bool was_leader = r->is_leader;

    r->is_leader = err == 0 && r->lead.is_leader;
    r->renew_at = now_of(r) + REPORTS_RENEW;
    reports_set_leader(r->reports, r->is_leader);
    if (r->is_leader && !was_leader)
        r->may_wait = sends(r); /* of another's making */
    if (!r->is_leader && r->stopped != NULL)
        stop(r);
}

static void on_led(struct op *op, int err)
{
    struct reporter *r = container_of(op, struct reporter, lead.op);

    after_lead(r, err);
    go_on(r);
}

static void ask_for_lead(struct reporter *r)
{
    int n;

    r->lead = (struct traffic_lead){.now = loop_unix(r->loop), .ttl = REPORTS_LEAD_SEC};
    memcpy(r->lead.holder, r->reports->holder, sizeof r->lead.holder);
    op_init(&r->lead.op, on_led);
    n = store_traffic_lead(r->store, &r->lead);
    if (n != 0)
        after_lead(r, MIN(n, 0));
}

/* ---- taking ---- */

static void after_take(struct reporter *r, int err)
{
    if (err < 0) {
        store_failed(r, &r->take_at);
        return;
    }
    reports_set_held(r->reports, r->take.is_held);
    r->may_wait |= r->take.taken > 0 && !r->take.discards;
    if (!r->take.has_more)
        r->take_at = now_of(r) + r->reports->interval;
}

static void on_taken(struct op *op, int err)
{
    struct reporter *r = container_of(op, struct reporter, take.op);

    after_take(r, err);
    back(r);
}

static void new_id(char ret[REPORT_ID_LEN])
{
    uint8_t bytes[REPORT_ID_LEN / 2];

    random_bytes(bytes, sizeof bytes);
    hex_encode(bytes, sizeof bytes, ret);
}

static void start_take(struct reporter *r)
{
    unix_t now = loop_unix(r->loop);
    int n;

    r->state = TAKING;
    r->take =
        (struct traffic_take){.now = now,
                              .min_bytes = sends(r) ? r->reports->about.threshold : TRAFFIC_NONE,
                              .before = now - (unix_t)(r->reports->max_wait / USEC_PER_SEC),
                              .discards = !sends(r)};
    new_id(r->take.id);
    op_init(&r->take.op, on_taken);
    n = store_traffic_take(r->store, &r->take);
    if (n == 0)
        return;
    after_take(r, MIN(n, 0));
    r->state = RESTING;
}

/* ---- after a report was acknowledged ---- */

static void after_done(struct reporter *r, int err)
{
    if (err < 0) {
        store_failed(r, &r->send_at);
        return;
    }
    r->must_end = false;
    reports_say_sent(r->reports, loop_unix(r->loop));
}

static void on_done(struct op *op, int err)
{
    struct reporter *r = container_of(op, struct reporter, done.op);

    after_done(r, err);
    back(r);
}

static void start_done(struct reporter *r)
{
    int n;

    r->state = ENDING;
    op_init(&r->done.op, on_done);
    n = store_report_done(r->store, &r->done);
    if (n == 0)
        return;
    after_done(r, MIN(n, 0));
    r->state = RESTING;
}

/* ---- sending ---- */

static void send_failed(struct reporter *r, const char *why)
{
    r->failures++;
    r->send_at = now_of(r) + pause_after(r->failures);
    reports_say_failed(r->reports, loop_unix(r->loop), why);
    if (r->stopped != NULL)
        stop(r);
}

/* An acknowledgement is a whole head with 2xx; what its content says, or whether it comes, is the
 * receiver's affair. */
static void answered(struct reporter *r, unsigned status)
{
    char why[REPORTS_ERROR_MAX];

    if (status >= 200 && status <= 299) {
        r->failures = 0;
        r->must_end = true;
        r->send_at = now_of(r);
        r->done = (struct report_done){.made = r->next.made};
        memcpy(r->done.id, r->next.id, sizeof r->done.id);
    } else {
        snprintf(why, sizeof why, "the receiver answered with status %u", status);
        send_failed(r, why);
    }
}

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a)
{
    struct reporter *r = arg;

    client_drop(&r->transfer);
    answered(r, a->status);
    r->state = RESTING;
    if (!r->has_stopped)
        alarm_set(r->alarm, 0); /* nothing may be started in here */
}

static bool on_data(void *arg, struct client_transfer *t, struct str bytes)
{
    WRONG("content of an answer that was dropped");
}

static void on_end(void *arg, struct client_transfer *t, int err)
{
    struct reporter *r = arg;
    struct str reason = client_reason(t);
    char why[REPORTS_ERROR_MAX];

    r->transfer = NULL;
    snprintf(why, sizeof why, "no answer from the receiver: %.*s", STR_FMT(reason));
    send_failed(r, why);
    r->state = RESTING;
    if (!r->has_stopped)
        alarm_set(r->alarm, 0);
}

static const struct client_sink sink = {on_head, on_data, on_end};

static unsigned add_fields(const struct reporter *r, struct http_field fields[FIELDS_MAX])
{
    unsigned n = 0;

    fields[n++] = (struct http_field){STR("Content-Type"), STR("application/json")};
    fields[n++] = (struct http_field){STR("User-Agent"), STR("hlsgate/" HLSGATE_VERSION)};
    fields[n++] =
        (struct http_field){STR("X-Report-ID"), (struct str){r->next.id, sizeof r->next.id}};
    if (r->reports->bearer.n > 0)
        fields[n++] = (struct http_field){STR("Authorization"), r->reports->bearer};
    return n;
}

static void start_send(struct reporter *r)
{
    struct http_field fields[FIELDS_MAX];
    struct client_request request = {.peer = &r->reports->peer,
                                     .method = HTTP_POST,
                                     .target = r->reports->target,
                                     .fields = fields,
                                     .first_byte_timeout = r->reports->timeout,
                                     .stall_timeout = r->reports->timeout};

    r->state = SENDING;
    buf_clear(&r->body);
    report_body(&r->body, &r->reports->about, &r->next);
    assert(!r->body.is_full);
    request.content = buf_str(&r->body);
    request.field_count = add_fields(r, fields);
    r->transfer = client_start(r->client, &request, &sink, r);
}

/* ---- reading ---- */

static void forget_report(struct reporter *r)
{
    traffic_lines_done(r->next.lines, r->next.count);
    r->next.count = 0;
    arena_done(&r->arena);
}

static void after_read(struct reporter *r, int err)
{
    r->state = RESTING;
    if (err < 0)
        store_failed(r, &r->send_at);
    else
        r->may_wait = r->next.is_there;
    if (err == 0 && r->next.is_there)
        start_send(r);
    forget_report(r); /* all but its id and time */
}

static void on_read(struct op *op, int err)
{
    struct reporter *r = container_of(op, struct reporter, next.op);

    after_read(r, err);
    go_on(r);
}

static void start_read(struct reporter *r)
{
    int n;

    r->state = READING;
    arena_init(&r->arena, REPORT_ARENA);
    r->next = (struct report_next){.arena = &r->arena};
    op_init(&r->next.op, on_read);
    n = store_report_next(r->store, &r->next);
    if (n != 0)
        after_read(r, MIN(n, 0));
}

/* ---- all together ---- */

/* Starts what is due; false: nothing is. */
static bool do_what_is_due(struct reporter *r)
{
    usec_t now = now_of(r);

    if (r->must_end && now >= r->send_at)
        start_done(r);
    else if (now >= r->take_at)
        start_take(r);
    else if (r->may_wait && !r->must_end && now >= r->send_at)
        start_read(r);
    else
        return false;
    return true;
}

static void go_on(struct reporter *r)
{
    if (!r->has_stopped && now_of(r) >= r->renew_at && !op_is_under_way(&r->lead.op))
        ask_for_lead(r);
    while (!r->has_stopped && r->is_leader && r->state == RESTING && do_what_is_due(r))
        continue;
    if (r->has_stopped || op_is_under_way(&r->lead.op))
        return;
    if (r->stopped != NULL && r->is_leader && r->state == RESTING)
        stop(r); /* nothing is left */
    else
        rest(r);
}

static void on_alarm(void *arg)
{
    go_on(arg);
}

struct reporter *reporter_new(struct reports *reports, struct loop *l, struct store_worker *s,
                              struct client *c, void (*stopped)(void *arg), void *arg)
{
    struct reporter *r = xzalloc(sizeof *r);

    r->reports = reports;
    r->loop = l;
    r->store = s;
    r->client = c;
    r->stopped = stopped;
    r->arg = arg;
    r->alarm = alarm_new(l, on_alarm, r);
    buf_init(&r->body, BODY_CAP);
    alarm_set(r->alarm, 0);
    return r;
}

void reporter_free(struct reporter **r)
{
    struct reporter *old = TAKE(*r);

    if (old == NULL)
        return;
    op_cancel(&old->lead.op);
    op_cancel(&old->take.op);
    if (op_is_under_way(&old->next.op)) {
        op_cancel(&old->next.op);
        arena_done(&old->arena);
    }
    op_cancel(&old->done.op);
    if (old->transfer != NULL)
        client_cancel(&old->transfer);
    alarm_free(&old->alarm);
    buf_done(&old->body);
    xfree_p(&old);
}
