/* Loading a configuration, for every subcommand. */
#include "server/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SNAPSHOT_CAP =
        64
        << 20, /* of one configuration: the file is at most 1 MiB, keys and rules take a multiple */
    REPORT_CAP = 1 << 20,
    ERROR_CAP = 4096,
};

static int make_entrance(struct snapshot *s, const struct listen_setting *setting,
                         struct tls_tickets *tickets, struct conf_report *report)
{
    struct buf error;
    int r;

    buf_init(&error, ERROR_CAP);
    r = entrance_new(setting, tickets, &s->entrances[s->entrance_count], &error);
    if (r < 0) {
        char key[32];

        snprintf(key, sizeof key, "listen[%u].tls", s->entrance_count);
        conf_complain(report, s->source, key, "%.*s", STR_FMT(buf_str(&error)));
    } else {
        s->entrance_count++;
    }
    buf_done(&error);
    return r;
}

static int make_entrances(struct snapshot *s, struct tls_tickets *tickets,
                          struct conf_report *report)
{
    const struct listen_setting *settings = s->settings.listen.items;

    if (s->settings.listen.count > WORKER_MAX_LISTENERS) {
        conf_complain(report, s->source, "listen", "at most %d addresses", WORKER_MAX_LISTENERS);
        return -1;
    }
    for (size_t i = 0; i < s->settings.listen.count; i++)
        if (make_entrance(s, &settings[i], tickets, report) < 0)
            return -1;
    return 0;
}

static int load(struct snapshot *s, const char *path, struct tls_tickets *tickets,
                struct conf_report *report)
{
    int r = conf_load_file(path, settings_fields, &s->settings, &s->arena, report, &s->source);

    if (r < 0)
        return r;
    if (store_settings_check(&s->settings.store, report, s->source) < 0)
        return -1;
    if (traffic_settings_check(&s->settings.traffic, report, s->source) < 0)
        return -1;
    if (tickets != NULL && make_entrances(s, tickets, report) < 0)
        return -1;
    r = rules_new(&s->arena, &s->settings.gate, &s->settings.proxies, report, s->source, &s->rules);
    if (r == 0) {
        s->rules->api = &s->settings.api;
        s->rules->access_log = &s->settings.log.access;
    }
    return r;
}

int snapshot_load(const char *path, struct tls_tickets *tickets, struct snapshot **ret,
                  struct buf *ret_errors)
{
    AUTO(snapshot_unref) struct snapshot *s = xzalloc(sizeof *s);
    struct arena arena;
    struct conf_report report = {.arena = &arena};
    int r;

    atomic_init(&s->refs, 1);
    arena_init(&s->arena, SNAPSHOT_CAP);
    arena_init(&arena, REPORT_CAP);
    r = load(s, path, tickets, &report);
    if (r < 0)
        conf_report_print(&report, ret_errors);
    arena_done(&arena);
    if (r < 0)
        return -1;
    *ret = TAKE(s);
    return 0;
}

struct entrance *snapshot_entrance(const struct snapshot *s, const struct net_address *a)
{
    for (unsigned i = 0; i < s->entrance_count; i++)
        if (entrance_is_at(s->entrances[i], a))
            return s->entrances[i];
    return NULL;
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
    for (unsigned i = 0; i < gone->entrance_count; i++)
        entrance_unref(&gone->entrances[i]);
    rules_free(&gone->rules);
    arena_done(&gone->arena);
    free(gone);
}
