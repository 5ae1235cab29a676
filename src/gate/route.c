/*
 * The first steps: who answers, and who asks. What is wrong with method or path ends here, before
 * anything costs.
 */
#include "gate/steps.h"

#include <stdlib.h>

#include "access/client_ip.h"
#include "gate/viewer_cache.h"
#include "http/cors.h"

enum {
    READING = 1 << HTTP_GET | 1 << HTTP_HEAD | 1 << HTTP_OPTIONS,
};

static int by_path(const void *path, const void *endpoint)
{
    return str_cmp(*(const struct str *)path, ((const struct endpoint *)endpoint)->path);
}

/* Every viewer's request passes here: with the dashboard's files they are many. */
static const struct endpoint *find_endpoint(const struct api *api, struct str path)
{
    if (api == NULL)
        return NULL;
    return bsearch(&path, api->endpoints, api->count, sizeof *api->endpoints, by_path);
}

static unsigned allowed_methods(const struct req *r)
{
    unsigned allowed = r->endpoint != NULL ? r->endpoint->methods | 1 << HTTP_OPTIONS : READING;

    return allowed & 1 << HTTP_GET ? allowed | 1 << HTTP_HEAD : allowed;
}

static void add_allow(struct req *r)
{
    struct str pieces[2 * HTTP_OTHER];
    unsigned allowed = allowed_methods(r), n = 0;

    for (int m = 0; m < HTTP_OTHER; m++) {
        if (!(allowed & 1u << m))
            continue;
        if (n > 0)
            pieces[n++] = STR(", ");
        pieces[n++] = http_method_name((enum http_method)m);
    }
    req_add_field(r, STR("Allow"), arena_join(&r->arena, pieces, n)); /* RFC 9110 10.2.1 */
}

static const struct step *answer_options(struct req *r)
{
    add_allow(r);
    return req_reply(r, OUT_NO_CONTENT, STR_NONE, STR_NONE);
}

static enum outcome outcome_of_url(enum url_error e)
{
    return e == URL_TOO_LONG ? OUT_URI_TOO_LONG : OUT_BAD_PATH;
}

/* All fields of one name as one list (RFC 9110 5.3). */
static struct str joined_field(struct req *r, struct str name, enum http_known_field known)
{
    struct str all = r->head.known[known];

    if (all.p == NULL || http_head_count(&r->head, name) == 1)
        return all;
    all = STR("");
    for (unsigned i = 0; i < r->head.field_count; i++) {
        const struct http_field *f = &r->head.fields[i];
        struct str pieces[] = {all, STR(","), f->value};

        if (str_eq_nocase(f->name, name))
            all = arena_join(&r->arena, pieces, ARRAY_LEN(pieces));
    }
    return all;
}

/* The one field that the operator's proxies set: the others are the client's own words. */
static struct str believed_field(struct req *r, enum client_field which)
{
    switch (which) {
    case CLIENT_X_FORWARDED_FOR:
        return joined_field(r, STR("x-forwarded-for"), FIELD_X_FORWARDED_FOR);
    case CLIENT_FORWARDED:
        return joined_field(r, STR("forwarded"), FIELD_FORWARDED);
    case CLIENT_X_REAL_IP: /* repeated: not by a proxy that means it */
        return http_head_count(&r->head, STR("x-real-ip")) == 1 ? r->head.known[FIELD_X_REAL_IP]
                                                                : STR_NONE;
    default:
        WRONG("client field without a name");
    }
}

void req_find_client(struct req *r)
{
    const struct ip_set *trusted = &r->rules->trusted_proxies;
    enum client_field which = r->rules->client_field;
    struct str value;

    if (r->peer.family == IP_NONE) /* a Unix socket: on this machine */
        r->peer = IP_LOOPBACK;
    r->client = r->peer;
    if (!ip_set_contains(trusted, &r->peer))
        return;
    value = believed_field(r, which);
    r->client = ip_client(trusted, &r->peer, which == CLIENT_X_FORWARDED_FOR ? value : STR_NONE,
                          which == CLIENT_FORWARDED ? value : STR_NONE,
                          which == CLIENT_X_REAL_IP ? value : STR_NONE);
}

/* "name" of "name:443": the port is that of the listener which does not serve. */
static struct str host_of(struct str authority)
{
    ptrdiff_t colon = str_rfind_char(authority, ':'), bracket = str_rfind_char(authority, ']');

    return colon > bracket ? str_first(authority, (size_t)colon) : authority;
}

/* What browsers keep for the rest of the API is the dashboard's cookie: no other page has a use for
 * it that we would want to help. */
static struct cors_policy cors_of(const struct req *r)
{
    struct cors_policy p = r->rules->cors;

    p.credentials &= r->endpoint == NULL || r->endpoint->is_for_pages;
    return p;
}

/* RFC 9110 15.4.2, 15.4.9: a 301 may turn a POST into a GET, a 308 does not. */
static const struct step *answer_redirect(struct req *r)
{
    struct str base = r->door->redirect, host = host_of(r->head.authority);
    bool may_be_301 = r->head.method == HTTP_GET || r->head.method == HTTP_HEAD;
    struct str pieces[] = {base.n > 0 ? base : STR("https://"), base.n > 0 ? STR("") : host,
                           r->head.target};
    struct str location;

    if (r->head.target.p[0] != '/' || (base.n == 0 && host.n == 0))
        return req_fail(r, OUT_BAD_REQUEST);
    if (r->head.has_body)
        r->must_close = true; /* nobody will read it */
    location = arena_join(&r->arena, pieces, ARRAY_LEN(pieces));
    if (location.p == NULL)
        return req_fail(r, OUT_INTERNAL);
    req_add_field(r, STR("Location"), location);
    return req_reply(r, may_be_301 ? OUT_TO_HTTPS : OUT_TO_HTTPS_SAME, STR_NONE, STR_NONE);
}

const struct step *step_route(struct req *r)
{
    struct cors_policy cors;
    enum url_error e;

    req_find_client(r);
    if (r->door != NULL && r->door->is_redirect)
        return answer_redirect(r);
    if (r->head.method == HTTP_OPTIONS && str_eq(r->head.target, STR("*")))
        return answer_options(r); /* RFC 9110 9.3.7: about the server, not a resource */
    e = url_parse(&r->arena, r->head.target, &r->url);
    if (e != URL_OK) {
        r->must_close =
            true; /* who sends this may not agree with us on where requests end either */
        return req_fail(r, outcome_of_url(e));
    }
    r->endpoint = find_endpoint(r->worker->gate->api, r->url.path);
    cors = cors_of(r);
    cors_apply(&cors, &r->arena, &r->head, r->endpoint != NULL, &r->response);
    if (!(allowed_methods(r) & 1u << r->head.method)) {
        add_allow(r);
        return req_fail(r, OUT_METHOD_NOT_ALLOWED);
    }
    if (r->head.known[FIELD_EXPECT].n > 0 && !r->head.expects_continue)
        return req_fail(r, OUT_EXPECTATION);
    if (r->head.method == HTTP_OPTIONS)
        return answer_options(r);
    if (r->endpoint == NULL && r->head.has_body)
        return req_fail(r, OUT_BAD_REQUEST); /* GET with content: nothing of ours reads it */
    return r->endpoint != NULL ? STEP(authorize) : STEP(classify);
}

const struct step *step_classify(struct req *r)
{
    const struct http_head *h = &r->head;
    uint8_t hash[UA_HASH_LEN];

    r->class = class_of(&r->rules->classes, r->url.path);
    r->checks = r->rules->classes.of[r->class].checks;
    r->stream_key = stream_key_of(r->rules->stream_key, r->url.path);
    viewer_cache_ua_hash(r->worker->viewers, h->known[FIELD_USER_AGENT], hash);
    viewer_init(&r->viewer, &r->rules->viewer, &r->client, hash);
    r->is_whitelisted = ip_set_contains(&r->rules->fixed_whitelist, &r->client);
    r->is_classified = true;
    return STEP(token);
}

const struct step *step_authorize(struct req *r)
{
    return r->is_dry ? STEP(send) : r->worker->gate->api->authorize(r);
}

const struct step *step_api(struct req *r)
{
    return r->endpoint->run(r);
}
