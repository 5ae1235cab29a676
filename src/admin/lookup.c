/* Two ways to ask, one answer. Whatever stops the request cancels the open or the fetch. */
#include "admin/lookup.h"

#include <errno.h>

#include "access/stream_key.h"
#include "access/token.h"
#include "http/date.h"
#include "http/media_type.h"

static void finish(struct lookup *l)
{
    l->took = clock_monotonic() - l->began;
    op_finish(&l->op, 0);
}

static void cancel(struct op *op)
{
    struct lookup *l = container_of(op, struct lookup, op);

    origin_file_done(&l->file);
    origin_fetch_cancel(&l->fetch);
}

/* ---- folders ---- */

static void add_field(struct lookup *l, struct str name, struct str value)
{
    if (value.p != NULL)
        l->fields[l->field_count++] = (struct http_field){name, value};
}

static void describe_file(struct lookup *l)
{
    struct arena *a = &l->req->arena;
    char *date = arena_alloc(a, HTTP_DATE_LEN);

    l->length = l->file.size;
    l->type = media_type_of(l->path, STR_NONE).type;
    l->fields = arena_alloc(a, 4 * sizeof *l->fields);
    if (date == NULL || l->fields == NULL)
        return;
    http_date_format(l->file.mtime_sec, date);
    add_field(l, STR("content-type"), l->type);
    add_field(l, STR("content-length"), arena_printf(a, "%llu", (unsigned long long)l->file.size));
    add_field(l, STR("etag"), origin_file_etag(a, &l->file));
    add_field(l, STR("last-modified"), (struct str){date, HTTP_DATE_LEN});
}

static unsigned status_of_open(int err)
{
    switch (err) {
    case 0:
        return 200;
    case -ENOENT:
    case -ENAMETOOLONG:
        return 404;
    case -EACCES:
        return 403;
    default:
        return 0;
    }
}

static void on_opened(struct op *op, int err)
{
    struct lookup *l = container_of(op, struct lookup, file.op);

    l->status = status_of_open(err);
    l->err = l->status == 0 ? err : 0;
    if (err == 0)
        describe_file(l);
    origin_file_done(&l->file);
    finish(l);
}

static void open_file(struct lookup *l)
{
    op_init(&l->file.op, on_opened);
    origin_open(l->route->folder, l->req->worker->loop, l->path, &l->file);
}

/* ---- HTTP origins ---- */

static void copy_fields(struct lookup *l, const struct http_answer *a)
{
    struct arena *arena = &l->req->arena;

    l->fields = arena_alloc(arena, MAX(a->field_count, 1u) * sizeof *l->fields);
    for (unsigned i = 0; l->fields != NULL && i < a->field_count; i++)
        l->fields[i] = (struct http_field){arena_copy(arena, a->fields[i].name),
                                           arena_copy(arena, a->fields[i].value)};
    l->field_count = arena->is_full ? 0 : a->field_count;
}

static void on_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    struct lookup *l = arg;
    struct str type = a->known[ANSWER_CONTENT_TYPE];

    l->status = a->status;
    l->length = a->content_length;
    l->type = type.n > 0 ? arena_copy(&l->req->arena, type) : STR("");
    l->server = arena_copy(&l->req->arena, origin_fetch_server(f));
    if (l->wants_fields)
        copy_fields(l, a);
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    return true;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct lookup *l = arg;

    l->fetch = NULL;
    if (l->status == 0)
        l->err = MIN(err, -1);
    finish(l);
}

/* What the gate itself reads does not reach origins. */
static struct str without_credentials(struct arena *a, struct str query)
{
    struct str kept = STR("");
    struct url_param p;

    while (url_next_param(&query, &p))
        if (!token_is_param(p.name))
            kept = arena_join(a, (const struct str[]){kept, STR("&"), p.whole}, 3);
    return kept.n > 0 ? str_skip(kept, 1) : kept;
}

static bool ask_server(struct lookup *l)
{
    static const struct origin_sink sink = {on_head, on_data, on_end};
    struct arena *a = &l->req->arena;
    struct str query = without_credentials(a, l->query);
    struct str target[] = {url_encode_path(a, l->path), STR("?"), query};
    struct origin_request request = {
        .is_head = true,
        .target = arena_join(a, target, query.n > 0 ? 3 : 1),
        .stream_key = stream_key_of(l->req->rules->stream_key, l->path),
        .user_agent = STR("hlsgate/" HLSGATE_VERSION),
        .forwarded_for = STR_NONE,
        .range = STR_NONE,
        .if_range = STR_NONE,
        .if_none_match = STR_NONE,
        .if_modified_since = STR_NONE,
    };

    if (request.target.p == NULL)
        return false;
    l->fetch = origin_fetch_start(&l->req->worker->origins, l->route->cluster, &request, &sink, l);
    return true;
}

/* ---- both ---- */

int lookup_start(struct lookup *l, struct req *r)
{
    l->req = r;
    l->began = clock_monotonic();
    l->length = HTTP_LENGTH_UNKNOWN;
    l->server = l->type = STR("");
    l->route = rules_route(r->rules, l->path);
    if (l->route == NULL)
        return 1;
    if (l->route->folder != NULL)
        open_file(l);
    else if (!ask_server(l)) {
        l->err = -ENOMEM;
        return 1;
    }
    op_begin(&l->op, cancel, l);
    return 0;
}

bool lookup_found(const struct lookup *l)
{
    return l->status >= 200 && l->status < 300;
}

static struct str text_of_error(int err)
{
    switch (err) {
    case -ETIMEDOUT:
        return STR("the origin did not answer in time");
    case -EHOSTUNREACH:
    case -ECONNREFUSED:
    case -ECONNRESET:
        return STR("no server of the origin could be reached");
    case -EKEYREJECTED:
        return STR("the certificate of the origin's server does not verify");
    case -EPROTO:
        return STR("the origin's answer was malformed");
    case -ELOOP:
        return STR("the origin redirects out of itself, or on and on");
    default:
        return STR("the origin could not be read");
    }
}

struct str lookup_trouble(struct lookup *l)
{
    if (l->route == NULL)
        return STR("no origin has such paths");
    if (l->err < 0)
        return text_of_error(l->err);
    if (lookup_found(l) || l->status == 404 || l->status == 410)
        return STR_NONE;
    if (l->route->folder != NULL)
        return STR("the file may not be read");
    return arena_printf(&l->req->arena, "the origin answered with status %u", l->status);
}
