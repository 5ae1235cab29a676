/* The whole configuration: the root table, and the sections that only the server knows. */
#ifndef SERVER_SETTINGS_H
#define SERVER_SETTINGS_H

#include "admin/settings.h"
#include "base/log.h"
#include "conf/conf.h"
#include "gate/access_log.h"
#include "gate/rules.h"
#include "net/listener.h"
#include "server/store_settings.h"
#include "traffic/settings.h"

enum { WORKER_MAX_LISTENERS = 64 };

struct certificate_setting {
    struct str certificate, key; /* paths */
};

struct tls_settings {
    struct certificate_setting first; /* "": none */
    struct conf_list certificates;    /* struct certificate_setting */
    int min_version;                  /* enum tls_version */
    struct str ciphers;
    usec_t hsts;
};

/* What a listener that does nothing else redirects to. */
struct redirect_setting {
    bool is_on;
    struct str base; /* "https://name:port"; "": https and the name that was asked for */
};

struct listen_setting {
    struct net_address address;
    bool has_tls;
    struct tls_settings tls;
    bool http2, proxy_protocol;
    struct redirect_setting redirect;
};

struct http_settings {
    usec_t handshake_timeout, head_timeout, content_timeout, work_timeout, idle_timeout,
        send_timeout, drain_timeout;
    int64_t max_connections, max_streams;
};

struct log_settings {
    int level; /* enum log_level */
    struct access_log_settings access;
};

struct settings {
    struct conf_list listen; /* struct listen_setting */
    int workers;             /* 0 = auto */
    struct proxy_rules proxies;
    struct http_settings http;
    struct store_settings store;
    struct gate_settings gate;
    struct api_settings api;
    struct traffic_settings traffic;
    struct log_settings log;
};

extern const struct conf_field settings_fields[];

#endif
