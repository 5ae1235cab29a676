/* GET /traffic: what users were delivered and is not reported yet, and how reporting goes. */
#include "admin/endpoints.h"

#include "admin/input.h"
#include "admin/json.h"
#include "traffic/file_type.h"

enum { TOP_DEFAULT = 20, TOP_MAX = 1000 };

struct list_traffic {
    struct traffic_list l;
    struct req *r;
};

static json_t *classes_of(const struct traffic_counts *c)
{
    json_t *o = json_object();

    for (int i = 0; i < CLASS_COUNT; i++)
        json_put_at(o, class_word((enum path_class)i), json_integer((json_int_t)c->bytes[i]));
    return o;
}

static json_t *types_of(const struct traffic_counts *c)
{
    json_t *o = json_object();

    for (int i = 0; i < FILE_TYPE_COUNT; i++)
        if (c->types[i] > 0)
            json_put_at(o, file_type_word((enum file_type)i),
                        json_integer((json_int_t)c->types[i]));
    return o;
}

static void put_distinct(json_t *o, const char *name, const char *estimated, const struct sketch *s)
{
    json_put_int(o, name, (int64_t)sketch_count(s));
    json_put_bool(o, estimated, !sketch_is_exact(s));
}

static json_t *json_of_line(const struct traffic_line *line)
{
    const struct traffic_counts *c = &line->counts;
    json_t *o = json_object();

    json_put_str(o, "uid", line->uid);
    json_put_int(o, "total_bytes", (int64_t)traffic_total(c));
    json_put_int(o, "request_count", (int64_t)c->requests);
    json_put_int(o, "start_time", c->first);
    json_put_int(o, "last_activity", c->last);
    json_put(o, "bytes", classes_of(c));
    json_put(o, "file_types", types_of(c));
    put_distinct(o, "unique_ips", "unique_ips_estimated", &c->ips);
    put_distinct(o, "unique_sessions", "unique_sessions_estimated", &c->sessions);
    return o;
}

json_t *json_of_reports(struct reports *r)
{
    json_t *o = json_object();
    struct reports_status s;

    reports_status(r, &s);
    json_put_bool(o, "is_sending", s.is_sending);
    json_put_bool(o, "is_leader", s.is_leader);
    json_put_bool(o, "is_held", s.is_held);
    json_put_int(o, "sent", (int64_t)s.sent);
    json_put_int(o, "failed", (int64_t)s.failed);
    json_put_int(o, "last_sent", s.last_sent);
    json_put_int(o, "last_failed", s.last_failed);
    json_put_str(o, "last_error", str_of(s.last_error));
    return o;
}

/* `waiting` and `acknowledged` are of all that share the store, the rest is this process's. */
static json_t *reports_of(const struct list_traffic *t)
{
    json_t *o = json_of_reports(t->r->worker->gate->reports);

    json_put_int(o, "waiting", (int64_t)t->l.waiting);
    json_put_int(o, "acknowledged", (int64_t)t->l.acknowledged);
    return o;
}

static const struct step *after_list(struct list_traffic *t, int err)
{
    json_t *answer, *top;

    if (err < 0)
        return api_store_failed(t->r, err);
    answer = json_object();
    top = json_array();
    for (unsigned i = 0; i < t->l.count; i++)
        json_array_append_new(top, json_of_line(&t->l.lines[i]));
    traffic_lines_done(t->l.lines, t->l.count);
    json_put_int(answer, "total_bytes", (int64_t)t->l.bytes);
    json_put_int(answer, "total_requests", (int64_t)t->l.requests);
    json_put_int(answer, "uids", (int64_t)t->l.uids);
    json_put(answer, "top", top);
    json_put_bool(answer, "is_partial", t->l.is_partial);
    json_put(answer, "reports", reports_of(t));
    return api_answer(t->r, OUT_OK, answer);
}

static void on_listed(struct op *op, int err)
{
    struct list_traffic *t = container_of(op, struct list_traffic, l.op);

    req_resume(t->r, after_list(t, err));
}

const struct step *run_traffic(struct req *r)
{
    struct list_traffic *t = ARENA_NEW(&r->arena, struct list_traffic);
    struct input in;
    int n;

    if (t == NULL)
        return req_fail(r, OUT_INTERNAL);
    input_from_query(&in, &r->arena, r->url.query);
    t->r = r;
    t->l = (struct traffic_list){.arena = &r->arena};
    t->l.limit = input_count(&in, "limit", TOP_DEFAULT, TOP_MAX);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    op_init(&t->l.op, on_listed);
    n = store_traffic_list(r->worker->store, &t->l);
    return n == 0 ? req_wait(r, &t->l.op) : after_list(t, n);
}
