/*
 * From text to addresses. Literal ones are answered at once; names are looked up on the pool, one
 * look-up at a time for each server.
 */
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/redis_internal.h"

struct job { /* on the heap: it may outlive who asked */
    struct work work;
    struct redis_resolve *resolve; /* untouched on the pool */
    char *host, *port;
    struct net_address at[REDIS_ADDRESSES_MAX];
    unsigned count;
};

static void job_free(struct job *job)
{
    free(job->host);
    free(job->port);
    free(job);
}

static void keep(struct job *job, const struct addrinfo *list)
{
    for (; list != NULL && job->count < REDIS_ADDRESSES_MAX; list = list->ai_next) {
        struct net_address *a = &job->at[job->count++];

        a->length = list->ai_addrlen;
        memcpy(&a->u, list->ai_addr, list->ai_addrlen);
    }
}

static int look_up(struct work *w)
{
    struct job *job = container_of(w, struct job, work);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *list = NULL;

    if (getaddrinfo(job->host, job->port, &hints, &list) != 0)
        return -ENOENT;
    keep(job, list);
    freeaddrinfo(list);
    return job->count > 0 ? 0 : -ENOENT;
}

static void abandoned(struct work *w)
{
    job_free(container_of(w, struct job, work));
}

static void on_looked_up(struct op *op, int err)
{
    struct job *job = container_of(op, struct job, work.op);
    struct redis_resolve *r = job->resolve;

    r->count = job->count;
    memcpy(r->at, job->at, sizeof r->at);
    job_free(job);
    op_finish(&r->lookup, err);
}

static void on_cancel(struct op *op)
{
    struct job *job = op->work;

    op_cancel(&job->work.op);
}

static void on_resolved(struct op *op, int err)
{
    struct redis_resolve *r = container_of(op, struct redis_resolve, lookup);

    if (r->resolved != NULL)
        TAKE(r->resolved)(r, err);
}

void redis_resolve_init(struct redis_resolve *r, struct loop *l)
{
    *r = (struct redis_resolve){.loop = l};
    op_init(&r->lookup, on_resolved);
}

void redis_resolve_done(struct redis_resolve *r)
{
    op_cancel(&r->lookup);
}

static char *cstr(struct str s)
{
    char *copy = xzalloc(s.n + 1);

    memcpy(copy, s.p, s.n);
    return copy;
}

static int start_looking(struct redis_resolve *r, struct str text)
{
    ptrdiff_t colon = str_rfind_char(text, ':');
    struct job *job;
    uint64_t port;

    if (colon <= 0 || str_parse_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port) < 0)
        return -EINVAL;
    job = xzalloc(sizeof *job);
    job->resolve = r;
    job->host = cstr(str_first(text, (size_t)colon));
    job->port = cstr(str_skip(text, (size_t)colon + 1));
    job->work.run = look_up;
    job->work.abandoned = abandoned;
    op_init(&job->work.op, on_looked_up);
    op_begin(&r->lookup, on_cancel, job);
    return work_start(r->loop, &job->work);
}

int redis_resolve_start(struct redis_resolve *r, struct str text,
                        void (*resolved)(struct redis_resolve *r, int err), void *arg)
{
    int err = 0;

    if (text.n == 0 || text.n >= sizeof r->text)
        return -EINVAL;
    if (op_is_under_way(&r->lookup) && !str_eq(str_of(r->text), text))
        op_cancel(&r->lookup);
    r->resolved = NULL;
    snprintf(r->text, sizeof r->text, "%.*s", STR_FMT(text));
    if (!op_is_under_way(&r->lookup)) {
        if (net_address_parse(text, &r->at[0]) == 0) {
            r->count = 1;
            r->next = 0;
            return 1;
        }
        err = str_starts(text, STR("unix:")) ? -EINVAL : start_looking(r, text);
    }
    if (err < 0)
        return err;
    r->resolved = resolved;
    r->arg = arg;
    return 0;
}
