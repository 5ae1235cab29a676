/* The table behind store_settings.h, and what becomes of it. */
#include "server/store_settings.h"

#include <sys/un.h>

#include "base/ip.h"

/* More would not be asked within one timeout, and no deployment has them. */
enum { SENTINELS_MAX = 16, SOCKET_PATH_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

/* ---- types of our own ---- */

static bool is_host_name(struct str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = ascii_lower(host.p[i]);

        if ((c < 'a' || c > 'z') && !ascii_is_digit(c) && c != '-' && c != '.' && c != '_')
            return false;
    }
    return host.n > 0;
}

/* "[v6]", or a name; an IPv4 address looks like one. */
static bool is_host(struct str host)
{
    struct ip ip;

    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        return ip_parse((struct str){host.p + 1, host.n - 2}, &ip) == 0 &&
               str_find_char(host, ':') >= 0;
    return is_host_name(host);
}

static bool is_server(struct str text)
{
    struct str scheme = STR("unix:");
    ptrdiff_t colon = str_rfind_char(text, ':');
    uint64_t port;

    if (text.n >= STORE_SERVER_MAX) /* or /stats could not name it */
        return false;
    if (str_starts(text, STR("unix:/")))
        return text.n - scheme.n <= SOCKET_PATH_MAX && str_find_char(text, '\0') < 0;
    return colon > 0 && str_parse_u64(str_skip(text, (size_t)colon + 1), UINT16_MAX, &port) == 0 &&
           port > 0 && is_host(str_first(text, (size_t)colon));
}

static int parse_server(struct arena *arena, struct str text, const struct conf_field *field,
                        void *dst, struct buf *error)
{
    bool is_absent = text.n == 0 && field->kind == CONF_SCALAR;

    if (!is_absent && !is_server(text)) {
        buf_add(error, STR("an address such as 127.0.0.1:6379, redis.example:6379, [::1]:6379 or "
                           "unix:/run/redis.sock"));
        return -1;
    }
    *(struct str *)dst = arena_copy(arena, text);
    return ((struct str *)dst)->p != NULL ? 0 : -1;
}

static const struct conf_type conf_server = {"address", sizeof(struct str), false, parse_server};

/* It stands in keys, in patterns of Redis' ACL and on the screens of operators. */
static int parse_word(struct arena *arena, struct str text, const struct conf_field *field,
                      void *dst, struct buf *error)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f) {
            buf_add(error, STR("printable ASCII without spaces"));
            return -1;
        }
    }
    return conf_string.parse(arena, text, field, dst, error);
}

static const struct conf_type conf_word = {"word", sizeof(struct str), false, parse_word};

/* ---- tables ---- */

static const struct conf_field embedded_fields[] = {
    CONF_F(struct embedded_settings, path, conf_path, .def = "/var/lib/hlsgate", .min = "1",
           .doc = "Folder of the store, made when it is missing."),
    CONF_F(struct embedded_settings, size, conf_size, .def = "8GiB", .min = "1MiB", .max = "1TiB",
           .doc = "The most it may take on disk. It takes what it needs, not this, and 4 MiB ahead "
                  "of it: when the disk is full, rights can still be taken away."),
    CONF_END,
};

static const struct conf_field redis_fields[] = {
    CONF_F(struct redis_settings, server, conf_server, .def = "",
           .doc = "The primary, where no Sentinel tells: `host:port`, `[v6]:port` or "
                  "`unix:/path`."),
    CONF_LIST_OF(struct redis_settings, sentinels, conf_server, .def = "",
                 .doc =
                     "The Sentinels that watch `primary`, instead of `server`: all of them, each "
                     "once. They are asked who the primary is, and their switches are "
                     "followed."),
    CONF_F(struct redis_settings, primary, conf_word, .def = "", .max = "128",
           .doc = "What the Sentinels call it (`sentinel monitor NAME ...`)."),
    CONF_F(struct redis_settings, user, conf_word, .def = "", .max = "128",
           .doc = "ACL user of Redis; empty: the default one."),
    CONF_SECRET_FIELD(struct redis_settings, password, .optional = true,
                      .doc = "Password of Redis. None: no AUTH is sent."),
    CONF_F(struct redis_settings, sentinel_user, conf_word, .def = "", .max = "128",
           .doc = "ACL user of the Sentinels; empty: the default one."),
    CONF_SECRET_FIELD(struct redis_settings, sentinel_password, .optional = true,
                      .doc = "Password of the Sentinels. None: no AUTH is sent."),
    CONF_F(struct redis_settings, database, conf_int, .def = "0", .min = "0", .max = "1023",
           .doc = "Number of the database (SELECT)."),
    CONF_F(struct redis_settings, prefix, conf_word, .def = "hlsgate:", .min = "1", .max = "64",
           .doc = "What all keys and channels begin with. Instances with the same one share one "
                  "truth; others do not see it."),
    CONF_F(struct redis_settings, connections, conf_int, .def = "1", .min = "1", .max = "16",
           .doc = "Connections of each worker. Calls are pipelined, so one carries a lot; more "
                  "help where the way is long or lossy."),
    CONF_F(struct redis_settings, timeout, conf_duration, .def = "250ms", .min = "10ms",
           .max = "10s",
           .doc = "Time for an answer, and for each step of connecting. What has none by then is "
                  "what `access.on_store_failure` is about."),
    CONF_F(struct redis_settings, verdict_ttl, conf_duration, .def = "2s", .min = "0", .max = "60s",
           .doc =
               "How long a worker may reuse what Redis said of a viewer where the policy asks at "
               "every segment; 0: never. Revocations are heard in between all the same."),
    CONF_F(struct redis_settings, wait_replicas, conf_int, .def = "0", .min = "0", .max = "8",
           .doc =
               "Replicas that must have acknowledged a write before it counts (WAIT). 0: none; a "
               "fail-over may then forget the last moment. More: what they do not acknowledge "
               "within `timeout` is refused."),
    CONF_END,
};

const struct conf_field store_fields[] = {
    CONF_SECTION(struct store_settings, embedded, embedded_fields,
                 .doc = "The built-in store (LMDB), for one machine. Safe against kill -9; synced "
                        "to disk every second."),
    CONF_OPTIONAL_SECTION(struct store_settings, redis, has_redis, redis_fields,
                          .doc = "Redis, for several machines that share one truth. When the "
                                 "section is there it is the store, and `embedded` is not used. "
                                 "See redis.md."),
    CONF_END,
};

/* ---- checks ---- */

struct checking {
    struct conf_report *report;
    const struct conf_source *source;
    int result;
};

static void complain(struct checking *c, const char *key, const char *text)
{
    conf_complain(c->report, c->source, key, "%s", text);
    c->result = -1;
}

static void check_way(struct checking *c, const struct redis_settings *r)
{
    bool has_sentinels = r->sentinels.count > 0;

    if ((r->server.n > 0) == has_sentinels)
        complain(c, "store.redis", "needs either server or sentinels");
    else if (has_sentinels && r->primary.n == 0)
        complain(c, "store.redis", "needs primary: what the Sentinels call it");
    else if (!has_sentinels && r->primary.n > 0)
        complain(c, "store.redis.primary", "is for sentinels, and there are none");
    if (r->sentinels.count > SENTINELS_MAX) {
        conf_complain(c->report, c->source, "store.redis.sentinels", "at most %d", SENTINELS_MAX);
        c->result = -1;
    }
}

/* A majority is counted by heads. */
static void check_sentinels(struct checking *c, const struct conf_list *sentinels)
{
    const struct str *at = sentinels->items;

    for (size_t i = 0; i < sentinels->count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq_nocase(at[i], at[k])) {
                complain(c, "store.redis.sentinels", "names one of them twice");
                return;
            }
}

static void check_users(struct checking *c, const struct redis_settings *r)
{
    bool asks_sentinels = r->sentinel_user.n > 0 || r->sentinel_password.bytes.n > 0;

    if (r->user.n > 0 && r->password.bytes.n == 0)
        complain(c, "store.redis.user",
                 "needs a password (for a user with `nopass` Redis takes any)");
    if (r->sentinel_user.n > 0 && r->sentinel_password.bytes.n == 0)
        complain(c, "store.redis.sentinel_user",
                 "needs sentinel_password (for a user with `nopass` a Sentinel takes any)");
    if (asks_sentinels && r->sentinels.count == 0)
        complain(c, "store.redis", "has a user or password of Sentinels, and there are none");
}

int store_settings_check(const struct store_settings *s, struct conf_report *report,
                         const struct conf_source *source)
{
    struct checking c = {.report = report, .source = source};

    if (!s->has_redis)
        return 0;
    check_way(&c, &s->redis);
    check_sentinels(&c, &s->redis.sentinels);
    check_users(&c, &s->redis);
    return c.result;
}

/* ---- opening ---- */

static struct str or_empty(struct str s)
{
    return s.p != NULL ? s : STR("");
}

static int open_redis(const struct redis_settings *r, const struct store_rules *rules,
                      struct store **ret, struct buf *error)
{
    struct store_redis_options o = {
        .server = r->server,
        .sentinels = r->sentinels.items,
        .sentinel_count = (unsigned)r->sentinels.count,
        .primary = r->primary,
        .sentinel_user = r->sentinel_user,
        .sentinel_password = or_empty(r->sentinel_password.bytes),
        .user = r->user,
        .password = or_empty(r->password.bytes),
        .database = (unsigned)r->database,
        .prefix = r->prefix,
        .connections = (unsigned)r->connections,
        .timeout = r->timeout,
        .verdict_ttl = r->verdict_ttl,
        .wait_replicas = (unsigned)r->wait_replicas,
    };

    return store_open_redis(&o, rules, ret, error);
}

int store_settings_open(const struct store_settings *s, const struct store_rules *rules,
                        struct store **ret, struct buf *error)
{
    struct store_embedded_options o = {.path = s->embedded.path.p, .size = s->embedded.size};

    return s->has_redis ? open_redis(&s->redis, rules, ret, error)
                        : store_open_embedded(&o, rules, ret, error);
}
