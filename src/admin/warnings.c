#include "admin/warnings.h"

#include "base/mem.h"

#define LOST_LATELY (60 * USEC_PER_SEC)

struct look {
    const struct condition *c;
    const struct warning_memory *m;
    struct str detail;
};

static bool is_store_down(struct look *l)
{
    l->detail = str_of(l->c->store->trouble);
    return !l->c->store->is_healthy;
}

static bool is_store_full(struct look *l)
{
    const struct store_stats *s = l->c->store;

    return s->bytes_limit > 0 && s->bytes_used > s->bytes_limit / 10 * 9;
}

static bool is_store_no_replica(struct look *l)
{
    l->detail = str_of(l->c->store->server);
    return l->m->had_replicas && l->c->store->replicas == 0;
}

static bool is_server_down(struct look *l)
{
    l->detail = l->c->server_out;
    return l->detail.n > 0;
}

static bool is_reports_failing(struct look *l)
{
    l->detail = l->c->reports != NULL ? str_of(l->c->reports->last_error) : STR("");
    return l->detail.n > 0;
}

static bool is_reports_held(struct look *l)
{
    return l->c->reports != NULL && l->c->reports->is_held;
}

static bool is_access_log_dropping(struct look *l)
{
    return l->m->lost_at > 0 && l->c->now - l->m->lost_at < LOST_LATELY;
}

static bool is_connections_full(struct look *l)
{
    return l->c->connections > l->c->max_connections / 20 * 19;
}

static const struct {
    struct str word;
    bool (*holds)(struct look *l);
} rows[] = {
#define X(word, when) [WARNING_##word] = {STR(#word), is_##word},
    WARNINGS(X)
#undef X
};

struct str warning_word(enum warning_kind kind)
{
    return rows[kind].word;
}

void warnings_remember(struct warning_memory *m, const struct condition *c)
{
    m->had_replicas |= c->store->replicas > 0;
    if (c->lines_lost > m->lines_lost)
        m->lost_at = c->now;
    m->lines_lost = c->lines_lost;
}

unsigned warnings_find(const struct warning_memory *m, const struct condition *c,
                       struct warning ret[WARNING_COUNT])
{
    unsigned n = 0;

    for (int i = 0; i < WARNING_COUNT; i++) {
        struct look l = {.c = c, .m = m, .detail = STR("")};

        if (rows[i].holds(&l))
            ret[n++] = (struct warning){(enum warning_kind)i, l.detail};
    }
    return n;
}
