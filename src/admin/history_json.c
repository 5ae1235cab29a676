/*
 * A figure is a row: where it stands, how many decimals are worth showing, how it comes out of a
 * point. The same rows make the columns of the history and the values of now.
 */
#include "admin/history_json.h"

#include <math.h>

#include "admin/counted.h"
#include "admin/json.h"
#include "gate/audience.h"

struct figure {
    const char *group, *name; /* group NULL: at the top */
    int decimals;
    double (*of)(const struct history_point *p, int which);
    int which;
};

static double gauge(const struct history_point *p, int which)
{
    return p->gauges[which];
}

static double rate(const struct history_point *p, int which)
{
    return history_rate(p, (enum history_counter)which);
}

static double first_byte_ms(const struct history_point *p, int percent)
{
    return history_first_byte(p, percent / 100.0) / (double)USEC_PER_MSEC;
}

static double hit_ratio(const struct history_point *p, int which)
{
    return history_hit_ratio(p);
}

static double gauge_ms(const struct history_point *p, int which)
{
    return p->gauges[which] / (double)USEC_PER_MSEC;
}

/* Of one core. */
static double cpu_percent(const struct history_point *p, int which)
{
    return history_rate(p, (enum history_counter)which) / (double)USEC_PER_SEC * 100;
}

#define REQUESTS "requests_per_second"

static const struct figure in_both[] = {
    {NULL, "viewers", 1, gauge, HISTORY_VIEWERS},
    {NULL, "sessions", 1, gauge, HISTORY_SESSIONS},
    {NULL, "bytes_per_second", 0, rate, HISTORY_BYTES},
    {REQUESTS, "key", 2, rate, HISTORY_REQUESTS + CLASS_KEY},
    {REQUESTS, "playlist", 2, rate, HISTORY_REQUESTS + CLASS_PLAYLIST},
    {REQUESTS, "segment", 2, rate, HISTORY_REQUESTS + CLASS_SEGMENT},
    {REQUESTS, "static", 2, rate, HISTORY_REQUESTS + CLASS_STATIC},
    {REQUESTS, "other", 2, rate, HISTORY_REQUESTS + CLASS_OTHER},
    {REQUESTS, "api", 2, rate, HISTORY_API_REQUESTS},
    {NULL, "denied_per_second", 2, rate, HISTORY_DENIED},
    {NULL, "failed_per_second", 2, rate, HISTORY_FAILED},
    {"first_byte_ms", "p50", 3, first_byte_ms, 50},
    {"first_byte_ms", "p95", 3, first_byte_ms, 95},
    {"first_byte_ms", "p99", 3, first_byte_ms, 99},
    {NULL, "memory_bytes", 0, gauge, HISTORY_MEMORY_BYTES},
    {NULL, "cpu_percent", 2, cpu_percent, HISTORY_CPU_USEC},
};

static const struct figure in_history[] = {
    {NULL, "hit_ratio", 4, hit_ratio, 0},
    {NULL, "connections", 1, gauge, HISTORY_CONNECTIONS},
    {NULL, "store_latency_ms", 3, gauge_ms, HISTORY_STORE_USEC},
};

static const struct figure in_now[] = {
    {NULL, "users", 0, gauge, HISTORY_USERS},
    {NULL, "streams", 0, gauge, HISTORY_STREAMS},
    {NULL, "grants", 0, gauge, HISTORY_GRANTS},
    {"cache", "hit_ratio", 4, hit_ratio, 0},
    {"cache", "saved_bytes_per_second", 0, rate, HISTORY_BYTES_SAVED},
};

static json_t *json_of_figure(double value, int decimals)
{
    double scale = pow(10, decimals), rounded = round(value * scale) / scale;

    if (isnan(value))
        return json_null();
    return rounded == floor(rounded) ? json_integer((json_int_t)rounded) : json_real(rounded);
}

/* Where the figure stands: `o`, or the group in it. */
static json_t *place_of(json_t *o, const struct figure *f)
{
    json_t *group = f->group != NULL ? json_object_get(o, f->group) : o;

    if (group == NULL) {
        group = json_object();
        json_put(o, f->group, group);
    }
    return group;
}

/* ---- history ---- */

static void put_columns(json_t *o, const struct figure *figures, size_t count,
                        const struct history_point *points, unsigned n)
{
    for (const struct figure *f = figures; f < figures + count; f++) {
        json_t *column = json_array();

        for (unsigned i = 0; i < n; i++)
            json_array_append_new(column, json_of_figure(f->of(&points[i], f->which), f->decimals));
        json_put(place_of(o, f), f->name, column);
    }
}

json_t *json_of_history(enum history_range range, const struct history_point *points, unsigned n)
{
    json_t *o = json_object(), *at = json_array();

    json_put_str(o, "range", history_word(range));
    json_put_int(o, "step_seconds", history_step(range));
    json_put_int(o, "points", n);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(at,
                              json_of_figure((double)points[i].at_unix / (double)USEC_PER_SEC, 3));
    json_put(o, "at", at);
    put_columns(o, in_both, ARRAY_LEN(in_both), points, n);
    put_columns(o, in_history, ARRAY_LEN(in_history), points, n);
    return o;
}

/* ---- now ---- */

static void put_figures(json_t *o, const struct figure *figures, size_t count,
                        const struct history_point *p)
{
    for (const struct figure *f = figures; f < figures + count; f++)
        json_put(place_of(o, f), f->name,
                 p != NULL ? json_of_figure(f->of(p, f->which), f->decimals) : json_null());
}

static void put_connections(json_t *o, const struct gate *g)
{
    int64_t total = counted(g, STAT_CONNECTIONS), h2 = counted(g, STAT_CONNECTIONS_H2);
    json_t *c = json_object();

    json_put_int(c, "total", total);
    json_put_int(c, "h1", MAX(total - h2, 0));
    json_put_int(c, "h2", h2);
    json_put_int(c, "tls", counted(g, STAT_CONNECTIONS_TLS));
    json_put_int(c, "limit", g->max_connections);
    json_put(o, "connections", c);
}

static void put_cache(json_t *o, const struct gate *g)
{
    json_t *cache = json_object_get(o, "cache");
    struct cache_stats s;

    cache_stats(g->cache, &s);
    json_put_int(cache, "bytes", (int64_t)s.bytes);
    json_put_int(cache, "limit", (int64_t)s.limit);
}

json_t *json_of_now(const struct gate *g, struct sampler *s)
{
    json_t *o = json_object();
    struct history_point p;
    bool is_known = sampler_now(s, &p);

    put_figures(o, in_both, ARRAY_LEN(in_both), is_known ? &p : NULL);
    put_figures(o, in_now, ARRAY_LEN(in_now), is_known ? &p : NULL);
    put_connections(o, g);
    put_cache(o, g);
    return o;
}

/* ---- audience ---- */

static json_t *json_of_top(const struct gate *g, usec_t now, enum audience_kind kind,
                           const char *name)
{
    json_t *rows = json_array();
    struct audience_top top;

    audience_read(g, now, kind, &top);
    for (unsigned i = 0; i < top.count; i++) {
        const struct audience_row *row = &top.rows[i];
        json_t *o = json_object();

        json_put_str(o, name, (struct str){row->key, row->key_n});
        json_put_int(o, "bytes", (int64_t)row->bytes);
        json_put_int(o, "viewers", (int64_t)row->viewers);
        json_put_int(o, "requests", (int64_t)row->requests);
        json_array_append_new(rows, o);
    }
    return rows;
}

json_t *json_of_audience(const struct gate *g)
{
    usec_t now = clock_monotonic();
    json_t *o = json_object();

    json_put_int(o, "window_seconds", audience_seconds(g, now));
    json_put(o, "streams", json_of_top(g, now, AUDIENCE_STREAMS, "stream_key"));
    json_put(o, "users", json_of_top(g, now, AUDIENCE_USERS, "uid"));
    return o;
}
