#include "cache/flight_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

void world_init(struct world *w, size_t memory_limit, size_t max_object)
{
    w->cache = cache_new(memory_limit, max_object);
    for (int i = 0; i < WORKERS; i++)
        w->loops[i] = loop_new();
}

/* A message may send another; each is answered within a round. */
void world_turn(struct world *w)
{
    for (int round = 0; round < 5; round++)
        for (int i = 0; i < WORKERS; i++)
            loop_turn(w->loops[i]);
}

struct cache_stats world_stats(const struct world *w)
{
    struct cache_stats s;

    cache_stats(w->cache, &s);
    return s;
}

static bool matches_all(struct str key, void *arg)
{
    return true;
}

void world_done(struct world *w)
{
    world_turn(w);
    assert_int_equal(world_stats(w).flights, 0);
    (void)cache_purge(w->cache, matches_all, NULL);
    assert_int_equal(world_stats(w).bytes, 0);
    assert_int_equal(world_stats(w).entries, 0);
    for (int i = 0; i < WORKERS; i++)
        loop_free(&w->loops[i]);
    cache_free(&w->cache);
    assert_int_equal(blob_live(), 0);
}

/* ---- viewers ---- */

static void on_changed(struct flight_reader *r)
{
    struct viewer *v = container_of(r, struct viewer, reader);

    v->calls++;
    if (v->then != NULL)
        v->then(v);
}

struct viewer viewer_new(void)
{
    return (struct viewer){.reader.changed = on_changed};
}

enum cache_found view(struct world *w, struct viewer *v, const char *key, usec_t now, int loop,
                      struct cache_lookup *ret)
{
    return cache_look_up(w->cache, str_of(key), now, w->loops[loop], &v->reader, ret);
}

void join(struct world *w, struct viewer *v, const char *key, int loop)
{
    struct cache_lookup found;

    assert_int_equal(view(w, v, key, 1000, loop, &found), CACHE_JOINED);
    assert_null(found.flight);
    cache_entry_unref(&found.entry);
}

void wait_for_news(struct viewer *v)
{
    struct flight *f = v->reader.flight;
    struct blob *b = flight_state(f) == FLIGHT_GROWING ? flight_blob(f) : NULL;

    assert_true(flight_wait(&v->reader, flight_state(f), b != NULL ? blob_filled(b) : 0));
}

/* ---- producers ---- */

static void on_deserted(struct flight_producer *p)
{
    struct crew *crew = container_of(p, struct crew, producer);

    crew->deserted++;
    if (crew->loses_deserted && flight_close_deserted(crew->flight))
        crew_lose(crew, -1);
}

void crew_take(struct crew *crew, struct flight *f)
{
    assert_non_null(f);
    *crew = (struct crew){.flight = f, .producer.deserted = on_deserted};
    flight_produce(f, &crew->producer);
}

void crew_begin(struct crew *crew, struct world *w, struct viewer *v, const char *key)
{
    struct cache_lookup found;

    assert_int_equal(view(w, v, key, 1000, 0, &found), CACHE_BEGUN);
    cache_entry_unref(&found.entry);
    crew_take(crew, found.flight);
}

void crew_leave(struct crew *crew)
{
    assert_true(flight_state(crew->flight) >= FLIGHT_LANDED);
    flight_unref(&crew->flight);
}

void crew_grow(struct crew *crew, uint64_t length)
{
    struct flight_head head = {
        .length = length, .etag = STR("\"e\""), .type = STR("video/mp2t"), .last_modified = 77};

    assert_true(flight_begin(crew->flight, &head, MB));
}

void crew_add(struct crew *crew, const char *bytes)
{
    assert_true(flight_add(crew->flight, str_of(bytes)));
}

void crew_land(struct crew *crew, bool is_kept)
{
    flight_land(crew->flight,
                &(struct cache_entry){.status = 200,
                                      .etag = STR("\"e\""),
                                      .type = STR("video/mp2t"),
                                      .fresh_until = 100,
                                      .stale_until = 200,
                                      .error_until = 300},
                is_kept);
    crew_leave(crew);
}

void crew_lose(struct crew *crew, int why)
{
    flight_lose(crew->flight, why);
    crew_leave(crew);
}

/* ---- what is in the index ---- */

long cached_bytes(struct world *w, const char *key)
{
    struct cache_entry *e = cache_get(w->cache, str_of(key));
    long n = -1;

    if (e != NULL)
        n = e->blob != NULL ? (long)blob_filled(e->blob) : 0;
    cache_entry_unref(&e);
    return n;
}

void put_timed(struct world *w, const char *key, usec_t fresh, usec_t stale)
{
    struct cache_entry *e = cache_put(w->cache, str_of(key),
                                      &(struct cache_entry){.blob = blob_new(1),
                                                            .status = 200,
                                                            .fresh_until = fresh,
                                                            .stale_until = stale,
                                                            .error_until = stale + 100});

    cache_entry_unref(&e);
}

void check_look_up(struct world *w, const char *key, usec_t now, enum cache_found want, bool begins)
{
    bool is_in = want == CACHE_BEGUN || want == CACHE_JOINED;
    struct viewer v = viewer_new();
    struct cache_lookup found;
    struct crew crew;

    assert_int_equal(view(w, &v, key, now, 0, &found), want);
    assert_int_equal(found.entry != NULL, cached_bytes(w, key) >= 0);
    assert_int_equal(found.flight != NULL, begins);
    assert_int_equal(v.reader.flight != NULL, is_in);
    cache_entry_unref(&found.entry);
    flight_leave(&v.reader);
    if (found.flight == NULL)
        return;
    assert_int_equal(flight_state(found.flight), FLIGHT_ASKED);
    assert_false(flight_has_readers(found.flight));
    crew_take(&crew, found.flight);
    if (want == CACHE_STALE)
        check_look_up(w, key, now, CACHE_STALE, false); /* one refreshes it, and no other */
    crew_lose(&crew, -EIO);
}

/* ---- */

bool dies(void (*run)(void *arg), void *arg)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);                               /* cmocka's own */
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* the last words are expected */
        run(arg);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}
