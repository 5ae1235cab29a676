/*
 * Any order of answers, pieces, breaks, pauses and holds: what comes to the sink is a piece of ONE
 * version of the object, from where its head said, without a gap; an end without error comes only
 * when all of it is there; and in the end nothing is left of anything.
 *
 * The servers are as confused as can be but for one thing: bytes are those of the version and the
 * place that their head names. A server that lies about that cannot be found out by anybody.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "origin/cluster_internal.h"
#include "origin/fake_client_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { VERSIONS = 3, SIZE = 600, SERVERS = 3 };

static struct loop *loop;

/* The input. */
static const uint8_t *input;
static size_t left;

static unsigned draw(unsigned below)
{
    if (left == 0)
        return 0;
    left--;
    return *input++ % below;
}

/* The object */

static uint64_t size_of(unsigned version)
{
    return SIZE + (version == 2 ? 50 : 0); /* two of them differ in nothing but their bytes */
}

static char byte_of(unsigned version, uint64_t at)
{
    return (char)(at % 251 + at / 251 * 3 + version * 101);
}

/* The answer that the transfer under way has got. */
static struct {
    unsigned version;
    uint64_t at, end; /* of the version: what its content is */
    bool is_length_known;
} flow;

/* The sink */

static struct {
    struct origin_fetch *f;
    unsigned heads, ends, version;
    uint64_t first, end; /* what its head promised */
    uint64_t got;
    bool is_body; /* of the object */
    bool holds, is_held, drops, cancels;
} seen;

static void leave(void)
{
    if (seen.drops)
        origin_fetch_drop(&seen.f);
    else
        origin_fetch_cancel(&seen.f);
}

static void on_head(void *arg, struct origin_fetch *f, const struct http_answer *a)
{
    assert(f == seen.f && seen.heads == 0 && seen.ends == 0);
    seen.heads++;
    seen.is_body = a->status == 200 || a->status == 206;
    seen.version = flow.version;
    seen.first = flow.at;
    seen.end = flow.end;
    if (seen.cancels)
        leave();
}

static bool on_data(void *arg, struct origin_fetch *f, struct str bytes)
{
    assert(f == seen.f && seen.heads == 1 && seen.ends == 0 && !seen.is_held);
    for (size_t i = 0; seen.is_body && i < bytes.n; i++)
        assert(bytes.p[i] == byte_of(seen.version, seen.first + seen.got + i));
    seen.got += bytes.n;
    assert(seen.first + seen.got <= seen.end);
    if (seen.cancels) {
        leave();
        return true;
    }
    seen.is_held = seen.holds;
    return !seen.holds;
}

static void on_end(void *arg, struct origin_fetch *f, int err)
{
    assert(f == seen.f && seen.ends == 0 && !seen.is_held);
    seen.ends++;
    seen.f = NULL;
    assert(err < 0 || (seen.heads == 1 && seen.first + seen.got == seen.end));
}

/* Heads */

/* The Range that was asked for, or all of it. */
static bool asked_range(const struct client_transfer *t, uint64_t *first, uint64_t *last)
{
    const char *range = strstr(fake_asked(t), "\nRange: bytes=");

    *first = 0;
    *last = size_of(flow.version) - 1;
    return range != NULL && sscanf(range, "\nRange: bytes=%" SCNu64 "-%" SCNu64, first, last) >= 1;
}

static void add_validators(struct buf *b)
{
    unsigned kind = draw(3);

    if (kind > 0)
        buf_printf(b, "ETag: %s\"%u\"\n", kind == 1 ? "" : "W/", flow.version);
    if (draw(2) == 1)
        buf_printf(b, "Last-Modified: Tue, 07 Nov 2023 22:13:%02u GMT\n", flow.version);
}

static void add_length(struct buf *b)
{
    bool is_said = draw(3) > 0;

    flow.is_length_known |= is_said;
    if (is_said)
        buf_printf(b, "Content-Length: %" PRIu64 "\n", flow.end - flow.at);
    else
        buf_printf(b, "Transfer-Encoding: chunked\n");
}

static void add_whole(struct buf *b)
{
    flow.at = 0;
    flow.end = size_of(flow.version);
    buf_printf(b, "HTTP/1.1 200 OK\n");
    add_length(b);
}

/* Of what was asked for, or of something near it. */
static void add_partial(struct buf *b, const struct client_transfer *t)
{
    uint64_t first, last, size = size_of(flow.version);

    asked_range(t, &first, &last);
    first += draw(8) == 1;
    last -= draw(8) == 1;
    last = MIN(last, size - 1);
    first = MIN(first, last);
    flow.at = first;
    flow.end = last + 1;
    flow.is_length_known = true;
    buf_printf(b, "HTTP/1.1 206 X\nContent-Range: bytes %" PRIu64 "-%" PRIu64, first, last);
    if (draw(8) == 1)
        buf_printf(b, "/*\n");
    else
        buf_printf(b, "/%" PRIu64 "\n", size + (draw(8) == 1));
    add_length(b);
}

static void add_other(struct buf *b)
{
    static const char *const heads[] = {
        "HTTP/1.1 404 X\n",
        "HTTP/1.1 502 X\n",
        "HTTP/1.1 503 X\n",
        "HTTP/1.1 500 X\n",
        "HTTP/1.1 304 X\n",
        "HTTP/1.1 204 X\n",
        "HTTP/1.1 416 X\nContent-Range: bytes */600\n",
        "HTTP/1.1 302 X\nLocation: /elsewhere\n",
        "HTTP/1.1 301 X\nLocation: http://b/x?y\n",
        "HTTP/1.1 307 X\nLocation: http://out/\n",
        "HTTP/1.1 308 X\n",
        "HTTP/1.1 200 OK\nContent-Encoding: gzip\n",
        "nonsense\n",
    };

    flow.at = 0;
    flow.end = draw(16);
    buf_printf(b, "%s", heads[draw(ARRAY_LEN(heads))]);
    add_length(b);
}

static void set_bare(const char *head, const struct client_transfer *t)
{
    if (strncmp(fake_asked(t), "HEAD", 4) == 0 || strstr(head, " 304 ") != NULL)
        flow.end = flow.at;
}

static void play_head(struct client_transfer *t)
{
    char text[512];
    struct buf b = {.cap = sizeof text - 1};
    unsigned kind = draw(8);

    flow.version = draw(8) < 6 ? 0 : draw(VERSIONS);
    flow.is_length_known = false;
    if (kind < 3)
        add_whole(&b);
    else if (kind < 7)
        add_partial(&b, t);
    else
        add_other(&b);
    add_validators(&b);
    assert(!b.is_full);
    memcpy(text, b.p, b.n);
    text[b.n] = '\0';
    buf_done(&b);
    set_bare(text, t);
    fake_head(t, text);
}

/* Content */

static void play_data(struct client_transfer *t, uint64_t most)
{
    char bytes[512];
    uint64_t n = 1 + draw(255) * 2;

    n = MIN(n, most);
    if (n == 0)
        return;
    for (uint64_t i = 0; i < n; i++)
        bytes[i] = byte_of(flow.version, flow.at + i);
    flow.at += n;
    fake_data(t, (struct str){bytes, n});
}

static void play_end(struct client_transfer *t)
{
    static const int errors[] = {-ECONNRESET, -ETIMEDOUT, -EPROTO, -ENOBUFS};

    if ((flow.at == flow.end || flow.is_length_known) && draw(4) > 0)
        fake_end(t, 0); /* too early, maybe: a length was announced */
    else
        fake_end(t, errors[draw(ARRAY_LEN(errors))]);
}

static void play_failure(struct client_transfer *t)
{
    static const int errors[] = {-ECONNREFUSED, -ECONNRESET, -ETIMEDOUT, -EMSGSIZE, -EKEYREJECTED};

    if (draw(2) == 0)
        fake_end(t, errors[draw(ARRAY_LEN(errors))]);
    else
        fake_end_unsent(t, errors[draw(ARRAY_LEN(errors))]);
}

/* The play */

static bool has_head; /* the transfer under way */

static void play_transfer(struct client_transfer *t)
{
    unsigned what = draw(16);

    if (!has_head && what < 13) {
        has_head = true;
        play_head(t);
    } else if (!has_head) {
        play_failure(t);
    } else if (fake_is_held(t)) {
        seen.is_held = false;
        origin_fetch_proceed(seen.f);
    } else if (what < 11) {
        play_data(t, flow.end - flow.at);
    } else if (what == 15 && flow.is_length_known) {
        play_data(t, 3); /* beyond its end, maybe */
    } else {
        play_end(t);
    }
}

static void play_owner(void)
{
    switch (draw(8)) {
    case 0:
        seen.holds = !seen.holds;
        break;
    case 1:
        fake_time_passes(draw(64) * USEC_PER_SEC);
        break;
    case 2:
        seen.cancels = draw(8) == 1; /* in the next call */
        seen.drops = draw(2) == 1;
        break;
    case 3:
        if (draw(8) == 1)
            leave();
        break;
    default:
        if (!seen.is_held)
            origin_fetch_proceed(seen.f); /* harmless at any time */
        break;
    }
}

static void play(void)
{
    while (seen.f != NULL && left > 0) {
        unsigned started = fake_started();

        if (draw(8) == 0)
            play_owner();
        else if (fake_live() > 0)
            play_transfer(fake_transfer(0));
        else
            fake_next_alarm();
        if (fake_started() != started)
            has_head = false;
    }
}

static struct cluster *new_cluster(void)
{
    static const struct str names[SERVERS] = {{"http://a", 8}, {"http://b", 8}, {"http://c", 8}};
    struct cluster_settings s = {
        .servers = names,
        .server_count = 1 + draw(SERVERS),
        .balance = (enum cluster_balance)draw(3),
        .connect_timeout = 8 * USEC_PER_SEC,
        .first_byte_timeout = 30 * USEC_PER_SEC,
        .stall_timeout = 30 * USEC_PER_SEC,
        .deadline = 60 * USEC_PER_SEC,
        .retries = draw(4),
        .resumes = draw(6),
        .retry_pause = 100 * USEC_PER_MSEC,
        .eject_after = draw(4),
        .eject_time = USEC_PER_SEC,
        .eject_max = 60 * USEC_PER_SEC,
    };
    struct buf error = {.cap = 256};
    struct cluster *c;
    int server;

    assert(cluster_new(&s, &c, &server, &error) == 0);
    return c;
}

static void start_fetch(struct origin_worker *w, struct cluster *c)
{
    static const struct origin_sink sink = {on_head, on_data, on_end};
    struct origin_request r = {.target = STR("/a"), .stream_key = STR("a")};
    unsigned kind = draw(8);

    r.is_head = kind == 0;
    if (kind == 1 || kind == 2)
        r.range = STR("bytes=100-399");
    else if (kind == 3)
        r.range = STR("bytes=200-");
    else if (kind == 4)
        r.if_none_match = STR("\"x\"");
    seen.f = origin_fetch_start(w, c, &r, &sink, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct origin_worker w;
    struct cluster *c;

    if (loop == NULL)
        loop = loop_new();
    input = data;
    left = n;
    has_head = false;
    memset(&seen, 0, sizeof seen);
    fake_start(loop);
    origin_worker_init(&w, loop, NULL);
    c = new_cluster();
    start_fetch(&w, c);
    play();
    origin_fetch_cancel(&seen.f);
    assert(list_is_empty(&w.fetches));
    fake_finish();
    cluster_free(&c);
    return 0;
}
