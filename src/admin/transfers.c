/* What is on its way to viewers right now. */
#include "admin/endpoints.h"

#include "admin/input.h"
#include "admin/json.h"
#include "gate/transfers.h"

enum { SHOWN_DEFAULT = 100 };

static double msec(usec_t t)
{
    return (double)t / (double)USEC_PER_MSEC;
}

/* Of an answer whose length nobody knows yet, null. */
static void put_progress(json_t *o, const struct transfer_view *v)
{
    bool is_known = v->total != BODY_LENGTH_UNKNOWN;

    json_put(o, "total_bytes", is_known ? json_integer((json_int_t)v->total) : json_null());
    json_put(o, "progress",
             is_known ? json_real((double)v->sent / (double)MAX(v->total, (uint64_t)1))
                      : json_null());
}

static json_t *json_of_transfer(const struct transfer_view *v)
{
    json_t *o = json_object();

    json_put_str(o, "uid", (struct str){v->uid, v->uid_n});
    json_put(o, "client_ip", json_of_ip(&v->client));
    json_put(o, "viewer", json_of_hex(v->viewer, sizeof v->viewer));
    json_put_str(o, "user_agent", (struct str){v->ua, v->ua_n});
    json_put_str(o, "method", http_method_name(v->method));
    json_put_str(o, "path", (struct str){v->path, v->path_n});
    json_put_str(o, "stream_key", (struct str){v->stream_key, v->key_n});
    json_put_str(o, "class", class_word(v->class));
    json_put_int(o, "status", v->status);
    json_put_str(o, "protocol",
                 v->http_major > 1   ? STR("h2")
                 : v->http_minor > 0 ? STR("http/1.1")
                                     : STR("http/1.0"));
    json_put_bool(o, "tls", v->is_tls);
    json_put_int(o, "bytes_sent", (int64_t)v->sent);
    put_progress(o, v);
    json_put_int(o, "bytes_per_second", (int64_t)v->speed);
    json_put(o, "duration_ms", json_real(msec(v->age)));
    json_put(o, "first_byte_ms", v->first_byte > 0 ? json_real(msec(v->first_byte)) : json_null());
    json_put(o, "started_at", json_of_time(clock_unix_usec() - v->age));
    json_put_int(o, "worker", v->worker);
    return o;
}

json_t *json_of_transfers(const struct transfer_list *list)
{
    json_t *o = json_object(), *rows = json_array();

    json_put_int(o, "total", list->running);
    json_put_int(o, "matching", list->matching);
    json_put_int(o, "bytes_per_second", (int64_t)list->speed);
    for (unsigned i = 0; i < list->count; i++)
        json_array_append_new(rows, json_of_transfer(list->rows[i]));
    json_put(o, "transfers", rows);
    return o;
}

static enum transfer_sort take_sort(struct input *in)
{
    struct str word = input_str(in, "sort", INPUT_SAYS_SOMETHING, INPUT_WORD_MAX);
    enum transfer_sort sort = word.p != NULL ? transfer_sort_parse(word) : TRANSFERS_BY_AGE;

    if (sort == TRANSFER_SORT_COUNT)
        input_wrong(in, "sort",
                    "must be one of"
#define X(name, text, by) " " text
                    TRANSFER_SORTS(X)
#undef X
        );
    return sort;
}

static bool take_is_ascending(struct input *in)
{
    struct str word = input_str(in, "order", INPUT_SAYS_SOMETHING, INPUT_WORD_MAX);

    if (word.p != NULL && !str_eq(word, STR("asc")) && !str_eq(word, STR("desc")))
        input_wrong(in, "order", "must be asc or desc");
    return str_eq(word, STR("asc"));
}

static void take_query(struct input *in, struct transfer_query *q)
{
    q->sort = take_sort(in);
    q->is_ascending = take_is_ascending(in);
    q->limit = input_count(in, "limit", SHOWN_DEFAULT, TRANSFERS_SHOWN_MAX);
    q->uid = input_uid(in, INPUT_SAYS_SOMETHING);
    q->stream_key = input_str(in, "stream_key", INPUT_SAYS_SOMETHING, INPUT_PATH_MAX);
}

const struct step *run_transfers(struct req *r)
{
    struct transfer_query q;
    struct transfer_list list;
    struct input in;

    input_from_query(&in, &r->arena, r->url.query);
    take_query(&in, &q);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    if (!transfers_read(r->worker->gate, &q, &r->arena, &list))
        return req_fail(r, OUT_INTERNAL);
    return api_answer(r, OUT_OK, json_of_transfers(&list));
}
