/*
 * A fetch as its owner sees it: states, content, end. How a try comes to a head is fetch_try.c's;
 * what may go on where another body broke off is promise.c's.
 *
 * Invariants: in ASKED and FLOWING, and only there, a transfer is under way that is a use of its
 * server. Bytes reach the sink in FLOWING alone, and never more than were promised. Holding is the
 * client's: it is passed on, and nothing comes while it lasts.
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
    [FETCH_FLOWING] = TO(PAUSING) | TO(ENDED),
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
    alarm_free(&f->alarm);
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
    if (bytes.n <= f->promise.length - f->got) {
        f->got += bytes.n;
        return f->sink->data(f->arg, f, bytes);
    }
    fetch_cut(f, HEALTH_ANSWERED, STR_NONE);
    fetch_finish(f, -EPROTO, STR("more content than announced"));
    return true;
}

/* Who holds over HTTP/2 makes the client give up: no server's fault, and each time a lot has come
 * (client/client.h), so it is not held to `resumes`. */
static void break_off(struct origin_fetch *f, int err, struct str reason)
{
    bool is_ours = err == -ENOBUFS;
    server_set avoided = is_ours ? 0 : server_bit(server_index(f->cluster, f->asked));

    f->is_alone |= is_ours;
    f->breaks += !is_ours;
    if (f->promise.may_resume && f->breaks <= f->cluster->settings.resumes &&
        fetch_is_anyone_left(f))
        fetch_resume(f, avoided);
    else
        fetch_finish(f, err, reason);
}

/* A transfer that breaks after its last byte has done its work: what was promised is there. */
static bool is_whole(const struct origin_fetch *f, int err)
{
    return f->promise.length == HTTP_LENGTH_UNKNOWN ? err == 0 : f->got == f->promise.length;
}

void fetch_content_ended(struct origin_fetch *f, int err, struct str reason)
{
    bool is_good = is_whole(f, err) || err == -ENOBUFS;

    server_use_end(f->cluster, f->worker, &f->use, is_good ? HEALTH_ANSWERED : HEALTH_FAILED,
                   reason);
    if (is_whole(f, err))
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
    if (f->state == FETCH_FLOWING)
        client_proceed(f->transfer);
}

void origin_fetch_cancel(struct origin_fetch **fetch)
{
    struct origin_fetch *f = TAKE(*fetch);

    if (f == NULL)
        return;
    if (f->transfer != NULL)
        fetch_cut(f, f->state == FETCH_FLOWING ? HEALTH_ANSWERED : HEALTH_LET_GO, STR_NONE);
    leave(f);
}

void origin_fetch_drop(struct origin_fetch **fetch)
{
    if (*fetch != NULL && (*fetch)->state == FETCH_FLOWING)
        fetch_let_go(*fetch, HEALTH_ANSWERED, STR_NONE);
    origin_fetch_cancel(fetch);
}

struct str origin_fetch_server(const struct origin_fetch *f)
{
    return f->asked != NULL ? f->asked->text : STR(""); /* it ran out of time before */
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
