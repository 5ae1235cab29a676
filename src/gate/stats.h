/*
 * Counters and gauges of the gate: one row each, summed over the workers when somebody looks
 * (base/counter.h). After them stand one counter for each outcome and each path class, and the
 * histograms.
 */
#ifndef GATE_STATS_H
#define GATE_STATS_H

#include "access/policy.h"
#include "gate/measures.h"
#include "gate/outcome.h"

/* clang-format off */
/*    name                   kind     text */
#define STATS(X) \
    X(CONNECTIONS,           GAUGE,   "open client connections") \
    X(CONNECTIONS_TOTAL,     COUNTER, "client connections accepted") \
    X(CONNECTIONS_REFUSED,   COUNTER, "client connections closed at the limit") \
    X(CONNECTIONS_TLS,       GAUGE,   "open client connections over TLS") \
    X(CONNECTIONS_H2,        GAUGE,   "open client connections that speak HTTP/2") \
    X(HANDSHAKES,            COUNTER, "TLS handshakes completed") \
    X(HANDSHAKES_RESUMED,    COUNTER, "... of them, by a session ticket") \
    X(HANDSHAKE_FAILURES,    COUNTER, "connections closed because no TLS came of them") \
    X(HANDSHAKE_TIMEOUTS,    COUNTER, "connections closed because PROXY header or handshake took too long") \
    X(PROXY_HEADERS_BAD,     COUNTER, "connections closed because their PROXY header is malformed") \
    X(H2_MALFORMED,          COUNTER, "HTTP/2 frames and heads that were an error") \
    X(H2_RESETS,             COUNTER, "requests that HTTP/2 clients reset before their end") \
    X(H2_FLOODS,             COUNTER, "HTTP/2 connections given up because they brought nothing but work") \
    X(REQUESTS,              GAUGE,   "requests being worked on") \
    X(REQUESTS_TOTAL,        COUNTER, "requests") \
    X(BYTES_SENT,            COUNTER, "body bytes handed to sockets") \
    X(IDLE_TIMEOUTS,         COUNTER, "idle connections closed") \
    X(HEAD_TIMEOUTS,         COUNTER, "connections closed because a head did not arrive in time") \
    X(SEND_TIMEOUTS,         COUNTER, "connections closed because the viewer did not read") \
    X(BAD_HEADS,             COUNTER, "malformed request heads") \
    X(SESSIONS_BEGUN,        COUNTER, "sessions begun") \
    X(STREAMS_ENDED,         COUNTER, "streams ended to make room for another of their uid, their own viewer's next title too, as it began or came back") \
    X(GATE_TOKENS_ADMITTED,  COUNTER, "requests admitted by a gate token's signature alone") \
    X(LET_IN_UNCHECKED,      COUNTER, "requests let in by their signature because the store did not answer") \
    X(PLAYLISTS_REWRITTEN,   COUNTER, "playlists personalised") \
    X(PLAYLISTS_SCANNED,     COUNTER, "playlists read and scanned") \
    X(PLAYLISTS_NOT_HLS,     COUNTER, "playlists without #EXTM3U, passed through") \
    X(COMPRESSIONS,          COUNTER, "playlists, texts and API answers compressed") \
    X(COMPRESSED,            COUNTER, "answers with compressed bytes, made for them or remembered") \
    X(COMPRESSION_SAVED,     COUNTER, "bytes that viewers were not sent because of it") \
    X(FILES_OPENED,          COUNTER, "files opened at origins") \
    X(FILES_LOADED,          COUNTER, "hot files read into memory") \
    X(CACHE_HIT,             COUNTER, "answered from memory") \
    X(CACHE_MISS,            COUNTER, "answered by a fetch that this request began") \
    X(CACHE_JOIN,            COUNTER, "answered by a fetch that another request had begun") \
    X(CACHE_STALE,           COUNTER, "answered with a stale copy, as the origin allows") \
    X(CACHE_BYPASS,          COUNTER, "passed through uncached") \
    X(CACHE_BYTES,           COUNTER, "body bytes that came from memory: hits, joined fetches, stale copies") \
    X(PLAYLIST_HIT,          COUNTER, "playlists answered from memory") \
    X(PLAYLIST_MISS,         COUNTER, "playlists answered by a fetch, joined or begun") \
    X(FETCHES,               GAUGE,   "fetches from HTTP origins under way") \
    X(FETCHES_TOTAL,         COUNTER, "requests to HTTP origins, retries and resumptions aside") \
    X(FETCH_RETRIES,         COUNTER, "further tries before an answer") \
    X(FETCH_RESUMES,         COUNTER, "bodies resumed after they had broken off") \
    X(FETCHES_REVALIDATED,   COUNTER, "stale objects that proved right (304)") \
    X(FETCHES_FROM_DISK,     COUNTER, "objects found in the disk tier") \
    X(API_KEYS_SLOWED,       COUNTER, "answers to wrong API keys that were held back") \
    X(JS_GRANTS_SIGNED,      COUNTER, "grants for static files that browsers' signatures stored") \
    X(JS_GRANTS_BY_KEY,      COUNTER, "grants for static files that back ends stored by /api/js-whitelist") \
    X(JS_GRANTS_REFUSED,     COUNTER, "requests to /api/js-whitelist whose signature was wrong or too old") \
    X(SERVERS_EJECTED,       COUNTER, "servers of HTTP origins left out after failures or checks") \
    X(SERVERS_RETURNED,      COUNTER, "servers of HTTP origins taken back") \
    X(TRAFFIC_WRITTEN,       COUNTER, "batches of users' counts written to the store") \
    X(TRAFFIC_FAILED,        COUNTER, "batches that the store did not take, and which were tried again") \
    X(TRAFFIC_UNATTRIBUTED,  COUNTER, "bytes counted as `unknown` because there were too many users at once")
/* clang-format on */

enum gate_stat {
#define X(name, kind, text) STAT_##name,
    STATS(X)
#undef X
        STAT_FIRST_OUTCOME,
    STAT_FIRST_CLASS = STAT_FIRST_OUTCOME + OUTCOME_COUNT, /* requests by class */
    STAT_FIRST_CLASS_BYTES = STAT_FIRST_CLASS + CLASS_COUNT,
    STAT_FIRST_MEASURE = STAT_FIRST_CLASS_BYTES + CLASS_COUNT, /* histograms (measures.h) */
    STAT_COUNT = STAT_FIRST_MEASURE + MEASURE_CELLS
};

enum stat_kind { STAT_IS_GAUGE, STAT_IS_COUNTER };

#endif
