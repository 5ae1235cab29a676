/* The sink checks what fetch.h promises of the order of calls. */
#include "origin/fetch_testing.h"

struct fetch_world world;

static bool is_starting;

static void on_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    struct test_fetch *t = arg;

    assert_false(is_starting);
    assert_ptr_equal(f, t->f);
    assert_int_equal(t->heads++, 0);
    t->status = a->status;
    buf_add(&t->etag, a->etag);
    if (t->cancels_in_head)
        origin_fetch_cancel(&t->f);
    if (t->drops_in_head)
        origin_fetch_drop(&t->f);
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    struct test_fetch *t = arg;

    assert_ptr_equal(f, t->f);
    assert_int_equal(t->heads, 1);
    buf_add(&t->got, bytes);
    t->pieces++;
    if (t->cancels_in_data)
        origin_fetch_cancel(&t->f);
    else if (t->drops_in_data)
        origin_fetch_drop(&t->f);
    else if (t->proceeds_inside)
        origin_fetch_proceed(f);
    return !t->holds;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    struct test_fetch *t = arg;

    assert_false(is_starting);
    assert_ptr_equal(f, t->f);
    assert_int_equal(t->ends++, 0);
    assert_true(t->heads == 1 || err < 0);
    t->err = err;
    snprintf(t->reason, sizeof t->reason, "%.*s", STR_FMT(origin_fetch_reason(f)));
    snprintf(t->server, sizeof t->server, "%.*s", STR_FMT(origin_fetch_server(f)));
    t->retries = origin_fetch_retries(f);
    t->resumes = origin_fetch_resumes(f);
    t->f = NULL;
}

static const struct origin_sink sink = {on_head, on_data, on_end};

static void on_change(struct origin_worker *w, const struct server_change *change)
{
    world.changes++;
}

static void on_tried_again(struct origin_worker *w, bool is_resumption)
{
    assert_ptr_equal(w, &world.worker);
    if (is_resumption)
        world.resumes_told++;
    else
        world.retries_told++;
}

void world_start(unsigned servers, void (*adjust)(struct cluster_settings *s))
{
    struct cluster_settings s;

    memset(&world, 0, sizeof world);
    world.loop = loop_new();
    fake_start(world.loop);
    origin_worker_init(&world.worker, world.loop, NULL);
    world.worker.changed = on_change;
    world.worker.tried_again = on_tried_again;
    test_server_names(world.names, servers);
    s = test_settings(world.names, servers);
    if (adjust != NULL)
        adjust(&s);
    world.cluster = test_cluster(&s);
    buf_init(&world.t.got, 4 * OBJECT_SIZE);
    buf_init(&world.t.etag, 1024);
}

void world_finish(void)
{
    assert_null(world.t.f);
    assert_true(list_is_empty(&world.worker.fetches));
    fake_finish();
    cluster_free(&world.cluster); /* nothing is under way at any server */
    loop_free(&world.loop);
    buf_done(&world.t.got);
    buf_done(&world.t.etag);
}

int world_teardown(void **state)
{
    world_finish();
    return 0;
}

void world_fetch(const struct origin_request *r)
{
    is_starting = true;
    world.t.f = origin_fetch_start(&world.worker, world.cluster, r, &sink, &world.t);
    is_starting = false;
    assert_int_equal(world.t.ends + world.t.heads, 0);
}

void world_get(void)
{
    world_fetch(&(struct origin_request){.target = STR("/a/1.ts"), .stream_key = STR("a")});
}

/* No power of two is a period: shifted bytes are noticed. */
char object_byte(size_t at)
{
    return (char)(at % 251 + at / 251 % 7);
}

struct str object(size_t from, size_t n)
{
    static char bytes[OBJECT_SIZE];

    assert_true(from + n <= OBJECT_SIZE);
    if (bytes[1] == 0)
        for (size_t i = 0; i < OBJECT_SIZE; i++)
            bytes[i] = object_byte(i);
    return (struct str){bytes + from, n};
}

struct client_transfer *asked(void)
{
    assert_int_equal(fake_live(), 1);
    return fake_transfer(0);
}

struct client_transfer *asked_again(void)
{
    assert_int_equal(fake_live(), 0);
    assert_true(fake_next_alarm());
    return asked();
}

unsigned asked_server(void)
{
    return (unsigned)(fake_base(asked())[7] - 'a');
}

void deliver(struct client_transfer *t)
{
    assert_true(fake_head(t, OK_100));
    assert_true(fake_data(t, object(0, 60)));
    assert_true(fake_data(t, object(60, 40)));
    fake_end(t, 0);
    assert_ended(0, "");
    assert_got(0, 100);
}
