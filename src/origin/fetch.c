/*
 * A fetch as its owner sees it: states, content, end. How a try comes to a head is fetch_try.c's;
 * what may go on where another body broke off is promise.c's.
 *
 * Invariants: a transfer is under way exactly in ASKED and FLOWING, and with it goes the use of a
 * server. Bytes reach the sink in FLOWING alone, and never more than were promised.
 */
#include "origin/fetch.h"

#include <errno.h>
#include <stdio.h>

#include "origin/fetch_internal.h"
#include "origin/redirect.h"
#include "origin/request.h"

void origin_worker_init(struct origin_worker *w, struct loop *l, struct client *c)
{
    *w = (struct origin_worker){.loop = l, .client = c};
    list_init(&w->fetches);
}

/* States */

#define TO(state) (1u << FETCH_##state)

static const unsigned legal_moves[FETCH_STATE_COUNT] = {
    [FETCH_PAUSING] = TO(ASKED) | TO(ENDED),
    [FETCH_ASKED] = TO(PAUSING) | TO(FLOWING) | TO(ENDED),
    [FETCH_FLOWING] = TO(PAUSING) | TO(HELD_BACK) | TO(ENDED),
    [FETCH_HELD_BACK] = TO(PAUSING) | TO(ENDED),
    [FETCH_ENDED] = 0,
};

void fetch_move(struct origin_fetch *f, enum fetch_state to)
{
    assert((legal_moves[f->state] & 1u << to) != 0);
    f->state = to;
}

static void free_fetch(struct loop_task *task)
{
    struct origin_fetch *f = container_of(task, struct origin_fetch, free_task);

    buf_done(&f->redirect_target);
    xfree_p(&f);
}

/* Whoever called us may still look at the state. */
static void leave(struct origin_fetch *f)
{
    assert(f->transfer == NULL && f->use.server == NULL);
    fetch_move(f, FETCH_ENDED);
    list_remove(&f->link);
    alarm_free(&f->pause);
    loop_defer(f->worker->loop, &f->free_task);
}

void fetch_finish(struct origin_fetch *f, int err, struct str reason)
{
    leave(f);
    snprintf(f->reason, sizeof f->reason, "%.*s", STR_FMT(reason));
    f->sink->end(f->arg, f, err);
}

/* Content */

void fetch_pass_head(struct origin_fetch *f, const struct http_answer *a)
{
    promise_give(&f->promise, &f->request, a, loop_unix(f->worker->loop));
    fetch_move(f, FETCH_FLOWING);
    f->sink->head(f->arg, f, a);
}

bool fetch_pass_content(struct origin_fetch *f, struct str bytes)
{
    bool goes_on;

    if (f->promise.length - f->got < bytes.n) {
        fetch_drop(f, HEALTH_ANSWERED, STR_NONE);
        fetch_finish(f, -EPROTO, STR("more content than announced"));
        return true;
    }
    f->got += bytes.n;
    f->is_held = true; /* unless the sink says otherwise, or proceeds in there */
    goes_on = f->sink->data(f->arg, f, bytes);
    if (f->state != FETCH_ENDED && goes_on)
        f->is_held = false;
    return goes_on;
}

static void break_off(struct origin_fetch *f, int err, struct str reason)
{
    if (!fetch_may_resume(f))
        fetch_finish(f, err, reason);
    else if (f->is_held) /* no server need keep bytes ready for a sink that does not take them */
        fetch_move(f, FETCH_HELD_BACK);
    else
        fetch_resume(f);
}

/* A transfer that breaks after its last byte has done its work: what was promised is there. */
void fetch_content_ended(struct origin_fetch *f, int err, struct str reason)
{
    bool is_length_known = f->promise.length != HTTP_LENGTH_UNKNOWN;
    bool is_whole = is_length_known ? f->got == f->promise.length : err == 0;
    bool is_ours = err == -ENOBUFS; /* see CLIENT_HELD_MAX */

    f->is_alone |= is_ours;
    server_use_end(f->cluster, f->worker, &f->use,
                   is_whole || is_ours ? HEALTH_ANSWERED : HEALTH_FAILED, reason);
    if (is_whole)
        fetch_finish(f, 0, STR_NONE);
    else if (err == 0)
        break_off(f, -ECONNRESET, STR("less content than announced"));
    else
        break_off(f, err, reason);
}

/* For the owner */

struct origin_fetch *origin_fetch_start(struct origin_worker *w, struct cluster *c,
                                        const struct origin_request *r,
                                        const struct origin_sink *sink, void *arg)
{
    struct origin_fetch *f = xzalloc(sizeof *f + request_text_size(r));

    f->worker = w;
    f->cluster = c;
    f->sink = sink;
    f->arg = arg;
    request_copy(r, f->text, &f->request);
    f->wish.stream_key = f->request.stream_key;
    f->deadline = loop_now(w->loop) + c->settings.deadline;
    buf_init(&f->redirect_target, REDIRECT_URL_MAX);
    loop_task_init(&f->free_task, free_fetch);
    list_append(&w->fetches, &f->link);
    fetch_ask(f);
    return f;
}

void origin_fetch_set_sink(struct origin_fetch *f, const struct origin_sink *sink, void *arg)
{
    f->sink = sink;
    f->arg = arg;
}

void origin_fetch_proceed(struct origin_fetch *f)
{
    if (!f->is_held)
        return;
    f->is_held = false;
    if (f->state == FETCH_HELD_BACK)
        fetch_resume(f);
    else
        client_proceed(f->transfer);
}

void origin_fetch_cancel(struct origin_fetch **fetch)
{
    struct origin_fetch *f = TAKE(*fetch);

    if (f == NULL)
        return;
    if (f->transfer != NULL)
        fetch_drop(f, f->state == FETCH_FLOWING ? HEALTH_ANSWERED : HEALTH_LET_GO, STR_NONE);
    leave(f);
}

void origin_fetch_drop(struct origin_fetch **fetch)
{
    struct origin_fetch *f = TAKE(*fetch);

    if (f == NULL)
        return;
    if (f->state == FETCH_FLOWING) {
        client_drop(&f->transfer);
        server_use_end(f->cluster, f->worker, &f->use, HEALTH_ANSWERED, STR_NONE);
    } else if (f->transfer != NULL) {
        fetch_drop(f, HEALTH_LET_GO, STR_NONE);
    }
    leave(f);
}

struct str origin_fetch_server(const struct origin_fetch *f)
{
    return f->asked->text;
}

struct str origin_fetch_reason(const struct origin_fetch *f)
{
    return str_of(f->reason);
}

unsigned origin_fetch_retries(const struct origin_fetch *f)
{
    return f->retries;
}

unsigned origin_fetch_resumes(const struct origin_fetch *f)
{
    return f->resumes;
}
