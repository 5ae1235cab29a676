/*
 * For tests: a whole gate without sockets. A world has a folder to serve from, an embedded store, a
 * cache, one worker on a loop that the test turns, and a clock that only the test moves. Questions
 * are real request heads, parsed as a connection would parse them; the transport is a fake that
 * keeps status, fields and bytes.
 *
 *     struct world w;
 *
 *     world_open(&w, "access: { policy: { segment: [] } }\n");
 *     world_write(&w, "/s/1.ts", "bytes");
 *     struct answer a = ask(&w, "/s/1.ts");
 *     assert_int_equal(a.outcome, OUT_OK);
 *     world_close(&w);
 *
 * world_close() fails the test when a request, arena, blob, fill or descriptor is left over.
 */
#ifndef GATE_TESTING_H
#define GATE_TESTING_H

#include "base/test.h"
#include "gate/explain.h"
#include "gate/req.h"
#include "net/loop_testing.h"
#include "origin/folder_testing.h"
#include "store/backend.h"

#define T0 1800000000 /* when every world begins; files are older */
#define VIEWER_IP "192.0.2.7"
#define VIEWER_UA "Player/1.0"
#define OTHER_IP "198.51.100.9"
#define SECRET "a secret of the tests"
#define WORLD_HOST "gate.example"

/* The sections that a world has without being told, and two policies that many tests want. */
#define ALL_OPEN \
    "access: { policy: { key: [], playlist: [], segment: [], static: [], other: [] } }\n"
#define TOKEN_ALONE "access: { policy: { playlist: [token], key: [token] } }\n"

/* A playlist with one of each: key, map, two segments, and one of another host. */
#define PLAYLIST                                \
    "#EXTM3U\n#EXT-X-TARGETDURATION:6\n"        \
    "#EXT-X-KEY:METHOD=AES-128,URI=\"k.key\"\n" \
    "#EXTINF:6,\n1.ts\n#EXTINF:6,\n2.ts\n"      \
    "#EXTINF:6,\nhttps://elsewhere.example/3.ts\n#EXT-X-ENDLIST\n"

struct world {
    struct test_folder files, state;
    struct arena arena; /* of the configuration, URLs and answers */
    struct rules *rules;
    struct rules_era era;
    struct loop *loop;
    struct cache *cache;
    struct store *store;
    struct store_backend_ops store_ops; /* of world_break_store() */
    const struct store_backend_ops *sound_ops;
    int store_error;
    struct gate gate;
    struct api api;
    enum outcome api_outcome; /* what the one endpoint answers */
    struct store_worker *store_worker;
    struct client *client;
    struct gate_worker *worker;
    usec_t monotonic;
    unix_t now;
    unsigned files_written;
    struct pool_holder *holder;
    long arenas, blobs, descriptors; /* before it was opened */
};

void world_open(struct world *w, const char *settings);
void world_close(struct world *w);

/* The same, over one HTTP origin for everything but /files/, which is the folder. */
void world_open_http(struct world *w, const char *settings);

/* Every file gets a later time of change than the one before. */
void world_write(struct world *w, const char *path, const char *text);
void world_write_bytes(struct world *w, const char *path, struct str bytes);
void world_pass(struct world *w, int64_t seconds);
void world_settle(struct world *w); /* until no fill is under way */

/* The state store answers every admission with this from now on; 0: leaves them under way. */
void world_break_store(struct world *w, int error);
void world_mend_store(struct world *w);

/* The pool has one thread: what is queued behind the holder waits for its release. */
void world_hold_pool(struct world *w);
void world_await_holder(struct world *w); /* what was queued before it has run */
void world_release_pool(struct world *w);

enum sending {
    SEND_AT_ONCE,
    SEND_LATER, /* respond() answers 0; the bytes leave in a later turn */
    SEND_NEVER, /* respond() answers 0, and no more */
};

struct question {
    const char *target;
    const char *method, *ip, *ua; /* NULL: GET, VIEWER_IP, VIEWER_UA; ua "": none */
    const char *fields;           /* each with its CRLF */
    const char *host;
    const char *content; /* of an API request */
    int content_error;   /* req_on_content() gets this */
    enum sending sending;
    int send_error;    /* how sending ends, at once or later */
    size_t arena_room; /* what its arena may still hand out; 0: the usual */
    bool is_tls;
    const struct door *door;
    bool wants_memory;
    void (*before_pull)(struct world *w);
};

struct answer {
    enum outcome outcome;
    unsigned status; /* 0: nothing was sent */
    struct str body;
    uint64_t length; /* Content-Length */
    struct http_field fields[HTTP_RESPONSE_FIELDS];
    unsigned field_count;
    bool must_close;
    struct str uid;
};

/* A question that has not been answered yet. */
struct asking {
    struct world *world;
    struct question question;
    struct req *req; /* NULL once it is over */
    bool wants_content, is_sending;
    bool is_pulling; /* the body is on its way */
    struct buf pulled;
    struct answer answer;
};

struct asking *world_ask_begin(struct world *w, const struct question *q);
struct answer world_ask_end(struct asking *a);
/* What a SEND_LATER holds back leaves now, as far as it has come. */
void world_send(struct asking *a);
struct answer world_ask(struct world *w, const struct question *q);

/* A head that was no request, as the transport tells it. */
struct answer world_refuse(struct world *w, enum outcome o);

/* ask(&w, "/s/1.ts", .fields = "Range: bytes=0-9\r\n") */
#define ask(w, ...) world_ask((w), &(struct question){__VA_ARGS__})
#define ask_begin(w, ...) world_ask_begin((w), &(struct question){__VA_ARGS__})

struct str answer_field(const struct answer *a, const char *name); /* STR_NONE when there is none */
#define assert_field(a, name, want) assert_str(answer_field((a), (name)), (want))
void assert_outcome_at(struct answer a, enum outcome want, const char *file, int line);
#define assert_outcome(a, want) assert_outcome_at((a), (want), __FILE__, __LINE__)

struct viewer world_viewer(const struct world *w, const char *ip, const char *ua);

/* Signed URLs, in the world's arena. */
const char *signed_path(struct world *w, const char *uid, const char *path, unix_t expires);
const char *signed_scope(struct world *w, const char *uid, const char *path, const char *scope,
                         unix_t expires);
const char *gate_path(struct world *w, const char *uid, const char *path, unix_t expires,
                      const char *ip, const char *ua);
const char *gate_scope(struct world *w, const char *uid, const char *path, const char *scope,
                       unix_t expires, const char *ip, const char *ua);

/* The usual viewer's URL of a playlist: "/s/<name>" for uid u1, an hour long. */
const char *usual(struct world *w, const char *path);

/* The usual viewer's URL, with what a table of cases says of it. */
enum signed_as { UNSIGNED, TOKEN, TOO_LATE, OF_ANOTHER_PATH, GATE_TOKEN };
const char *world_sign_as(struct world *w, const char *path, enum signed_as as);

void world_grant(struct world *w, const char *uid, const char *ip, const char *ua, const char *key);
unsigned world_revoke(struct world *w, const char *uid);       /* sessions ended */
unsigned world_end_sessions(struct world *w, const char *uid); /* how many */

/* The line of a body that stands for the URI beginning so; fails when there is none. */
const char *line_of(struct world *w, const struct answer *a, const char *begin);

int64_t counted(const struct world *w, int stat); /* enum gate_stat, or one behind its outcomes */
struct store_stats world_records(struct world *w);

struct explanation world_explain(struct world *w, const char *target, const char *ip);
/* STR_NONE when it was not made. */
struct fact fact_of(struct world *w, const struct facts *f, const char *check);

/* Rules from a whole configuration; NULL with the mistakes, one a line, in `ret_errors`. */
struct rules *rules_from(struct arena *arena, struct str text, struct buf *ret_errors);

#endif
