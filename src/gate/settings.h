/*
 * What an operator can say about the gate: the sections `token`, `access`, `grant`, `session`,
 * `origins`, `pool`, `cache`, `playlist`, `compression` and `cors` of the configuration, as the
 * loader fills them. rules.h makes of them what requests are judged by.
 */
#ifndef GATE_SETTINGS_H
#define GATE_SETTINGS_H

#include "access/policy.h"
#include "conf/conf.h"

struct token_settings {
    struct conf_list secrets; /* struct secret_setting */
};

struct secret_setting {
    struct str id;
    struct conf_secret secret;
};

struct class_lists {
    struct conf_list of[CLASS_COUNT];
};

struct class_texts {
    struct str of[CLASS_COUNT];
};

struct replay_settings {
    int mode; /* enum limit_mode */
    int64_t max_uses;
    usec_t ttl, retry;
};

struct key_settings {
    int mode; /* enum limit_mode */
    int64_t max_uses;
    usec_t retry;
    struct str redirect;
};

enum limit_mode { LIMIT_BIND, LIMIT_COUNT };

struct browser_limit {
    int64_t max_uses;
    usec_t window;
};

struct browser_settings {
    bool enabled;
    struct browser_limit mobile, desktop, tool, unknown;
    int64_t qq_max_uses;
};

enum on_store_failure { STORE_FAILURE_DENY, STORE_FAILURE_ALLOW_SIGNED };
enum on_max_streams { MAX_STREAMS_DENY, MAX_STREAMS_END_OLDEST };

struct access_settings {
    struct class_lists policy;   /* checks_t, one CHECK_* each */
    struct class_lists suffixes; /* struct str */
    struct class_texts cache_control;
    struct conf_list fixed_whitelist; /* struct ip_net */
    struct replay_settings replay;
    struct key_settings key;
    struct browser_settings browser_adaptive;
    struct str stream_key; /* PCRE2 pattern; "" = the built-in rule */
    int64_t max_streams;   /* of one uid; 0: no limit */
    int on_max_streams;    /* enum on_max_streams */
    usec_t max_streams_idle;
    int on_store_failure; /* enum on_store_failure */
};

struct grant_settings {
    int64_t ipv4_prefix, ipv6_prefix;
    usec_t ttl;
    int64_t max_keys, max_pairs, max_users;
};

struct session_settings {
    usec_t ttl, max;
    int bind; /* enum viewer_bind */
    bool strict;
    struct str cookie;
};

struct filesystem_settings {
    struct str root;
};

struct health_settings {
    struct str path;
    usec_t interval, timeout;
    int64_t rise, fall;
};

struct http_origin_settings {
    struct conf_list servers; /* struct str */
    int balance;              /* enum cluster_balance */
    struct str host;
    int protocol; /* enum client_protocol */
    bool verify;
    struct str ca_file, certificate, certificate_key;
    usec_t connect_timeout, first_byte_timeout, stall_timeout, deadline;
    int64_t retries, resumes;
    usec_t retry_pause;
    int64_t eject_after;
    usec_t eject_time, eject_max;
    struct health_settings health;
};

/* One of the two. */
struct origin_setting {
    struct str prefix;
    bool has_filesystem, has_http;
    struct filesystem_settings filesystem;
    struct http_origin_settings http;
};

/* Connections to HTTP origins, of all workers together. */
struct pool_settings {
    int64_t max_connections, max_idle;
    usec_t keep_alive, dns_cache;
    uint64_t buffer;
};

struct disk_tier_settings {
    struct str path; /* "" = none */
    uint64_t size;
};

struct cache_settings {
    uint64_t memory, max_object, file_copy_max;
    int64_t hot_after;
    usec_t check;
    usec_t ttl, negative_ttl, stale_while_revalidate, stale_if_error;
    bool header;
    struct disk_tier_settings disk;
};

struct playlist_settings {
    uint64_t max_size;
};

struct cors_settings {
    struct conf_list origins; /* struct str */
    bool credentials;
    usec_t max_age;
};

struct compression_settings {
    bool gzip, brotli;
    uint64_t min_size, max_size;
};

struct gate_settings {
    struct token_settings token;
    struct access_settings access;
    struct grant_settings grant;
    struct session_settings session;
    struct conf_list origins; /* struct origin_setting */
    struct pool_settings pool;
    struct cache_settings cache;
    struct playlist_settings playlist;
    struct compression_settings compression;
    struct cors_settings cors;
};

extern const struct conf_type conf_ip_net; /* struct ip_net */
extern const struct conf_type conf_prefix; /* struct str: "/.../" */

/* The tables of the sections above, for the root table. */
extern const struct conf_field token_fields[], access_fields[], grant_fields[], session_fields[],
    origin_fields[], pool_fields[], cache_fields[], playlist_fields[], compression_fields[],
    cors_fields[];

#endif
