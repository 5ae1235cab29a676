/*
 * Start: limits, store, cache, gate, listening sockets, workers. Then this thread only waits for
 * signals. Stop: workers drain, are joined, and everything is unmade in the opposite order.
 */
#include "server/server.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin/api.h"
#include "base/log.h"
#include "server/worker.h"

enum { BACKLOG = 4096, ERRORS_CAP = 1 << 20, CERTIFICATE_WARNING_DAYS = 14 };

struct server {
    struct snapshot *snapshot; /* a reference: the one in force */
    const char *config;
    struct store *store;
    struct cache *cache;
    struct disk *disk;         /* NULL: none */
    struct line_writer *lines; /* of the access log */
    struct reports *reports;
    struct gate gate;
    struct connection_limit limit;
    struct tls_tickets *tickets; /* not owned: entrances use them */
    const struct api *api;
    struct worker **workers;
    unsigned worker_count, started_count;
    bool is_ending; /* draining or stopping: no new configuration any more */
};

static unsigned count_workers(const struct settings *s)
{
    long cores = s->workers > 0 ? s->workers : sysconf(_SC_NPROCESSORS_ONLN);

    return cores > 0 ? (unsigned)cores : 1;
}

/* Every connection is a descriptor: as many as the system lets us have. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE,
                    &limit); /* best effort: running out later is handled and counted */
}

static int open_disk(const struct snapshot *snapshot, struct disk **ret, struct buf *error)
{
    const struct cache_settings *c = &snapshot->settings.gate.cache;
    struct disk_settings s = {.path = c->disk.path.p,
                              .limit = c->disk.size,
                              .max_object = MAX(c->max_object, snapshot->rules->max_playlist),
                              .max_queue = DISK_MAX_QUEUE,
                              .max_index = DISK_MAX_INDEX};

    return c->disk.path.n > 0 ? disk_open(&s, ret, error) : 0;
}

/* ---- the access log ---- */

static void tell(const char *sentence)
{
    log_warn("%s", sentence);
}

/* 0 with NULL when there is none. */
static int open_access_log(const struct snapshot *s, struct line_target **ret, struct buf *error)
{
    const struct access_log_settings *a = &s->settings.log.access;
    struct line_target_options o;

    *ret = NULL;
    if (!access_log_is_on(a))
        return 0;
    o = access_log_target(a);
    return line_target_open(&o, ret, error);
}

static int start_access_log(struct server *s, struct buf *error)
{
    struct line_writer_options o = {.queues = s->worker_count,
                                    .queue_bytes = s->snapshot->settings.log.access.queue,
                                    .tell = tell};
    struct line_target *target;
    int r = open_access_log(s->snapshot, &target, error);

    if (r < 0)
        return r;
    s->lines = line_writer_new(&o);
    line_writer_turn_to(s->lines, target);
    r = line_writer_start(s->lines);
    if (r < 0)
        buf_printf(error, "cannot start a thread: %s", strerror(-r));
    return r;
}

/* Opened anew: after a rotation the lines go to the new file. What cannot be opened leaves all as
 * it is. */
static void turn_access_log(struct server *s, const struct snapshot *to, const char *signal)
{
    struct line_target *target;
    struct buf error;

    buf_init(&error, ERRORS_CAP);
    if (open_access_log(to, &target, &error) == 0)
        line_writer_turn_to(s->lines, target);
    else
        log_error("%s: %.*s; it goes on where it was", signal, STR_FMT(buf_str(&error)));
    buf_done(&error);
}

/* ---- listening ---- */

static const struct net_address *address_of(const struct snapshot *s, size_t i)
{
    return &((const struct listen_setting *)s->settings.listen.items)[i].address;
}

static int check_addresses(const struct snapshot *s, struct buf *ret_errors)
{
    int result = 0;

    for (size_t i = 0; i < s->settings.listen.count; i++) {
        char text[128];
        int r = net_is_free(address_of(s, i));

        if (r == 0)
            continue;
        net_address_format(address_of(s, i), text, sizeof text);
        buf_printf(ret_errors, "listen[%zu].address: cannot listen on %s: %s\n", i, text,
                   strerror(-r));
        result = -1;
    }
    return result;
}

static bool is_unix(const struct net_address *a)
{
    return a->u.any.sa_family == AF_UNIX;
}

/* The sockets of one worker. A Unix socket is one for all of them; its first descriptor is
 * `shared[i]`. */
static int open_sockets(const struct snapshot *s, int *shared, int *ret_fds)
{
    for (size_t i = 0; i < s->settings.listen.count; i++) {
        const struct net_address *a = address_of(s, i);

        if (is_unix(a) && shared[i] >= 0)
            ret_fds[i] = dup(shared[i]);
        else
            ret_fds[i] = net_listen(a, BACKLOG, !is_unix(a));
        if (ret_fds[i] < 0) {
            int r = ret_fds[i] == -1 ? -errno : ret_fds[i];

            while (i-- > 0)
                close(ret_fds[i]);
            return r;
        }
        if (is_unix(a) && shared[i] < 0)
            shared[i] = ret_fds[i];
    }
    return 0;
}

/* ---- workers ---- */

static int make_workers(struct server *s)
{
    int shared[WORKER_MAX_LISTENERS], fds[WORKER_MAX_LISTENERS];

    memset(shared, -1, sizeof shared);
    s->gate.workers = xcalloc(s->worker_count, sizeof(struct gate_worker *));
    for (unsigned i = 0; i < s->worker_count; i++) {
        int r = open_sockets(s->snapshot, shared, fds);

        if (r < 0) {
            log_error("cannot listen: %s", strerror(-r));
            return -1;
        }
        s->workers[i] =
            worker_new(&s->gate, s->store, s->snapshot, i, s->worker_count, &s->limit, fds);
        s->gate.workers[i] = s->workers[i]->gate;
    }
    s->gate.worker_count = s->worker_count;
    return 0;
}

static int start_workers(struct server *s)
{
    for (; s->started_count < s->worker_count; s->started_count++) {
        int r = worker_start(s->workers[s->started_count]);

        if (r < 0) {
            log_error("cannot start a thread: %s", strerror(-r));
            return -1;
        }
    }
    return 0;
}

static void drain_all(struct server *s)
{
    for (unsigned i = 0; i < s->started_count; i++)
        worker_drain(s->workers[i]);
}

static void stop_all(struct server *s)
{
    for (unsigned i = 0; i < s->started_count; i++)
        worker_stop(s->workers[i]);
}

static void join_all(struct server *s)
{
    for (unsigned i = 0; i < s->started_count; i++)
        worker_join(s->workers[i]);
}

static void log_lines(struct str lines)
{
    struct str line;

    while (str_split(&lines, '\n', &line))
        if (line.n > 0)
            log_error("%.*s", STR_FMT(line));
}

/* A certificate that nobody renews takes the whole site down: said in time, at start and reload. */
static void log_certificates(const struct snapshot *s)
{
    for (unsigned i = 0; i < s->entrance_count; i++) {
        const struct entrance *e = s->entrances[i];
        char text[128];
        int64_t days;

        if (e->tls == NULL)
            continue;
        days = (tls_server_expires(e->tls) - clock_unix()) / 86400;
        net_address_format(&e->address, text, sizeof text);
        if (days < CERTIFICATE_WARNING_DAYS)
            log_warn("a certificate of %s expires in %lld days", text, (long long)days);
    }
}

/* ---- signals ---- */

/* Blocked in every thread, taken by this one. SIGUSR1 is also how the joining thread says that it
 * is done. */
static void block_signals(sigset_t *ret)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

    sigemptyset(ret);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(ret, signals[i]);
    pthread_sigmask(SIG_BLOCK, ret, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file at its limit is an error of that write, no reason to die */
}

static int next_signal(const sigset_t *set)
{
    int sig = 0;

    while (sigwait(set, &sig) != 0)
        continue;
    return sig;
}

/* A configuration with a mistake changes nothing. */
static void reload(struct server *s)
{
    struct snapshot *next = NULL;
    struct buf errors;

    buf_init(&errors, ERRORS_CAP);
    if (snapshot_load(s->config, s->tickets, &next, &errors) < 0) {
        log_error("SIGHUP: the configuration has mistakes, the old one stays in force");
        log_lines(buf_str(&errors));
    } else {
        log_set_level((enum log_level)next->settings.log.level);
        turn_access_log(s, next, "SIGHUP");
        store_set_rules(s->store, &next->rules->store);
        rules_inherit(next->rules, s->snapshot->rules);
        for (unsigned i = 0; i < s->started_count; i++)
            worker_reload(s->workers[i], next);
        snapshot_unref(&s->snapshot);
        s->snapshot = next;
        log_info("SIGHUP: the new configuration is in force");
        log_certificates(next);
    }
    buf_done(&errors);
}

/* SIGTERM or SIGINT, or 0 once the workers are joined. */
static int next_order(struct server *s, const sigset_t *set, const atomic_bool *is_joined)
{
    for (;;) {
        int sig = next_signal(set);

        if (sig == SIGTERM || sig == SIGINT)
            return sig;
        if (atomic_load(is_joined))
            return 0;
        if (sig == SIGHUP && !s->is_ending)
            reload(s);
        if (sig == SIGUSR1)
            turn_access_log(s, s->snapshot, "SIGUSR1");
    }
}

struct joiner {
    pthread_t thread, waiter;
    struct server *server;
    atomic_bool is_done;
};

/* The workers are joined by a thread of their own, so that a second signal can still cut a drain
 * short. */
static void *join_thread(void *arg)
{
    struct joiner *j = arg;

    join_all(j->server);
    atomic_store(&j->is_done, true);
    pthread_kill(j->waiter, SIGUSR1);
    return NULL;
}

static void wait_for_end(struct server *s, const sigset_t *set)
{
    struct joiner j = {.waiter = pthread_self(), .server = s};
    int sig = next_order(s, set, &j.is_done);
    bool is_stopping = sig == SIGINT;

    s->is_ending = true;
    log_info("%s: %s", is_stopping ? "SIGINT" : "SIGTERM", is_stopping ? "stopping" : "draining");
    drain_all(s);
    if (is_stopping)
        stop_all(s);
    if (pthread_create(&j.thread, NULL, join_thread, &j) != 0) {
        join_all(s);
        return;
    }
    while (next_order(s, set, &j.is_done) != 0) {
        if (!is_stopping)
            stop_all(s);
        is_stopping = true;
    }
    pthread_join(j.thread, NULL);
}

/* ---- all together ---- */

/*
 * What has been revoked must be known before the first gate token is judged by its signature. A
 * store that is away is no reason not to serve: what needs none plays, and it is tried again.
 */
static int open_store(struct server *s, struct buf *error)
{
    const struct snapshot *snapshot = s->snapshot;
    int r =
        store_settings_open(&snapshot->settings.store, &snapshot->rules->store, &s->store, error);

    if (r < 0)
        return r;
    if (store_try(s->store, error) < 0)
        log_warn("%.*s; serving all the same, and trying again", STR_FMT(buf_str(error)));
    buf_clear(error);
    return 0;
}

static void log_reports(bool is_trouble, const char *text)
{
    log_line(is_trouble ? LOG_WARN : LOG_INFO, "reports of traffic: %s", text);
}

static int prepare(struct server *s)
{
    struct buf error;
    int r;

    buf_init(&error, 4096);
    r = check_addresses(s->snapshot, &error);
    if (r == 0)
        r = open_store(s, &error);
    if (r == 0)
        r = open_disk(s->snapshot, &s->disk, &error);
    if (r == 0)
        r = start_access_log(s, &error);
    if (r < 0)
        log_lines(buf_str(&error));
    buf_done(&error);
    return r;
}

static void unmake(struct server *s)
{
    for (unsigned i = 0; i < s->worker_count; i++)
        worker_free(&s->workers[i]);
    free(s->workers);
    free(s->gate.workers);
    if (s->lines != NULL)
        line_writer_stop(s->lines);
    line_writer_free(&s->lines);
    gate_done(&s->gate);
    if (s->started_count > 0)
        reports_finish(s->reports, s->store);
    reports_free(&s->reports);
    cache_free(&s->cache);
    disk_close(&s->disk);
    store_close(&s->store);
    snapshot_unref(&s->snapshot);
}

static void log_kernel_tls(const struct snapshot *s)
{
    bool has_tls = false;

    for (unsigned i = 0; i < s->entrance_count; i++)
        has_tls |= s->entrances[i]->tls != NULL;
    if (has_tls)
        log_info("kernel TLS: %s", tls_kernel_is_offered() ? "used" : "not offered");
}

static void log_ready(const struct server *s)
{
    for (size_t i = 0; i < s->snapshot->settings.listen.count; i++) {
        char text[128];

        net_address_format(address_of(s->snapshot, i), text, sizeof text);
        log_info("listening on %s with %u workers", text, s->worker_count);
    }
    log_kernel_tls(s->snapshot);
    log_certificates(s->snapshot);
}

int server_run(struct snapshot *snapshot, const char *config, struct tls_tickets *tickets)
{
    const struct settings *settings = &snapshot->settings;
    struct server s = {.snapshot = snapshot,
                       .config = config,
                       .tickets = tickets,
                       .worker_count = count_workers(settings)};
    sigset_t signals;
    int result = EXIT_FAILURE;

    block_signals(&signals);
    raise_descriptor_limit();
    log_start((enum log_level)settings->log.level);
    s.limit.max = (unsigned)settings->http.max_connections;
    s.workers = xcalloc(s.worker_count, sizeof(struct worker *));
    if (prepare(&s) == 0) {
        s.cache = cache_new(settings->gate.cache.memory,
                            MAX(settings->gate.cache.max_object, snapshot->rules->max_playlist));
        s.reports = reports_new(&settings->traffic);
        reports_set_voice(s.reports, log_reports);
        s.api = admin_api();
        gate_init(&s.gate, s.cache, s.disk, s.store, s.api);
        s.gate.lines = s.lines;
        s.gate.reports = s.reports;
        s.gate.max_connections = s.limit.max;
        if (make_workers(&s) == 0 && start_workers(&s) == 0) {
            log_ready(&s);
            wait_for_end(&s, &signals);
            result = EXIT_SUCCESS;
        } else { /* some may have been started when a later one could not be */
            drain_all(&s);
            stop_all(&s);
            join_all(&s);
        }
    }
    unmake(&s);
    log_info("stopped");
    log_stop();
    return result;
}

static int try_store(const struct snapshot *s, struct buf *error)
{
    struct store *store = NULL;
    int r = store_settings_open(&s->settings.store, &s->rules->store, &store, error);

    if (r == 0)
        r = store_try(store, error);
    store_close(&store);
    return r;
}

int server_try(const struct snapshot *snapshot, struct buf *ret_errors)
{
    struct disk *disk = NULL;
    struct line_target *lines = NULL;
    int result = check_addresses(snapshot, ret_errors);

    if (try_store(snapshot, ret_errors) < 0) {
        buf_add_char(ret_errors, '\n');
        result = -1;
    }
    if (open_disk(snapshot, &disk, ret_errors) < 0) {
        buf_add_char(ret_errors, '\n');
        result = -1;
    }
    disk_close(&disk);
    if (open_access_log(snapshot, &lines, ret_errors) < 0) {
        buf_add_char(ret_errors, '\n');
        result = -1;
    }
    line_target_close(&lines);
    return result;
}
