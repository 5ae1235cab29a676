/* Frames by hand, and what the server sends as words: see h2_testing.h. */
#include "http/h2_testing.h"

#include "base/panic.h"

enum { FRAME_HEADER = 9 };

static void put_u8(struct buf *b, unsigned v)
{
    buf_add_char(b, (char)v);
}

void put_u32(struct buf *b, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        put_u8(b, v >> shift & 0xff);
}

void put_frame(struct buf *b, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    put_u8(b, (unsigned)payload.n >> 16);
    put_u8(b, (unsigned)payload.n >> 8 & 0xff);
    put_u8(b, (unsigned)payload.n & 0xff);
    put_u8(b, type);
    put_u8(b, flags);
    put_u32(b, id);
    buf_add(b, payload);
}

/* RFC 7541 5.1 with a prefix of 7 bits, and 5.2 without Huffman. */
static void put_string(struct buf *b, struct str s)
{
    size_t n = s.n;

    if (n < 127) {
        put_u8(b, (unsigned)n);
    } else {
        put_u8(b, 127);
        for (n -= 127; n >= 128; n /= 128)
            put_u8(b, 128 + n % 128);
        put_u8(b, (unsigned)n);
    }
    buf_add(b, s);
}

/* The first ':' that is not a name's first character ends the name. */
void put_fields(struct buf *b, const char *lines)
{
    struct str rest = str_of(lines), line;

    while (str_split(&rest, '\n', &line)) {
        ptrdiff_t colon = line.n > 1 ? str_find_char(str_skip(line, 1), ':') + 1 : 0;
        struct str value = str_skip(line, (size_t)colon + 1);

        if (line.n == 0)
            continue;
        put_u8(b, 0);
        put_string(b, str_first(line, (size_t)colon));
        put_string(b, value.n > 0 && value.p[0] == ' ' ? str_skip(value, 1) : value);
    }
}

void put_request(struct buf *b, uint32_t id, unsigned flags, const char *lines)
{
    struct buf block = {.cap = 1 << 20};

    put_fields(&block, lines);
    put_frame(b, HEADERS, flags | END_HEADERS, id, buf_str(&block));
    buf_done(&block);
}

int world_receive(struct world *w, struct buf *b)
{
    int r = h2_receive(w->h2, buf_str(b), w->now);

    buf_clear(b);
    world_send_all(w);
    return r;
}

void world_open(struct world *w)
{
    struct buf b = {.cap = 1 << 16};

    buf_add(&b, STR(H2_PREFACE));
    put_frame(&b, SETTINGS, 0, 0, STR(""));
    put_frame(&b, SETTINGS, ACK, 0, STR(""));
    assert_int_equal(world_receive(w, &b), 0);
    assert_str(str_of(world_said(w)), "settings settings+ack");
    buf_done(&b);
}

static uint32_t u32_at(struct str s, size_t at)
{
    uint32_t v = 0;

    assert_true(s.n >= at + 4);
    for (size_t i = at; i < at + 4; i++)
        v = v << 8 | (unsigned char)s.p[i];
    return v;
}

static void say(struct buf *words, unsigned type, unsigned flags, uint32_t id, struct str payload)
{
    static const char *const names[] = {"data",     "headers",      "priority", "rst",
                                        "settings", "push_promise", "ping",     "goaway",
                                        "window",   "continuation"};

    assert_true(type < ARRAY_LEN(names));
    buf_printf(words, "%s%s", words->n > 0 ? " " : "", names[type]);
    if (type == DATA)
        buf_printf(words, "(%u:%zu)", id, payload.n);
    else if (type == HEADERS || type == CONTINUATION)
        buf_printf(words, "(%u)", id);
    else if (type == RST_STREAM || type == WINDOW_UPDATE)
        buf_printf(words, "(%u:%u)", id, u32_at(payload, 0));
    else if (type == GOAWAY)
        buf_printf(words, "(%u:%u)", u32_at(payload, 0), u32_at(payload, 4));
    if (type <= HEADERS && (flags & END_STREAM) != 0)
        buf_printf(words, "+end");
    if ((type == SETTINGS || type == PING) && (flags & ACK) != 0)
        buf_printf(words, "+ack");
}

const char *world_said(struct world *w)
{
    static char text[1 << 16];
    struct buf words = {.cap = sizeof text - 1};
    struct str s = buf_str(&w->sent);

    while (s.n >= FRAME_HEADER) {
        size_t n = (size_t)(u32_at(s, 0) >> 8);

        assert_true(s.n >= FRAME_HEADER + n);
        say(&words, (unsigned char)s.p[3], (unsigned char)s.p[4], u32_at(s, 5),
            (struct str){s.p + FRAME_HEADER, n});
        s = str_skip(s, FRAME_HEADER + n);
    }
    assert_int_equal(s.n, 0);
    buf_clear(&w->sent);
    memcpy(text, words.n > 0 ? words.p : "", words.n);
    text[words.n] = '\0';
    buf_done(&words);
    return text;
}

/* ---- fixture ---- */

int setup(void **state)
{
    struct fixture *f = xzalloc(sizeof *f);

    buf_init(&f->b, 1 << 20);
    world_init(&f->w, 100);
    world_open(&f->w);
    *state = f;
    return 0;
}

int teardown(void **state)
{
    struct fixture *f = *state;

    world_done(&f->w);
    buf_done(&f->b);
    free(f);
    return 0;
}

void run(struct fixture *f, const char *said)
{
    assert_int_equal(world_receive(&f->w, &f->b), 0);
    assert_str(str_of(world_said(&f->w)), said);
}
