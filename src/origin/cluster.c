/*
 * Settings to servers, and servers to views. What is configured does not change any more; what
 * happens to the servers is use.c's and check.c's.
 */
#include "origin/cluster.h"

#include <stdlib.h>
#include <sys/un.h>

#include "http/scan.h"
#include "origin/cluster_internal.h"

enum { UNIX_PATH_MAX = sizeof(((struct sockaddr_un *)0)->sun_path) - 1 };

/* Half of a seed each. Fixed, so that machines side by side send a stream to the same server. */
static const struct hash_key seed_keys[2] = {{0x68, 0x6c}, {0x73, 0x67}};

struct str server_state_word(enum server_state s)
{
    static const struct str words[] = {
#define X(name, word) {word, sizeof(word) - 1},
        SERVER_STATES(X)
#undef X
    };

    assert(s < SERVER_STATE_COUNT);
    return words[s];
}

/* NULL for "". */
static char *cstr_of(struct str s)
{
    char *p;

    if (s.n == 0)
        return NULL;
    p = xzalloc(s.n + 1);
    memcpy(p, s.p, s.n);
    return p;
}

/* Servers */

static int set_address(struct server *s, struct buf *error)
{
    struct str unix_prefix = STR("unix:"), path;

    if (!str_starts(s->text, unix_prefix)) {
        s->base = cstr_of(s->text);
        return client_base_check(s->text, error);
    }
    path = str_skip(s->text, unix_prefix.n);
    if (!str_starts(path, STR("/")) || path.n > UNIX_PATH_MAX || scan_control(path, 0) < path.n) {
        buf_printf(error, "the path of a socket is absolute, and no longer than %d bytes",
                   (int)UNIX_PATH_MAX);
        return -1;
    }
    s->base = xstrdup("http://localhost");
    s->unix_path = cstr_of(path);
    return 0;
}

static struct client_peer peer_of(const struct cluster *c, const struct server *s)
{
    return (struct client_peer){
        .base = s->base,
        .unix_path = s->unix_path,
        .host = c->host,
        .protocol = c->settings.protocol,
        .is_unverified = c->settings.is_unverified,
        .ca_file = c->ca_file,
        .certificate = c->certificate,
        .certificate_key = c->certificate_key,
        .connect_timeout = c->settings.connect_timeout,
    };
}

static bool is_listed_before(const struct cluster *c, unsigned server)
{
    for (unsigned i = 0; i < server; i++)
        if (str_eq(c->servers[i].text, c->servers[server].text))
            return true;
    return false;
}

static int server_init(struct cluster *c, unsigned server, struct buf *error)
{
    struct server *s = &c->servers[server];
    struct health up = {.state = SERVER_UP};

    s->text = c->settings.servers[server];
    s->seed =
        (struct hash_key){hash_bytes(&seed_keys[0], s->text), hash_bytes(&seed_keys[1], s->text)};
    atomic_init(&s->health, health_pack(&up));
    if (set_address(s, error) < 0)
        return -1;
    s->peer = peer_of(c, s);
    if (!is_listed_before(c, server))
        return 0;
    buf_printf(error, "%.*s is listed twice", STR_FMT(s->text));
    return -1;
}

/* The cluster */

/* It goes into requests as it is: a name, and a port if need be. */
static int check_host(struct str host, struct buf *error)
{
    AUTO(buf_done) struct buf base = {.cap = 1024};

    if (host.n == 0)
        return 0;
    buf_add(&base, STR("http://"));
    buf_add(&base, host);
    if (!base.is_full && client_base_check(buf_str(&base), error) == 0)
        return 0;
    buf_printf(error, " (in host: it is a name, or name:port)");
    return -1;
}

/* The same. */
static bool is_path(struct str s)
{
    return str_starts(s, STR("/")) && scan_control(s, 0) == s.n && str_find_char(s, ' ') < 0;
}

static int check_settings(const struct cluster_settings *s, struct buf *error)
{
    if (s->server_count == 0 || s->server_count > CLUSTER_MAX_SERVERS)
        buf_printf(error, "an origin has 1 to %d servers", CLUSTER_MAX_SERVERS);
    else if (s->certificate_key.n > 0 && s->certificate.n == 0)
        buf_printf(error, "a certificate_key without a certificate");
    else if (s->health.interval > 0 && !is_path(s->health.path))
        buf_printf(error, "checks need a health.path that begins with \"/\", without spaces");
    else
        return check_host(s->host, error);
    return -1;
}

static struct cluster *new_from(const struct cluster_settings *s)
{
    struct cluster *c = xzalloc(sizeof *c + s->server_count * sizeof c->servers[0]);

    c->settings = *s;
    c->rules = (struct health_rules){s->eject_after, s->eject_time, s->eject_max};
    c->host = cstr_of(s->host);
    c->ca_file = cstr_of(s->ca_file);
    c->certificate = cstr_of(s->certificate);
    c->certificate_key = cstr_of(s->certificate_key);
    return c;
}

int cluster_new(const struct cluster_settings *s, struct cluster **ret, int *ret_server,
                struct buf *error)
{
    AUTO(cluster_free) struct cluster *c = NULL;

    assert(s->deadline > 0 && s->first_byte_timeout > 0);
    *ret_server = -1;
    if (check_settings(s, error) < 0)
        return -1;
    c = new_from(s);
    for (unsigned i = 0; i < s->server_count; i++) {
        if (server_init(c, i, error) < 0) {
            *ret_server = (int)i;
            return -1;
        }
    }
    *ret = TAKE(c);
    return 0;
}

void cluster_free(struct cluster **c)
{
    struct cluster *cluster = TAKE(*c);

    if (cluster == NULL)
        return;
    assert(cluster->checker == NULL);
    for (unsigned i = 0; i < cluster->settings.server_count; i++) {
        assert(atomic_load(&cluster->servers[i].under_way) == 0);
        free(cluster->servers[i].base);
        free(cluster->servers[i].unix_path);
    }
    free(cluster->host);
    free(cluster->ca_file);
    free(cluster->certificate);
    free(cluster->certificate_key);
    xfree_p(&cluster);
}

/* A new configuration */

static struct health inherited(uint64_t word, bool has_checks)
{
    struct health h = health_unpack(word);

    if (h.state == SERVER_DOWN && !has_checks) /* nobody would ever bring it back */
        return (struct health){.state = SERVER_UP};
    h.is_tried = false; /* that request answers to the old cluster */
    return h;
}

static void inherit_server(struct cluster *c, struct server *to, const struct server *from)
{
    struct health h = inherited(atomic_load(&from->health), c->settings.health.interval > 0);

    atomic_store(&to->health, health_pack(&h));
    atomic_store(&to->requests, atomic_load(&from->requests));
    atomic_store(&to->failures, atomic_load(&from->failures));
    atomic_store(&to->ejections, atomic_load(&from->ejections));
    atomic_store(&to->first_byte, atomic_load(&from->first_byte));
}

void cluster_inherit(struct cluster *c, const struct cluster *old)
{
    for (unsigned i = 0; i < c->settings.server_count; i++)
        for (unsigned k = 0; k < old->settings.server_count; k++)
            if (str_eq(c->servers[i].text, old->servers[k].text))
                inherit_server(c, &c->servers[i], &old->servers[k]);
}

/* Views */

unsigned cluster_server_count(const struct cluster *c)
{
    return c->settings.server_count;
}

void cluster_view(const struct cluster *c, unsigned server, usec_t now, struct server_view *ret)
{
    const struct server *s = &c->servers[server];
    struct health h;

    assert(server < c->settings.server_count);
    h = health_unpack(atomic_load(&s->health));
    *ret = (struct server_view){.server = s->text,
                                .state = health_seen(&h, now),
                                .under_way = atomic_load(&s->under_way),
                                .requests = atomic_load(&s->requests),
                                .failures = atomic_load(&s->failures),
                                .ejections = atomic_load(&s->ejections),
                                .first_byte = atomic_load(&s->first_byte)};
}
