#include "admin/warnings.h"

#include "base/mem.h"
#include "base/test.h"

enum { LIMIT = 1000 };

/* All is well; what each row changes is what it is about. */
struct world {
    struct store_stats store;
    struct reports_status reports;
    struct condition c;
    struct warning_memory m;
    struct warning found[WARNING_COUNT];
};

static void world_init(struct world *w)
{
    *w = (struct world){.store = {.is_healthy = true, .kind = "redis", .bytes_limit = LIMIT}};
    w->c = (struct condition){.now = USEC_PER_SEC,
                              .store = &w->store,
                              .server_out = STR(""),
                              .reports = &w->reports,
                              .max_connections = LIMIT};
}

static unsigned look(struct world *w)
{
    warnings_remember(&w->m, &w->c);
    return warnings_find(&w->m, &w->c, w->found);
}

static void assert_only(struct world *w, const char *word, const char *detail)
{
    assert_int_equal(look(w), 1);
    assert_str(warning_word(w->found[0].kind), word);
    assert_str(w->found[0].detail, detail);
}

static void test_all_is_well(void **state)
{
    struct world w;

    world_init(&w);
    assert_int_equal(look(&w), 0);
    w.c.reports = NULL;
    assert_int_equal(look(&w), 0);
}

static void test_store(void **state)
{
    struct world w;

    world_init(&w);
    w.store.is_healthy = false;
    strcpy(w.store.trouble, "connection refused");
    assert_only(&w, "store_down", "connection refused");

    world_init(&w);
    w.store.bytes_used = 900;
    assert_int_equal(look(&w), 0);
    w.store.bytes_used = 901;
    assert_only(&w, "store_full", "");
    w.store.bytes_limit = 0; /* unknown */
    assert_int_equal(look(&w), 0);
}

/* One that never had any is as it is meant to be. */
static void test_replicas(void **state)
{
    struct world w;

    world_init(&w);
    strcpy(w.store.server, "127.0.0.1:6379");
    assert_int_equal(look(&w), 0);
    w.store.replicas = 1;
    assert_int_equal(look(&w), 0);
    w.store.replicas = 0;
    assert_only(&w, "store_no_replica", "127.0.0.1:6379");
    w.store.replicas = 1;
    assert_int_equal(look(&w), 0);
}

static void test_origins_and_reports(void **state)
{
    struct world w;

    world_init(&w);
    w.c.server_out = STR("/vod/ http://o1");
    assert_only(&w, "server_down", "/vod/ http://o1");

    world_init(&w);
    strcpy(w.reports.last_error, "status 500");
    assert_only(&w, "reports_failing", "status 500");

    world_init(&w);
    w.reports.is_held = true;
    assert_only(&w, "reports_held", "");
}

/* It is said for a minute after the last line that was lost. */
static void test_lost_lines(void **state)
{
    struct world w;

    world_init(&w);
    w.c.lines_lost = 1;
    assert_only(&w, "access_log_dropping", "");
    w.c.now += 60 * USEC_PER_SEC - 1;
    assert_only(&w, "access_log_dropping", "");
    w.c.now += 1;
    assert_int_equal(look(&w), 0);
    w.c.lines_lost = 2;
    assert_only(&w, "access_log_dropping", "");
}

static void test_connections(void **state)
{
    struct world w;

    world_init(&w);
    w.c.connections = 950;
    assert_int_equal(look(&w), 0);
    w.c.connections = 951;
    assert_only(&w, "connections_full", "");
}

static void test_several_at_once(void **state)
{
    struct world w;

    world_init(&w);
    w.store.is_healthy = false;
    w.reports.is_held = true;
    w.c.connections = LIMIT;
    assert_int_equal(look(&w), 3);
    assert_int_equal(w.found[0].kind, WARNING_store_down);
    assert_int_equal(w.found[1].kind, WARNING_reports_held);
    assert_int_equal(w.found[2].kind, WARNING_connections_full);
}

TEST_MAIN(cmocka_unit_test(test_all_is_well), cmocka_unit_test(test_store),
          cmocka_unit_test(test_replicas), cmocka_unit_test(test_origins_and_reports),
          cmocka_unit_test(test_lost_lines), cmocka_unit_test(test_connections),
          cmocka_unit_test(test_several_at_once))
