/*
 * Serving the dashboard's files. They are asked for again at each visit and are answered by 304 as
 * long as the program is the same, so a new version is there at once.
 */
#include "admin/pages.h"

#include "access/api_key.h"
#include "gate/compress.h"
#include "http/coding.h"
#include "http/range.h"

/* Nothing but the program's own files, no script or style in the markup, in nobody's frame. */
#define POLICY                                                                            \
    STR("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
        "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")

static const struct page *page_at(struct str path)
{
    for (size_t i = 0; i < page_count; i++)
        if (str_eq(pages[i].path, path))
            return &pages[i];
    WRONG("endpoint of a page that is none");
}

static void add_fields(struct req *r, struct str etag)
{
    req_add_field(r, STR("Cache-Control"), STR("no-cache"));
    req_add_field(r, STR("ETag"), etag);
    req_add_field(r, STR("Content-Security-Policy"), POLICY);
    req_add_field(r, STR("X-Content-Type-Options"), STR("nosniff"));
    req_add_field(r, STR("Referrer-Policy"), STR("no-referrer"));
    compress_add_vary(r);
}

/* RFC 9110 13.1.2 */
static bool has_copy(const struct req *r, const struct page *p)
{
    struct str list = r->head.known[FIELD_IF_NONE_MATCH];

    return list.n > 0 && (http_etag_is_in(list, p->etag) || http_etag_is_in(list, p->etag_gzip));
}

static const struct step *run_page(struct req *r)
{
    const struct page *p = page_at(r->url.path);
    unsigned offered = p->gzip.n > 0 ? 1 << CODING_GZIP : 0;
    bool is_coded =
        http_accept_encoding(r->head.known[FIELD_ACCEPT_ENCODING], offered).best == CODING_GZIP;

    r->is_quiet = true;
    add_fields(r, is_coded ? p->etag_gzip : p->etag);
    if (has_copy(r, p))
        return req_reply(r, OUT_NOT_MODIFIED, STR_NONE, STR_NONE);
    if (is_coded)
        req_add_field(r, STR("Content-Encoding"), http_coding_word(CODING_GZIP));
    return req_reply(r, OUT_OK, p->type, is_coded ? p->gzip : p->plain);
}

/* The page's links are relative: it must not seem to be a folder, wherever a proxy has put it. */
static const struct step *run_without_slash(struct req *r)
{
    req_add_field(r, STR("Location"), STR("../monitor"));
    return req_reply(r, OUT_MOVED, STR_NONE, STR_NONE);
}

/* ---- endpoints ---- */

unsigned pages_endpoint_count(void)
{
    return (unsigned)page_count + 1;
}

static struct endpoint endpoint_of(struct str path, const struct step *(*run)(struct req *r))
{
    return (struct endpoint){
        .path = path, .methods = 1 << HTTP_GET, .scope = SCOPE_NONE, .run = run};
}

void pages_endpoints(struct endpoint *ret)
{
    for (size_t i = 0; i < page_count; i++)
        ret[i] = endpoint_of(pages[i].path, run_page);
    ret[page_count] = endpoint_of(STR("/monitor/"), run_without_slash);
}
