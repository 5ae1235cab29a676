/* The root table. The sections of the gate and of the API are described where they are used. */
#include "server/settings.h"

#include <stdlib.h>

#include "http/scan.h"
#include "net/tls.h"

static int parse_address(struct arena *arena, struct str text, const struct conf_field *field,
                         void *dst, struct buf *error)
{
    if (net_address_parse(text, dst) == 0)
        return 0;
    buf_add(error, STR("an address to listen on, such as 127.0.0.1:7889, [::]:7889 or "
                       "unix:/run/hlsgate.sock"));
    return -1;
}

static const struct conf_type conf_address = {"address", sizeof(struct net_address), false,
                                              parse_address};

static int parse_workers(struct arena *arena, struct str text, const struct conf_field *field,
                         void *dst, struct buf *error)
{
    uint64_t n = 0;

    if (str_eq(text, STR("auto")) || (str_parse_u64(text, 256, &n) == 0 && n > 0)) {
        *(int *)dst = (int)n;
        return 0;
    }
    buf_add(error, STR("`auto` (one for each core) or a number from 1 to 256"));
    return -1;
}

static const struct conf_type conf_workers = {"number or auto", sizeof(int), false, parse_workers};

/* What may stand in front of a path: scheme and authority, nothing behind them. */
static bool is_base(struct str text)
{
    struct str scheme = STR("https://");

    return str_starts(text, scheme) && text.n > scheme.n &&
           str_find_char(str_skip(text, scheme.n), '/') < 0 && scan_control_but_tab(text) == text.n;
}

static int parse_redirect(struct arena *arena, struct str text, const struct conf_field *field,
                          void *dst, struct buf *error)
{
    struct redirect_setting *r = dst;
    bool is_https = str_eq(text, STR("https"));

    if (text.n > 0 && !is_https && !is_base(text)) {
        buf_add(error, STR("`https`, or a base without a path such as https://www.example.com"));
        return -1;
    }
    r->is_on = text.n > 0;
    r->base = is_https ? STR("") : arena_copy(arena, text);
    return r->base.p != NULL ? 0 : -1;
}

static const struct conf_type conf_redirect = {"redirect", sizeof(struct redirect_setting), false,
                                               parse_redirect};

#define CERTIFICATE_DOC                                                                           \
    "PEM file of the certificate, those that signed it behind it. Read again by SIGHUP, without " \
    "dropping anybody."
#define KEY_DOC "PEM file of its private key, not encrypted."

static const struct conf_field certificate_fields[] = {
    CONF_F(struct certificate_setting, certificate, conf_path, .min = "1", .reload = true,
           .doc = CERTIFICATE_DOC),
    CONF_F(struct certificate_setting, key, conf_path, .min = "1", .reload = true, .doc = KEY_DOC),
    CONF_END,
};

static const char *const tls_versions[] = {"1.2", "1.3", NULL}; /* enum tls_version */

static const struct conf_field tls_fields[] = {
    CONF_F_AS(struct tls_settings, first.certificate, "certificate", conf_path, .def = "",
              .reload = true,
              .doc = CERTIFICATE_DOC " Who asks for a name that no certificate has gets this one."),
    CONF_F_AS(struct tls_settings, first.key, "key", conf_path, .def = "", .reload = true,
              .doc = KEY_DOC),
    CONF_SECTIONS(
        struct tls_settings, certificates, struct certificate_setting, certificate_fields,
        .optional = true, .reload = true,
        .doc =
            "More certificates. The name that a client asks for decides (SNI); an ECDSA and an RSA "
            "certificate for the same names stand side by side."),
    CONF_F(struct tls_settings, min_version, conf_enum, .def = "1.2", .choices = tls_versions,
           .reload = true, .doc = "The oldest version of TLS that is spoken."),
    CONF_F(struct tls_settings, ciphers, conf_string, .def = "", .reload = true,
           .doc = "Cipher suites of TLS 1.2 in OpenSSL's words. Empty: ECDHE with AES-GCM or "
                  "ChaCha20-Poly1305."),
    CONF_F(struct tls_settings, hsts, conf_duration, .def = "0", .min = "0", .max = "730d",
           .reload = true,
           .doc = "Tell browsers to come over TLS alone for this long (Strict-Transport-Security); "
                  "0: do not."),
    CONF_END,
};

static const struct conf_field listen_fields[] = {
    CONF_F(struct listen_setting, address, conf_address,
           .doc = "`host:port` with a literal address, or `unix:/path`. [::] takes IPv4 as well."),
    CONF_OPTIONAL_SECTION(struct listen_setting, tls, has_tls, tls_fields, .reload = true,
                          .doc = "TLS on this address."),
    CONF_F(struct listen_setting, http2, conf_bool, .def = "on", .reload = true,
           .doc = "HTTP/2 beside HTTP/1.1: over TLS by ALPN, else with prior knowledge."),
    CONF_F(struct listen_setting, proxy_protocol, conf_bool, .def = "off", .reload = true,
           .doc = "Every connection begins with a PROXY header, version 1 or 2, in front of TLS. "
                  "What it says of the "
                  "client is believed from `trusted_proxies` alone."),
    CONF_F(struct listen_setting, redirect, conf_redirect, .def = "", .reload = true,
           .doc = "`https`: every request is redirected to the same name over https; or to this "
                  "base, such as "
                  "https://www.example.com:8443. Nothing else is served here."),
    CONF_END,
};

static const struct conf_field http_fields[] = {
    CONF_F(struct http_settings, handshake_timeout, conf_duration, .def = "10s", .min = "100ms",
           .max = "1h",
           .doc = "Time for a PROXY header and the TLS handshake, from the connection's first "
                  "moment on."),
    CONF_F(struct http_settings, head_timeout, conf_duration, .def = "10s", .min = "100ms",
           .max = "1h", .doc = "Time for a request head to arrive once it has begun."),
    CONF_F(struct http_settings, content_timeout, conf_duration, .def = "10s", .min = "100ms",
           .max = "1h", .doc = "Time for the content of an API request to arrive."),
    CONF_F(struct http_settings, work_timeout, conf_duration, .def = "75s", .min = "100ms",
           .max = "1h",
           .doc = "How long a request may wait for its origin or the store before it is answered "
                  "with a stale copy, 504 or 503. Longer than an HTTP origin's `deadline`: else "
                  "its retries come too late."),
    CONF_F(struct http_settings, idle_timeout, conf_duration, .def = "60s", .min = "100ms",
           .max = "1d", .doc = "Life of a connection between requests."),
    CONF_F(struct http_settings, send_timeout, conf_duration, .def = "30s", .min = "100ms",
           .max = "1h", .doc = "A viewer that takes no byte for this long is dropped."),
    CONF_F(struct http_settings, drain_timeout, conf_duration, .def = "30s", .min = "0",
           .max = "1h", .doc = "How long running responses may take to finish after SIGTERM."),
    CONF_F(struct http_settings, max_connections, conf_int, .def = "65536", .min = "1",
           .max = "10000000",
           .doc =
               "Client connections of all workers together; more are closed at once and counted."),
    CONF_F(struct http_settings, max_streams, conf_int, .def = "128", .min = "1", .max = "10000",
           .doc = "Requests under way on one HTTP/2 connection."),
    CONF_END,
};

static const char *const log_levels[] = {"error", "warn", "info", "debug",
                                         NULL}; /* enum log_level */

static const struct conf_field log_fields[] = {
    CONF_F(struct log_settings, level, conf_enum, .def = "info", .choices = log_levels,
           .reload = true,
           .doc = "How much goes to stderr. From `info` on, every refused request is a line with "
                  "its reason."),
    CONF_SECTION(struct log_settings, access, access_log_fields,
                 .doc = "The access log: a line for every request that is over."),
    CONF_END,
};

static const char *const client_fields[] = {"x-forwarded-for", "forwarded", "x-real-ip",
                                            NULL}; /* enum client_field */

const struct conf_field settings_fields[] = {
    CONF_SECTIONS(struct settings, listen, struct listen_setting, listen_fields,
                  .doc = "Where viewers and the API are answered."),
    CONF_F(struct settings, workers, conf_workers, .def = "auto",
           .doc = "Threads that serve, each with its own event loop; everything of a request stays "
                  "on one."),
    CONF_LIST_OF_AS(struct settings, proxies.trusted, "trusted_proxies", conf_ip_net, .def = "",
                    .reload = true,
                    .doc = "Proxies that are believed about who the client is. Nobody, by default. "
                           "A proxy on a Unix socket counts as 127.0.0.1."),
    CONF_F_AS(struct settings, proxies.client_field, "client_ip_field", conf_enum,
              .def = "x-forwarded-for", .choices = client_fields, .reload = true,
              .doc = "The one field in which trusted proxies name the client. They must set it "
                     "themselves: what the client sent in it must not get through."),
    CONF_SECTION(struct settings, http, http_fields, .doc = "Limits of connections."),
    CONF_SECTIONS_AS(struct settings, gate.origins, "origins", struct origin_setting, origin_fields,
                     .doc = "Where the files are: each a `filesystem` or `http`."),
    CONF_SECTION_AS(struct settings, gate.pool, "pool", pool_fields,
                    .doc = "Connections to HTTP origins, of all workers together."),
    CONF_SECTION(struct settings, store, store_fields,
                 .doc = "Where grants, sessions and uses are kept."),
    CONF_SECTION_AS(struct settings, gate.token, "token", token_fields,
                    .doc = "Signatures in URLs."),
    CONF_SECTION_AS(struct settings, gate.access, "access", access_fields,
                    .doc = "Who may have what."),
    CONF_SECTION_AS(struct settings, gate.grant, "grant", grant_fields,
                    .doc = "Grants: the IP whitelist."),
    CONF_SECTION_AS(struct settings, gate.session, "session", session_fields, .doc = "Sessions."),
    CONF_SECTION_AS(struct settings, gate.cache, "cache", cache_fields,
                    .doc = "What is kept in memory and on disk."),
    CONF_SECTION_AS(struct settings, gate.playlist, "playlist", playlist_fields,
                    .doc = "Playlists."),
    CONF_SECTION_AS(struct settings, gate.compression, "compression", compression_fields,
                    .doc = "Compressed answers."),
    CONF_SECTION_AS(struct settings, gate.cors, "cors", cors_fields,
                    .doc = "Cross-origin resource sharing."),
    CONF_SECTION(struct settings, api, api_fields, .doc = "The API."),
    CONF_SECTION_AS(struct settings, api.js_whitelist, "js_whitelist", js_whitelist_fields,
                    .doc = "Browsers that add themselves to those who may have static files."),
    CONF_SECTION(struct settings, traffic, traffic_fields,
                 .doc = "Reports of what each user was delivered, to the site's back end. See "
                        "traffic.md."),
    CONF_SECTION(struct settings, log, log_fields, .doc = "The logs."),
    CONF_END,
};
