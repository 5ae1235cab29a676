/*
 * The rules of one configuration: what every request is judged by. Built once from the settings,
 * then read-only and shared by all workers; lives in the arena of its configuration snapshot and
 * goes with it.
 */
#ifndef GATE_RULES_H
#define GATE_RULES_H

#include "access/policy.h"
#include "access/stream_key.h"
#include "access/token.h"
#include "access/viewer.h"
#include "conf/conf.h"
#include "gate/settings.h"
#include "http/cors.h"
#include "origin/cluster.h"
#include "origin/origin.h"
#include "store/store.h"

struct origin_route {
    struct str prefix;     /* "/.../" */
    struct str key_prefix; /* of its objects' cache keys: equal in two configurations, or two lives
                              of the daemon, only if the objects are */
    struct origin *folder; /* owned; NULL: a cluster */
    struct cluster *cluster; /* owned; NULL: a folder */
};

/* What is kept of HTTP origins, and for how long when they say nothing. */
struct cache_rules {
    usec_t ttl, negative_ttl, stale_while_revalidate, stale_if_error;
    uint64_t max_object;  /* bytes */
    uint64_t pass_buffer; /* bytes of an uncached body that wait for its viewer */
    bool has_header;      /* X-Cache */
};

/* What is sent compressed (compress.h). */
struct compress_rules {
    unsigned codings; /* 1 << CODING_...: that there are; 0: none */
    uint64_t min_size, max_size;
};

/* Seconds, where the settings have microseconds: what is stored and signed counts in seconds. */
struct use_rule {
    enum limit_mode mode;
    uint32_t max_uses;
    int64_t ttl;        /* replay */
    uint32_t retry_sec; /* keys */
};

/* Which field trusted proxies name the client in. */
enum client_field { CLIENT_X_FORWARDED_FOR, CLIENT_FORWARDED, CLIENT_X_REAL_IP };

/* The part of the root table that the gate needs. */
struct proxy_rules {
    struct conf_list trusted; /* struct ip_net */
    int client_field;         /* enum client_field */
};

struct api_settings; /* admin's */
struct access_log_settings;

struct rules {
    struct class_rules classes;
    struct token_keyring *keyring;      /* owned */
    struct stream_key_rule *stream_key; /* owned; NULL: the built-in rule */
    struct viewer_rules viewer;
    struct ip_set fixed_whitelist, trusted_proxies;
    enum client_field client_field;
    struct store_rules store;
    struct use_rule replay, key;
    struct str key_redirect; /* without its trailing "/"; "" = off */
    struct browser_settings browser;
    struct str cookie;
    bool lets_signed_in; /* while the store does not answer: access.on_store_failure */
    struct cors_policy cors;
    struct origin_route *routes; /* the longest prefix first */
    unsigned route_count;
    usec_t file_check;
    unsigned hot_after;
    uint64_t max_in_memory, max_playlist; /* bytes */
    struct cache_rules cache;
    struct compress_rules compression;
    const struct access_log_settings *access_log; /* borrowed from the snapshot; NULL: none */
    const struct api_settings *api; /* for admin; borrowed from the snapshot; NULL: no API */
};

/*
 * Compiles `s` (which must live as long as the rules). Mistakes that only show here (a pattern that
 * does not compile, a root that is not there) are added to `report` at their key: -1.
 */
int rules_new(struct arena *arena, const struct gate_settings *s, const struct proxy_rules *proxies,
              struct conf_report *report, const struct conf_source *source,
              struct rules **ret) MUST_CHECK;
void rules_free(struct rules **r);

/* Servers that `old` knew too keep the state they have there. Before the first request. */
void rules_inherit(struct rules *r, const struct rules *old);

/* The origin of a path, NULL when no prefix fits. */
const struct origin_route *rules_route(const struct rules *r, struct str path);

#endif
