#include "admin/store_json.h"

#include "admin/json.h"

static bool is_redis(const struct store_stats *s)
{
    return str_eq(str_of(s->kind), STR("redis"));
}

static void put_records(json_t *o, const struct store_stats *s)
{
    json_put_int(o, "grants", (int64_t)s->grants);
    json_put_int(o, "sessions", (int64_t)s->sessions);
    json_put_int(o, "uses", (int64_t)s->uses);
    json_put_int(o, "revocations", (int64_t)s->revocations);
    json_put_int(o, "bytes_used", (int64_t)s->bytes_used);
    json_put_int(o, "bytes_limit", (int64_t)s->bytes_limit);
}

/* What an operator looks for first when it does not work. */
static void put_way(json_t *o, const struct store_stats *s)
{
    json_put_str(o, "server", str_of(s->server));
    json_put_str(o, "trouble", str_of(s->trouble));
    json_put_int(o, "replicas", s->replicas);
}

static void put_redis(json_t *o, const struct store_stats *s)
{
    json_t *shared = json_object();

    put_way(o, s);
    json_put_int(o, "round_trip_usec", (int64_t)s->write_usec);
#define X(name, text) json_put_int(o, #name, (int64_t)s->name);
    STORE_COUNTERS(X)
#undef X
    put_records(shared, s);
    json_put(o, "shared", shared);
}

json_t *json_of_store_health(const struct store_stats *s)
{
    json_t *o = json_object();

    json_put_str(o, "kind", str_of(s->kind));
    json_put_bool(o, "healthy", s->is_healthy);
    json_put(o, "latency_ms",
             s->write_usec > 0 ? json_real((double)s->write_usec / (double)USEC_PER_MSEC)
                               : json_null()); /* nothing was written yet */
    if (is_redis(s))
        put_way(o, s);
    return o;
}

json_t *json_of_store(const struct store_stats *s)
{
    json_t *o = json_object();

    json_put_str(o, "kind", str_of(s->kind));
    json_put_bool(o, "healthy", s->is_healthy);
    if (is_redis(s)) {
        put_redis(o, s);
    } else {
        put_records(o, s);
        json_put_int(o, "write_usec", (int64_t)s->write_usec);
    }
    return o;
}
