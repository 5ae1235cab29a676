/*
 * From a try to its head: which server, how long, and what to do with what comes instead of an
 * answer. Used twice: before the head, and for the rest of a body that broke off. The first is held
 * to a number of tries and may fail, which costs the viewer little; the second goes on until its
 * deadline while any server may still have the rest, because giving up costs him the object.
 *
 * The next try never begins inside a callback of the last one's transfer: the alarm rings for it,
 * after no time at all where there is another server.
 */
#include <errno.h>
#include <stdio.h>

#include "origin/fetch_internal.h"
#include "origin/judge.h"
#include "origin/redirect.h"
#include "origin/request.h"

enum { PAUSE_DOUBLINGS = 5 };          /* the longest pause is 32 times the first */
#define PAUSE_MIN (10 * USEC_PER_MSEC) /* a resumption must not turn into a flood of tries */

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a);
static bool on_data(void *arg, struct client_transfer *t, struct str bytes);
static void on_end(void *arg, struct client_transfer *t, int err);

static const struct client_sink try_sink = {on_head, on_data, on_end};

/* Asking */

static void pick(struct origin_fetch *f)
{
    bool is_picked = true;

    if (f->is_redirected)
        cluster_pick_server(f->cluster, f->worker, f->redirect_server, &f->use);
    else
        is_picked = cluster_pick(f->cluster, f->worker, &f->wish, &f->use);
    assert(is_picked); /* may_retry() has looked */
    f->asked = f->use.server;
    f->wish.tried |= server_bit(server_index(f->cluster, f->asked));
}

static struct str target_of(const struct origin_fetch *f)
{
    return f->is_redirected ? buf_str(&f->redirect_target) : f->request.target;
}

static void start(struct origin_fetch *f)
{
    const struct cluster_settings *s = &f->cluster->settings;
    struct request_fields fields;
    struct client_request r = {.peer = &f->asked->peer,
                               .method = f->request.is_head ? HTTP_HEAD : HTTP_GET,
                               .target = target_of(f),
                               .fields = fields.list,
                               .is_alone = f->is_alone,
                               .first_byte_timeout = f->patience,
                               .stall_timeout = s->stall_timeout};

    request_fields(&f->request, f->promise.is_given ? &f->promise : NULL, f->got, &fields);
    r.field_count = fields.count;
    f->transfer = client_start(f->worker->client, &r, &try_sink, f);
}

void fetch_ask(struct origin_fetch *f)
{
    usec_t now = loop_now(f->worker->loop);

    if (now >= f->deadline) {
        fetch_finish(f, -ETIMEDOUT, STR("out of time"));
        return;
    }
    f->patience = MIN(f->cluster->settings.first_byte_timeout, f->deadline - now);
    pick(f);
    fetch_move(f, FETCH_ASKED);
    start(f);
}

void fetch_cut(struct origin_fetch *f, enum health_event verdict, struct str why)
{
    client_cancel(&f->transfer);
    server_use_end(f->cluster, f->worker, &f->use, verdict, why);
}

void fetch_let_go(struct origin_fetch *f, enum health_event verdict, struct str why)
{
    client_drop(&f->transfer);
    server_use_end(f->cluster, f->worker, &f->use, verdict, why);
}

/* The next try */

static void on_alarm(void *arg)
{
    fetch_ask(arg);
}

static void ask_after(struct origin_fetch *f, usec_t pause)
{
    if (f->alarm == NULL)
        f->alarm = alarm_new(f->worker->loop, on_alarm, f);
    fetch_move(f, FETCH_PAUSING);
    alarm_set(f->alarm, pause);
}

/* Half of it, and up to all of it: those who failed together come back one by one. */
static usec_t with_jitter(usec_t pause)
{
    uint64_t random;

    random_bytes(&random, sizeof random);
    return pause - random % (pause / 2 + 1);
}

static usec_t pause_before_next(const struct origin_fetch *f)
{
    usec_t first = MAX(f->cluster->settings.retry_pause, PAUSE_MIN);

    if (cluster_offers_another(f->cluster, &f->wish, loop_now(f->worker->loop)))
        return 0;
    return with_jitter(first << MIN(f->pauses, (unsigned)PAUSE_DOUBLINGS));
}

bool fetch_is_anyone_left(const struct origin_fetch *f)
{
    return (cluster_all(f->cluster) & ~f->wish.barred) != 0;
}

static bool may_retry(const struct origin_fetch *f, usec_t *ret_pause)
{
    bool has_tries =
        f->promise.is_given ? fetch_is_anyone_left(f) : f->retries < f->cluster->settings.retries;

    if (!has_tries)
        return false;
    *ret_pause = pause_before_next(f);
    return loop_now(f->worker->loop) + *ret_pause < f->deadline;
}

static void count_try(struct origin_fetch *f, unsigned *count, bool is_resumption)
{
    ++*count;
    if (f->worker->tried_again != NULL)
        f->worker->tried_again(f->worker, is_resumption);
}

static void try_again(struct origin_fetch *f, usec_t pause)
{
    if (pause > 0) { /* all have been tried: the next round */
        f->wish.tried = 0;
        f->pauses++;
    }
    f->is_redirected = false;
    f->redirects = 0;
    ask_after(f, pause);
}

static void retry(struct origin_fetch *f, usec_t pause)
{
    count_try(f, &f->retries, false);
    try_again(f, pause);
}

static void retry_or_end(struct origin_fetch *f, int err, struct str reason)
{
    usec_t pause;

    if (may_retry(f, &pause))
        retry(f, pause);
    else
        fetch_finish(f, err, reason);
}

void fetch_resume(struct origin_fetch *f, server_set avoided)
{
    count_try(f, &f->resumes, true);
    f->deadline = loop_now(f->worker->loop) + f->cluster->settings.deadline;
    f->pauses = 0;
    f->wish.tried = avoided;
    try_again(f, pause_before_next(f));
}

/* An answer that is none. A server without the rest of a body is asked for it no more; where a
 * redirect leads out, it would do so again. */
static void refuse(struct origin_fetch *f, int err, struct str why)
{
    unsigned server = server_index(f->cluster, f->asked);

    fetch_cut(f, HEALTH_ANSWERED, why);
    if (f->promise.is_given) {
        f->wish.barred |= server_bit(server);
        retry_or_end(f, -ECONNRESET, why);
    } else if (err == -ELOOP) {
        fetch_finish(f, err, why);
    } else {
        retry_or_end(f, err, why);
    }
}

/* Heads */

static void go_to(struct origin_fetch *f, unsigned server)
{
    fetch_let_go(f, HEALTH_ANSWERED, STR_NONE);
    f->is_redirected = true;
    f->redirect_server = server;
    f->redirects++;
    ask_after(f, 0);
}

static void follow(struct origin_fetch *f, struct str location)
{
    unsigned from = server_index(f->cluster, f->asked), to = from;
    int r = -ELOOP;

    if (f->redirects < REDIRECTS_MAX)
        r = redirect_resolve(f->cluster, from, target_of(f), location, &f->redirect_target, &to);
    if (r < 0)
        refuse(f, r,
               r == -ELOOP ? STR("a redirect that leads out, or on and on")
                           : STR("a redirect to nowhere"));
    else
        go_to(f, to);
}

/* The last one that may be tried has the word, busy or not. */
static void first_head(struct origin_fetch *f, const struct http_answer *a)
{
    struct str why = judge_answer(&f->request, a, loop_unix(f->worker->loop));
    usec_t pause;

    if (why.p != NULL) {
        refuse(f, -EPROTO, why);
    } else if (status_is_failure(a->status) && may_retry(f, &pause)) {
        fetch_let_go(f, HEALTH_FAILED, STR_NONE);
        retry(f, pause);
    } else {
        fetch_pass_head(f, a);
    }
}

/* One that fails now may have the rest yet. */
static void head_of_rest(struct origin_fetch *f, const struct http_answer *a)
{
    struct str why = promise_goes_on(&f->promise, a, f->got);

    if (why.p == NULL) {
        fetch_move(f, FETCH_FLOWING);
    } else if (a->status >= 500) {
        fetch_let_go(f, HEALTH_ANSWERED, why);
        retry_or_end(f, -ECONNRESET, why);
    } else {
        refuse(f, -ECONNRESET, why);
    }
}

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a)
{
    struct origin_fetch *f = arg;

    server_use_head(f->cluster, f->worker, &f->use, a->status);
    if (status_is_redirect(a->status) && a->known[ANSWER_LOCATION].p != NULL)
        follow(f, a->known[ANSWER_LOCATION]);
    else if (f->promise.is_given)
        head_of_rest(f, a);
    else
        first_head(f, a);
}

static bool on_data(void *arg, struct client_transfer *t, struct str bytes)
{
    return fetch_pass_content(arg, bytes);
}

/* Ends */

/* Not when it was our time that ran out, nor when it never came to a connection. */
static bool is_servers_failure(const struct origin_fetch *f, const struct client_transfer *t,
                               int err)
{
    const struct cluster_settings *s = &f->cluster->settings;

    if (err != -ETIMEDOUT)
        return true;
    if (!client_was_sent(t) &&
        s->connect_timeout < f->patience) /* connecting, or waiting in line? */
        return loop_now(f->worker->loop) - f->use.began < f->patience;
    return f->patience == s->first_byte_timeout;
}

static void end_without_head(struct origin_fetch *f, const struct client_transfer *t, int err)
{
    enum health_event verdict = is_servers_failure(f, t, err) ? HEALTH_FAILED : HEALTH_LET_GO;

    assert(err < 0);
    server_use_end(f->cluster, f->worker, &f->use, verdict, client_reason(t));
    retry_or_end(f, err == -EMSGSIZE ? -EPROTO : err, client_reason(t));
}

static void on_end(void *arg, struct client_transfer *t, int err)
{
    struct origin_fetch *f = arg;

    f->transfer = NULL;
    if (f->state == FETCH_ASKED)
        end_without_head(f, t, err);
    else
        fetch_content_ended(f, err, client_reason(t));
}
