/*
 * Is it there? For one path, or up to a hundred, of which a handful are asked for at a time: a
 * back end that checks a whole catalogue must not take the origins' connections from viewers.
 */
#include "admin/endpoints.h"

#include <stdio.h>

#include "admin/input.h"
#include "admin/json.h"
#include "admin/lookup.h"

enum { BATCH_MAX = 100, BATCH_AT_ONCE = 8 };

static json_t *json_of_lookup(struct lookup *l, struct str asked)
{
    struct str trouble = lookup_trouble(l);
    json_t *o = json_object();

    json_put_str(o, "path", asked);
    json_put_bool(o, "exists", lookup_found(l));
    json_put(o, "error", trouble.p != NULL ? json_of_str(trouble) : json_null());
    return o;
}

/* ---- POST /api/file/check ---- */

struct check {
    struct lookup lookup;
    struct str asked;
};

static const struct step *after_check(struct check *c)
{
    return api_answer(c->lookup.req, OUT_OK, json_of_lookup(&c->lookup, c->asked));
}

static void on_checked(struct op *op, int err)
{
    struct check *c = container_of(op, struct check, lookup.op);

    req_resume(c->lookup.req, after_check(c));
}

static void take_check(struct input *in, struct check *c)
{
    struct url url = {.path = STR_NONE};

    c->asked = input_str(in, "path", INPUT_NOT_EMPTY, INPUT_PATH_MAX);
    if (!input_is_wrong(in) && input_parse_url(in, "path", c->asked, &url))
        c->lookup = (struct lookup){.path = url.path, .query = url.query};
}

const struct step *run_file_check(struct req *r)
{
    AUTO(input_done) struct input in;
    struct check *c = ARENA_NEW(&r->arena, struct check);

    input_from_json(&in, &r->arena, r->content);
    if (c == NULL)
        return req_fail(r, OUT_INTERNAL);
    take_check(&in, c);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    op_init(&c->lookup.op, on_checked);
    return lookup_start(&c->lookup, r) > 0 ? after_check(c) : req_wait(r, &c->lookup.op);
}

/* ---- POST /api/file/check/batch ---- */

struct batch {
    struct op op; /* all of them */
    struct req *r;
    struct item {
        struct lookup lookup;
        struct batch *batch;
    } * items;
    struct str *asked;
    unsigned count, started, ended;
};

static const struct step *after_batch(struct batch *b)
{
    json_t *answer = json_object(), *results = json_array();
    unsigned found = 0, failed = 0;

    for (unsigned i = 0; i < b->count; i++) {
        struct lookup *l = &b->items[i].lookup;

        found += lookup_found(l);
        failed += lookup_trouble(l).p != NULL;
        json_array_append_new(results, json_of_lookup(l, b->asked[i]));
    }
    json_put_int(answer, "total", b->count);
    json_put_int(answer, "existing", found);
    json_put_int(answer, "missing", b->count - found - failed);
    json_put_int(answer, "failed", failed);
    json_put(answer, "results", results);
    return api_answer(b->r, OUT_OK, answer);
}

static void start_more(struct batch *b)
{
    while (b->started < b->count && b->started - b->ended < BATCH_AT_ONCE)
        b->ended += lookup_start(&b->items[b->started++].lookup, b->r) > 0;
}

static void on_one(struct op *op, int err)
{
    struct batch *b = container_of(op, struct item, lookup.op)->batch;

    b->ended++;
    start_more(b);
    if (b->ended == b->count)
        op_finish(&b->op, 0);
}

static void on_all(struct op *op, int err)
{
    struct batch *b = container_of(op, struct batch, op);

    req_resume(b->r, after_batch(b));
}

static void cancel_batch(struct op *op)
{
    struct batch *b = container_of(op, struct batch, op);

    for (unsigned i = 0; i < b->started; i++)
        op_cancel(&b->items[i].lookup.op);
}

static void take_item(struct input *in, struct batch *b, unsigned i)
{
    char name[INPUT_WORD_MAX];
    struct url url = {.path = STR_NONE};

    snprintf(name, sizeof name, "paths[%u]", i);
    if (!input_parse_url(in, name, b->asked[i], &url))
        return;
    b->items[i].batch = b;
    b->items[i].lookup = (struct lookup){.path = url.path, .query = url.query};
    op_init(&b->items[i].lookup.op, on_one);
}

static void take_batch(struct input *in, struct batch *b)
{
    b->asked = input_list(in, "paths", BATCH_MAX, INPUT_PATH_MAX, &b->count);
    if (b->asked == NULL)
        return;
    b->items = arena_zalloc(in->arena, b->count * sizeof *b->items);
    for (unsigned i = 0; b->items != NULL && i < b->count; i++)
        take_item(in, b, i);
}

const struct step *run_file_batch(struct req *r)
{
    AUTO(input_done) struct input in;
    struct batch *b = ARENA_NEW(&r->arena, struct batch);

    input_from_json(&in, &r->arena, r->content);
    if (b == NULL)
        return req_fail(r, OUT_INTERNAL);
    b->r = r;
    take_batch(&in, b);
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    if (b->items == NULL)
        return req_fail(r, OUT_INTERNAL);
    start_more(b);
    if (b->ended == b->count)
        return after_batch(b);
    op_init(&b->op, on_all);
    op_begin(&b->op, cancel_batch, b);
    return req_wait(r, &b->op);
}
