/* The journals of all workers as logs, newest first, and a summary of the counters. No log holds a
 * query: tokens stand there. */
#include "admin/endpoints.h"

#include <stdlib.h>

#include "admin/counted.h"
#include "admin/input.h"
#include "admin/json.h"
#include "gate/journal.h"

enum { TOP_REASONS = 5 };

static struct str class_of_record(const struct journal_record *rec)
{
    return rec->facts.is_api ? STR("api") : class_word((enum path_class)rec->class);
}

static json_t *json_of_record(const struct journal_record *rec, struct arena *a)
{
    const struct outcome_row *row = outcome_row((enum outcome)rec->facts.outcome);
    json_t *o = json_object();

    json_put(o, "time", json_of_time(rec->at));
    json_put(o, "client_ip", json_of_ip(&rec->client));
    json_put_str(o, "method", http_method_name((enum http_method)rec->method));
    json_put_str(o, "path", (struct str){rec->path, rec->path_n});
    json_put_str(o, "uid", (struct str){rec->facts.uid, rec->facts.uid_n});
    json_put_str(o, "user_agent", (struct str){rec->ua, rec->ua_n});
    json_put_str(o, "class", class_of_record(rec));
    json_put_int(o, "status", rec->status);
    json_put_str(o, "outcome", row->word);
    json_put_str(o, "reason", row->text);
    json_put_int(o, "bytes", (int64_t)rec->bytes);
    json_put(o, "duration_ms", json_real((double)rec->duration / (double)USEC_PER_MSEC));
    json_put(o, "checks", json_of_checks(&rec->facts, a));
    return o;
}

static unsigned read_journals(struct req *r, enum journal_ring ring, unsigned limit,
                              struct journal_record **ret)
{
    const struct gate *g = r->worker->gate;
    struct journal **journals = xcalloc(g->worker_count, sizeof(struct journal *));
    unsigned n;

    for (unsigned i = 0; i < g->worker_count; i++)
        journals[i] = g->workers[i]->journal;
    n = journal_read(journals, g->worker_count, ring, limit, &r->arena, ret);
    xfree_p(&journals);
    return n;
}

static const struct step *answer_log(struct req *r, enum journal_ring ring)
{
    struct journal_record *records;
    json_t *answer, *logs;
    struct input in;
    unsigned limit, n;

    input_from_query(&in, &r->arena, r->url.query);
    limit = input_count(&in, "limit", journal_kept(ring), journal_kept(ring));
    if (input_is_wrong(&in))
        return api_error(r, OUT_API_BAD_REQUEST, in.error);
    n = read_journals(r, ring, limit, &records);
    answer = json_object();
    logs = json_array();
    json_put_int(answer, "total", n);
    for (unsigned i = 0; i < n; i++)
        json_array_append_new(logs, json_of_record(&records[i], &r->arena));
    json_put(answer, "logs", logs);
    return api_answer(r, OUT_OK, answer);
}

const struct step *run_denied_log(struct req *r)
{
    return answer_log(r, JOURNAL_DENIED);
}

const struct step *run_recent_log(struct req *r)
{
    return answer_log(r, JOURNAL_RECENT);
}

const struct step *run_replay_log(struct req *r)
{
    return answer_log(r, JOURNAL_REPLAY);
}

const struct step *run_key_log(struct req *r)
{
    return answer_log(r, JOURNAL_KEY);
}

/* ---- summary, since the start ---- */

struct tally {
    const struct outcome_row *row;
    int64_t count;
};

static int most_first(const void *a, const void *b)
{
    int64_t x = ((const struct tally *)a)->count, y = ((const struct tally *)b)->count;

    return (x < y) - (x > y);
}

static void count_outcomes(const struct req *r, struct tally tallies[OUTCOME_COUNT])
{
    for (int i = 0; i < OUTCOME_COUNT; i++)
        tallies[i] = (struct tally){outcome_row((enum outcome)i),
                                    counted(r->worker->gate, STAT_FIRST_OUTCOME + i)};
    qsort(tallies, OUTCOME_COUNT, sizeof *tallies, most_first);
}

static json_t *by_outcome(const struct tally *tallies)
{
    json_t *o = json_object();

    for (int i = 0; i < OUTCOME_COUNT && tallies[i].count > 0; i++)
        json_put_at(o, tallies[i].row->word, json_integer(tallies[i].count));
    return o;
}

static json_t *by_result(const struct tally *tallies)
{
    static const char *const names[] = {
        [SERVED] = "served", [DENIED] = "denied", [REFUSED] = "refused", [FAILED] = "failed"};
    int64_t sums[ARRAY_LEN(names)] = {0};
    json_t *o = json_object();

    for (int i = 0; i < OUTCOME_COUNT; i++)
        sums[tallies[i].row->class] += tallies[i].count;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        json_put_int(o, names[i], sums[i]);
    return o;
}

static json_t *by_class(const struct req *r)
{
    json_t *o = json_object();

    for (int i = 0; i < CLASS_COUNT; i++) {
        int64_t n = counted(r->worker->gate, STAT_FIRST_CLASS + i);

        json_put_at(o, class_word((enum path_class)i), json_integer(n));
    }
    return o;
}

static json_t *top_reasons(const struct tally *tallies)
{
    json_t *list = json_array();

    for (int i = 0; i < OUTCOME_COUNT && tallies[i].count > 0; i++) {
        json_t *o;

        if (tallies[i].row->class == SERVED || json_array_size(list) == TOP_REASONS)
            continue;
        o = json_object();
        json_put_str(o, "outcome", tallies[i].row->word);
        json_put_str(o, "reason", tallies[i].row->text);
        json_put_int(o, "count", tallies[i].count);
        json_array_append_new(list, o);
    }
    return list;
}

const struct step *run_log_summary(struct req *r)
{
    struct tally tallies[OUTCOME_COUNT];
    json_t *answer = json_object();

    count_outcomes(r, tallies);
    json_put_int(answer, "total", counted(r->worker->gate, STAT_REQUESTS_TOTAL));
    json_put(answer, "results", by_result(tallies));
    json_put(answer, "outcomes", by_outcome(tallies));
    json_put(answer, "classes", by_class(r));
    json_put(answer, "top_reasons", top_reasons(tallies));
    return api_answer(r, OUT_OK, answer);
}
