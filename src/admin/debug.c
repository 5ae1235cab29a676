/* Why the gate decides as it does: for a whole request, a User-Agent, an address. Nothing here
 * changes anything. */
#include "admin/endpoints.h"

#include "access/browser.h"
#include "admin/input.h"
#include "admin/json.h"
#include "base/panic.h"
#include "gate/explain.h"

struct question {
    struct explanation e;
    struct req *r;
};

static json_t *json_of_input(const struct fact_input *input)
{
    json_t *list;

    switch (fact_input_type(input->name)) {
    case FACT_TEXT:
    case FACT_WORD:
        return json_of_str(input->text);
    case FACT_LIST:
        list = json_array();
        for (unsigned i = 0; i < input->list_n; i++)
            json_array_append_new(list, json_of_str(input->list[i]));
        return list;
    case FACT_NUMBER:
    case FACT_TIME:
        return json_integer(input->number);
    default:
        WRONG("type of an input");
    }
}

static json_t *json_of_inputs(const struct fact *f)
{
    json_t *o = json_object();

    for (unsigned i = 0; i < f->input_count; i++)
        json_put_at(o, fact_input_word(f->inputs[i].name), json_of_input(&f->inputs[i]));
    return o;
}

json_t *json_of_checks(const struct facts *f, struct arena *a)
{
    struct fact told[FACTS_MAX];
    unsigned n = facts_tell(f, a, told);
    json_t *list = json_array();

    for (unsigned i = 0; i < n; i++) {
        json_t *o = json_object();

        json_put_str(o, "check", fact_check_word(told[i].check));
        json_put_str(o, "verdict", fact_verdict_word(told[i].verdict));
        json_put(o, "inputs", json_of_inputs(&told[i]));
        json_put_str(o, "text", told[i].text);
        json_put_bool(o, "decisive", told[i].is_decisive);
        json_array_append_new(list, o);
    }
    return list;
}

static const struct step *after_explaining(struct question *q, int err)
{
    const struct outcome_row *row;
    json_t *answer;

    if (err < 0)
        return api_store_failed(q->r, err);
    row = outcome_row(q->e.outcome);
    answer = json_object();
    json_put_bool(answer, "allowed", row->class == SERVED);
    json_put_str(answer, "outcome", row->word);
    json_put_int(answer, "status", row->status);
    json_put_str(answer, "reason", row->text);
    json_put(answer, "checks", json_of_checks(&q->e.facts, &q->r->arena));
    return api_answer(q->r, OUT_OK, answer);
}

static void on_explained(struct op *op, int err)
{
    struct question *q = container_of(op, struct question, e.op);

    req_resume(q->r, after_explaining(q, err));
}

static void take_question(struct input *in, struct explanation *e)
{
    struct str url = input_str(in, "url", INPUT_NOT_EMPTY, HTTP_MAX_HEAD_BYTES);
    struct str session;

    e->client = input_ip(in, "ip", INPUT_NOT_EMPTY);
    e->user_agent = input_str(in, "ua", INPUT_OPTIONAL, INPUT_UA_MAX);
    session = input_str(in, "session", INPUT_OPTIONAL, INPUT_UA_MAX);
    e->session_id = session.p != NULL ? session : STR("");
    if (!input_is_wrong(in))
        input_split_url(in->arena, url, &e->authority, &e->target);
}

const struct step *run_explain(struct req *r)
{
    struct question *q = ARENA_NEW(&r->arena, struct question);
    struct input in;
    int n;

    if (q == NULL)
        return req_fail(r, OUT_INTERNAL);
    q->r = r;
    input_from_query(&in, &r->arena, r->url.query);
    take_question(&in, &q->e);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    if (q->e.target.p == NULL)
        return req_fail(r, OUT_INTERNAL);
    op_init(&q->e.op, on_explained);
    n = gate_explain(r->worker, &q->e);
    return n == 0 ? req_wait(r, &q->e.op) : after_explaining(q, n);
}

const struct step *run_browser(struct req *r)
{
    struct browser b;
    struct input in;
    struct str ua;
    json_t *answer;

    input_from_query(&in, &r->arena, r->url.query);
    ua = input_str(&in, "ua", INPUT_PRESENT, INPUT_UA_MAX);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    b = browser_detect(ua);
    answer = json_object();
    json_put_str(answer, "user_agent", ua);
    json_put_str(answer, "type", browser_type_name(b.type));
    json_put_str(answer, "name", b.name);
    return api_answer(r, OUT_OK, answer);
}

/* As a grant for `net` would be stored. */
static struct ip_net widened(const struct viewer_rules *rules, const struct ip_net *net)
{
    unsigned prefix = net->base.family == IP_V4 ? rules->ipv4_prefix : rules->ipv6_prefix;

    return ip_mask(&net->base, MIN(prefix, (unsigned)net->prefix));
}

const struct step *run_cidr(struct req *r)
{
    struct ip_net asked, net;
    struct ip test_ip;
    struct input in;
    json_t *answer;

    input_from_query(&in, &r->arena, r->url.query);
    asked = input_net(&in, "ip", INPUT_NOT_EMPTY);
    test_ip = input_ip(&in, "test_ip", INPUT_OPTIONAL);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    net = widened(&r->rules->viewer, &asked);
    answer = json_object();
    json_put(answer, "ip", json_of_net(&asked));
    json_put(answer, "network", json_of_net(&net));
    json_put_int(answer, "prefix", net.prefix);
    if (test_ip.family != IP_NONE) {
        json_put(answer, "test_ip", json_of_ip(&test_ip));
        json_put_bool(answer, "matches", ip_net_contains(&net, &test_ip));
    }
    return api_answer(r, OUT_OK, answer);
}
