/* The end of every request: counted, measured, remembered, written to the access log, and, when it
 * was refused, said on stderr. */
#include "gate/steps.h"

#include "base/log.h"
#include "gate/access_log.h"
#include "gate/journal.h"
#include "gate/metering.h"

static void fill_record(const struct req *r, const struct access_times *t,
                        struct journal_record *rec)
{
    const struct http_head *h = &r->head;

    rec->at = t->at;
    rec->ended = r->began + t->total;
    rec->duration = t->total;
    rec->bytes = r->sent;
    rec->client = r->client;
    rec->status = outcome_row(r->outcome)->status;
    rec->class = (uint8_t)r->class;
    rec->method = (uint8_t)h->method;
    rec->path_n = (uint8_t)str_copy_cut(rec->path, sizeof rec->path, r->url.path);
    rec->ua_n = (uint8_t)str_copy_cut(rec->ua, sizeof rec->ua, h->known[FIELD_USER_AGENT]);
    facts_take(r, &rec->facts);
}

static void remember(struct req *r, const struct outcome_row *row, const struct access_times *t)
{
    struct journal *j = r->worker->journal;
    struct journal_record rec;

    fill_record(r, t, &rec);
    if (!r->is_quiet || row->class != SERVED)
        journal_add(j, JOURNAL_RECENT, &rec);
    if (row->class == DENIED)
        journal_add(j, JOURNAL_DENIED, &rec);
    if (outcome_is_replay(r->outcome))
        journal_add(j, JOURNAL_REPLAY, &rec);
    if (r->class == CLASS_KEY && r->endpoint == NULL && r->url.path.n > 0)
        journal_add(j, JOURNAL_KEY, &rec);
}

/* The query is left out: it holds the token. */
static void log_request(struct req *r, const struct outcome_row *row)
{
    bool is_notable = r->is_unchecked && row->class == SERVED;
    struct str word = is_notable ? STR("let_in_unchecked") : row->word;
    char ip[IP_TEXT_MAX];
    struct str client = ip_format(&r->client, ip), path = log_quote(&r->arena, r->url.path),
               uid = log_quote(&r->arena, r->uid),
               user_agent = log_quote(&r->arena, r->head.known[FIELD_USER_AGENT]);

    log_line(row->class == FAILED && row->status >= 500 ? LOG_WARN : LOG_INFO,
             "%.*s: %.*s %.*s, status %u, client %.*s, uid %.*s, user-agent %.*s", STR_FMT(word),
             STR_FMT(r->head.method_text), STR_FMT(path), row->status, STR_FMT(client),
             STR_FMT(uid), STR_FMT(user_agent));
}

/* The loop's time may be older than that of a request's own clock, never younger. */
static struct access_times times_of(const struct req *r)
{
    struct access_times t = {.at = clock_unix_usec(), .total = clock_monotonic() - r->began};

    t.first_byte = r->answered > 0 ? r->answered - r->began : ACCESS_NEVER;
    return t;
}

/* How long somebody looked on says nothing of how long anything takes. */
static void measure(struct req *r, const struct access_times *t)
{
    struct counters *c = r->worker->counters;
    unsigned kind = r->endpoint != NULL ? MEASURE_API : (unsigned)r->class;

    if (t->first_byte != ACCESS_NEVER)
        measure_take(c, STAT_FIRST_MEASURE, MEASURE_FIRST_BYTE, kind, t->first_byte);
    if (r->is_endless)
        return;
    measure_take(c, STAT_FIRST_MEASURE, MEASURE_DURATION, kind, t->total);
    measure_take(c, STAT_FIRST_MEASURE, MEASURE_SIZE, kind, r->sent);
}

/* Its bytes are counted by meter_request(). */
static void count(struct req *r)
{
    struct gate_worker *w = r->worker;

    gate_count(w, STAT_REQUESTS_TOTAL, 1);
    gate_count(w, (enum gate_stat)(STAT_FIRST_OUTCOME + r->outcome), 1);
    if (r->endpoint == NULL)
        gate_count(w, (enum gate_stat)(STAT_FIRST_CLASS + r->class), 1);
}

const struct step *step_account(struct req *r)
{
    const struct outcome_row *row = outcome_row(r->outcome);
    struct access_times times;

    if (r->is_dry)
        return STEP(END);
    times = times_of(r);
    count(r);
    measure(r, &times);
    meter_request(r);
    remember(r, row, &times);
    access_log_add(r->worker->access_log, r, &times);
    if ((row->class != SERVED || r->is_unchecked) && log_wants(LOG_INFO))
        log_request(r, row);
    return STEP(END);
}
