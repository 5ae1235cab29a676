/*
 * The world of gate/testing.h. Its transport pulls bodies in pieces of odd sizes, so that a body
 * that only works when taken whole is found out, and checks what must hold for every response:
 * Content-Length is the body's, and the head can be written.
 */
#include "gate/testing.h"

#include <dirent.h>
#include <errno.h>
#include <semaphore.h>

#include "base/log.h"
#include "gate/compress.h"
#include "gate/fetch.h"
#include "gate/fill.h"
#include "http/h1.h"

enum {
    WORLD_CAP = 1 << 30,
    BODY_CAP = 64 << 20,
    PULL_PIECE = 4099,
    STORE_SIZE = 16 << 20,
    CACHE_SIZE = 256 << 20
};

/* ---- configuration ---- */

struct test_settings {
    struct proxy_rules proxies;
    struct gate_settings gate;
};

static const char *const client_fields[] = {"x-forwarded-for", "forwarded", "x-real-ip", NULL};

#define SECTION(member) \
    CONF_SECTION_AS(struct test_settings, gate.member, #member, member##_fields, .doc = "Tested.")

static const struct conf_field root_fields[] = {
    CONF_LIST_OF_AS(struct test_settings, proxies.trusted, "trusted_proxies", conf_ip_net,
                    .def = "", .doc = "Tested."),
    CONF_F_AS(struct test_settings, proxies.client_field, "client_ip_field", conf_enum,
              .def = "x-forwarded-for", .choices = client_fields, .doc = "Tested."),
    CONF_SECTIONS_AS(struct test_settings, gate.origins, "origins", struct origin_setting,
                     origin_fields, .doc = "Tested."),
    SECTION(token),
    SECTION(access),
    SECTION(grant),
    SECTION(session),
    SECTION(pool),
    SECTION(cache),
    SECTION(playlist),
    SECTION(compression),
    SECTION(cors),
    CONF_END,
};

static struct rules *compile(struct arena *arena, struct str text, struct conf_report *report)
{
    struct test_settings *s = ARENA_NEW(arena, struct test_settings);
    struct conf_source *source;
    struct rules *rules;

    if (conf_load_text(text, "test.yaml", root_fields, s, arena, report, &source) < 0 ||
        rules_new(arena, &s->gate, &s->proxies, report, source, &rules) < 0)
        return NULL;
    return rules;
}

struct rules *rules_from(struct arena *arena, struct str text, struct buf *ret_errors)
{
    struct arena errors;
    struct conf_report report = {.arena = &errors};
    struct rules *rules;

    arena_init(&errors, 1 << 20);
    rules = compile(arena, text, &report);
    if (rules == NULL)
        conf_report_print(&report, ret_errors);
    arena_done(&errors);
    return rules;
}

static void load_rules(struct world *w, const char *origins, const char *settings)
{
    struct buf errors;
    struct str text = arena_printf(&w->arena,
                                   "origins: [ %s ]\n"
                                   "token: { secrets: [ { id: k1, key: %s } ] }\n%s",
                                   origins, SECRET, settings);

    buf_init(&errors, 1 << 16);
    w->rules = rules_from(&w->arena, text, &errors);
    if (w->rules == NULL)
        fail_msg("%.*s", STR_FMT(buf_str(&errors)));
    buf_done(&errors);
}

/* ---- the API's one endpoint ---- */

static bool is_about_the_key(enum outcome o)
{
    return o == OUT_API_KEY_MISSING || o == OUT_API_KEY_WRONG || o == OUT_API_SCOPE ||
           o == OUT_API_FORGED;
}

static const struct step *authorize(struct req *r)
{
    const struct world *w = r->worker->gate->api->context;

    return is_about_the_key(w->api_outcome) ? req_fail(r, w->api_outcome) : STEP(content);
}

/* Gives the content back. */
static const struct step *run_endpoint(struct req *r)
{
    const struct world *w = r->worker->gate->api->context;

    if (w->api_outcome != OUT_OK)
        return req_fail(r, w->api_outcome);
    return compress_reply(r, OUT_OK, STR("application/json"), r->content);
}

static const struct endpoint endpoints[] = {
    {STR("/api/test"), 1 << HTTP_GET | 1 << HTTP_POST, 0, run_endpoint},
};

/* ---- the world ---- */

static long open_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    long n = 0;

    assert_non_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

/* The loop keeps descriptors of its own for the process: they are opened before anything is
 * counted. */
static void warm_the_process(void)
{
    struct loop *l;

    setenv("UV_THREADPOOL_SIZE", "1", 1);
    l = loop_new();
    loop_free(&l);
}

static void open_store(struct world *w)
{
    struct store_embedded_options o = {w->state.root, STORE_SIZE};
    struct buf error;

    buf_init(&error, 1 << 12);
    if (store_open_embedded(&o, &w->rules->store, &w->store, &error) < 0)
        fail_msg("%.*s", STR_FMT(buf_str(&error)));
    buf_done(&error);
}

/* It lives in the world. */
static void era_over(struct rules_era *era)
{
    assert_int_equal(era->users, 0);
}

static void open_world(struct world *w, const char *http, const char *settings)
{
    struct str origins;

    warm_the_process();
    log_set_level(LOG_ERROR); /* refusals are what is tested: no line for each */
    *w = (struct world){.monotonic = 1000 * USEC_PER_SEC, .now = T0};
    w->arenas = arena_live();
    w->blobs = blob_live();
    w->descriptors = open_descriptors();
    clock_set_fake(w->monotonic, w->now);
    arena_init(&w->arena, WORLD_CAP);
    test_folder_init(&w->files);
    test_folder_init(&w->state);
    origins = arena_printf(&w->arena, "{ prefix: %s, filesystem: { root: %s } }%s",
                           *http != '\0' ? "/files/" : "/", w->files.root, http);
    load_rules(w, origins.p, settings);
    open_store(w);
    w->loop = loop_new();
    w->cache = cache_new(CACHE_SIZE, CACHE_SIZE / 4);
    w->api = (struct api){endpoints, ARRAY_LEN(endpoints), authorize, w};
    gate_init(&w->gate, w->cache, NULL, w->store, &w->api);
    w->store_worker = store_worker_new(w->store, w->loop);
    w->era = (struct rules_era){.rules = w->rules, .over = era_over};
    w->client = client_new(w->loop, &(struct client_limits){.max_connections = 8, .max_idle = 8});
    w->worker = gate_worker_new(&w->gate, &w->era, w->loop, w->store_worker, w->client, 0);
}

void world_open(struct world *w, const char *settings)
{
    open_world(w, "", settings);
}

void world_open_http(struct world *w, const char *settings)
{
    open_world(w, ", { http: { servers: [ \"http://127.0.0.1:1\" ] } }", settings);
}

static void stop(struct world *w)
{
    assert_true(list_is_empty(&w->worker->requests));
    fill_cancel_all(w->worker);
    fetch_cancel_all(w->worker);
    TURN_UNTIL(w->loop, list_is_empty(&w->worker->fills));
    assert_int_equal(counted(w, STAT_REQUESTS), 0);
    gate_worker_free(&w->worker);
    client_free(&w->client);
    store_worker_free(&w->store_worker);
    loop_free(&w->loop);
}

void world_close(struct world *w)
{
    stop(w);
    gate_done(&w->gate);
    store_close(&w->store);
    cache_free(&w->cache);
    rules_free(&w->rules);
    arena_done(&w->arena);
    test_folder_done(&w->files);
    test_folder_done(&w->state);
    clock_set_fake(0, -1);
    assert_int_equal(arena_live(), w->arenas);
    assert_int_equal(blob_live(), w->blobs);
    assert_int_equal(open_descriptors(), w->descriptors);
}

static void make_folders(struct world *w, const char *path)
{
    for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        struct str name = arena_copy(&w->arena, str_range(path, slash));

        assert_true(mkdirat(w->files.root_fd, name.p, 0755) == 0 || errno == EEXIST);
    }
}

void world_write_bytes(struct world *w, const char *path, struct str bytes)
{
    const char *name = path + 1;
    struct timespec times[2];

    make_folders(w, name);
    test_folder_write(&w->files, name, bytes.p, bytes.n);
    times[0] = times[1] = (struct timespec){.tv_sec = T0 - 100000 + w->files_written++};
    assert_int_equal(utimensat(w->files.root_fd, name, times, 0), 0);
}

void world_write(struct world *w, const char *path, const char *text)
{
    world_write_bytes(w, path, str_of(text));
}

void world_pass(struct world *w, int64_t seconds)
{
    w->now += seconds;
    w->monotonic += (usec_t)seconds * USEC_PER_SEC;
    clock_set_fake(w->monotonic, w->now);
    loop_turn(w->loop);
}

void world_settle(struct world *w)
{
    TURN_UNTIL(w->loop, list_is_empty(&w->worker->fills));
}

/* ---- a broken store ---- */

static struct world *broken; /* whose store it is: the backend's calls do not say */

static void forget_admission(struct op *op)
{
}

static int admit_badly(struct store_worker *s, struct admission *a)
{
    if (broken->store_error != 0)
        return broken->store_error;
    op_begin(&a->op, forget_admission, broken);
    return 0;
}

void world_break_store(struct world *w, int error)
{
    broken = w;
    w->store_error = error;
    if (w->store->ops == &w->store_ops)
        return;
    w->sound_ops = w->store->ops;
    w->store_ops = *w->store->ops;
    w->store_ops.admit = admit_badly;
    w->store->ops = &w->store_ops;
}

void world_mend_store(struct world *w)
{
    w->store->ops = w->sound_ops;
}

/* ---- the pool ---- */

struct pool_holder {
    struct work work;
    sem_t is_running, go;
    bool is_done;
};

static int run_holder(struct work *work)
{
    struct pool_holder *h = container_of(work, struct pool_holder, work);

    sem_post(&h->is_running);
    sem_wait(&h->go);
    return 0;
}

static void abandon_holder(struct work *work)
{
    WRONG("nobody cancels a holder");
}

static void on_held(struct op *op, int err)
{
    container_of(op, struct pool_holder, work.op)->is_done = true;
}

void world_hold_pool(struct world *w)
{
    struct pool_holder *h = xzalloc(sizeof *h);

    assert_null(w->holder);
    sem_init(&h->is_running, 0, 0);
    sem_init(&h->go, 0, 0);
    op_init(&h->work.op, on_held);
    h->work.run = run_holder;
    h->work.abandoned = abandon_holder;
    w->holder = h;
    work_start(w->loop, &h->work);
}

void world_await_holder(struct world *w)
{
    sem_wait(&w->holder->is_running);
}

void world_release_pool(struct world *w)
{
    struct pool_holder *h = w->holder;

    sem_post(&h->go);
    TURN_UNTIL(w->loop, h->is_done);
    sem_destroy(&h->is_running);
    sem_destroy(&h->go);
    free(h);
    w->holder = NULL;
}

/* ---- the transport ---- */

static void keep_response(struct asking *a, const struct req *r)
{
    struct answer *answer = &a->answer;
    struct arena *arena = &a->world->arena;
    char head[32 * 1024];

    assert_int_equal(answer->status, 0); /* one response */
    answer->status = r->response.status;
    answer->length = r->response.content_length;
    answer->field_count = r->response.field_count;
    for (unsigned i = 0; i < r->response.field_count; i++) {
        answer->fields[i].name = arena_copy(arena, r->response.fields[i].name);
        answer->fields[i].value = arena_copy(arena, r->response.fields[i].value);
    }
    assert_true(h1_write_head(&r->response, &r->head, r->must_close, r->now, head, sizeof head) >
                0);
}

static uint64_t take_file(const struct body_view *view, struct buf *into)
{
    size_t n = (size_t)MIN(view->length, (uint64_t)PULL_PIECE);
    char *room = buf_reserve(into, n);
    ssize_t got;

    assert_non_null(room);
    got = pread(view->fd, room, n, view->offset);
    assert_true(got >= 0);
    buf_added(into, (size_t)got);
    return (uint64_t)got;
}

static uint64_t take_memory(const struct body_view *view, struct buf *into)
{
    size_t n = MIN(view->iov[0].iov_len, (size_t)PULL_PIECE);

    assert_true(view->iov_count > 0 && n > 0);
    buf_add(into, (struct str){view->iov[0].iov_base, n});
    return n;
}

/* 1: all of it; 0: more is on its way; < 0: how it broke. */
static int pull(struct req *r, struct buf *into)
{
    while (r->body != NULL && r->body->left > 0) {
        struct body_view view;
        int has = body_peek(r->body, &view);
        uint64_t n;

        if (has < 0)
            return has;
        if (has == 0)
            return r->body->left == 0;
        n = view.kind == BODY_FILE ? take_file(&view, into) : take_memory(&view, into);
        req_note_sent(r, r->sent + n);
        body_advance(r->body, n);
    }
    return 1;
}

static void check_length(const struct asking *a, const struct req *r)
{
    bool has_body = r->head.method != HTTP_HEAD && r->response.status != 304;

    if (has_body && r->response.content_length != HTTP_LENGTH_UNKNOWN)
        assert_int_equal(a->answer.body.n, r->response.content_length);
    else if (!has_body)
        assert_int_equal(a->answer.body.n, 0);
}

/* As pull(); what has come is kept in every case. */
static int pull_on(struct asking *a)
{
    int n = pull(a->req, &a->pulled);

    assert_false(a->pulled.is_full);
    a->is_pulling = n == 0;
    a->answer.body = arena_copy(&a->world->arena, buf_str(&a->pulled));
    if (n > 0)
        check_length(a, a->req);
    return n;
}

static void on_more(struct body *b)
{
    struct asking *a = b->puller;
    int n = pull_on(a);

    if (n != 0)
        req_on_sent(a->req, MIN(n, 0));
}

static int send_all(struct asking *a, struct req *r)
{
    if (a->question.before_pull != NULL)
        a->question.before_pull(a->world);
    if (r->body != NULL) {
        r->body->on_more = on_more;
        r->body->puller = a;
    }
    return pull_on(a);
}

static int respond(struct req *r)
{
    struct asking *a = r->owner;

    keep_response(a, r);
    if (a->question.sending != SEND_AT_ONCE) {
        a->is_sending = true;
        return 0;
    }
    return a->question.send_error < 0 ? a->question.send_error : send_all(a, r);
}

static int want_content(struct req *r)
{
    struct asking *a = r->owner;

    a->wants_content = true;
    return 0;
}

static void finished(struct req *r)
{
    struct asking *a = r->owner;

    a->answer.outcome = r->outcome;
    a->answer.must_close = r->must_close;
    a->answer.uid = arena_copy(&a->world->arena, r->uid);
    a->req = NULL;
    a->is_pulling = false;
    buf_done(&a->pulled);
    req_free(&r);
}

static const struct transport transport = {want_content, respond, finished};

/* ---- asking ---- */

static struct str head_text(struct req *r, const struct question *q)
{
    const char *ua = q->ua != NULL ? q->ua : VIEWER_UA;
    struct arena *a = &r->arena;
    struct str agent = *ua != '\0' ? arena_printf(a, "User-Agent: %s\r\n", ua) : STR("");
    struct str length = q->content != NULL
                            ? arena_printf(a, "Content-Length: %zu\r\n", strlen(q->content))
                            : STR("");

    return arena_printf(a, "%s %s HTTP/1.1\r\nHost: %s\r\n%.*s%.*s%s\r\n",
                        q->method != NULL ? q->method : "GET", q->target,
                        q->host != NULL ? q->host : WORLD_HOST, STR_FMT(agent), STR_FMT(length),
                        q->fields != NULL ? q->fields : "");
}

static void read_head(struct req *r, const struct question *q)
{
    struct str text = head_text(r, q);
    struct http_field *fields;
    struct h1_index index;
    struct h1 parser;
    size_t n;

    h1_init(&parser);
    if (h1_parse(&parser, text, &index, &n) != H1_HEAD)
        fail_msg("no head: %.*s", STR_FMT(text));
    fields = arena_alloc(&r->arena, index.field_count * sizeof *fields);
    h1_head(&index, text.p, fields, &r->head);
}

struct asking *world_ask_begin(struct world *w, const struct question *q)
{
    struct asking *a = ARENA_NEW(&w->arena, struct asking);
    struct req *r = req_new(w->worker, &transport, a);

    *a = (struct asking){.world = w, .question = *q, .req = r};
    buf_init(&a->pulled, BODY_CAP);
    read_head(r, q);
    assert_int_equal(ip_parse(str_of(q->ip != NULL ? q->ip : VIEWER_IP), &r->peer), 0);
    r->is_tls = q->is_tls;
    r->door = q->door;
    r->wants_memory = q->wants_memory;
    if (q->arena_room > 0)
        r->arena.cap = r->arena.used + q->arena_room;
    req_start(r);
    return a;
}

static void give_content(struct asking *a)
{
    a->wants_content = false;
    a->req->content = str_of(a->question.content);
    req_on_content(a->req, a->question.content_error);
}

void world_send(struct asking *a)
{
    int err = a->question.send_error;

    a->is_sending = false;
    if (err == 0)
        err = send_all(a, a->req);
    if (err != 0)
        req_on_sent(a->req, MIN(err, 0));
}

struct answer world_ask_end(struct asking *a)
{
    for (int i = 0; a->req != NULL; i++) {
        if (i == TURNS_MAX)
            fail_msg("%s: stuck at step %s", a->question.target, a->req->at->name);
        if (a->wants_content)
            give_content(a);
        else if (a->is_sending && a->question.sending == SEND_LATER)
            world_send(a);
        else
            loop_turn(a->world->loop);
        usleep(i < 100 ? 0 : 500);
    }
    return a->answer;
}

struct answer world_ask(struct world *w, const struct question *q)
{
    return world_ask_end(world_ask_begin(w, q));
}

struct answer world_refuse(struct world *w, enum outcome o)
{
    struct asking *a = ARENA_NEW(&w->arena, struct asking);
    struct req *r = req_new(w->worker, &transport, a);

    *a = (struct asking){.world = w, .req = r};
    buf_init(&a->pulled, BODY_CAP);
    req_start_refused(r, o);
    return world_ask_end(a);
}

/* ---- what came ---- */

struct str answer_field(const struct answer *a, const char *name)
{
    for (unsigned i = 0; i < a->field_count; i++)
        if (str_eq_nocase(a->fields[i].name, str_of(name)))
            return a->fields[i].value;
    return STR_NONE;
}

/* The response had begun, and said something better. */
static bool is_cut(enum outcome o)
{
    return o == OUT_CLIENT_LEFT || o == OUT_SEND_TIMEOUT || o == OUT_ORIGIN_BROKE;
}

void assert_outcome_at(struct answer a, enum outcome want, const char *file, int line)
{
    struct str got_word = outcome_row(a.outcome)->word, want_word = outcome_row(want)->word;

    if (a.outcome != want)
        fail_msg("%s:%d: outcome %.*s, want %.*s", file, line, STR_FMT(got_word),
                 STR_FMT(want_word));
    if (a.status != 0 && !is_cut(want))
        assert_int_equal(a.status, outcome_row(want)->status);
}

const char *line_of(struct world *w, const struct answer *a, const char *begin)
{
    struct str rest = a->body, line;

    while (str_split(&rest, '\n', &line))
        if (str_starts(line, str_of(begin)))
            return arena_copy(&w->arena, line).p;
    fail_msg("no line begins with %s", begin);
    return NULL;
}

int64_t counted(const struct world *w, int stat)
{
    return counter_sum(&w->gate.counters, (size_t)stat);
}

struct store_stats world_records(struct world *w)
{
    struct store_stats s;

    store_stats(w->store, &s);
    return s;
}

/* ---- grants and sessions ---- */

static struct op *awaited;
static int awaited_error;

static void on_called(struct op *op, int err)
{
    awaited = NULL;
    awaited_error = err;
}

static void finish_call(struct world *w, struct op *op, int started)
{
    awaited_error = MIN(started, 0);
    awaited = started == 0 ? op : NULL;
    TURN_UNTIL(w->loop, awaited == NULL);
    assert_int_equal(awaited_error, 0);
}

void world_grant(struct world *w, const char *uid, const char *ip, const char *ua, const char *key)
{
    struct viewer v = world_viewer(w, ip, ua);
    struct grant_put g = {.arena = &w->arena,
                          .now = w->now,
                          .uid = str_of(uid),
                          .net = v.net,
                          .stream_key = str_of(key),
                          .is_static = *key == '\0'};

    op_init(&g.op, on_called);
    memcpy(g.ua_hash, v.ua_hash, UA_HASH_LEN);
    finish_call(w, &g.op, store_grant_put(w->store_worker, &g));
}

unsigned world_revoke(struct world *w, const char *uid)
{
    struct grant_revoke g = {.now = w->now, .uid = str_of(uid), .stream_key = STR("")};

    op_init(&g.op, on_called);
    finish_call(w, &g.op, store_grant_revoke(w->store_worker, &g));
    return g.sessions_ended;
}

unsigned world_end_sessions(struct world *w, const char *uid)
{
    struct session_end e = {.now = w->now, .uid = str_of(uid), .id = STR("")};

    op_init(&e.op, on_called);
    finish_call(w, &e.op, store_session_end(w->store_worker, &e));
    return e.ended;
}

/* ---- explanations ---- */

struct explanation world_explain(struct world *w, const char *target, const char *ip)
{
    struct explanation e = {.target = str_of(target),
                            .authority = STR(WORLD_HOST),
                            .user_agent = STR(VIEWER_UA),
                            .session_id = STR("")};

    assert_int_equal(ip_parse(str_of(ip), &e.client), 0);
    op_init(&e.op, on_called);
    finish_call(w, &e.op, gate_explain(w->worker, &e));
    return e;
}

struct fact fact_of(struct world *w, const struct facts *f, const char *check)
{
    struct fact told[FACTS_MAX];
    unsigned n = facts_tell(f, &w->arena, told);

    for (unsigned i = 0; i < n; i++)
        if (str_eq(fact_check_word(told[i].check), str_of(check)))
            return told[i];
    return (struct fact){.text = STR_NONE};
}
