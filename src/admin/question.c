/* One dry admission, for whoever wants to know. */
#include "admin/question.h"

#include "access/stream_key.h"
#include "admin/endpoints.h"

struct str input_stream_key(struct input *in, const char *name, const struct rules *rules,
                            struct str text)
{
    struct str path = input_stream_path(in->arena, text), key;

    if (path.p == NULL) {
        input_wrong(in, name, "not the path of a URL");
        return STR_NONE;
    }
    key = stream_key_of(rules->stream_key, path);
    if (key.n == 0)
        input_wrong(in, name, "has no stream key: it lies in no folder");
    else if (key.n > STORE_KEY_MAX)
        input_wrong(in, name, "its stream key is too long");
    return input_is_wrong(in) ? STR_NONE : key;
}

void question_set(struct question *q, struct req *r, const struct ip *ip, struct str user_agent,
                  struct str uid, struct str stream_key)
{
    uint8_t hash[UA_HASH_LEN];

    ua_hash(user_agent, hash);
    viewer_init(&q->viewer, &r->rules->viewer, ip, hash);
    q->req = r;
    q->a = (struct admission){.arena = &r->arena,
                              .is_dry = true,
                              .now = r->now,
                              .ip = q->viewer.ip,
                              .ua_hash = q->viewer.ua_hash,
                              .viewer = q->viewer.id,
                              .uid = uid.p != NULL ? uid : STR(""),
                              .stream_key = stream_key.p != NULL ? stream_key : STR(""),
                              .session_id = STR("")};
}

void question_take(struct question *q, struct input *in)
{
    struct req *r = q->req;
    struct ip ip = input_ip(in, "ip", INPUT_SAYS_SOMETHING);
    struct str ua = input_str(in, "ua", INPUT_OPTIONAL, INPUT_UA_MAX);
    struct str uid = input_uid(in, INPUT_SAYS_SOMETHING);
    struct str path = input_str(in, "path", INPUT_SAYS_SOMETHING, INPUT_PATH_MAX);
    struct str key = STR("");

    if (!input_is_wrong(in) && path.p != NULL)
        key = input_stream_key(in, "path", r->rules, path);
    question_set(q, r, ip.family != IP_NONE ? &ip : &r->client,
                 ua.p != NULL ? ua : r->head.known[FIELD_USER_AGENT], uid, key);
}

static const struct step *after_asking(struct question *q, int err)
{
    return err < 0 ? api_store_failed(q->req, err) : q->answer(q);
}

static void on_asked(struct op *op, int err)
{
    struct question *q = container_of(op, struct question, a.op);

    req_resume(q->req, after_asking(q, err));
}

const struct step *question_ask(struct question *q)
{
    int n;

    op_init(&q->a.op, on_asked);
    n = store_admit(q->req->worker->store, &q->a);
    return n == 0 ? req_wait(q->req, &q->a.op) : after_asking(q, n);
}

struct str question_verdict(const struct question *q)
{
    switch (q->a.verdict) {
    case ADMITTED:
        return STR("let in");
    case REFUSED_NO_GRANT:
        return outcome_row(OUT_NO_GRANT)->text;
    case REFUSED_GRANT_KEY:
        return outcome_row(OUT_GRANT_OTHER_STREAM)->text;
    case REFUSED_NO_SESSION:
        return outcome_row(OUT_NO_SESSION)->text;
    default: /* of what was not asked: a Redis that answers nonsense */
        return STR("refused for another reason");
    }
}
