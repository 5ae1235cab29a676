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
    return rules_new(&s->arena, &s->settings.gate, &s->settings.proxies, report, s->source,
                     &s->rules);
}

int snapshot_load(const char *path, struct snapshot **ret, struct buf *ret_errors)
{
    AUTO(snapshot_free) struct snapshot *s = xzalloc(sizeof *s);
    struct arena arena;
    struct conf_report report = {.arena = &arena};
    int r;

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

void snapshot_free(struct snapshot **s)
{
    struct snapshot *old = TAKE(*s);

    if (old == NULL)
        return;
    rules_free(&old->rules);
    arena_done(&old->arena);
    free(old);
}
