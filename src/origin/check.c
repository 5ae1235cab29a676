/*
 * Active checks: one worker asks each server for `health.path`, an interval apart. The runs of good
 * and bad answers are this worker's alone; what they add up to is news of the server like any
 * other. A check is decided by its head.
 */
#include <stdio.h>

#include "origin/cluster_internal.h"

struct check {
    struct cluster *cluster;
    struct server *server;
    struct client_transfer *transfer; /* NULL: none is under way */
    unsigned good, bad;               /* in a row */
};

struct checker {
    struct origin_worker *worker;
    struct ticker *ticker;
    struct check checks[]; /* one a server */
};

static void decide(struct check *k, bool is_good, struct str why)
{
    const struct cluster_settings *s = &k->cluster->settings;
    struct origin_worker *w = k->cluster->checker->worker;

    k->good = is_good ? k->good + 1 : 0;
    k->bad = is_good ? 0 : k->bad + 1;
    if (k->good >= s->health.rise)
        server_news(k->cluster, w, k->server, HEALTH_CHECKS_ROSE, USE_ORDINARY, why);
    if (k->bad >= s->health.fall)
        server_news(k->cluster, w, k->server, HEALTH_CHECKS_FELL, USE_ORDINARY, why);
}

static void on_head(void *arg, struct client_transfer *t, const struct http_answer *a)
{
    struct check *k = arg;
    bool is_good = a->status >= 200 && a->status <= 399;
    char why[32];

    client_drop(&k->transfer);
    snprintf(why, sizeof why, "check: status %u", a->status);
    decide(k, is_good, is_good ? STR("check passed") : str_of(why));
}

static bool on_data(void *arg, struct client_transfer *t, struct str bytes)
{
    WRONG("content of a check that was dropped");
}

static void on_end(void *arg, struct client_transfer *t, int err)
{
    struct check *k = arg;
    struct str reason = client_reason(t);
    char why[128];

    k->transfer = NULL;
    snprintf(why, sizeof why, "check: %.*s", STR_FMT(reason));
    decide(k, false, str_of(why));
}

static const struct client_sink check_sink = {on_head, on_data, on_end};

static void start(struct check *k)
{
    static const struct http_field fields[] = {
        {{"User-Agent", 10}, {"hlsgate", 7}},
        {{"Accept-Encoding", 15}, {"identity", 8}},
    };
    const struct cluster_settings *s = &k->cluster->settings;
    struct client_request r = {.peer = &k->server->peer,
                               .method = HTTP_GET,
                               .target = s->health.path,
                               .fields = fields,
                               .field_count = ARRAY_LEN(fields),
                               .first_byte_timeout = s->health.timeout,
                               .stall_timeout = s->health.timeout};

    k->transfer = client_start(k->cluster->checker->worker->client, &r, &check_sink, k);
}

static void on_round(void *arg)
{
    struct cluster *c = arg;

    for (unsigned i = 0; i < c->settings.server_count; i++)
        if (c->checker->checks[i].transfer == NULL) /* a timeout may be longer than the interval */
            start(&c->checker->checks[i]);
}

void cluster_check_start(struct cluster *c, struct origin_worker *w)
{
    unsigned n = c->settings.server_count;

    if (c->settings.health.interval == 0)
        return;
    assert(c->checker == NULL);
    c->checker = xzalloc(sizeof *c->checker + n * sizeof c->checker->checks[0]);
    c->checker->worker = w;
    for (unsigned i = 0; i < n; i++)
        c->checker->checks[i] = (struct check){.cluster = c, .server = &c->servers[i]};
    c->checker->ticker = ticker_new(w->loop, c->settings.health.interval, on_round, c);
    on_round(c);
}

void cluster_check_stop(struct cluster *c)
{
    struct checker *checker = c->checker;

    if (checker == NULL)
        return;
    for (unsigned i = 0; i < c->settings.server_count; i++)
        if (checker->checks[i].transfer != NULL)
            client_cancel(&checker->checks[i].transfer);
    ticker_free(&checker->ticker);
    c->checker = NULL;
    xfree_p(&checker);
}
