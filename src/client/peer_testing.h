/*
 * For tests: a server that does what a script says and nothing else, on threads of its own. The
 * n-th connection runs the n-th script; one that no script is left for, a byte that no script
 * expects, a script that is not done in time: each fails the test, on the main thread, in
 * peer_free() (and says so on stderr at once, since the test may be waiting for something else).
 *
 *     struct peer *p = peer_new("127.0.0.1");
 *
 *     PEER_SCRIPT(p, RX("GET /a HTTP/1.1\r\n"), HAS("\r\nHost: "), LACKS("Cookie"),
 *                 TX("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"), RESET);
 *     ... peer_base(p) is "http://127.0.0.1:34567" ...
 *     peer_free(&p);
 *
 * After its last step a connection stays open until the other side closes it, or peer_free() does.
 */
#ifndef CLIENT_PEER_TESTING_H
#define CLIENT_PEER_TESTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/str.h"

enum {
    PEER_STEP_SECONDS = 20, /* the longest that a step may take, under the sanitizers too */
    PEER_LAST_SECONDS = 5,  /* what peer_free() gives scripts that are not through */
    PEER_HEAD_MAX = 64 * 1024,
    PEER_CONNECTIONS_MAX = 512,
    PEER_FAILURE_MAX = 512,
};

/* Closed at first; once open, it stays open. A zeroed one is ready. */
struct peer_barrier {
    atomic_bool is_open;
    atomic_uint reached; /* connections that came to it: `TURN_UNTIL(l, b.reached == 1)` */
};

#define PEER_STEPS(X)                                                                   \
    X(RX, "reads a head, which must contain the text")                                  \
    X(RX_EXACT, "reads a head, which must be the text")                                 \
    X(HAS, "the last head must contain the text")                                       \
    X(LACKS, "the last head must not contain the text, whatever its case")              \
    X(RX_CONTENT, "reads bytes, which must be the text")                                \
    X(RX_END, "waits for the other side to close or reset")                             \
    X(IGNORE, "from here on, whatever comes is thrown away: for HTTP/2 and the like")   \
    X(MAY_LEAVE, "from here on, the other side may close at any time")                  \
    X(TX, "sends the text")                                                             \
    X(TX_SLOWLY, "sends the text in small pieces, a pause before each")                 \
    X(TX_PATTERN, "sends bytes of the pattern")                                         \
    X(TX_FLOOD, "sends the text again and again until the other side closes or resets") \
    X(WAIT, "until the barrier is open")                                                \
    X(OPEN, "opens the barrier")                                                        \
    X(RESET, "closes with a reset")                                                     \
    X(CLOSE, "closes; what was sent still arrives")                                     \
    X(AGAIN, "from the first step on when more comes")

enum peer_act {
    PEER_DONE, /* the end of a script */
#define X(name, text) PEER_##name,
    PEER_STEPS(X)
#undef X
};

struct peer_step {
    enum peer_act act;
    struct str bytes;
    uint64_t from, n; /* of the pattern; TX_SLOWLY: n bytes a piece */
    usec_t pause;
    struct peer_barrier *barrier;
};

#define PEER_TEXT(act_, text_) ((struct peer_step){.act = PEER_##act_, .bytes = str_of(text_)})
#define RX(text) PEER_TEXT(RX, text)
#define RX_EXACT(text) PEER_TEXT(RX_EXACT, text)
#define HAS(text) PEER_TEXT(HAS, text)
#define LACKS(text) PEER_TEXT(LACKS, text)
#define RX_CONTENT(text) PEER_TEXT(RX_CONTENT, text)
#define RX_END ((struct peer_step){.act = PEER_RX_END})
#define IGNORE ((struct peer_step){.act = PEER_IGNORE})
#define MAY_LEAVE ((struct peer_step){.act = PEER_MAY_LEAVE})
#define TX(text) PEER_TEXT(TX, text)
#define TX_BYTES(p_, n_) ((struct peer_step){.act = PEER_TX, .bytes = {(p_), (n_)}})
#define TX_SLOWLY(text, n_, pause_) \
    ((struct peer_step){.act = PEER_TX_SLOWLY, .bytes = str_of(text), .n = (n_), .pause = (pause_)})
#define TX_PATTERN(from_, n_) \
    ((struct peer_step){.act = PEER_TX_PATTERN, .from = (from_), .n = (n_)})
#define TX_FLOOD(text) PEER_TEXT(TX_FLOOD, text)
#define WAIT(barrier_) ((struct peer_step){.act = PEER_WAIT, .barrier = (barrier_)})
#define OPEN(barrier_) ((struct peer_step){.act = PEER_OPEN, .barrier = (barrier_)})
#define RESET ((struct peer_step){.act = PEER_RESET})
#define CLOSE ((struct peer_step){.act = PEER_CLOSE})
#define AGAIN ((struct peer_step){.act = PEER_AGAIN})

struct peer;

/* Listens on "127.0.0.1" or "::1", port 0, or on "unix:/path". NULL: no such address family here.
 */
struct peer *peer_new(const char *address);
void peer_free(struct peer **p); /* joins; cmocka's fail_msg() when anything went wrong */
bool peer_finish(struct peer **p, char ret_failure[PEER_FAILURE_MAX]); /* as text; true: none */

/* For the next connection; for all that come after the last script. The steps' bytes are copied. */
#define PEER_SCRIPT(p, ...) peer_script(p, (const struct peer_step[]){__VA_ARGS__, {PEER_DONE}})
#define PEER_SCRIPT_ALL(p, ...) \
    peer_script_all(p, (const struct peer_step[]){__VA_ARGS__, {PEER_DONE}})
void peer_script(struct peer *p, const struct peer_step *steps);
void peer_script_all(struct peer *p, const struct peer_step *steps);

const char *peer_base(const struct peer *p);      /* "http://127.0.0.1:34567", "http://unix" */
const char *peer_unix_path(const struct peer *p); /* NULL for TCP */
unsigned peer_port(const struct peer *p);

/* So far. */
unsigned peer_connections(struct peer *p);
unsigned peer_heads(struct peer *p); /* read and found good */
unsigned peer_open_connections(struct peer *p);
uint64_t peer_sent(struct peer *p); /* bytes taken by the kernel */
bool peer_has_failed(struct peer *p);

/* Connections are refused until peer_up(); those that are open live on. The port stays ours. */
void peer_down(struct peer *p);
void peer_up(struct peer *p);

/* Byte `at` of the pattern: no power of two is a period, so that shifted bytes are noticed. */
static inline char peer_pattern(uint64_t at)
{
    return (char)(at % 251 + at / 251 % 7);
}

#endif
