#include "admin/feed.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

/* Somebody who reads a feed, as fast as `room` lets him. */
struct reader {
    struct watcher watcher;
    struct buf got;
    size_t room; /* bytes that he takes until he is given more */
    bool has_ended, is_gone;
    struct reader *takes_along; /* who leaves when he is told something */
};

static struct feed feed;

static void leave(struct reader *r)
{
    if (!r->is_gone)
        body_done(&r->watcher.body);
    r->is_gone = true;
}

static void pull(struct reader *r)
{
    struct body *b = &r->watcher.body;

    while (b->left > 0) {
        struct body_view view;
        size_t n;

        if (body_peek(b, &view) == 0) {
            r->has_ended = b->left == 0;
            return;
        }
        n = MIN(r->room, view.iov[0].iov_len);
        if (n == 0)
            return;
        buf_add(&r->got, (struct str){view.iov[0].iov_base, n});
        r->room -= n;
        body_advance(b, n);
    }
}

static void on_more(struct body *b)
{
    struct reader *r = b->puller;

    if (r->takes_along != NULL)
        leave(r->takes_along);
    pull(r);
}

static void begin(struct reader *r, struct message *first, size_t room)
{
    *r = (struct reader){.room = room};
    buf_init(&r->got, 1 << 16);
    feed_watch(&feed, &r->watcher, first);
    r->watcher.body.on_more = on_more;
    r->watcher.body.puller = r;
    pull(r);
}

static void end(struct reader *r)
{
    leave(r);
    buf_done(&r->got);
}

static bool goes_on(const struct watcher *w)
{
    return true;
}

static void send_text(const char *text)
{
    struct message *m = message_new(str_of(text));

    feed_send(&feed, m, goes_on);
    message_unref(&m);
    assert_null(m);
}

static int setup(void **state)
{
    feed_init(&feed);
    return 0;
}

static void test_all_get_the_same(void **state)
{
    struct message *first = message_new(STR("hello "));
    struct reader a, b;

    begin(&a, first, 1000);
    begin(&b, NULL, 1000);
    message_unref(&first);
    assert_int_equal(feed.count, 2);
    send_text("one ");
    send_text("two ");
    assert_str(buf_str(&a.got), "hello one two ");
    assert_str(buf_str(&b.got), "one two ");
    end(&a);
    send_text("three ");
    assert_str(buf_str(&b.got), "one two three ");
    end(&b);
    assert_int_equal(feed.count, 0);
    send_text("nobody hears it");
}

/* He gets whole messages, and after each the newest there is when the next one comes. */
static void test_who_reads_slowly_misses_some(void **state)
{
    struct reader r;

    begin(&r, NULL, 2);
    send_text("one ");
    assert_str(buf_str(&r.got), "on");
    send_text("two ");
    send_text("three ");
    r.room = 1000;
    pull(&r);
    assert_str(buf_str(&r.got), "one ");
    send_text("four ");
    assert_str(buf_str(&r.got), "one four ");
    end(&r);
}

static void test_the_end(void **state)
{
    struct reader ready, slow, late;

    begin(&ready, NULL, 1000);
    begin(&slow, NULL, 2);
    send_text("one ");
    feed_end(&feed);
    assert_true(ready.has_ended);
    assert_false(slow.has_ended); /* what was begun is ended first */
    slow.room = 1000;
    pull(&slow);
    assert_str(buf_str(&slow.got), "one ");
    assert_true(slow.has_ended);
    begin(&late, NULL, 1000);
    assert_true(late.has_ended);
    end(&ready);
    end(&slow);
    end(&late);
}

static const struct watcher *unwanted;

static bool is_wanted(const struct watcher *w)
{
    return w != unwanted;
}

static void test_some_are_over(void **state)
{
    struct message *m = message_new(STR("one"));
    struct reader a, b;

    begin(&a, NULL, 1000);
    begin(&b, NULL, 1000);
    unwanted = &a.watcher;
    feed_send(&feed, m, is_wanted);
    message_unref(&m);
    assert_true(a.has_ended);
    assert_int_equal(a.got.n, 0);
    assert_str(buf_str(&b.got), "one");
    end(&a);
    end(&b);
}

/* Two of one connection: telling the first closes it, and with it the other, whose turn may be
 * before or after. */
static void test_one_takes_the_other_along(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct reader readers[3], *a = &readers[order], *b = &readers[1 - order];

        for (int i = 0; i < 3; i++)
            begin(&readers[i], NULL, 1000);
        a->takes_along = b;
        send_text("one");
        assert_int_equal(feed.count, 2);
        assert_str(buf_str(&readers[2].got), "one");
        for (int i = 0; i < 3; i++)
            end(&readers[i]);
    }
}

#define FROM_NOTHING(test) cmocka_unit_test_setup(test, setup)

TEST_MAIN(FROM_NOTHING(test_all_get_the_same), FROM_NOTHING(test_who_reads_slowly_misses_some),
          FROM_NOTHING(test_the_end), FROM_NOTHING(test_some_are_over),
          FROM_NOTHING(test_one_takes_the_other_along))
