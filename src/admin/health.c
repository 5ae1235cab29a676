/*
 * How it goes: /health for those who watch from outside, /stats for all that is counted. Counters
 * of all workers are summed here, when somebody looks, and nowhere else.
 */
#include "admin/endpoints.h"

#include "admin/caller.h"
#include "admin/counted.h"
#include "admin/json.h"
#include "admin/store_json.h"
#include "base/log.h"
#include "gate/coded.h"
#include "logs/writer.h"

int64_t uptime_seconds(const struct gate *g)
{
    return (int64_t)((clock_monotonic() - g->started) / USEC_PER_SEC);
}

static void put_process(const struct req *r, json_t *o)
{
    json_put_str(o, "version", STR(HLSGATE_VERSION));
    json_put_int(o, "uptime_seconds", uptime_seconds(r->worker->gate));
    json_put_int(o, "workers", r->worker->gate->worker_count);
}

/* All at rest while nobody asks; the request that asks counts itself. */
static void put_lower(json_t *o, const char *name, int64_t value)
{
    char lower[64];
    size_t n = 0;

    for (; name[n] != '\0' && n < sizeof lower - 1; n++)
        lower[n] = ascii_lower(name[n]);
    lower[n] = '\0';
    json_put_int(o, lower, value);
}

/* Those of the table, and what others than the gate count. */
static json_t *gauges_of(const struct req *r)
{
    json_t *o = json_object();
    struct cache_stats cache;

#define X(name, kind, text)              \
    if (STAT_IS_##kind == STAT_IS_GAUGE) \
        put_lower(o, #name, counted(r->worker->gate, STAT_##name));
    STATS(X)
#undef X
    cache_stats(r->worker->gate->cache, &cache);
    json_put_int(o, "arenas", arena_live() - admin_of(r)->arenas_at_start);
    json_put_int(o, "blobs", /* without those at rest */
                 blob_live() - (int64_t)cache.blobs - coded_live());
    json_put_int(o, "flights", (int64_t)cache.flights);
    return o;
}

/* ---- /health ---- */

static json_t *json_of_server(const struct server_view *v)
{
    json_t *o = json_object();

    json_put_str(o, "server", v->server);
    json_put_str(o, "state", server_state_word(v->state));
    json_put_int(o, "under_way", v->under_way);
    json_put_int(o, "requests", (int64_t)v->requests);
    json_put_int(o, "failures", (int64_t)v->failures);
    json_put_int(o, "ejections", (int64_t)v->ejections);
    json_put_int(o, "first_byte_usec", (int64_t)v->first_byte);
    return o;
}

static json_t *json_of_route(const struct origin_route *route, usec_t now)
{
    json_t *o = json_object(), *servers = json_array();

    json_put_str(o, "prefix", route->prefix);
    json_put_str(o, "kind", route->cluster != NULL ? STR("http") : STR("filesystem"));
    for (unsigned i = 0; route->cluster != NULL && i < cluster_server_count(route->cluster); i++) {
        struct server_view v;

        cluster_view(route->cluster, i, now, &v);
        json_array_append_new(servers, json_of_server(&v));
    }
    json_put(o, "servers", servers);
    return o;
}

json_t *json_of_origins(const struct rules *rules)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < rules->route_count; i++)
        json_array_append_new(list, json_of_route(&rules->routes[i], clock_monotonic()));
    return list;
}

static void put_details(const struct req *r, const struct store_stats *s, json_t *o)
{
    put_process(r, o);
    json_put(o, "store", json_of_store_health(s));
    json_put(o, "origins", json_of_origins(r->rules));
    json_put(o, "gauges", gauges_of(r));
}

enum health health_of(const struct rules *rules, const struct store_stats *s)
{
    if (s->is_healthy)
        return HEALTHY;
    return rules->lets_signed_in ? DEGRADED : UNHEALTHY;
}

struct str health_word(enum health h)
{
    static const struct str words[] = {
        [HEALTHY] = STR("healthy"), [DEGRADED] = STR("degraded"), [UNHEALTHY] = STR("unhealthy")};

    return words[h];
}

const struct step *run_health(struct req *r)
{
    json_t *o = json_object();
    struct store_stats s;
    enum health h;

    store_stats(r->worker->gate->store, &s);
    h = health_of(r->rules, &s);
    json_put_str(o, "status", health_word(h));
    if (caller_check(r, SCOPE_VIEWER) == AUTH_OK)
        put_details(r, &s, o);
    return api_answer(r, h == UNHEALTHY ? OUT_STORE_DOWN : OUT_OK, o);
}

/* ---- /stats ---- */

static json_t *counters_of(const struct req *r)
{
    json_t *o = json_object();

#define X(name, kind, text) put_lower(o, #name, counted(r->worker->gate, STAT_##name));
    STATS(X)
#undef X
    return o;
}

static json_t *outcomes_of(const struct req *r)
{
    json_t *o = json_object();

    for (int i = 0; i < OUTCOME_COUNT; i++)
        json_put_at(o, outcome_row((enum outcome)i)->word,
                    json_integer(counted(r->worker->gate, STAT_FIRST_OUTCOME + i)));
    return o;
}

static json_t *classes_of(const struct req *r)
{
    json_t *o = json_object();

    for (int i = 0; i < CLASS_COUNT; i++) {
        json_t *class = json_object();

        json_put_int(class, "requests", counted(r->worker->gate, STAT_FIRST_CLASS + i));
        json_put_int(class, "bytes", counted(r->worker->gate, STAT_FIRST_CLASS_BYTES + i));
        json_put_at(o, class_word((enum path_class)i), class);
    }
    return o;
}

json_t *json_of_cache(const struct cache *cache)
{
    json_t *o = json_object();
    struct cache_stats s;

    cache_stats(cache, &s);
    json_put_int(o, "entries", (int64_t)s.entries);
    json_put_int(o, "files", (int64_t)s.files);
    json_put_int(o, "bytes", (int64_t)s.bytes);
    json_put_int(o, "limit", (int64_t)s.limit);
    json_put_int(o, "hits", (int64_t)s.hits);
    json_put_int(o, "misses", (int64_t)s.misses);
    json_put_int(o, "evictions", (int64_t)s.evictions);
    json_put_int(o, "rejected", (int64_t)s.rejected);
    json_put_int(o, "compressed", coded_live());
    return o;
}

/* Only where there is one. */
static void put_disk(json_t *o, struct disk *disk)
{
    struct disk_stats s;
    json_t *d;

    if (disk == NULL)
        return;
    d = json_object();
    disk_stats(disk, &s);
    json_put_int(d, "objects", (int64_t)s.objects);
    json_put_int(d, "bytes", (int64_t)s.bytes);
    json_put_int(d, "limit", (int64_t)s.limit);
    json_put_int(d, "queued", (int64_t)s.queued);
    json_put_int(d, "loading", s.loading);
    json_put_bool(d, "is_complete", s.is_complete);
#define X(name, text) json_put_int(d, #name, (int64_t)s.name);
    DISK_COUNTERS(X)
#undef X
    json_put(o, "disk", d);
}

static void put_access_log(const struct line_writer *lines, json_t *o)
{
    struct line_writer_stats s;
    json_t *log = json_object();

    line_writer_stats(lines, &s);
    json_put_int(log, "lines", (int64_t)s.accepted);
    json_put_int(log, "dropped", (int64_t)s.dropped);
    json_put_int(log, "lost", (int64_t)s.lost);
    json_put(o, "access_log", log);
}

const struct step *run_stats(struct req *r)
{
    json_t *o = json_object();
    struct store_stats store;

    store_stats(r->worker->gate->store, &store);
    put_process(r, o);
    json_put(o, "gauges", gauges_of(r));
    json_put(o, "counters", counters_of(r));
    json_put(o, "outcomes", outcomes_of(r));
    json_put(o, "classes", classes_of(r));
    json_put(o, "cache", json_of_cache(r->worker->gate->cache));
    put_disk(o, r->worker->gate->disk);
    json_put(o, "store", json_of_store(&store));
    json_put_int(o, "log_dropped", (int64_t)log_dropped());
    put_access_log(r->worker->gate->lines, o);
    return api_answer(r, OUT_OK, o);
}
