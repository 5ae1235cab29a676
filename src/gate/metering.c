#include "gate/metering.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/log.h"
#include "gate/audience.h"

_Static_assert((int)CLASS_COUNT <= (int)TRAFFIC_CLASSES, "each class has a place in a record");

/*
 * Which session it belongs to, by what names one on every machine: viewer and end, as its gate
 * tokens do. False: to none that is known.
 */
static bool session_of(const struct req *r, uint8_t ret[METER_SESSION_LEN])
{
    bool by_token =
        r->token_verdict == TOKEN_OK && (r->token.kind == GATE_SCOPE || r->token.kind == GATE_PATH);
    unix_t ends = r->admission.has_session ? r->admission.session.ends : r->token.expires;

    if (!by_token && !r->admission.has_session)
        return false;
    memcpy(ret, r->viewer.id, STORE_VIEWER_LEN);
    memcpy(ret + STORE_VIEWER_LEN, &ends, sizeof ends);
    return true;
}

static void count_to_user(struct req *r, uint64_t hash, uint64_t bytes)
{
    uint8_t session[METER_SESSION_LEN];
    struct meter_sample s = {.uid = r->uid,
                             .hash = hash,
                             .path = r->url.path,
                             .class = (unsigned)r->class,
                             .bytes = bytes,
                             .is_first = !r->is_metered,
                             .client = &r->client,
                             .session = session_of(r, session) ? session : NULL};

    meter_count(r->worker->meter, &s);
}

/* Whatever became of it later: its viewer was given something. Before the step classify there is
 * no viewer. */
static bool is_watching(const struct req *r)
{
    return r->response.status >= 200 && r->response.status < 400 && r->viewer.ip.family != IP_NONE;
}

static void note(struct req *r, uint64_t hash, uint64_t bytes)
{
    struct audience_note n = {
        .keys = {[AUDIENCE_STREAMS] = r->stream_key, [AUDIENCE_USERS] = r->uid},
        .hashes = {[AUDIENCE_USERS] = hash},
        .viewer = r->viewer.id,
        .bytes = bytes,
        .is_first = !r->is_metered,
    };

    audience_note(r->worker->audience, &n, loop_now(r->worker->loop));
}

static bool is_from_memory(enum cache_word w)
{
    return w == CACHE_WORD_HIT || w == CACHE_WORD_JOIN || w == CACHE_WORD_STALE;
}

static void count(struct req *r, uint64_t bytes)
{
    struct gate_worker *w = r->worker;

    gate_count(w, STAT_BYTES_SENT, (int64_t)bytes);
    if (r->endpoint != NULL)
        return;
    gate_count(w, (enum gate_stat)(STAT_FIRST_CLASS_BYTES + r->class), (int64_t)bytes);
    if (is_from_memory(r->cache_word))
        gate_count(w, STAT_CACHE_BYTES, (int64_t)bytes);
}

static void attribute(struct req *r, uint64_t bytes)
{
    uint64_t hash = r->uid.n > 0 ? hash_bytes(hash_process_key(), r->uid) : 0;

    if (r->worker->meter != NULL)
        count_to_user(r, hash, bytes);
    if (is_watching(r))
        note(r, hash, bytes);
}

void meter_request(struct req *r)
{
    uint64_t bytes = r->sent - r->metered;

    count(r, bytes);
    if (r->endpoint == NULL)
        attribute(r, bytes);
    r->metered = r->sent;
    r->is_metered = true;
}

/* Those that run, and have sent something since the last look. */
static void collect(void *arg)
{
    struct gate_worker *w = arg;

    LIST_FOREACH (link, &w->requests) {
        struct req *r = LIST_ENTRY(link, struct req, link);

        if (r->sent != r->metered)
            meter_request(r);
    }
}

static void happened(void *arg, enum meter_event e, uint64_t n)
{
    static const enum gate_stat stats[] = {[METER_WRITTEN] = STAT_TRAFFIC_WRITTEN,
                                           [METER_FAILED] = STAT_TRAFFIC_FAILED,
                                           [METER_UNATTRIBUTED] = STAT_TRAFFIC_UNATTRIBUTED};

    if (e == METER_LOST)
        log_error("traffic: %" PRIu64 " bytes could not be written to the store", n);
    else
        gate_count(arg, stats[e], (int64_t)n);
}

struct meter *metering_begin(struct gate_worker *w)
{
    struct meter_hooks hooks = {.collect = collect, .happened = happened, .arg = w};

    return meter_new(w->loop, w->store, &hooks);
}
