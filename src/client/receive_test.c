/* Answers, good and bad, and whether their connection is used again. */
#include <errno.h>

#include "base/mem.h"
#include "client/client_testing.h"

#define OK_NEXT "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext"
#define FIVE(x) x x x x x

enum after { STAYS, CLOSES, RESETS };
enum next { REUSED, ANOTHER };

struct answer_case {
    const char *bytes;
    enum after after;
    enum next next; /* the connection of the next request */
    int err;
    const char *body;
    enum http_method method;
};

static const struct answer_case cases[] = {
    /* Whole ones */
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", STAYS, REUSED, 0, "ok"},
    {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", STAYS, REUSED, 0, ""},
    {"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", STAYS, REUSED, 0, "ok"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\nContent-Length: 2\r\n\r\nok", CLOSES, ANOTHER, 0,
     "ok"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", STAYS, REUSED, 0,
     "ok"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n01\r\nk\r\n0\r\nT: "
     "v\r\n\r\n",
     STAYS, REUSED, 0, "ok"},
    {"HTTP/1.1 200 OK\r\n\r\nok", CLOSES, ANOTHER, 0, "ok"},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", STAYS, ANOTHER, 0, "ok"},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", STAYS, ANOTHER, 0,
     "ok"},
    {"HTTP/1.1 204 No Content\r\n\r\n", STAYS, REUSED, 0, ""},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", STAYS, REUSED, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", STAYS, REUSED, 0, "", HTTP_HEAD},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", STAYS, REUSED, 0, "", HTTP_HEAD},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
     STAYS, REUSED, 0, "ok"},
    {"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok", STAYS, REUSED, 0,
     "ok"},
    {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", STAYS,
     REUSED, 0, ""},
    {"HTTP/1.1 302 Found\r\nLocation: ::not a url::\r\nContent-Length: 0\r\n\r\n", STAYS, REUSED, 0,
     ""},
    {"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", STAYS, REUSED, 0,
     ""},
    {"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\nok", STAYS, REUSED, 0, "ok"},

    /* More than there should be: what was promised is good, the connection is not. */
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", STAYS, ANOTHER, 0, "ok"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", STAYS, ANOTHER, 0,
     "ok"},

    /* After an answer that has no content, libcurl throws away what it has read too much. */
    {"HTTP/1.1 304 Not Modified\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", STAYS, REUSED, 0, ""},

    /* Short ones */
    {"", CLOSES, ANOTHER, -ECONNRESET},
    {"", RESETS, ANOTHER, -ECONNRESET},
    {"HTTP/1.1 200 O", CLOSES, ANOTHER, -ECONNRESET},
    {"HTTP/1.1 200 OK\r\nContent-Le", CLOSES, ANOTHER, -ECONNRESET},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", CLOSES, ANOTHER, -ECONNRESET},
    {"HTTP/1.1 100 Continue\r\n\r\n", CLOSES, ANOTHER, -ECONNRESET},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", CLOSES, ANOTHER, -ECONNRESET, "ok"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", CLOSES, ANOTHER, -ECONNRESET, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", CLOSES, ANOTHER,
     -ECONNRESET, "ok"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", CLOSES, ANOTHER,
     -ECONNRESET, "ok"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok", CLOSES, ANOTHER, -ECONNRESET,
     "ok"},

    /* No HTTP, or not as it should be */
    {"<html>\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"SSH-2.0-OpenSSH_9\r\n", CLOSES, ANOTHER, -EPROTO},
    {"ICY 200 OK\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/3.0 200 OK\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/2 200 \r\nContent-Length: 2\r\n\r\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 99 Low\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 2000 High\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {FIVE("HTTP/1.1 100 Continue\r\n\r\n") FIVE("HTTP/1.1 102 Processing\r\n\r\n"), STAYS, ANOTHER,
     -EPROTO},
    {"HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nX: a\x01\r\n\r\n", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", STAYS, ANOTHER,
     -EPROTO},
    {"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok", STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
     STAYS, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", STAYS,
     ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", CLOSES, ANOTHER, -EPROTO},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nok", STAYS, ANOTHER, -EPROTO, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok!!\r\n", STAYS, ANOTHER, -EPROTO,
     "ok"},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok", STAYS, ANOTHER,
     -EPROTO, ""},
};

static void script_case(struct peer *p, const struct answer_case *c)
{
    const struct peer_step end = c->after == CLOSES ? CLOSE : RESET;

    if (c->after != STAYS) {
        PEER_SCRIPT(p, RX(" /case "), TX(c->bytes), end);
    } else if (c->next == REUSED) {
        PEER_SCRIPT(p, RX(" /case "), TX(c->bytes), RX("GET /next "), TX(OK_NEXT));
        return;
    } else {
        PEER_SCRIPT(p, RX(" /case "), TX(c->bytes));
    }
    PEER_SCRIPT(p, RX("GET /next "), TX(OK_NEXT));
}

static void check_case(const struct answer_case *c, const struct seen *s)
{
    if (s->err != c->err)
        fail_msg("'%s': %d instead of %d: %s", c->bytes, s->err, c->err, s->reason);
    assert_int_equal(s->heads, c->body != NULL ? 1 : 0);
    assert_str(buf_str(&s->body), c->body != NULL ? c->body : "");
    if (c->err != 0 && s->reason[0] == '\0')
        fail_msg("'%s': no reason", c->bytes);
}

static void answers_are_judged(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_request r = world_request(w, "/case");
        struct seen s = {0}, next = {0};

        script_case(w->peer, &cases[i]);
        r.method = cases[i].method;
        world_start(w, &s, &r);
        WAIT_FOR_END(w, &s);
        check_case(&cases[i], &s);
        world_get(w, &next, "/next");
        ASSERT_WHOLE(&next, "next");
        seen_done(&s);
        seen_done(&next);
        world_set_limits(w, &w->limits); /* no connection is left for the next case */
    }
}

/* All on one connection. What came first is read before the rest is sent. */
static void every_split_gives_the_same(void **state)
{
    static const char answer[] =
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nETag: \"x\"\r\n"
        "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n";
    enum { SPLITS = sizeof answer - 2 };
    struct peer_barrier barriers[SPLITS + 1] = {0};
    struct peer_step steps[SPLITS * 4 + 1];
    struct world *w = *state;

    for (size_t i = 0; i < SPLITS; i++)
        memcpy(&steps[i * 4],
               (struct peer_step[]){RX("GET "), TX_BYTES(answer, i + 1), WAIT(&barriers[i]),
                                    TX(answer + i + 1)},
               4 * sizeof *steps);
    steps[SPLITS * 4] = (struct peer_step){PEER_DONE};
    peer_script(w->peer, steps);
    for (size_t i = 0; i < SPLITS; i++) {
        struct client_request r = world_request(w, "/");
        struct seen s = {0};

        world_start(w, &s, &r);
        TURN_UNTIL(w->loop, barriers[i].reached == 1);
        for (int k = 0; k < 3; k++)
            loop_turn(w->loop);
        barriers[i].is_open = true;
        WAIT_FOR_END(w, &s);
        ASSERT_WHOLE(&s, "abcde");
        assert_string_equal(s.etag, "\"x\"");
        seen_done(&s);
    }
    assert_int_equal(peer_connections(w->peer), 1);
}

/* What never ends */

static void check_flood(struct world *w, const char *begin, const char *flood, int err)
{
    struct seen s = {0};

    PEER_SCRIPT(w->peer, RX("GET "), TX(begin), TX_FLOOD(flood));
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, err);
    seen_done(&s);
}

static void endless_heads_are_cut(void **state)
{
    struct world *w = *state;
    static const char xs[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";

    check_flood(w, "HTTP/1.1 200 OK\r\n", "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", -EMSGSIZE);
    check_flood(w, "HTTP/1.1 200 OK\r\nX: ", xs, -EMSGSIZE);
    check_flood(w, "HTTP/1.1 200 ", xs, -EMSGSIZE);
    check_flood(w, "", "HTTP/1.1 102 Processing\r\n\r\n", -EPROTO);
    check_flood(w, "", xs, -EPROTO);
}

static void endless_trailers_are_cut(void **state)
{
    struct world *w = *state;
    static const char begin[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n";

    check_flood(w, begin, "X: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", -EPROTO);
}

static void too_many_fields_are_too_many(void **state)
{
    struct world *w = *state;
    AUTO(buf_done) struct buf head = {.cap = 8192};
    struct seen s = {0};

    buf_add(&head, STR("HTTP/1.1 200 OK\r\n"));
    for (int i = 0; i <= HTTP_MAX_ANSWER_FIELDS; i++)
        buf_printf(&head, "X-%d: y\r\n", i);
    buf_add(&head, STR("\r\n"));
    PEER_SCRIPT(w->peer, RX("GET "), TX_BYTES(head.p, head.n));
    world_get(w, &s, "/");
    ASSERT_ERROR(&s, -EMSGSIZE);
    seen_done(&s);
}

/* Bytes nobody has asked for, when the connection is idle: they are not the next answer. */
static void what_comes_unasked_is_no_answer(void **state)
{
    struct world *w = *state;
    struct peer_barrier barrier = {0};
    struct seen s[2] = {{0}};

    PEER_SCRIPT(w->peer, RX("GET "), TX("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
                WAIT(&barrier), TX("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"), RX_END);
    PEER_SCRIPT(w->peer, RX("GET "), TX(OK_NEXT));
    world_get(w, &s[0], "/");
    ASSERT_WHOLE(&s[0], "ok");
    barrier.is_open = true;
    TURN_UNTIL(w->loop, peer_open_connections(w->peer) == 0);
    world_get(w, &s[1], "/");
    ASSERT_WHOLE(&s[1], "next");
    seen_done(&s[0]);
    seen_done(&s[1]);
}

#define T(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
TEST_MAIN(T(answers_are_judged), T(every_split_gives_the_same), T(endless_heads_are_cut),
          T(endless_trailers_are_cut), T(too_many_fields_are_too_many),
          T(what_comes_unasked_is_no_answer))
