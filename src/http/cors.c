/*
 * The CORS protocol's fields. Whatever is echoed from the request (its origin, the names it asks
 * for) came through a codec, so it holds no control characters; names are checked to be names all
 * the same.
 */
#include "http/cors.h"

#include "http/field.h"

static bool is_any(const struct cors_policy *p)
{
    for (unsigned i = 0; i < p->origin_count; i++)
        if (str_eq(p->origins[i], STR("*")))
            return true;
    return false;
}

static bool is_listed(const struct cors_policy *p, struct str origin)
{
    for (unsigned i = 0; i < p->origin_count; i++)
        if (str_eq_nocase(p->origins[i], origin))
            return true;
    return false;
}

bool cors_is_preflight(const struct http_head *h)
{
    return h->method == HTTP_OPTIONS && h->known[FIELD_ORIGIN].p != NULL &&
           h->known[FIELD_ACCESS_CONTROL_REQUEST_METHOD].p != NULL;
}

/* "a, b": names only, empty elements aside. */
static bool is_name_list(struct str list)
{
    struct str name;

    while (http_list_next(&list, &name))
        if (!http_is_token(name))
            return false;
    return true;
}

static void add_preflight(const struct cors_policy *p, struct arena *a, const struct http_head *h,
                          bool is_api, struct http_response *r)
{
    struct str names = h->known[FIELD_ACCESS_CONTROL_REQUEST_HEADERS];

    http_response_add(r, STR("Access-Control-Allow-Methods"),
                      is_api ? STR("GET, HEAD, OPTIONS, POST, DELETE") : STR("GET, HEAD, OPTIONS"));
    if (names.n > 0 && is_name_list(names))
        http_response_add(r, STR("Access-Control-Allow-Headers"), names);
    if (p->max_age_seconds > 0)
        http_response_add(r, STR("Access-Control-Max-Age"),
                          arena_printf(a, "%u", p->max_age_seconds));
}

void cors_apply(const struct cors_policy *p, struct arena *a, const struct http_head *h,
                bool is_api, struct http_response *r)
{
    struct str origin = h->known[FIELD_ORIGIN];
    bool any = is_any(p);
    bool echoes = !any || p->credentials; /* "*" is no answer to a request with credentials */

    if (echoes && p->origin_count > 0)
        http_response_add(r, STR("Vary"), STR("Origin"));
    if (origin.n == 0 || !(any || is_listed(p, origin)))
        return;
    http_response_add(r, STR("Access-Control-Allow-Origin"), echoes ? origin : STR("*"));
    if (p->credentials)
        http_response_add(r, STR("Access-Control-Allow-Credentials"), STR("true"));
    if (cors_is_preflight(h))
        add_preflight(p, a, h, is_api, r);
    else
        http_response_add(r, STR("Access-Control-Expose-Headers"),
                          STR("Content-Length, Content-Range, Accept-Ranges, Content-Type"));
}
