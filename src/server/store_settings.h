/* The section `store`: which backend keeps the state, and how it is reached. */
#ifndef SERVER_STORE_SETTINGS_H
#define SERVER_STORE_SETTINGS_H

#include "conf/conf.h"
#include "store/store.h"

struct embedded_settings {
    struct str path;
    uint64_t size;
};

struct redis_settings {
    struct str server;          /* "": by the Sentinels */
    struct conf_list sentinels; /* struct str */
    struct str primary, user, sentinel_user;
    struct conf_secret password, sentinel_password;
    int64_t database, connections, wait_replicas;
    struct str prefix;
    usec_t timeout, verdict_ttl;
};

struct store_settings {
    struct embedded_settings embedded;
    bool has_redis; /* it is the store then */
    struct redis_settings redis;
};

extern const struct conf_field store_fields[];

/* What one field alone cannot tell. -1 with the mistakes in `report`. */
int store_settings_check(const struct store_settings *s, struct conf_report *report,
                         const struct conf_source *source) MUST_CHECK;

/* As store_open_embedded() and store_open_redis(). */
int store_settings_open(const struct store_settings *s, const struct store_rules *rules,
                        struct store **ret, struct buf *error) MUST_CHECK;

#endif
