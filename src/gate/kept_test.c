#include "gate/kept.h"

#include "base/panic.h"
#include "base/test.h"

#define UNIX 1800000000
#define NOW (1000 * USEC_PER_SEC)

static const struct cache_entry some = {.etag = {"\"tag\"", 5},
                                        .type = {"video/x", 7},
                                        .last_modified = 77,
                                        .status = 200,
                                        .fresh_until = NOW + 10 * USEC_PER_SEC,
                                        .stale_until = NOW + 20 * USEC_PER_SEC,
                                        .error_until = NOW + 30 * USEC_PER_SEC};

/* A machine that was started again: its monotonic clock begins anew, the wall clock goes on. */
static void times_survive_a_restart(void **state)
{
    struct cache_entry got;
    struct buf b;

    buf_init(&b, 1024);
    kept_write(&some, NOW, UNIX, &b);
    assert_int_equal(kept_read(buf_str(&b), 5 * USEC_PER_SEC, UNIX + 12, &got), 0);
    assert_str(got.etag, "\"tag\"");
    assert_str(got.type, "video/x");
    assert_int_equal(got.last_modified, 77);
    assert_int_equal(got.status, 200);
    assert_int_equal(got.fresh_until, 3 * USEC_PER_SEC); /* over for two seconds */
    assert_int_equal(got.stale_until, 13 * USEC_PER_SEC);
    assert_int_equal(got.error_until, 23 * USEC_PER_SEC);
    assert_int_equal(kept_read(buf_str(&b), 5 * USEC_PER_SEC, UNIX + 100, &got), 0);
    assert_int_equal(got.fresh_until, 0); /* long before this machine was started */
    buf_done(&b);
}

static void what_is_cut_or_changed_is_refused(void **state)
{
    struct cache_entry got;
    struct buf b;

    buf_init(&b, 1024);
    kept_write(&some, NOW, UNIX, &b);
    for (size_t n = 0; n < b.n; n++)
        assert_int_equal(kept_read(str_first(buf_str(&b), n), NOW, UNIX, &got), -1);
    buf_add_char(&b, 'x');
    assert_int_equal(kept_read(buf_str(&b), NOW, UNIX, &got), -1);
    b.n--;
    b.p[0]++; /* of another version */
    assert_int_equal(kept_read(buf_str(&b), NOW, UNIX, &got), -1);
    buf_done(&b);
}

TEST_MAIN(cmocka_unit_test(times_survive_a_restart),
          cmocka_unit_test(what_is_cut_or_changed_is_refused))
