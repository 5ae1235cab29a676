/* The tables behind settings.h for where the bytes come from: `origins`, `pool`, `cache`. */
#include "gate/settings.h"

static const struct conf_field filesystem_fields[] = {
    CONF_F(struct filesystem_settings, root, conf_path, .min = "1", .reload = true,
           .doc = "The folder that holds the streams. Nothing outside of it is ever opened."),
    CONF_END,
};

static const struct conf_field health_fields[] = {
    CONF_F(struct health_settings, path, conf_string, .def = "/", .min = "1", .max = "1024",
           .reload = true, .doc = "What is asked for. An answer from 200 to 399 is good."),
    CONF_F(struct health_settings, interval, conf_duration, .def = "0", .max = "1h", .reload = true,
           .doc = "How often each server is asked; 0: never."),
    CONF_F(struct health_settings, timeout, conf_duration, .def = "2s", .min = "10ms", .max = "1m",
           .reload = true, .doc = "An answer that takes longer is a bad one."),
    CONF_F(struct health_settings, rise, conf_int, .def = "2", .min = "1", .max = "100",
           .reload = true, .doc = "Good answers in a row that bring a server back."),
    CONF_F(struct health_settings, fall, conf_int, .def = "3", .min = "1", .max = "100",
           .reload = true, .doc = "Bad answers in a row that take a server out."),
    CONF_END,
};

static const char *const balances[] = {"round_robin", "least", "hash",
                                       NULL};                            /* enum cluster_balance */
static const char *const protocols[] = {"auto", "http1", "http2", NULL}; /* enum client_protocol */

static const struct conf_field http_origin_fields[] = {
    CONF_LIST_OF(struct http_origin_settings, servers, conf_string, .reload = true,
                 .doc = "The servers, each `http://host[:port]`, `https://host[:port]` or "
                        "`unix:/path`. All hold the same files."),
    CONF_F(struct http_origin_settings, balance, conf_enum, .def = "hash", .choices = balances,
           .reload = true,
           .doc = "Who is asked. `hash`: always the same server for a stream key, so that its "
                  "own cache is used well. `round_robin`: in turn. `least`: the one with the "
                  "fewest requests under way."),
    CONF_F(struct http_origin_settings, host, conf_string, .def = "", .max = "255", .reload = true,
           .doc = "Host field, TLS server name, and the name that the certificate must carry. "
                  "Empty: each server's own."),
    CONF_F(struct http_origin_settings, protocol, conf_enum, .def = "auto", .choices = protocols,
           .reload = true,
           .doc = "`auto`: HTTP/2 where an https server offers it, else HTTP/1.1. `http1`: "
                  "HTTP/1.1 alone. `http2`: HTTP/2 in the clear as well, by prior knowledge."),
    CONF_F(struct http_origin_settings, verify, conf_bool, .def = "on", .reload = true,
           .doc = "Check the certificates of https servers."),
    CONF_F(struct http_origin_settings, ca_file, conf_path, .def = "", .reload = true,
           .doc = "Certificates (PEM) that are trusted to sign; empty: the system's."),
    CONF_F(struct http_origin_settings, certificate, conf_path, .def = "", .reload = true,
           .doc = "Our own certificate (PEM), for servers that ask for one."),
    CONF_F(struct http_origin_settings, certificate_key, conf_path, .def = "", .reload = true,
           .doc = "Its private key (PEM)."),
    CONF_F(struct http_origin_settings, connect_timeout, conf_duration, .def = "8s", .min = "10ms",
           .max = "5m", .reload = true, .doc = "Time for name, connection and TLS together."),
    CONF_F(struct http_origin_settings, first_byte_timeout, conf_duration, .def = "30s",
           .min = "10ms", .max = "1h", .reload = true,
           .doc = "Time for the head of an answer to come."),
    CONF_F(struct http_origin_settings, stall_timeout, conf_duration, .def = "30s", .min = "10ms",
           .max = "1h", .reload = true,
           .doc = "The longest time without a byte of a body that is wanted."),
    CONF_F(struct http_origin_settings, deadline, conf_duration, .def = "1m", .min = "100ms",
           .max = "1h", .reload = true,
           .doc = "Time for all tries of one request together, up to the head; and for each "
                  "resumption of a body."),
    CONF_F(struct http_origin_settings, retries, conf_int, .def = "2", .min = "0", .max = "20",
           .reload = true,
           .doc = "Further tries when a server cannot be reached, says nothing, or answers 502, "
                  "503 or 504; on another server where there is one."),
    CONF_F(struct http_origin_settings, resumes, conf_int, .def = "5", .min = "0", .max = "100",
           .reload = true,
           .doc = "How often one body that breaks off is asked for from where it stopped."),
    CONF_F(struct http_origin_settings, retry_pause, conf_duration, .def = "100ms", .min = "1ms",
           .max = "1m", .reload = true,
           .doc = "Before the same server is tried again; doubled each time."),
    CONF_F(struct http_origin_settings, eject_after, conf_int, .def = "3", .min = "1",
           .max = "1000", .reload = true,
           .doc = "Failures in a row after which a server is left out for a while."),
    CONF_F(struct http_origin_settings, eject_time, conf_duration, .def = "1s", .min = "10ms",
           .max = "1h", .reload = true,
           .doc = "For how long at first; doubled each time it fails again."),
    CONF_F(struct http_origin_settings, eject_max, conf_duration, .def = "1m", .min = "10ms",
           .max = "1d", .reload = true, .doc = "For how long at most."),
    CONF_SECTION(struct http_origin_settings, health, health_fields, .reload = true,
                 .doc = "Active checks of the servers."),
    CONF_END,
};

const struct conf_field origin_fields[] = {
    CONF_F(struct origin_setting, prefix, conf_prefix, .def = "/", .reload = true,
           .doc = "Paths under this prefix come from here; the longest prefix that fits wins. The "
                  "prefix is kept: /vod/a.ts is looked for as /vod/a.ts."),
    CONF_OPTIONAL_SECTION(struct origin_setting, filesystem, has_filesystem, filesystem_fields,
                          .reload = true, .doc = "A local folder."),
    CONF_OPTIONAL_SECTION(struct origin_setting, http, has_http, http_origin_fields, .reload = true,
                          .doc = "HTTP servers."),
    CONF_END,
};

const struct conf_field pool_fields[] = {
    CONF_F(struct pool_settings, max_connections, conf_int, .def = "100", .min = "1",
           .max = "100000", .doc = "Connections open at once; further requests wait in line."),
    CONF_F(struct pool_settings, max_idle, conf_int, .def = "30", .min = "0", .max = "100000",
           .doc = "Connections kept open between requests."),
    CONF_F(struct pool_settings, keep_alive, conf_duration, .def = "30s", .min = "1s", .max = "1h",
           .doc = "How long they are kept."),
    CONF_F(struct pool_settings, dns_cache, conf_duration, .def = "500s", .min = "0", .max = "1d",
           .doc = "How long the address of a name is remembered."),
    CONF_F(struct pool_settings, buffer, conf_size, .def = "1MiB", .min = "64KiB", .max = "64MiB",
           .reload = true,
           .doc = "Bytes of one uncached body that may wait for a slow viewer; then its origin "
                  "waits too."),
    CONF_END,
};

static const struct conf_field disk_fields[] = {
    CONF_F(struct disk_tier_settings, path, conf_path, .def = "",
           .doc = "A folder of its own for objects of HTTP origins; empty: none. It survives a "
                  "restart, and everything read from it is verified."),
    CONF_F(struct disk_tier_settings, size, conf_size, .def = "10GiB", .min = "1MiB",
           .max = "1000TiB", .doc = "The most it may hold."),
    CONF_END,
};

const struct conf_field cache_fields[] = {
    CONF_F(struct cache_settings, memory, conf_memory, .def = "25%", .min = "1MiB",
           .doc = "Memory for playlists, hot files and objects of HTTP origins: a size, or a share "
                  "of this machine's RAM."),
    CONF_F(struct cache_settings, max_object, conf_size, .def = "64MiB", .min = "1KiB",
           .max = "4GiB",
           .doc = "The largest object that is kept in memory. Larger ones pass through, and "
                  "ranges of them are asked for as ranges."),
    CONF_F(struct cache_settings, file_copy_max, conf_size, .def = "128KiB", .min = "0",
           .max = "4GiB", .reload = true,
           .doc = "Hot files on disk up to this size are copied into memory. Larger ones stay open "
                  "and are sent from the page cache, which costs less for each byte. Over TLS and "
                  "HTTP/2 it does "
                  "not: what is asked for there goes into memory up to `max_object`."),
    CONF_F(struct cache_settings, hot_after, conf_int, .def = "2", .min = "1", .max = "255",
           .reload = true,
           .doc = "A file asked for this often within about a minute is read into memory."),
    CONF_F(struct cache_settings, check, conf_duration, .def = "1s", .min = "0", .max = "1h",
           .reload = true,
           .doc = "How old the last look at a file on disk may be before it is looked at again "
                  "(size, time, inode)."),
    CONF_F(struct cache_settings, ttl, conf_duration, .def = "1m", .min = "0", .max = "365d",
           .reload = true,
           .doc = "How long an object of an HTTP origin is fresh when the origin says nothing. A "
                  "playlist that still grows is fresh for half its target duration at most."),
    CONF_F(struct cache_settings, negative_ttl, conf_duration, .def = "1s", .min = "0", .max = "1h",
           .reload = true,
           .doc = "How long it is remembered that an HTTP origin has no such object, when it says "
                  "nothing; longer words of its own are cut to a minute."),
    CONF_F(struct cache_settings, stale_while_revalidate, conf_duration, .def = "0", .min = "0",
           .max = "365d", .reload = true,
           .doc = "How long an object is still used while it is asked for anew, when the origin "
                  "says nothing. Never playlists that still grow."),
    CONF_F(struct cache_settings, stale_if_error, conf_duration, .def = "10m", .min = "0",
           .max = "365d", .reload = true,
           .doc = "How long an object may still be used when its origin cannot be reached, when "
                  "the origin says nothing. Playlists that still grow: three target durations at "
                  "most."),
    CONF_F(struct cache_settings, header, conf_bool, .def = "off", .reload = true,
           .doc = "Tell viewers in a field `X-Cache` where an answer came from: HIT, MISS, JOIN "
                  "(another viewer's fetch), STALE or BYPASS."),
    CONF_SECTION(struct cache_settings, disk, disk_fields,
                 .doc = "A second, larger cache on disk."),
    CONF_END,
};
