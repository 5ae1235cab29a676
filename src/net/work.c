/*
 * Work on libuv's pool under the rules of op.h. What the pool holds is a job of our own, so a
 * cancelled op is free at once; the job comes back to the loop in every case and then pays its work
 * exactly one call: done, or abandoned.
 */
#include "base/mem.h"
#include "net/loop_internal.h"

struct job {
    uv_work_t req;
    struct loop *loop;
    struct work *work;
    int err; /* what run() returned */
    bool is_abandoned;
};

static void on_pool(uv_work_t *req)
{
    struct job *job = container_of(req, struct job, req);

    job->err = job->work->run(job->work);
}

static void on_back(uv_work_t *req, int status)
{
    AUTO(xfree_p) struct job *job = container_of(req, struct job, req);
    struct work *w = job->work;

    (void)status; /* UV_ECANCELED only for what is abandoned */
    job->loop->under_way--;
    if (job->is_abandoned)
        w->abandoned(w);
    else
        op_finish(&w->op, job->err);
}

static void on_cancel(struct op *op)
{
    struct job *job = op->work;

    job->is_abandoned = true;
    (void)uv_cancel(
        (uv_req_t *)&job->req); /* fails when it runs already: then it ends in its own time */
}

int work_start(struct loop *l, struct work *w)
{
    struct job *job = xzalloc(sizeof *job);
    int r;

    assert(w->run != NULL && w->abandoned != NULL);
    job->loop = l;
    job->work = w;
    op_begin(&w->op, on_cancel, job);
    l->under_way++;
    r = uv_queue_work(&l->uv, &job->req, on_pool, on_back);
    assert(r == 0);
    return 0;
}
