/* From the settings of origins to folders and clusters, the longest prefix first. */
#include "gate/origins.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/hash.h"

enum { ERROR_ROOM = 512, KEY_ROOM = 64, NUMBERED_KEY_ROOM = KEY_ROOM + 32 };

struct opening {
    struct arena *arena;
    const struct gate_settings *settings;
    struct conf_report *report;
    const struct conf_source *source;
    unsigned index; /* of the origin in the settings */
    struct buf error;
};

static int by_falling_length(const void *a, const void *b)
{
    const struct origin_route *x = a, *y = b;

    return (x->prefix.n < y->prefix.n) - (x->prefix.n > y->prefix.n);
}

static int complain(struct opening *o, const char *what, struct str text)
{
    char key[NUMBERED_KEY_ROOM];

    snprintf(key, sizeof key, "origins[%u]%s", o->index, what);
    conf_complain(o->report, o->source, key, "%.*s", STR_FMT(text));
    return -1;
}

/*
 * Where the bytes come from, and all that goes into what is made of them and kept beside them: the
 * scan of a playlist knows the stream's folder. The same text gives the same prefix in every life
 * of the daemon: the disk tier outlives them.
 */
static struct str key_prefix(struct opening *o, struct str whence)
{
    static const struct hash_key always_the_same = {0};
    struct str parts[] = {whence, STR("\n"), o->settings->access.stream_key};
    uint64_t hash = hash_bytes(&always_the_same, arena_join(o->arena, parts, ARRAY_LEN(parts)));

    return arena_printf(o->arena, "%" PRIx64 ":", hash);
}

static int open_folder(struct opening *o, const struct filesystem_settings *s,
                       struct origin_route *route)
{
    route->key_prefix = key_prefix(o, s->root);
    if (origin_folder_new(s->root.p, &route->folder, &o->error) == 0)
        return 0;
    return complain(o, ".filesystem.root", buf_str(&o->error));
}

/* A name for the content, where there is one: servers may come and go. */
static struct str identity(struct opening *o, const struct http_origin_settings *s)
{
    const struct str *servers = s->servers.items;
    struct str all = s->host;

    for (size_t i = 0; s->host.n == 0 && i < s->servers.count; i++) {
        struct str parts[] = {all, STR(" "), servers[i]};

        all = arena_join(o->arena, parts, ARRAY_LEN(parts));
    }
    return all;
}

static struct cluster_settings cluster_settings_of(const struct origin_setting *origin)
{
    const struct http_origin_settings *s = &origin->http;

    return (struct cluster_settings){
        .name = origin->prefix,
        .servers = s->servers.items,
        .server_count = (unsigned)s->servers.count,
        .balance = (enum cluster_balance)s->balance,
        .host = s->host,
        .protocol = (enum client_protocol)s->protocol,
        .is_unverified = !s->verify,
        .ca_file = s->ca_file,
        .certificate = s->certificate,
        .certificate_key = s->certificate_key,
        .connect_timeout = s->connect_timeout,
        .first_byte_timeout = s->first_byte_timeout,
        .stall_timeout = s->stall_timeout,
        .deadline = s->deadline,
        .retries = (unsigned)s->retries,
        .resumes = (unsigned)s->resumes,
        .retry_pause = s->retry_pause,
        .eject_after = (unsigned)s->eject_after,
        .eject_time = s->eject_time,
        .eject_max = s->eject_max,
        .health = {.path = s->health.path,
                   .interval = s->health.interval,
                   .timeout = s->health.timeout,
                   .rise = (unsigned)s->health.rise,
                   .fall = (unsigned)s->health.fall},
    };
}

static int open_cluster(struct opening *o, const struct origin_setting *s,
                        struct origin_route *route)
{
    struct cluster_settings settings = cluster_settings_of(s);
    char key[KEY_ROOM];
    int server = -1;

    route->key_prefix = key_prefix(o, identity(o, &s->http));
    if (s->http.servers.count == 0)
        return complain(o, ".http.servers", STR("names no server"));
    if (s->http.servers.count > CLUSTER_MAX_SERVERS)
        return complain(o, ".http.servers", STR("names too many servers: 64 at most"));
    if (s->http.health.path.p[0] != '/')
        return complain(o, ".http.health.path", STR("is not a path that begins with /"));
    if (cluster_new(&settings, &route->cluster, &server, &o->error) == 0)
        return 0;
    snprintf(key, sizeof key, server >= 0 ? ".http.servers[%d]" : ".http", server);
    return complain(o, key, buf_str(&o->error));
}

static int open_one(struct opening *o, const struct origin_setting *s, struct origin_route *route)
{
    *route = (struct origin_route){.prefix = s->prefix};
    buf_clear(&o->error);
    if (s->has_filesystem == s->has_http)
        return complain(o, "", STR("needs either filesystem or http"));
    return s->has_filesystem ? open_folder(o, &s->filesystem, route) : open_cluster(o, s, route);
}

int origins_open(struct arena *arena, struct rules *r, const struct gate_settings *s,
                 struct conf_report *report, const struct conf_source *source)
{
    const struct origin_setting *items = s->origins.items;
    struct opening o = {.arena = arena, .settings = s, .report = report, .source = source};
    int result = 0;

    buf_init(&o.error, ERROR_ROOM);
    r->routes = arena_zalloc(arena, s->origins.count * sizeof *r->routes);
    for (; r->routes != NULL && o.index < s->origins.count; o.index++) {
        if (open_one(&o, &items[o.index], &r->routes[r->route_count]) == 0)
            r->route_count++;
        else
            result = -1;
    }
    buf_done(&o.error);
    if (r->route_count > 0)
        qsort(r->routes, r->route_count, sizeof *r->routes, by_falling_length);
    return result;
}

void origins_close(struct rules *r)
{
    for (unsigned i = 0; i < r->route_count; i++) {
        origin_free(&r->routes[i].folder);
        cluster_free(&r->routes[i].cluster);
    }
}

void rules_inherit(struct rules *r, const struct rules *old)
{
    for (unsigned i = 0; i < r->route_count; i++)
        for (unsigned k = 0; r->routes[i].cluster != NULL && k < old->route_count; k++)
            if (old->routes[k].cluster != NULL &&
                str_eq(r->routes[i].prefix, old->routes[k].prefix))
                cluster_inherit(r->routes[i].cluster, old->routes[k].cluster);
}

const struct origin_route *rules_route(const struct rules *r, struct str path)
{
    for (unsigned i = 0; i < r->route_count; i++)
        if (str_starts(path, r->routes[i].prefix))
            return &r->routes[i];
    return NULL;
}
