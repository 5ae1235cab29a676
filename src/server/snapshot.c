/* Loading a configuration, for every subcommand. */
#include "server/snapshot.h"

#include <stdlib.h>

enum {
    SNAPSHOT_CAP =
        64
        << 20, /* of one configuration: the file is at most 1 MiB, keys and rules take a multiple */
    REPORT_CAP = 1 << 20,
};

static int load(struct snapshot *s, const char *path, struct conf_report *report)
{
    int r = conf_load_file(path, settings_fields, &s->settings, &s->arena, report, &s->source);

    if (r < 0)
        return r;
    if (s->settings.listen.count > WORKER_MAX_LISTENERS) {
        conf_complain(report, s->source, "listen", "at most %d addresses", WORKER_MAX_LISTENERS);
        return -1;
    }
    r = rules_new(&s->arena, &s->settings.gate, &s->settings.proxies, report, s->source, &s->rules);
    if (r == 0)
        s->rules->api = &s->settings.api;
    return r;
}

int snapshot_load(const char *path, struct snapshot **ret, struct buf *ret_errors)
{
    AUTO(snapshot_unref) struct snapshot *s = xzalloc(sizeof *s);
    struct arena arena;
    struct conf_report report = {.arena = &arena};
    int r;

    atomic_init(&s->refs, 1);
    arena_init(&s->arena, SNAPSHOT_CAP);
    arena_init(&arena, REPORT_CAP);
    r = load(s, path, &report);
    if (r < 0)
        conf_report_print(&report, ret_errors);
    arena_done(&arena);
    if (r < 0)
        return -1;
    *ret = TAKE(s);
    return 0;
}

struct snapshot *snapshot_ref(struct snapshot *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

void snapshot_unref(struct snapshot **s)
{
    struct snapshot *gone = TAKE(*s);

    if (gone == NULL || atomic_fetch_sub(&gone->refs, 1) > 1)
        return;
    rules_free(&gone->rules);
    arena_done(&gone->arena);
    free(gone);
}
