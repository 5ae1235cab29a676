/* The end of reporting: on a loop of its own, after the workers, whose counts are all in the store
 * by now. */
#include "net/watch.h"
#include "traffic/reports_internal.h"

#define LAST_PATIENCE USEC_PER_SEC /* for giving the lead back */

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

/* Until somebody stops it, or for so long. */
static void run_for(struct loop *l, usec_t most)
{
    struct alarm *patience = alarm_new(l, stop_loop, l);

    alarm_set(patience, most);
    loop_run(l);
    alarm_free(&patience);
}

struct giving_back {
    struct traffic_lead lead;
    struct loop *loop;
};

static void on_given_back(struct op *op, int err)
{
    loop_stop(container_of(op, struct giving_back, lead.op)->loop);
}

static void give_back(struct reports *r, struct loop *l, struct store_worker *s)
{
    struct giving_back g = {.lead = {.now = loop_unix(l)}, .loop = l};

    memcpy(g.lead.holder, r->holder, sizeof g.lead.holder);
    op_init(&g.lead.op, on_given_back);
    if (store_traffic_lead(s, &g.lead) != 0)
        return;
    run_for(l, LAST_PATIENCE);
    op_cancel(&g.lead.op);
}

void reports_finish(struct reports *r, struct store *s)
{
    struct client_limits limits = REPORTS_CLIENT_LIMITS;
    struct loop *l = loop_new();
    struct store_worker *store = store_worker_new(s, l);
    struct client *client = client_new(l, &limits);
    struct reporter *reporter = NULL;
    struct reports_status status;

    if (r->target.n > 0 && r->stop_timeout > 0) {
        reporter = reporter_new(r, l, store, client, stop_loop, l);
        run_for(l, r->stop_timeout);
        reporter_free(&reporter);
    }
    reports_status(r, &status);
    if (status.is_leader)
        give_back(r, l, store);
    client_free(&client);
    store_worker_free(&store);
    loop_free(&l);
}
