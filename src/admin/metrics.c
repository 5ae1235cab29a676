/*
 * GET /metrics: everything that is counted, for Prometheus. Counters of all workers are summed
 * here, when somebody looks. What labels may say is bounded by the configuration and the tables of
 * the source: no uid, no path, no client.
 */
#include "admin/endpoints.h"

#include "admin/counted.h"
#include "admin/metrics_text.h"
#include "admin/process.h"
#include "base/log.h"
#include "base/panic.h"
#include "gate/compress.h"
#include "logs/writer.h"

enum { TEXT_CAP = 1 << 20, FIRST_ROOM = 1 << 16 };

static const struct metric_label NO_LABEL = {NULL, {NULL, 0}};

static struct metric_label label(const char *name, struct str value)
{
    return (struct metric_label){name, value};
}

/* ---- the gate ---- */

/* Where the name of a row in STATS is not what Prometheus would call it. */
static struct str conventional_name(enum gate_stat s)
{
    switch (s) {
    case STAT_BYTES_SENT:
        return STR("sent_bytes");
    case STAT_CACHE_BYTES:
        return STR("cache_sent_bytes");
    case STAT_COMPRESSION_SAVED:
        return STR("compression_saved_bytes");
    default:
        return STR_NONE;
    }
}

static void put_stat(struct metrics *m, const struct req *r, enum gate_stat s, enum stat_kind kind,
                     struct str name, struct str text)
{
    struct str known = conventional_name(s);
    char lower[METRIC_NAME_MAX];
    size_t n = MIN(name.n, sizeof lower);

    if (kind == STAT_IS_COUNTER && str_ends(name, STR("_TOTAL")))
        n -= strlen("_TOTAL"); /* comes back as every counter's */
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(name.p[i]);
    metrics_one(m, kind == STAT_IS_COUNTER ? METRIC_COUNTER : METRIC_GAUGE,
                known.p != NULL ? known : (struct str){lower, n}, text,
                (uint64_t)counted(r->worker->gate, s));
}

static void put_stats(struct metrics *m, const struct req *r)
{
#define X(name, kind, text) put_stat(m, r, STAT_##name, STAT_IS_##kind, STR(#name), STR(text));
    STATS(X)
#undef X
}

static void put_outcomes(struct metrics *m, const struct req *r)
{
    static const struct str results[] = {[SERVED] = STR("served"),
                                         [DENIED] = STR("denied"),
                                         [REFUSED] = STR("refused"),
                                         [FAILED] = STR("failed")};

    metrics_family(m, METRIC_COUNTER, STR("outcomes"), STR("requests by how they ended"));
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = outcome_row((enum outcome)i);

        metrics_labels(m, label("outcome", row->word), label("result", results[row->class]));
        metrics_int(m, (uint64_t)counted(r->worker->gate, STAT_FIRST_OUTCOME + i));
    }
}

static void put_by_class(struct metrics *m, const struct req *r, int first, struct str name,
                         struct str text)
{
    metrics_family(m, METRIC_COUNTER, name, text);
    for (int i = 0; i < CLASS_COUNT; i++) {
        metrics_labels(m, label("class", class_word((enum path_class)i)), NO_LABEL);
        metrics_int(m, (uint64_t)counted(r->worker->gate, first + i));
    }
}

static void put_classes(struct metrics *m, const struct req *r)
{
    put_by_class(m, r, STAT_FIRST_CLASS, STR("class_requests"), STR("requests by class of path"));
    put_by_class(m, r, STAT_FIRST_CLASS_BYTES, STR("class_sent_bytes"),
                 STR("body bytes handed to sockets by class of path"));
}

static void put_measure(struct metrics *m, const struct req *r, enum measure which)
{
    const struct measure_row *row = measure_row(which);

    metrics_family(m, METRIC_HISTOGRAM, row->name, row->text);
    for (unsigned kind = 0; kind < MEASURE_KINDS; kind++) {
        struct str class = kind == MEASURE_API ? STR("api") : class_word((enum path_class)kind);
        struct measure_sums s;

        measure_read(&r->worker->gate->counters, STAT_FIRST_MEASURE, which, kind, &s);
        metrics_labels(m, label("class", class), NO_LABEL);
        metrics_histogram(m, row->bounds, row->count, row->unit, s.up_to, s.sum);
    }
}

/* ---- what stands below it ---- */

static void put_cache(struct metrics *m, const struct cache *cache)
{
    struct cache_stats s;

    cache_stats(cache, &s);
    metrics_one(m, METRIC_GAUGE, STR("cache_entries"), STR("objects in memory"), s.entries);
    metrics_one(m, METRIC_GAUGE, STR("cache_files"), STR("hot files kept open"), s.files);
    metrics_one(m, METRIC_GAUGE, STR("cache_flights"), STR("objects on their way into memory"),
                s.flights);
    metrics_one(m, METRIC_GAUGE, STR("cache_bytes"), STR("memory that objects take"), s.bytes);
    metrics_one(m, METRIC_GAUGE, STR("cache_limit_bytes"), STR("cache.memory"), s.limit);
    metrics_family(m, METRIC_COUNTER, STR("cache_lookups"), STR("look-ups in memory"));
    metrics_labels(m, label("result", STR("hit")), NO_LABEL);
    metrics_int(m, s.hits);
    metrics_labels(m, label("result", STR("miss")), NO_LABEL);
    metrics_int(m, s.misses);
    metrics_one(m, METRIC_COUNTER, STR("cache_evictions"), STR("objects that made room for others"),
                s.evictions);
    metrics_one(m, METRIC_COUNTER, STR("cache_rejected"), STR("objects too large for the cache"),
                s.rejected);
}

/* Only where there is one. */
static void put_disk(struct metrics *m, struct disk *disk)
{
    struct disk_stats s;

    if (disk == NULL)
        return;
    disk_stats(disk, &s);
    metrics_one(m, METRIC_GAUGE, STR("disk_objects"), STR("objects in the disk tier"), s.objects);
    metrics_one(m, METRIC_GAUGE, STR("disk_bytes"), STR("what they take on disk"), s.bytes);
    metrics_one(m, METRIC_GAUGE, STR("disk_limit_bytes"), STR("cache.disk.size"), s.limit);
    metrics_one(m, METRIC_GAUGE, STR("disk_queue_bytes"), STR("bytes that wait to be written"),
                s.queued);
#define X(name, text) \
    metrics_one(m, METRIC_COUNTER, STR("disk_" #name), STR("disk tier: " text), s.name);
    DISK_COUNTERS(X)
#undef X
}

static void put_records(struct metrics *m, const struct store_stats *s)
{
    const struct {
        struct str kind;
        uint64_t count;
    } rows[] = {{STR("grant"), s->grants},
                {STR("session"), s->sessions},
                {STR("use"), s->uses},
                {STR("revocation"), s->revocations}};

    metrics_family(m, METRIC_GAUGE, STR("store_records"),
                   STR("records, expired ones not yet swept among them; in Redis those of all "
                       "instances"));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        metrics_labels(m, label("record", rows[i].kind), NO_LABEL);
        metrics_int(m, rows[i].count);
    }
}

/* A store in Redis alone: what happened on the way to it. */
static void put_redis(struct metrics *m, const struct store_stats *s)
{
    if (!str_eq(str_of(s->kind), STR("redis")))
        return;
    metrics_one(m, METRIC_GAUGE, STR("store_replicas"), STR("replicas connected to the primary"),
                s->replicas);
#define X(name, text) \
    metrics_one(m, METRIC_COUNTER, STR("store_" #name), STR("Redis: " text), s->name);
    STORE_COUNTERS(X)
#undef X
}

static void put_store(struct metrics *m, struct store *store)
{
    struct store_stats s;

    store_stats(store, &s);
    metrics_family(m, METRIC_GAUGE, STR("store_up"), STR("1: the state store answers"));
    metrics_labels(m, label("kind", str_of(s.kind)), NO_LABEL);
    metrics_int(m, s.is_healthy);
    metrics_family(m, METRIC_GAUGE, STR("store_write_seconds"),
                   STR("time of the last write transaction; Redis: of the last round trip"));
    metrics_seconds(m, s.write_usec);
    put_records(m, &s);
    metrics_one(m, METRIC_GAUGE, STR("store_bytes"), STR("what the records take; 0: unknown"),
                s.bytes_used);
    metrics_one(m, METRIC_GAUGE, STR("store_limit_bytes"), STR("the most they may; 0: no limit"),
                s.bytes_limit);
    put_redis(m, &s);
}

/* ---- servers of HTTP origins ---- */

static double server_value(const struct server_view *v, int column)
{
    switch (column) {
    case 0:
        return v->state == SERVER_UP;
    case 1:
        return v->under_way;
    case 2:
        return (double)v->first_byte / (double)USEC_PER_SEC;
    case 3:
        return (double)v->requests;
    case 4:
        return (double)v->failures;
    case 5:
        return (double)v->ejections;
    default:
        WRONG("column of a server");
    }
}

static const struct server_column {
    enum metric_type type;
    struct str name, text;
} server_columns[] = {
    {METRIC_GAUGE, STR("origin_server_up"), STR("1: the server of an HTTP origin is used")},
    {METRIC_GAUGE, STR("origin_server_requests"), STR("requests to it under way")},
    {METRIC_GAUGE, STR("origin_server_first_byte_seconds"),
     STR("moving average of the time until its answers begin")},
    {METRIC_COUNTER, STR("origin_server_requests"), STR("requests to it")},
    {METRIC_COUNTER, STR("origin_server_failures"), STR("... of them, that failed")},
    {METRIC_COUNTER, STR("origin_server_ejections"), STR("times it was left out after failures")},
};

static void put_servers(struct metrics *m, const struct origin_route *route, int column)
{
    for (unsigned i = 0; route->cluster != NULL && i < cluster_server_count(route->cluster); i++) {
        struct server_view v;

        cluster_view(route->cluster, i, clock_monotonic(), &v);
        metrics_labels(m, label("origin", route->prefix), label("server", v.server));
        metrics_real(m, server_value(&v, column));
    }
}

static bool has_servers(const struct rules *rules)
{
    for (unsigned i = 0; i < rules->route_count; i++)
        if (rules->routes[i].cluster != NULL)
            return true;
    return false;
}

static void put_origins(struct metrics *m, const struct rules *rules)
{
    for (size_t c = 0; has_servers(rules) && c < ARRAY_LEN(server_columns); c++) {
        const struct server_column *column = &server_columns[c];

        metrics_family(m, column->type, column->name, column->text);
        for (unsigned i = 0; i < rules->route_count; i++)
            put_servers(m, &rules->routes[i], (int)c);
    }
}

/* ---- reports ---- */

/* What is not reported is not paid for: somebody must be told. */
static void put_reports(struct metrics *m, struct reports *reports)
{
    struct reports_status s;

    if (reports == NULL)
        return;
    reports_status(reports, &s);
    metrics_one(m, METRIC_COUNTER, STR("reports_sent"),
                STR("reports of traffic that their receiver acknowledged"), s.sent);
    metrics_one(m, METRIC_COUNTER, STR("reports_failed"),
                STR("tries to send a report that were not acknowledged"), s.failed);
    metrics_one(m, METRIC_GAUGE, STR("reports_leader"),
                STR("1: this instance reports, for all that share the store"), s.is_leader);
    metrics_one(m, METRIC_GAUGE, STR("reports_held"),
                STR("1: so many reports wait that no new ones are made"), s.is_held);
}

/* ---- logs, the process ---- */

static void put_logs(struct metrics *m, const struct gate *g)
{
    struct line_writer_stats s;

    line_writer_stats(g->lines, &s);
    metrics_one(m, METRIC_COUNTER, STR("log_dropped"),
                STR("lines of the log on stderr that were dropped"), log_dropped());
    metrics_one(m, METRIC_COUNTER, STR("access_log_lines"),
                STR("lines that waited to be written to the access log"), s.accepted);
    metrics_one(m, METRIC_COUNTER, STR("access_log_dropped"),
                STR("lines that found the queue of the access log full"), s.dropped);
    metrics_one(m, METRIC_COUNTER, STR("access_log_lost"),
                STR("lines that the access log's place refused"), s.lost);
}

static void put_common(struct metrics *m, const char *name, const char *help, double value)
{
    bool is_counter = str_ends(str_of(name), STR("_total"));

    metrics_common_family(m, is_counter ? METRIC_COUNTER : METRIC_GAUGE, str_of(name),
                          str_of(help));
    metrics_real(m, value);
}

/* The names that clients of Prometheus give these in every language. */
static void put_process(struct metrics *m, const struct gate *g)
{
    struct process_figures f;

    process_figures(&f);
    metrics_family(m, METRIC_GAUGE, STR("build_info"), STR("1, with the version"));
    metrics_labels(m, label("version", STR(HLSGATE_VERSION)), NO_LABEL);
    metrics_int(m, 1);
    metrics_one(m, METRIC_GAUGE, STR("workers"), STR("threads that serve"), g->worker_count);
    put_common(m, "process_cpu_seconds_total", "user and system CPU time", f.cpu_seconds);
    put_common(m, "process_start_time_seconds", "start of the process, Unix time",
               (double)g->started_unix);
    put_common(m, "process_resident_memory_bytes", "resident memory", (double)f.resident_bytes);
    put_common(m, "process_virtual_memory_bytes", "virtual memory", (double)f.virtual_bytes);
    put_common(m, "process_threads", "threads", (double)f.threads);
    put_common(m, "process_open_fds", "open descriptors", (double)f.open_fds);
    put_common(m, "process_max_fds", "the most of them there may be", (double)f.max_fds);
}

static void put_all(struct metrics *m, const struct req *r)
{
    const struct gate *g = r->worker->gate;

    put_process(m, g);
    put_stats(m, r);
    put_outcomes(m, r);
    put_classes(m, r);
    for (int i = 0; i < MEASURE_COUNT; i++)
        put_measure(m, r, (enum measure)i);
    put_cache(m, g->cache);
    put_disk(m, g->disk);
    put_store(m, g->store);
    put_origins(m, r->rules);
    put_reports(m, g->reports);
    put_logs(m, g);
}

const struct step *run_metrics(struct req *r)
{
    struct metrics m;
    struct buf text;
    struct str kept;

    buf_init(&text, TEXT_CAP);
    (void)!buf_reserve(&text, FIRST_ROOM);
    metrics_init(&m, &text);
    put_all(&m, r);
    kept = text.is_full ? STR_NONE : arena_copy(&r->arena, buf_str(&text));
    buf_done(&text);
    if (kept.p == NULL)
        return req_fail(r, OUT_INTERNAL);
    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    req_add_field(r, STR("X-Content-Type-Options"), STR("nosniff"));
    return compress_reply(r, OUT_OK, STR("text/plain; version=0.0.4; charset=utf-8"), kept);
}
