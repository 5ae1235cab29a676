/*
 * What an origin itself says of a path: status, type and fields as they come, past the cache. What
 * an origin hands out as a secret (cookies, challenges, tokens in links) is withheld: the API's
 * readers are not its viewers.
 */
#include "admin/endpoints.h"

#include "admin/input.h"
#include "admin/json.h"
#include "admin/lookup.h"

struct probe {
    struct lookup lookup;
    struct str asked;
};

static const struct str withheld = STR("(withheld)");

static bool has_part(struct str name, const struct str *parts, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_find_nocase(name, parts[i]) >= 0)
            return true;
    return false;
}

/* By what their names say: nobody knows all fields that origins may have thought of. */
static bool is_secret(struct str name)
{
    static const struct str parts[] = {STR("cookie"), STR("auth"),       STR("token"),
                                       STR("secret"), STR("key"),        STR("session"),
                                       STR("sign"),   STR("credential"), STR("password")};

    return has_part(name, parts, ARRAY_LEN(parts));
}

/* Fields that hold URLs, and with them perhaps signatures. */
static bool is_link(struct str name)
{
    static const struct str parts[] = {STR("location"), STR("link"), STR("refresh"), STR("uri")};

    return has_part(name, parts, ARRAY_LEN(parts));
}

static json_t *shown_value(struct req *r, const struct http_field *f)
{
    ptrdiff_t query = is_link(f->name) ? str_find_char(f->value, '?') : -1;
    struct str pieces[] = {query < 0 ? f->value : str_first(f->value, (size_t)query + 1), withheld};
    struct str whole;

    if (is_secret(f->name))
        return json_of_str(withheld);
    if (query < 0)
        return json_of_str(f->value);
    whole = arena_join(&r->arena, pieces, ARRAY_LEN(pieces));
    return json_of_str(whole.p != NULL ? whole : withheld);
}

/* Name and value in the order they came: a field may stand there more than once. */
static json_t *json_of_fields(const struct lookup *l)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < l->field_count; i++) {
        json_t *o = json_object();

        json_put_str(o, "name", l->fields[i].name);
        json_put(o, "value", shown_value(l->req, &l->fields[i]));
        json_array_append_new(list, o);
    }
    return list;
}

static const struct step *after_probe(struct probe *p)
{
    struct lookup *l = &p->lookup;
    struct str trouble = lookup_trouble(l);
    json_t *o = json_object();

    json_put_str(o, "path", p->asked);
    json_put(o, "prefix", l->route != NULL ? json_of_str(l->route->prefix) : json_null());
    json_put(o, "kind",
             l->route == NULL
                 ? json_null()
                 : json_of_str(l->route->cluster != NULL ? STR("http") : STR("filesystem")));
    json_put_str(o, "server", l->server);
    json_put_bool(o, "exists", lookup_found(l));
    json_put_int(o, "status", l->status);
    json_put_str(o, "type", l->type);
    json_put(o, "length",
             l->length != HTTP_LENGTH_UNKNOWN ? json_integer((json_int_t)l->length) : json_null());
    json_put(o, "headers", json_of_fields(l));
    json_put(o, "duration_ms", json_real((double)l->took / (double)USEC_PER_MSEC));
    json_put(o, "error", trouble.p != NULL ? json_of_str(trouble) : json_null());
    return api_answer(l->req, OUT_OK, o);
}

static void on_probed(struct op *op, int err)
{
    struct probe *p = container_of(op, struct probe, lookup.op);

    req_resume(p->lookup.req, after_probe(p));
}

const struct step *run_probe(struct req *r)
{
    struct probe *p = ARENA_NEW(&r->arena, struct probe);
    struct url url = {.path = STR_NONE};
    struct input in;

    if (p == NULL)
        return req_fail(r, OUT_INTERNAL);
    input_from_query(&in, &r->arena, r->url.query);
    p->asked = input_str(&in, "path", INPUT_NOT_EMPTY, INPUT_PATH_MAX);
    if (input_is_wrong(&in) || !input_parse_url(&in, "path", p->asked, &url))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    p->lookup = (struct lookup){.path = url.path, .query = url.query, .wants_fields = true};
    op_init(&p->lookup.op, on_probed);
    return lookup_start(&p->lookup, r) > 0 ? after_probe(p) : req_wait(r, &p->lookup.op);
}
