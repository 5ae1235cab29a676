/* Floods end the connection when their budget is used up; honest traffic never does. */
#include "http/h2_testing.h"

#include <errno.h>

typedef void (*flood_fn)(struct buf *b, uint32_t i);

static uint32_t id_of(uint32_t i)
{
    return 2 * i + 1;
}

static void ping(struct buf *b, uint32_t i)
{
    put_frame(b, PING, 0, 0, STR("12345678"));
}

static void unasked_pong(struct buf *b, uint32_t i)
{
    put_frame(b, PING, ACK, 0, STR("12345678"));
}

static void settings(struct buf *b, uint32_t i)
{
    put_frame(b, SETTINGS, 0, 0, STR(""));
}

static void priority(struct buf *b, uint32_t i)
{
    put_frame(b, PRIORITY, 0, 1, STR("\0\0\0\0\1"));
}

static void priority_update(struct buf *b, uint32_t i)
{
    put_frame(b, PRIORITY_UPDATE, 0, 0, STR("\0\0\0\1u=1"));
}

static void tiny_window(struct buf *b, uint32_t i)
{
    put_frame(b, WINDOW_UPDATE, 0, 0, STR("\0\0\0\1"));
}

static void window_for_nobody(struct buf *b, uint32_t i)
{
    put_frame(b, WINDOW_UPDATE, 0, 1, STR("\0\1\0\0"));
}

static void rapid_reset(struct buf *b, uint32_t i)
{
    put_request(b, id_of(i), END_STREAM, GET_LINES);
    put_frame(b, RST_STREAM, 0, id_of(i), STR("\0\0\0\x08"));
}

/* CVE-2025-8671: the server is made to reset. */
static void made_to_reset(struct buf *b, uint32_t i)
{
    put_request(b, id_of(i), 0, GET_LINES);
    put_frame(b, WINDOW_UPDATE, 0, id_of(i), STR("\x7f\xff\xff\xff"));
}

static void wrong_length(struct buf *b, uint32_t i)
{
    put_request(b, id_of(i), 0, GET_LINES "content-length: 1\n");
    put_frame(b, DATA, 0, id_of(i), STR("two"));
}

static void malformed(struct buf *b, uint32_t i)
{
    put_request(b, id_of(i), END_STREAM, GET_LINES "connection: close\n");
}

static void empty_data(struct buf *b, uint32_t i)
{
    if (i == 0)
        put_request(b, 1, 0, GET_LINES);
    put_frame(b, DATA, 0, 1, STR(""));
}

static void padding(struct buf *b, uint32_t i)
{
    if (i == 0)
        put_request(b, 1, 0, GET_LINES);
    put_frame(b, DATA, PADDED, 1, STR("\3\0\0\0"));
}

static void continuation(struct buf *b, uint32_t i)
{
    if (i == 0)
        put_frame(b, HEADERS, END_STREAM, 1, STR("\x82\x87"));
    else
        put_frame(b, CONTINUATION, 0, 1, STR(""));
}

static const flood_fn floods[] = {
    ping,        unasked_pong,      settings,    priority,      priority_update,
    tiny_window, window_for_nobody, rapid_reset, made_to_reset, wrong_length,
    malformed,   empty_data,        padding,     continuation,
};

enum { FRAMES = H2_BUDGET + 100 };

/* How many rounds pass until the connection is given up. */
static unsigned flood(struct world *w, flood_fn put, unsigned a_second)
{
    struct buf b = {.cap = 1 << 20};
    unsigned i = 0;

    while (i < FRAMES && !h2_is_over(w->h2)) {
        put(&b, i++);
        if (world_receive(w, &b) < 0)
            break;
        w->now += a_second > 0 ? USEC_PER_SEC / a_second : 0;
        if (!h2_is_over(w->h2))
            world_said(w);
    }
    buf_done(&b);
    return i;
}

static void test_floods(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        struct world w;
        const char *said;

        world_init(&w, 100);
        w.plan.status = 0;
        world_open(&w);
        if (floods[i] == window_for_nobody) { /* its stream is gone */
            struct buf b = {.cap = 1000};

            rapid_reset(&b, 0);
            assert_int_equal(world_receive(&w, &b), 0);
            buf_done(&b);
        }
        if (flood(&w, floods[i], 0) == FRAMES)
            fail_msg("flood %zu was not met", i);
        said = strstr(world_said(&w), "goaway(");
        if (said == NULL || strstr(said, ":11)") == NULL) /* ENHANCE_YOUR_CALM */
            fail_msg("flood %zu: %s", i, said);
        assert_int_equal(h2_get_counts(w.h2)->floods, 1);
        assert_true(h2_is_over(w.h2));
        world_done(&w);
    }
}

static void test_not_a_flood_when_it_is_slow(void **state)
{
    static const flood_fn slow[] = {ping, settings, rapid_reset, malformed, tiny_window};

    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        struct world w;

        world_init(&w, 100);
        w.plan.status = 0;
        world_open(&w);
        assert_int_equal(flood(&w, slow[i], H2_BUDGET_PER_SEC), FRAMES);
        assert_false(h2_is_over(w.h2));
        world_done(&w);
    }
}

/* A client that acknowledges every frame on its own, as simple ones do, as fast as it likes. */
static void honest(struct buf *b, uint32_t i)
{
    put_request(b, id_of(i), END_STREAM, GET_LINES);
    put_frame(b, WINDOW_UPDATE, 0, 0, STR("\0\0\0\x64"));
    if (i > 0)
        put_frame(b, WINDOW_UPDATE, 0, id_of(i - 1), STR("\0\0\0\x64"));
}

static void test_honest_traffic(void **state)
{
    struct world w;
    struct buf b = {.cap = 1 << 16};

    world_init(&w, 100);
    w.plan.length = 100;
    world_open(&w);
    for (unsigned i = 0; i < WORLD_ASKED_MAX; i++) {
        honest(&b, i);
        assert_int_equal(world_receive(&w, &b), 0);
        world_said(&w);
    }
    assert_false(h2_is_over(w.h2));
    assert_int_equal(h2_get_counts(w.h2)->floods, 0);
    buf_done(&b);
    world_done(&w);
}

/* Who does not read what it makes us say is stopped in one read. */
static void test_a_flood_in_one_read(void **state)
{
    struct buf b = {.cap = 1 << 20};
    struct world w;

    world_init(&w, 100);
    world_open(&w);
    for (uint32_t i = 0; i < 10000; i++)
        ping(&b, i);
    assert_int_equal(h2_receive(w.h2, buf_str(&b), w.now), -EPROTO);
    world_send_all(&w);
    assert_true(w.sent.n < (H2_BUDGET + 10) * 17);
    buf_done(&b);
    world_done(&w);
}

/* A field of nearly 4 KiB for HPACK's table, then, a byte each, 10 000 times the same again. */
static void put_bomb(struct buf *b, uint32_t id, unsigned flags, const char *lines)
{
    struct buf block = {.cap = 1 << 20};

    put_fields(&block, lines);
    buf_add(&block, STR("\x40\1a\x7f\xa1\x1e")); /* with indexing, a: 127 + 3873 bytes */
    for (int i = 0; i < 4000; i++)
        buf_add(&block, STR("x"));
    for (int i = 0; i < 10000; i++)
        buf_add(&block, STR("\xbe"));
    put_frame(b, HEADERS, flags | END_HEADERS, id, buf_str(&block));
    buf_done(&block);
}

static void expect_calm(struct world *w, struct buf *b)
{
    assert_int_equal(world_receive(w, b), -EPROTO);
    assert_non_null(strstr(world_said(w), ":11)"));
    assert_int_equal(h2_get_counts(w->h2)->floods, 1);
}

static void test_header_bomb(void **state)
{
    struct fixture *f = *state;

    put_bomb(&f->b, 1, END_STREAM, GET_LINES);
    expect_calm(&f->w, &f->b);
}

static void test_header_bomb_in_trailers(void **state)
{
    struct fixture *f = *state;

    f->w.plan.status = 0;
    put_request(&f->b, 1, 0, GET_LINES);
    put_bomb(&f->b, 1, END_STREAM, "");
    expect_calm(&f->w, &f->b);
}

TEST_MAIN(cmocka_unit_test(test_floods), WITH_A_WORLD(test_header_bomb),
          WITH_A_WORLD(test_header_bomb_in_trailers),
          cmocka_unit_test(test_not_a_flood_when_it_is_slow), cmocka_unit_test(test_honest_traffic),
          cmocka_unit_test(test_a_flood_in_one_read))
