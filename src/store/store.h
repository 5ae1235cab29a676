/*
 * The state of the gate behind one small interface, in the words of the domain: grants, sessions,
 * uses, revocations. Two implementations keep the same rules to the letter (one conformance suite
 * runs on both): embedded (LMDB), for one machine, and Redis, for several that share one truth.
 *
 * A `struct store` is the process's; each worker has a `struct store_worker` on its loop and calls
 * through that only. All calls follow base/op.h: < 0 failed at once, 0 = the callback will come,
 * > 0 = answered at once. Errors: -EINVAL a string past its cap or a field that makes no sense,
 * -EAGAIN the store is out of reach, -ENOSPC its disk, map or memory is full, -EIO it answered what
 * cannot be used (Redis: an error, a wrong type): nothing of the call was done, what was stored
 * before is intact. -ETIMEDOUT: Redis did not answer in time, and whether the call was done nobody
 * knows. Strings passed in must stay until the call has ended; strings given out live in the arena
 * the caller passed.
 *
 * Times are unix_t seconds given by the caller (`now`), so that all checks of one request see one
 * time.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/op.h"
#include "base/str.h"
#include "net/loop.h"

enum {
    STORE_UID_MAX = 128,
    STORE_KEY_MAX = 512,   /* bytes of a stream key */
    STORE_UA_LEN = 4,      /* access/viewer.h: ua_hash */
    STORE_VIEWER_LEN = 22, /* access/viewer.h: id */
    STORE_USE_ID_LEN = 16,
    STORE_SESSION_ID_LEN = 22, /* characters: 16 random bytes as base64url */
    STORE_PREFIX_MAX = 64,     /* of the keys in Redis */
    STORE_MAX_USES = 2,        /* use limits one admission may take: the token's or key's, and the
                                  browser-adaptive one */
    STORE_MAX_STREAMS = 64, /* the highest max_streams: what one uid, who may begin sessions as it
                               likes, can make an admission look at */
};

struct store;
struct store_worker;

struct store_rules { /* of the configuration; changed by store_set_rules() at a reload */
    uint8_t ipv4_prefix, ipv6_prefix; /* grants are widened to these */
    int64_t grant_ttl;                /* seconds */
    unsigned grant_max_keys;          /* stream keys of one grant; the oldest goes first */
    unsigned grant_max_pairs; /* network + User-Agent pairs of one uid; the oldest goes first */
    unsigned grant_max_uids;  /* uids that may share one network + User-Agent pair; the oldest goes
                                 first */
    int64_t session_ttl, session_max; /* seconds: sliding life; longest life */
    bool session_strict;              /* token and grant must hold at every request */
    unsigned max_streams; /* of one uid at a time, see "streams" below; 0: no limit, no cost */
    int64_t streams_idle; /* seconds; never more than session_ttl */
    bool
        streams_end_oldest; /* past it a stream ends for the new one; else the new one is refused */
};

/* ---- admission: one atomic step that stops at the first refusal with nothing spent ---- */

enum use_mode {
    USE_NONE,
    USE_BIND,  /* belongs to the viewer that used it first */
    USE_COUNT, /* `max` uses until the window ends, whoever uses it */
};

struct use_limit {
    enum use_mode mode;
    uint8_t id[STORE_USE_ID_LEN];
    uint32_t max;   /* USE_COUNT */
    unix_t expires; /* when a record begun now is forgotten: end of the window, or of the token when
                       that is later */
    uint32_t retry_sec; /* USE_COUNT: the same viewer again within this time of its last use is the
                           same use; 0: never */
    bool is_continuation; /* more of what is being fetched already (Range): no further use for a
                             viewer whose use was taken; for any other it is a use like the first */
};

enum admit_check {
    /* A live grant of this network + UA (+ uid when known) that holds the stream key. A live
     * session says whose it must be when the request does not. */
    ADMIT_GRANT = 1,
    /* The same with any stream key; static grants too, those with stream keys for these alone. */
    ADMIT_GRANT_IP = 2,
    ADMIT_SESSION = 4, /* a live session, or a new one when `may_begin` */
    ADMIT_USE = 8,
};

/*
 * Streams. A stream of a uid is a live session (a viewer at a stream key) that was active within
 * streams_idle. With max_streams set a session is *entered* as a stream of its uid when it begins;
 * one that is not entered, or has lapsed (was idle for longer) and comes back, is entered anew. It
 * may be while fewer than max_streams others live. Else others make way for it, or it is refused:
 *
 *  - A viewer is one player, and a player that asks for another title has left the one before.
 *    Where streams of the same viewer are among the others, these make way, and it is entered,
 *    whatever the setting. It took a place that its viewer had; so it is entered even where a
 *    limit that was lowered stays exceeded, and no other viewer's stream ends.
 *  - Where there is none of them, it is refused; or, with streams_end_oldest, others make way.
 *
 * So many make way as are needed to keep the limit (one, but where it was lowered), those that were
 * idle for longest first, at a tie the one begun first. They are ended as store_session_end does,
 * their gate tokens too. When there is no room for that many revocations the new one is refused.
 * Sessions without a uid are no streams. A lower limit ends nothing by itself.
 *
 * A lapsed session can come back by a gate token, which no store is asked about. store_touch()
 * tells of it some seconds later, and judges as an admission does, but for two things:
 *
 *  - A refused one is *ended*: only so are its gate tokens refused.
 *  - It is refused where streams of the same viewer would have to make way. A touch is late news
 *    of a link given out earlier still: its viewer may have zapped since, and what it watches now
 *    does not end for what it has left. So what ends a viewer's stream for another of its own is a
 *    request for that other one, never a link; and what was ended has no good links any more. A
 *    player that is switched to and fro ends one stream with each switch, and none between them.
 *
 * That is how long the limit may be exceeded: the few seconds that notes wait, and the second that
 * a revocation needs to be everywhere.
 *
 * With the limit set, activity is written sooner (backend.h: store_grain, store_note_age) and
 * verdicts are reused for a quarter of streams_idle at most, so what is active never looks idle and
 * no verdict outlives its stream.
 */

/*
 *  1. session: the live one of this viewer, uid (any when it is unknown; a presented session id
 *     says which) and stream key
 *  2. token_expired: refused unless there is a session and the rules are not strict
 *  3. grant: must match, unless there is a session and the rules are not strict; ADMIT_GRANT_IP
 *     must match always
 *  4. session: renewed; or begun when may_begin; else refused
 *  5. streams: the session is one of its uid's, or is entered; else refused. Only where
 * ADMIT_SESSION is asked for
 *  6. uses: all must pass, then all are taken
 */
enum admit_verdict {
    ADMITTED,
    REFUSED_TOKEN_EXPIRED,
    REFUSED_NO_GRANT,  /* no grant for this network and User-Agent */
    REFUSED_GRANT_KEY, /* there is one, but not for this stream key */
    REFUSED_NO_SESSION,
    REFUSED_OTHER_VIEWER, /* USE_BIND: the token belongs to another viewer */
    REFUSED_USED_UP,      /* USE_COUNT */
    REFUSED_TOO_FAST, /* this viewer and uid begin sessions faster than STORE_SESSIONS_AHEAD allows
                       */
    REFUSED_TOO_MANY_STREAMS, /* max_streams others of this uid live, and none makes way */
    ADMIT_VERDICT_LAST = REFUSED_TOO_MANY_STREAMS,
};

enum {
    /*
     * Each session of one viewer and uid ends in a second of its own, the next free one, so that a
     * revocation is exact. A viewer that begins them faster than one a second would push its ends
     * into the future, past session_max: it may be so many ahead, then it waits.
     */
    STORE_SESSIONS_AHEAD = 60,
};

struct store_session {
    char id[STORE_SESSION_ID_LEN + 1];
    struct str uid; /* in the admission's arena */
    unix_t started; /* moved up by seconds where needed: no two sessions of one viewer and uid end
                       at the same second, so a gate token names one session, and none that was
                       revoked is ever issued again */
    unix_t ends;    /* started + session_max: E of its gate tokens */
};

struct admission {
    struct op op;
    struct arena *arena;

    /* asked */
    unsigned checks; /* enum admit_check */
    bool token_expired;
    bool may_begin;
    bool is_dry; /* for explanations: decides, changes nothing */
    unix_t now;
    struct ip ip;
    const uint8_t *ua_hash; /* STORE_UA_LEN */
    const uint8_t *viewer;  /* STORE_VIEWER_LEN */
    struct str uid;         /* verified; "" = unknown */
    struct str stream_key;
    struct str session_id; /* presented by cookie or header; "" = none */
    struct use_limit uses[STORE_MAX_USES];

    /* answered, when the op's error is 0 */
    enum admit_verdict verdict;
    bool has_session, session_is_new;
    struct store_session session;
    struct str grant_uid; /* "" = no grant was looked at or matched */
    bool grant_matched;
    uint32_t use_count;   /* of the use that refused or was taken last */
    unsigned refused_use; /* index into uses[] of the one that refused */
    bool streams_counted; /* the limit was looked at; always so when it refused, and when is_dry */
    unsigned streams;     /* others of the uid, alive before this admission */
    unsigned streams_ended; /* of them, to make room for this one (is_dry: that would be) */
    bool streams_ended_own; /* those were the same viewer's; else none of them was */
};

/* Embedded: answered at once when only reads were needed; else with the other writes of this loop
 * turn in one transaction. Redis: one script, one round trip, unless a verdict may be reused. */
int store_admit(struct store_worker *s, struct admission *a);

/*
 * Activity of a viewer whose gate token admitted it without the store: its session lives on. Noted
 * in the worker, written every few seconds. With max_streams set it may end a session, see there.
 */
void store_touch(struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid,
                 struct str stream_key, unix_t now);

/* ---- grants ---- */

struct grant_put {
    struct op op;
    struct arena *arena;
    /* asked */
    unix_t now;
    struct str uid;
    struct ip_net net; /* an address or a network longer than the rules' prefix is widened to it */
    uint8_t ua_hash[STORE_UA_LEN];
    struct str stream_key; /* "" only with is_static */
    /* For ADMIT_GRANT_IP only: grants of their own beside the one with stream keys, with their own
     * lives and limits. One without a stream key is for all, one with stream keys for these. */
    bool is_static;
    int64_t ttl; /* seconds; 0: the rules' */
    /* answered */
    struct ip_net stored_net;
    bool is_new;                   /* else it was renewed */
    unsigned keys, keys_evicted;   /* stream keys now in the grant; how many had to go */
    unsigned pairs, pairs_evicted; /* pairs of this uid now; how many had to go */
    struct str *all_keys;          /* `keys` of them */
};
int store_grant_put(struct store_worker *s, struct grant_put *g);

/*
 * Criteria that are empty (IP_NONE, no ua, "") match everything; uid is required. A network matches
 * where it overlaps: no wider grant is left that lets a revoked address in. Ends the sessions these
 * grants let in, and the uid's others that match, and refuses their gate tokens (store_is_revoked).
 */
struct grant_revoke {
    struct op op;
    unix_t now;
    struct str uid;
    struct ip_net net; /* family IP_NONE: any */
    bool has_ua;
    uint8_t ua_hash[STORE_UA_LEN];
    struct str stream_key; /* "" = the whole grant */
    /* answered */
    unsigned grants_removed; /* whole, or made shorter by the stream key */
    unsigned sessions_ended; /* live or idle: all whose gate tokens were still good */
};
int store_grant_revoke(struct store_worker *s, struct grant_revoke *g);

struct grant_info {
    struct str uid;
    struct ip_net net;
    uint8_t ua_hash[STORE_UA_LEN];
    struct str *keys; /* oldest first */
    unsigned key_count;
    bool is_static;
    unix_t created, expires;
};
struct grant_list {
    struct op op;
    struct arena *arena;
    /* asked */
    unix_t now;
    struct str uid; /* "" = all */
    unsigned limit; /* at most this many */
    /* answered */
    uint64_t total; /* live or not yet swept */
    struct grant_info *grants;
    unsigned count;
};
int store_grant_list(struct store_worker *s, struct grant_list *g);

/* ---- sessions ---- */

struct session_info {
    char id[STORE_SESSION_ID_LEN + 1];
    struct str uid, stream_key;
    struct ip ip; /* exact, of its first request */
    uint8_t ua_hash[STORE_UA_LEN];
    unix_t started, last, ends;
};
struct session_list {
    struct op op;
    struct arena *arena;
    /* asked */
    unix_t now;
    struct str uid; /* "" = all */
    unsigned limit;
    /* answered: the live ones */
    uint64_t total; /* records, idle and not yet swept ones among them */
    struct session_info *sessions;
    unsigned count;
};
int store_session_list(struct store_worker *s, struct session_list *l);

struct session_end {
    struct op op;
    unix_t now;
    struct str id;  /* one session, or */
    struct str uid; /* all of a uid */
    /* answered */
    unsigned ended;
};
int store_session_end(struct store_worker *s, struct session_end *e);

/*
 * Has the session behind this gate token been ended or its grant revoked? Never blocks: the list is
 * in memory, fed by the store, kept across restarts; an entry goes when its gate tokens have
 * expired. Costs one atomic load while the list is empty.
 */
bool store_is_revoked(const struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN],
                      struct str uid, unix_t ends);
/* The same for any session of this viewer and uid whose gate tokens have not expired: what is known
 * of a viewer's rights while the store cannot be asked. */
bool store_has_revocation(const struct store_worker *s, const uint8_t viewer[STORE_VIEWER_LEN],
                          struct str uid);
enum { STORE_MAX_REVOCATIONS = 1 << 20 }; /* past it revoking answers -ENOSPC: said, not silent */

/* ---- state of the store ---- */

/* What happened on the way to Redis, of all workers since the start. X(name, text) */
#define STORE_COUNTERS(X)                                                      \
    X(calls, "scripts sent")                                                   \
    X(reused, "admissions answered with a verdict of a moment ago")            \
    X(timeouts, "calls that Redis did not answer in time")                     \
    X(refused, "calls answered at once because no connection was fit for use") \
    X(errors, "calls that Redis answered with an error or with nonsense")      \
    X(reloads, "scripts loaded again because Redis had forgotten them")        \
    X(connects, "connections made, and found to be to a primary")              \
    X(connect_failures, "connections that failed, or led to no primary")       \
    X(switches, "changes of the primary")                                      \
    X(unacknowledged, "writes that too few replicas had acknowledged in time")

enum { STORE_SERVER_MAX = 160, STORE_TROUBLE_MAX = 200 };

struct store_stats {
    /* records, expired ones not yet swept among them; in Redis those of all instances */
    uint64_t grants, sessions, uses, revocations;
    uint64_t bytes_used, bytes_limit; /* 0: unknown, no limit */
    usec_t write_usec; /* of the last write transaction; Redis: of the last round trip */
    bool is_healthy;   /* the gate's last write went through, and there is room for more (traffic is
                          not looked at); Redis: a connection is fit for use */
    const char *kind;  /* "embedded", "redis" */

    /* Redis only */
    char server[STORE_SERVER_MAX];   /* the primary, as "127.0.0.1:6379"; "" = not known yet */
    char trouble[STORE_TROUBLE_MAX]; /* what it said when it failed last; "" = all is well */
    unsigned replicas;               /* connected to the primary */
#define X(name, text) uint64_t name;
    STORE_COUNTERS(X)
#undef X
};
void store_stats(struct store *s, struct store_stats *ret);

/* ---- opening ---- */

struct store_embedded_options {
    const char *path; /* folder, made when missing (0700) */
    uint64_t size;    /* of the map: the most it may take on disk */
};
/* -errno, with a sentence in `error`. */
int store_open_embedded(const struct store_embedded_options *o, const struct store_rules *rules,
                        struct store **ret, struct buf *error) MUST_CHECK;

/*
 * Either `server` or `sentinels` and `primary`; all is copied. A server is "host:port", "[v6]:port"
 * or "unix:/path".
 */
struct store_redis_options {
    struct str server;
    struct str *sentinels;
    unsigned sentinel_count;
    struct str primary; /* what the Sentinels call it */
    struct str sentinel_user, sentinel_password;
    struct str user, password; /* "" = none; "" user = the default one */
    unsigned database;
    struct str prefix;      /* of every key and channel; STORE_PREFIX_MAX */
    unsigned connections;   /* of each worker, 1 or more */
    usec_t timeout;         /* of a call, of each step of connecting */
    usec_t verdict_ttl;     /* how long an admission that takes no use may be reused; 0: never */
    unsigned wait_replicas; /* that must have acknowledged a write before it counts; 0: none */
};
/* Connects nothing yet: each worker does, and goes on trying. -EINVAL with a sentence in `error`.
 */
int store_open_redis(const struct store_redis_options *o, const struct store_rules *rules,
                     struct store **ret, struct buf *error) MUST_CHECK;
/*
 * Blocks, for some steps of connecting at most, until a connection has proved fit for use and the
 * revocations are in memory; else -EAGAIN with a sentence that names the server and what it said.
 * To be called before the workers begin, and for `hlsgate check`. Embedded: 0 at once.
 */
int store_try(struct store *s, struct buf *error) MUST_CHECK;

void store_set_rules(struct store *s, const struct store_rules *rules); /* thread-safe */
void store_close(struct store **s); /* after all workers; syncs */

struct store_worker *store_worker_new(struct store *s, struct loop *l);
void store_worker_free(struct store_worker **w); /* writes what was noted */

/*
 * Housekeeping: sweeps expired records a bounded piece at a time. Embedded: and syncs to disk each
 * second, on the loop's pool. Redis: and follows the revocations of other instances. One worker of
 * the process calls it; stops with that worker.
 */
void store_housekeep(struct store_worker *w);

#endif
