#include "gate/origin_testing.h"

#include <stdio.h>

#include "base/test.h"

struct origin_fetch {
    const struct origin_sink *sink;
    void *arg;
    struct asked *asked;
};

static struct asked all[ASKED_MAX];
static unsigned count;

static void keep_in(char *to, size_t room, struct str s)
{
    assert_true(s.n < room);
    if (s.n > 0)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
}

#define KEEP(to, s) keep_in((to), sizeof(to), (s))

struct origin_fetch *origin_fetch_start(struct origin_worker *w, struct cluster *c,
                                        const struct origin_request *r,
                                        const struct origin_sink *sink, void *arg)
{
    struct origin_fetch *f = xzalloc(sizeof *f);
    struct asked *o = &all[count++];

    assert_true(count <= ASKED_MAX);
    *o = (struct asked){.fetch = f, .is_head = r->is_head};
    KEEP(o->target, r->target);
    KEEP(o->stream_key, r->stream_key);
    KEEP(o->user_agent, r->user_agent);
    KEEP(o->forwarded_for, r->forwarded_for);
    KEEP(o->range, r->range);
    KEEP(o->if_range, r->if_range);
    KEEP(o->if_none_match, r->if_none_match);
    KEEP(o->if_modified_since, r->if_modified_since);
    *f = (struct origin_fetch){sink, arg, o};
    return f;
}

void origin_fetch_set_sink(struct origin_fetch *f, const struct origin_sink *sink, void *arg)
{
    f->sink = sink;
    f->arg = arg;
}

void origin_fetch_proceed(struct origin_fetch *f)
{
    f->asked->proceeds += f->asked->is_held;
    f->asked->is_held = false;
}

struct str origin_fetch_server(const struct origin_fetch *f)
{
    return STR("http://played");
}

struct str origin_fetch_reason(const struct origin_fetch *f)
{
    return STR("as the test says");
}

unsigned origin_fetch_retries(const struct origin_fetch *f)
{
    return 0;
}

unsigned origin_fetch_resumes(const struct origin_fetch *f)
{
    return 0;
}

static void forget(struct origin_fetch *f)
{
    f->asked->fetch = NULL;
    free(f);
}

void origin_fetch_cancel(struct origin_fetch **f)
{
    struct origin_fetch *gone = TAKE(*f);

    if (gone == NULL)
        return;
    gone->asked->is_cancelled = true;
    forget(gone);
}

void origin_fetch_drop(struct origin_fetch **f)
{
    struct origin_fetch *gone = TAKE(*f);

    if (gone == NULL)
        return;
    gone->asked->is_dropped = true;
    forget(gone);
}

void origin_worker_init(struct origin_worker *w, struct loop *l, struct client *c)
{
    *w = (struct origin_worker){.loop = l, .client = c};
    list_init(&w->fetches);
}

/* ---- for tests ---- */

void origin_forget_asked(void)
{
    for (unsigned i = 0; i < count; i++)
        assert_null(all[i].fetch);
    count = 0;
}

unsigned origin_asked_count(void)
{
    return count;
}

struct asked *origin_asked(unsigned i)
{
    if (i >= count)
        fail_msg("the origin was asked %u times, not %u", count, i + 1);
    return &all[i];
}

void origin_head(struct asked *o, const char *status, const char *fields)
{
    struct origin_fetch *f = o->fetch;
    struct http_answer a;
    char text[4096];
    int n = snprintf(text, sizeof text, "HTTP/1.1 %s x\r\n%s\r\n", status, fields);

    assert_non_null(f);
    assert_int_equal(http_answer_parse((struct str){text, (size_t)n}, clock_unix(), &a), 0);
    f->sink->head(f->arg, f, &a);
}

void origin_bytes(struct asked *o, const char *bytes)
{
    assert_non_null(o->fetch);
    assert_false(o->is_held);
    if (!o->fetch->sink->data(o->fetch->arg, o->fetch, str_of(bytes)) && o->fetch != NULL)
        o->is_held = true;
}

/* It is gone once its end has been told. */
void origin_end(struct asked *o, int err)
{
    struct origin_fetch *f = TAKE(o->fetch);

    assert_non_null(f);
    f->sink->end(f->arg, f, err);
    free(f);
}

void origin_answer(struct asked *o, const char *status, const char *fields, const char *body)
{
    char all_fields[2048];

    snprintf(all_fields, sizeof all_fields, "Content-Length: %zu\r\n%s", strlen(body), fields);
    origin_head(o, status, all_fields);
    if (o->fetch != NULL && *body != '\0')
        origin_bytes(o, body);
    if (o->fetch != NULL)
        origin_end(o, 0);
}
