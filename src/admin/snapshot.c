#include "admin/snapshot.h"

#include <inttypes.h>
#include <pthread.h>

#include "admin/counted.h"
#include "admin/endpoints.h"
#include "admin/history_json.h"
#include "admin/instances.h"
#include "admin/json.h"
#include "admin/store_json.h"
#include "admin/warnings.h"

#define RETRY "retry: 2000\n" /* milliseconds, after which a browser comes again */

enum {
    SNAPSHOT_ARENA_CAP = 8 << 20,
    TRANSFERS_IN_IT = 100, /* of what is running; who wants more asks /active-transfers */
};

/* What it is made of. */
struct view {
    const struct gate_worker *worker;
    const struct gate *gate;
    const struct admin *admin;
    const struct rules *rules;
    struct arena arena;
    struct store_stats store;
    struct reports_status reports;
};

static void view_init(struct view *v, struct gate_worker *w)
{
    *v = (struct view){
        .worker = w, .gate = w->gate, .admin = w->gate->api->context, .rules = w->era->rules};
    arena_init(&v->arena, SNAPSHOT_ARENA_CAP);
    store_stats(v->gate->store, &v->store);
    if (v->gate->reports != NULL)
        reports_status(v->gate->reports, &v->reports);
}

/* ---- warnings ---- */

static bool is_out(const struct server_view *s)
{
    return s->state == SERVER_EJECTED || s->state == SERVER_DOWN;
}

/* The first of them; "": all are well. */
static struct str server_out(struct view *v)
{
    for (unsigned i = 0; i < v->rules->route_count; i++) {
        const struct origin_route *route = &v->rules->routes[i];

        for (unsigned k = 0; route->cluster != NULL && k < cluster_server_count(route->cluster);
             k++) {
            struct server_view s;

            cluster_view(route->cluster, k, clock_monotonic(), &s);
            if (is_out(&s))
                return arena_printf(&v->arena, "%.*s %.*s", STR_FMT(route->prefix),
                                    STR_FMT(s.server));
        }
    }
    return STR("");
}

static json_t *warnings_of(struct view *v)
{
    struct condition c = {.now = clock_monotonic(),
                          .store = &v->store,
                          .server_out = server_out(v),
                          .reports = v->gate->reports != NULL ? &v->reports : NULL,
                          .connections = counted(v->gate, STAT_CONNECTIONS),
                          .max_connections = v->gate->max_connections};
    struct warning found[WARNING_COUNT];
    struct warning_memory memory;
    json_t *list = json_array();
    unsigned n;

    sampler_noticed(v->admin->sampler, &memory);
    n = warnings_find(&memory, &c, found);
    for (unsigned i = 0; i < n; i++) {
        json_t *o = json_object();

        json_put_str(o, "code", warning_word(found[i].kind));
        json_put_str(o, "detail", found[i].detail);
        json_array_append_new(list, o);
    }
    return list;
}

/* ---- the parts ---- */

static json_t *transfers_of(struct view *v)
{
    struct transfer_query q = {.sort = TRANSFERS_BY_AGE, .limit = TRANSFERS_IN_IT};
    struct transfer_list list;

    if (!transfers_read(v->gate, &q, &v->arena, &list))
        return json_null();
    return json_of_transfers(&list);
}

static json_t *totals_of(const struct gate *g)
{
    json_t *o = json_object();

    json_put_int(o, "requests", counted(g, STAT_REQUESTS_TOTAL));
    json_put_int(o, "recent", (int64_t)counted_recent(g));
    json_put_int(o, "bytes", counted(g, STAT_BYTES_SENT));
    json_put_int(o, "denied", counted_outcomes(g, outcome_is_denied));
    json_put_int(o, "failed", counted_outcomes(g, outcome_is_failed));
    json_put_int(o, "replays", counted_outcomes(g, outcome_is_replay));
    json_put_int(o, "keys", counted(g, STAT_FIRST_CLASS + CLASS_KEY));
    json_put_int(o, "bytes_saved", counted(g, STAT_CACHE_BYTES));
    return o;
}

static void put_process(const struct view *v, json_t *o)
{
    json_put(o, "at", json_real((double)clock_unix_usec() / (double)USEC_PER_SEC));
    json_put_str(o, "status", health_word(health_of(v->rules, &v->store)));
    json_put_str(o, "version", STR(HLSGATE_VERSION));
    json_put_str(o, "instance", instances_own_name(v->admin->instances));
    json_put_int(o, "uptime_seconds", uptime_seconds(v->gate));
    json_put_int(o, "workers", v->gate->worker_count);
}

static json_t *json_of_snapshot(struct view *v)
{
    json_t *o = json_object();

    put_process(v, o);
    json_put(o, "warnings", warnings_of(v));
    json_put(o, "store", json_of_store_health(&v->store));
    json_put(o, "origins", json_of_origins(v->rules));
    json_put(o, "now", json_of_now(v->gate, v->admin->sampler));
    json_put(o, "totals", totals_of(v->gate));
    json_put(o, "audience", json_of_audience(v->gate));
    json_put(o, "transfers", transfers_of(v));
    json_put(o, "reports",
             v->gate->reports != NULL ? json_of_reports(v->gate->reports) : json_null());
    json_put(o, "instances", json_of_instances(v->admin->instances, v->worker, v->admin->sampler));
    return o;
}

/* ---- the board ---- */

struct board {
    pthread_mutex_t lock;   /* held for a look */
    struct message *latest; /* a reference; NULL: none */
    usec_t made;            /* when it was */
    uint64_t number;        /* so far */
    unsigned open;          /* workers with onlookers */
    bool is_being_made;
};

struct board *board_new(void)
{
    struct board *b = xzalloc(sizeof *b);

    pthread_mutex_init(&b->lock, NULL);
    return b;
}

/* As HTML's server-sent events want it: JSON has no line ends of its own. */
static struct message *message_of(struct view *v, uint64_t number, struct str json)
{
    struct str head =
        arena_printf(&v->arena, RETRY "event: snapshot\nid: %" PRIu64 "\ndata: ", number);
    struct str pieces[] = {head, json, STR("\n")}; /* behind the one that JSON ends with */
    struct str text = arena_join(&v->arena, pieces, ARRAY_LEN(pieces));

    return text.p != NULL ? message_new(text) : NULL;
}

static struct message *make(struct gate_worker *w, uint64_t number)
{
    struct message *m = NULL;
    struct view v;
    struct str json;
    json_t *o;

    view_init(&v, w);
    o = json_of_snapshot(&v);
    json = json_text(&v.arena, o);
    if (json.p != NULL)
        m = message_of(&v, number, json);
    json_decref(o);
    arena_done(&v.arena);
    return m;
}

/* With the lock held: is it the caller's to make one? */
static bool take_turn(struct board *b, usec_t now)
{
    if (b->is_being_made || (b->latest != NULL && now - b->made < SNAPSHOT_FRESH))
        return false;
    b->is_being_made = true;
    b->made = now;
    b->number++;
    return true;
}

/* What could not be made (an arena was full) leaves the one before. */
static void hang_up(struct board *b, struct message *m)
{
    struct message *old = NULL;

    pthread_mutex_lock(&b->lock);
    b->is_being_made = false;
    if (m != NULL) {
        old = b->latest;
        b->latest = m;
    }
    pthread_mutex_unlock(&b->lock);
    message_unref(&old);
}

struct message *board_latest(struct board *b, struct gate_worker *w)
{
    struct message *latest;
    uint64_t number;
    bool is_mine;

    pthread_mutex_lock(&b->lock);
    is_mine = take_turn(b, clock_monotonic());
    number = b->number;
    pthread_mutex_unlock(&b->lock);
    if (is_mine)
        hang_up(b, make(w, number));
    pthread_mutex_lock(&b->lock);
    latest = b->latest != NULL ? message_ref(b->latest) : NULL;
    pthread_mutex_unlock(&b->lock);
    return latest;
}

void board_open(struct board *b)
{
    pthread_mutex_lock(&b->lock);
    b->open++;
    pthread_mutex_unlock(&b->lock);
}

void board_close(struct board *b)
{
    struct message *old = NULL;

    pthread_mutex_lock(&b->lock);
    if (--b->open == 0)
        old = TAKE(b->latest);
    pthread_mutex_unlock(&b->lock);
    message_unref(&old);
}
