/* Copies of requests, and their fields. */
#include "origin/request.h"

#include "http/scan.h"

/* Every string of a request, for copying. */
static const size_t string_offsets[] = {
    offsetof(struct origin_request, target),
    offsetof(struct origin_request, stream_key),
    offsetof(struct origin_request, user_agent),
    offsetof(struct origin_request, forwarded_for),
    offsetof(struct origin_request, range),
    offsetof(struct origin_request, if_range),
    offsetof(struct origin_request, if_none_match),
    offsetof(struct origin_request, if_modified_since),
};

static struct str *string_at(struct origin_request *r, size_t i)
{
    return (struct str *)(void *)((char *)r + string_offsets[i]);
}

size_t request_text_size(const struct origin_request *r)
{
    struct origin_request copy = *r;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(string_offsets); i++)
        n += string_at(&copy, i)->n;
    return n;
}

void request_copy(const struct origin_request *r, char *text, struct origin_request *ret)
{
    *ret = *r;
    for (size_t i = 0; i < ARRAY_LEN(string_offsets); i++) {
        struct str *s = string_at(ret, i);

        if (s->n == 0)
            continue; /* none, or empty: nothing to copy */
        memcpy(text, s->p, s->n);
        s->p = text;
        text += s->n;
    }
}

/* The gate's parser has refused control characters; one that got here all the same would end its
 * line and begin another. */
static void add(struct request_fields *f, struct str name, struct str value)
{
    if (value.p == NULL || scan_control_but_tab(value) < value.n)
        return;
    assert(f->count < REQUEST_FIELDS_MAX);
    f->list[f->count++] = (struct http_field){name, value};
}

void request_fields(const struct origin_request *r, const struct promise *rest_of, uint64_t got,
                    struct request_fields *ret)
{
    ret->count = 0;
    add(ret, STR("User-Agent"), r->user_agent);
    add(ret, STR("X-Forwarded-For"), r->forwarded_for);
    add(ret, STR("Accept-Encoding"), STR("identity"));
    if (rest_of != NULL) {
        promise_range(rest_of, got, &ret->rest);
        add(ret, STR("Range"), str_of(ret->rest.range));
        add(ret, STR("If-Range"), ret->rest.if_range);
        return;
    }
    add(ret, STR("Range"), r->range);
    add(ret, STR("If-Range"), r->if_range);
    add(ret, STR("If-None-Match"), r->if_none_match);
    add(ret, STR("If-Modified-Since"), r->if_modified_since);
}
