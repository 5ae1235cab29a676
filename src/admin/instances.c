#include "admin/instances.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "admin/counted.h"
#include "admin/endpoints.h"
#include "admin/history_json.h"
#include "admin/json.h"
#include "base/codec.h"
#include "base/hash.h"
#include "store/instances.h"

enum {
    BEAT_TTL = 5, /* seconds: some beats may be late */
    BEAT_ARENA_CAP = 1 << 20,
};

struct instances {
    uint8_t id[INSTANCE_ID_LEN];
    char name[INSTANCE_NAME_LEN];
    pthread_mutex_t lock; /* of what the others say; held for a copy */
    json_t *others;       /* an array; owned */
};

struct instances *instances_new(void)
{
    struct instances *i = xzalloc(sizeof *i);

    pthread_mutex_init(&i->lock, NULL);
    random_bytes(i->id, sizeof i->id);
    hex_encode(i->id, INSTANCE_NAME_LEN / 2, i->name);
    i->others = json_array();
    return i;
}

struct str instances_own_name(const struct instances *i)
{
    return (struct str){i->name, sizeof i->name};
}

/* ---- what an instance says ---- */

/* Null as soon as one of them is. */
static json_t *sum_of(json_t *rates)
{
    const char *name;
    json_t *rate;
    double sum = 0;

    json_object_foreach(rates, name, rate)
    {
        if (!json_is_number(rate))
            return json_null();
        sum += json_number_value(rate);
    }
    return json_real(sum);
}

static void put_copy(json_t *o, const char *name, const json_t *now)
{
    json_put(o, name, json_incref(json_object_get(now, name)));
}

static json_t *json_of_instance(const struct instances *i, const struct gate_worker *w,
                                struct sampler *s)
{
    json_t *o = json_object(), *now = json_of_now(w->gate, s);
    struct store_stats store;

    store_stats(w->gate->store, &store);
    json_put_str(o, "instance", instances_own_name(i));
    json_put(o, "at", json_real((double)clock_unix_usec() / (double)USEC_PER_SEC));
    json_put_str(o, "version", STR(HLSGATE_VERSION));
    json_put_int(o, "uptime_seconds", uptime_seconds(w->gate));
    json_put_int(o, "workers", w->gate->worker_count);
    json_put_str(o, "status", health_word(health_of(w->era->rules, &store)));
    put_copy(o, "viewers", now);
    put_copy(o, "bytes_per_second", now);
    json_put(o, "requests_per_second", sum_of(json_object_get(now, "requests_per_second")));
    json_put_int(o, "connections", counted(w->gate, STAT_CONNECTIONS));
    json_decref(now);
    return o;
}

/* ---- what others have said ---- */

static const struct {
    const char *name;
    json_type type;   /* JSON_REAL: any number */
    bool is_measured; /* null: not yet */
} fields[] = {
    {"instance", JSON_STRING},
    {"at", JSON_REAL},
    {"version", JSON_STRING},
    {"uptime_seconds", JSON_INTEGER},
    {"workers", JSON_INTEGER},
    {"status", JSON_STRING},
    {"viewers", JSON_INTEGER, true},
    {"bytes_per_second", JSON_REAL, true},
    {"requests_per_second", JSON_REAL, true},
    {"connections", JSON_INTEGER},
};

static bool is_of_type(const json_t *value, json_type type)
{
    return json_typeof(value) == type || (type == JSON_REAL && json_is_integer(value));
}

/* What is not ours to know is left out, so that a later version may say more. NULL: nothing of use.
 */
static json_t *read_text(struct str text)
{
    json_t *said = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL), *o = json_object();

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *value = json_object_get(said, fields[i].name);

        bool is_unknown = json_is_null(value) && fields[i].is_measured;

        if (value == NULL || !(is_unknown || is_of_type(value, fields[i].type))) {
            json_decref(TAKE(o));
            break;
        }
        json_put(o, fields[i].name, json_incref(value));
    }
    json_decref(said);
    return o;
}

static void set_others(struct instances *i, json_t *others)
{
    json_t *old;

    pthread_mutex_lock(&i->lock);
    old = i->others;
    i->others = others;
    pthread_mutex_unlock(&i->lock);
    json_decref(old);
}

/* All but the first, which is this one. */
static void hear(struct instances *i, const struct instance_beat *b)
{
    json_t *others = json_array();

    for (unsigned k = 1; k < b->count; k++) {
        json_t *o = read_text(b->instances[k].text);

        if (o != NULL)
            json_array_append_new(others, o);
    }
    set_others(i, others);
}

json_t *json_of_instances(struct instances *i, const struct gate_worker *w, struct sampler *s)
{
    json_t *list = json_array(), *others;

    json_array_append_new(list, json_of_instance(i, w, s));
    pthread_mutex_lock(&i->lock);
    others = json_deep_copy(i->others); /* counts of references are no atomics */
    pthread_mutex_unlock(&i->lock);
    json_array_extend(list, others);
    json_decref(others);
    return list;
}

/* ---- beating ---- */

struct heart {
    struct instance_beat beat;
    struct arena arena; /* of one beat */
    struct instances *instances;
    struct gate_worker *worker;
    struct sampler *sampler;
};

static void after_beat(struct heart *h, int err)
{
    if (err < 0)
        set_others(h->instances, json_array());
    else
        hear(h->instances, &h->beat);
    arena_done(&h->arena);
}

static void on_beaten(struct op *op, int err)
{
    after_beat(container_of(op, struct heart, beat.op), err);
}

struct heart *heart_new(struct instances *i, struct gate_worker *w, struct sampler *s)
{
    struct heart *h = xzalloc(sizeof *h);

    h->instances = i;
    h->worker = w;
    h->sampler = s;
    op_init(&h->beat.op, on_beaten);
    return h;
}

void heart_free(struct heart **h)
{
    struct heart *old = TAKE(*h);

    if (old == NULL)
        return;
    if (op_is_under_way(&old->beat.op)) {
        op_cancel(&old->beat.op);
        arena_done(&old->arena);
    }
    free(old);
}

void heart_beat(struct heart *h)
{
    struct instance_beat *b = &h->beat;
    json_t *own;
    int n;

    if (op_is_under_way(&b->op))
        return;
    arena_init(&h->arena, BEAT_ARENA_CAP);
    own = json_of_instance(h->instances, h->worker, h->sampler);
    b->arena = &h->arena;
    b->text = json_text(&h->arena, own);
    b->ttl = BEAT_TTL;
    memcpy(b->id, h->instances->id, sizeof b->id);
    json_decref(own);
    n = store_instance_beat(h->worker->store, b);
    if (n != 0)
        after_beat(h, MIN(n, 0));
}
