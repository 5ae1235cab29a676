#include "admin/counted.h"

#include "gate/journal.h"
#include "logs/writer.h"

int64_t counted_outcomes(const struct gate *g, bool (*counts)(enum outcome o))
{
    int64_t sum = 0;

    for (int i = 0; i < OUTCOME_COUNT; i++)
        if (counts((enum outcome)i))
            sum += counted(g, STAT_FIRST_OUTCOME + i);
    return sum;
}

uint64_t counted_recent(const struct gate *g)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < g->worker_count; i++)
        sum += journal_told(g->workers[i]->journal, JOURNAL_RECENT);
    return sum;
}

uint64_t counted_lines_lost(const struct gate *g)
{
    struct line_writer_stats s;

    line_writer_stats(g->lines, &s);
    return s.dropped + s.lost;
}
