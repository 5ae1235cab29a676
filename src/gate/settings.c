/* The tables behind settings.h: names, defaults, ranges and the words of the reference manual. */
#include "gate/settings.h"

#include "access/token.h"
#include "base/ip.h"
#include "store/store.h"

/* ---- types of our own ---- */

static int parse_ip_net(struct arena *arena, struct str text, const struct conf_field *field,
                        void *dst, struct buf *error)
{
    if (ip_net_parse(text, dst) == 0)
        return 0;
    buf_add(error, STR("an IP address or network such as 192.0.2.0/24 or 2001:db8::/32"));
    return -1;
}

const struct conf_type conf_ip_net = {"IP network", sizeof(struct ip_net), false, parse_ip_net};

static int parse_check(struct arena *arena, struct str text, const struct conf_field *field,
                       void *dst, struct buf *error)
{
    checks_t check = check_parse(text);

    if (check != 0) {
        *(checks_t *)dst = check;
        return 0;
    }
    buf_add(error, STR("one of"));
    for (int i = 0; i < CHECK_COUNT; i++)
        buf_printf(error, "%s %.*s", i > 0 ? "," : "", STR_FMT(check_word((enum check_bit)i)));
    return -1;
}

static const struct conf_type conf_check = {"check", sizeof(checks_t), false, parse_check};

static int parse_suffix(struct arena *arena, struct str text, const struct conf_field *field,
                        void *dst, struct buf *error)
{
    struct str copy = arena_copy(arena, text);

    if (copy.p == NULL)
        return -1;
    if (text.n < 2 || text.p[0] != '.' || str_find_char(text, '/') >= 0) {
        buf_add(error, STR("a suffix with its dot, such as .ts"));
        return -1;
    }
    for (size_t i = 0; i < copy.n; i++)
        ((char *)(uintptr_t)copy.p)[i] = ascii_lower(copy.p[i]); /* our own copy */
    *(struct str *)dst = copy;
    return 0;
}

static const struct conf_type conf_suffix = {"suffix", sizeof(struct str), false, parse_suffix};

static int parse_prefix(struct arena *arena, struct str text, const struct conf_field *field,
                        void *dst, struct buf *error)
{
    if (!str_starts(text, STR("/")) || !str_ends(text, STR("/"))) {
        buf_add(error, STR("a path prefix that begins and ends with /, such as /vod/"));
        return -1;
    }
    *(struct str *)dst = arena_copy(arena, text);
    return ((struct str *)dst)->p != NULL ? 0 : -1;
}

const struct conf_type conf_prefix = {"path prefix", sizeof(struct str), false, parse_prefix};

static int parse_cookie_name(struct arena *arena, struct str text, const struct conf_field *field,
                             void *dst, struct buf *error)
{
    for (size_t i = 0; i < text.n; i++) {
        /* RFC 6265 4.1.1: a cookie's name is a token of RFC 9110 */
        if (text.p[i] <= ' ' || text.p[i] >= 0x7f ||
            str_find_char(STR("()<>@,;:\\\"/[]?={}"), text.p[i]) >= 0) {
            buf_add(error, STR("a cookie name: letters, digits and _ - . (\"\" sets no cookie)"));
            return -1;
        }
    }
    *(struct str *)dst = arena_copy(arena, text);
    return ((struct str *)dst)->p != NULL ? 0 : -1;
}

static const struct conf_type conf_cookie_name = {"cookie name", sizeof(struct str), false,
                                                  parse_cookie_name};

static int parse_field_value(struct arena *arena, struct str text, const struct conf_field *field,
                             void *dst, struct buf *error)
{
    for (size_t i = 0; i < text.n; i++) {
        if ((unsigned char)text.p[i] < ' ' || (unsigned char)text.p[i] >= 0x7f) {
            buf_add(error, STR("printable ASCII (it is sent as a field value)"));
            return -1;
        }
    }
    *(struct str *)dst = arena_copy(arena, text);
    return ((struct str *)dst)->p != NULL ? 0 : -1;
}

static const struct conf_type conf_field_value = {"field value", sizeof(struct str), false,
                                                  parse_field_value};

/* ---- token ---- */

static const struct conf_field secret_fields[] = {
    CONF_F(struct secret_setting, id, conf_string, .min = "1", .max = "32", .reload = true,
           .doc = "Name of the secret in logs and in the output of `check`."),
    CONF_SECRET_INLINE(
        struct secret_setting, secret, .min = "16", .reload = true,
        .doc = "The secret itself: `env: NAME`, `file: PATH` or `key: TEXT`, at least 16 bytes."),
    CONF_END,
};

const struct conf_field token_fields[] = {
    CONF_SECTIONS(struct token_settings, secrets, struct secret_setting, secret_fields,
                  .reload = true,
                  .doc = "Secrets shared with the back end that signs URLs. The first signs, all "
                         "verify, so one can be "
                         "replaced without an outage."),
    CONF_END,
};

/* ---- access ---- */

static const struct conf_field policy_fields[] = {
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_KEY], "key", conf_check, .def = "token, use_limit",
                    .reload = true,
                    .doc = "Checks of key files. A token must be for the very path: scoped ones do "
                           "not open keys."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_PLAYLIST], "playlist", conf_check,
                    .def = "token, grant, session, use_limit", .reload = true,
                    .doc = "Checks of playlists."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_SEGMENT], "segment", conf_check,
                    .def = "credential", .reload = true,
                    .doc = "Checks of media segments; `[]` opens them to everybody."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_STATIC], "static", conf_check, .def = "ip",
                    .reload = true, .doc = "Checks of pictures, styles, scripts and fonts."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_OTHER], "other", conf_check,
                    .def = "grant, session", .reload = true, .doc = "Checks of everything else."),
    CONF_END,
};

static const struct conf_field suffix_fields[] = {
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_KEY], "key", conf_suffix, .def = ".key",
                    .reload = true, .doc = "Key files."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_PLAYLIST], "playlist", conf_suffix, .def = ".m3u8",
                    .reload = true, .doc = "Playlists."),
    CONF_LIST_OF_AS(struct class_lists, of[CLASS_SEGMENT], "segment", conf_suffix,
                    .def = ".ts, .m4s, .mp4, .m4v, .m4a, .aac, .vtt, .webvtt, .mp3, .ac3, .ec3",
                    .reload = true, .doc = "Media segments."),
    CONF_LIST_OF_AS(
        struct class_lists, of[CLASS_STATIC], "static", conf_suffix,
        .def = ".jpg, .jpeg, .png, .gif, .svg, .webp, .ico, .css, .js, .woff, .woff2, .ttf, .txt",
        .reload = true, .doc = "Files of the page around the player."),
    CONF_END,
};

static const struct conf_field cache_control_fields[] = {
    CONF_F_AS(struct class_texts, of[CLASS_KEY], "key", conf_field_value, .def = "no-store",
              .reload = true, .doc = "Cache-Control of keys."),
    CONF_F_AS(struct class_texts, of[CLASS_PLAYLIST], "playlist", conf_field_value,
              .def = "no-cache, no-store, must-revalidate", .reload = true,
              .doc = "Cache-Control of playlists."),
    CONF_F_AS(struct class_texts, of[CLASS_SEGMENT], "segment", conf_field_value,
              .def = "public, max-age=300", .reload = true, .doc = "Cache-Control of segments."),
    CONF_F_AS(struct class_texts, of[CLASS_STATIC], "static", conf_field_value,
              .def = "public, max-age=3600", .reload = true,
              .doc = "Cache-Control of static files."),
    CONF_F_AS(struct class_texts, of[CLASS_OTHER], "other", conf_field_value, .def = "max-age=600",
              .reload = true, .doc = "Cache-Control of everything else."),
    CONF_END,
};

static const char *const limit_modes[] = {"bind", "count", NULL};

static const struct conf_field replay_fields[] = {
    CONF_F(struct replay_settings, mode, conf_enum, .def = "bind", .choices = limit_modes,
           .reload = true,
           .doc = "`bind`: a token belongs to the viewer that used it first, who may reload it. "
                  "`count`: at most "
                  "`max_uses` uses within `ttl`, whoever uses it."),
    CONF_F(struct replay_settings, max_uses, conf_int, .def = "1", .min = "1", .max = "1000000",
           .reload = true, .doc = "Uses of one token in mode `count`."),
    CONF_F(struct replay_settings, ttl, conf_duration, .def = "9600s", .min = "1s", .max = "30d",
           .reload = true,
           .doc =
               "How long a use is remembered; in mode `bind` at least as long as the token lives."),
    CONF_F(struct replay_settings, retry, conf_duration, .def = "0", .min = "0", .max = "1h",
           .reload = true,
           .doc = "Mode `count`: the same viewer again within this time is retrying, not using the "
                  "token again."),
    CONF_END,
};

static const struct conf_field key_fields[] = {
    CONF_F(struct key_settings, mode, conf_enum, .def = "bind", .choices = limit_modes,
           .reload = true,
           .doc = "`bind`: a key URI works for the viewer it was made for, as often as its player "
                  "asks. `count`: at "
                  "most `max_uses` times."),
    CONF_F(struct key_settings, max_uses, conf_int, .def = "1", .min = "1", .max = "1000000",
           .reload = true,
           .doc = "Uses of one key URI in mode `count`. HEAD, retries and Range continuations are "
                  "not counted."),
    CONF_F(struct key_settings, retry, conf_duration, .def = "10s", .min = "0", .max = "1h",
           .reload = true,
           .doc = "A viewer that asks for the same key again within this time is retrying, not "
                  "using it again."),
    CONF_F(struct key_settings, redirect, conf_field_value, .def = "", .reload = true,
           .doc = "When set, an admitted key request is answered by 302 to this base URL followed "
                  "by the path."),
    CONF_END,
};

#define BROWSER_ROWS(uses_def, window_def)                                                  \
    CONF_F(struct browser_limit, max_uses, conf_int, .def = uses_def, .min = "1",           \
           .max = "1000000", .reload = true,                                                \
           .doc = "Playlist requests of one viewer for one playlist within a window."),     \
        CONF_F(struct browser_limit, window, conf_duration, .def = window_def, .min = "1s", \
               .max = "1d", .reload = true, .doc = "Length of the window."),                \
        CONF_END

static const struct conf_field mobile_fields[] = {BROWSER_ROWS("1", "180s")};
static const struct conf_field desktop_fields[] = {BROWSER_ROWS("1", "120s")};
static const struct conf_field tool_fields[] = {BROWSER_ROWS("1", "60s")};
static const struct conf_field unknown_fields[] = {BROWSER_ROWS("1", "60s")};

static const struct conf_field browser_fields[] = {
    CONF_F(struct browser_settings, enabled, conf_bool, .def = "off", .reload = true,
           .doc = "Limit playlist requests by the kind of browser. Live playlists are reloaded "
                  "every few seconds: "
                  "raise the numbers before you turn this on for them."),
    CONF_SECTION(struct browser_settings, mobile, mobile_fields, .reload = true,
                 .doc = "Mobile browsers."),
    CONF_SECTION(struct browser_settings, desktop, desktop_fields, .reload = true,
                 .doc = "Desktop browsers."),
    CONF_SECTION(struct browser_settings, tool, tool_fields, .reload = true,
                 .doc = "Download tools."),
    CONF_SECTION(struct browser_settings, unknown, unknown_fields, .reload = true,
                 .doc = "Everything else."),
    CONF_F(struct browser_settings, qq_max_uses, conf_int, .def = "2", .min = "1", .max = "1000000",
           .reload = true, .doc = "`max_uses` of the QQ browser, which asks twice."),
    CONF_END,
};

static const char *const store_failures[] = {"deny", "allow_signed",
                                             NULL}; /* enum on_store_failure */

static const char *const max_streams_choices[] = {"deny", "end_oldest",
                                                  NULL}; /* enum on_max_streams */
_Static_assert(STORE_MAX_STREAMS == 64, "the table below says so");

const struct conf_field access_fields[] = {
    CONF_SECTION(struct access_settings, policy, policy_fields, .reload = true,
                 .doc = "Which checks a request must pass, by the class of its path. Words: "
                        "`token`, `credential` "
                        "(token or session), `grant`, `ip` (a grant whatever its stream key), "
                        "`session`, `use_limit`."),
    CONF_SECTION(struct access_settings, suffixes, suffix_fields, .reload = true,
                 .doc = "Which suffixes make a class. The first class that matches wins; what "
                        "matches none is `other`."),
    CONF_SECTION(struct access_settings, cache_control, cache_control_fields, .reload = true,
                 .doc = "Cache-Control towards the viewer, by class."),
    CONF_LIST_OF(struct access_settings, fixed_whitelist, conf_ip_net, .def = "", .reload = true,
                 .doc = "Addresses and networks that pass every check."),
    CONF_SECTION(struct access_settings, replay, replay_fields, .reload = true,
                 .doc = "How often a token may be used."),
    CONF_SECTION(struct access_settings, key, key_fields, .reload = true,
                 .doc = "How often a key may be fetched."),
    CONF_SECTION(struct access_settings, browser_adaptive, browser_fields, .reload = true,
                 .doc = "Limits on playlist requests by kind of browser."),
    CONF_F(struct access_settings, stream_key, conf_string, .def = "", .max = "1024",
           .reload = true,
           .doc = "A PCRE2 pattern over the path whose first group is the stream key. Empty: the "
                  "folder after the "
                  "first YYYY-MM-DD folder, else the folder that holds the file."),
    CONF_F(struct access_settings, max_streams, conf_int, .def = "0", .min = "0", .max = "64",
           .reload = true,
           .doc =
               "How many streams one uid may watch at a time, over all its devices and all "
               "instances that share the store; 0: as many as it likes. A stream is a session "
               "(a viewer at a stream key), so reloads, retries, renditions and a second window "
               "of the same player are one. Clients of `fixed_whitelist`, requests that begin no "
               "session (static files) and sessions without a uid do not count. A lower limit "
               "ends nobody who is watching."),
    CONF_F(struct access_settings, on_max_streams, conf_enum, .def = "deny",
           .choices = max_streams_choices, .reload = true,
           .doc =
               "What happens to one more. `deny`: it is refused (403 `too_many_streams`) until "
               "another is over. `end_oldest`: it begins, and the one that asked for nothing for "
               "longest is ended as by the API: its player is refused everywhere within a "
               "second. With either, a viewer that has a stream already is not one more: when it "
               "changes to another title the new stream takes the place of its own, which is "
               "ended."),
    CONF_F(struct access_settings, max_streams_idle, conf_duration, .def = "60s", .min = "5s",
           .max = "1d", .reload = true,
           .doc = "A stream is over when its viewer asked for nothing for this long (or when its "
                  "session ends): its place is free then. Longer than the pauses that players make "
                  "between requests: three target durations or more. A viewer who comes back later "
                  "goes on if there is room, else it is treated as one more; by links of its "
                  "playlist it may play for some seconds until that is noticed, and ends nothing "
                  "that the same viewer watches by then."),
    CONF_F(struct access_settings, on_store_failure, conf_enum, .def = "deny",
           .choices = store_failures, .reload = true,
           .doc =
               "What a request meets that needs the store while the store does not answer, or is "
               "full. `deny`: 503 with Retry-After. `allow_signed`: one whose token or gate "
               "token verifies and has not expired is let in; nothing else is. Grants, sessions, "
               "use limits and streams cannot be checked then: a token is good for whoever holds "
               "it, any "
               "number of times. What a playlist gives out meanwhile ends with its token, and "
               "revoking cannot end it sooner; who was revoked before is refused."),
    CONF_END,
};

/* ---- grant, session ---- */

const struct conf_field grant_fields[] = {
    CONF_F(struct grant_settings, ipv4_prefix, conf_int, .def = "24", .min = "8", .max = "32",
           .reload = true,
           .doc = "IPv4 addresses of viewers are widened to networks of this prefix length."),
    CONF_F(struct grant_settings, ipv6_prefix, conf_int, .def = "64", .min = "16", .max = "128",
           .reload = true, .doc = "The same for IPv6."),
    CONF_F(struct grant_settings, ttl, conf_duration, .def = "1h", .min = "1s", .max = "365d",
           .reload = true, .doc = "Life of a grant, renewed by each POST."),
    CONF_F(struct grant_settings, max_keys, conf_int, .def = "3", .min = "1", .max = "32",
           .reload = true, .doc = "Stream keys of one grant; the oldest goes when one more comes."),
    CONF_F(struct grant_settings, max_pairs, conf_int, .def = "5", .min = "1", .max = "1000",
           .reload = true,
           .doc = "Network and User-Agent pairs of one uid; the oldest goes when one more comes."),
    CONF_F(struct grant_settings, max_users, conf_int, .def = "256", .min = "1", .max = "100000",
           .reload = true,
           .doc = "Uids that may share one network and User-Agent pair; the oldest goes when one "
                  "more comes."),
    CONF_END,
};

static const char *const viewer_binds[] = {"network", "ip", NULL}; /* enum viewer_bind */

const struct conf_field session_fields[] = {
    CONF_F(struct session_settings, ttl, conf_duration, .def = "2h", .min = "1s", .max = "30d",
           .reload = true,
           .doc = "A session ends when its viewer asked for nothing for this long."),
    CONF_F(struct session_settings, max, conf_duration, .def = "12h", .min = "1s", .max = "30d",
           .reload = true,
           .doc = "Longest life of a session, and of the gate tokens in its playlists."),
    CONF_F(struct session_settings, bind, conf_enum, .def = "network", .choices = viewer_binds,
           .reload = true,
           .doc = "What a viewer is, beside the User-Agent: its `network` (masked as grants are) "
                  "or its exact `ip`."),
    CONF_F(struct session_settings, strict, conf_bool, .def = "off", .reload = true,
           .doc = "`on`: token and grant must hold at every request. `off`: they say who may "
                  "begin, the session "
                  "carries on."),
    CONF_F(struct session_settings, cookie, conf_cookie_name, .def = "hlsgate_session",
           .reload = true,
           .doc = "Name of the session cookie; \"\" sets none (players are then found by address "
                  "and User-Agent)."),
    CONF_END,
};

/* ---- playlist, compression, cors ---- */

const struct conf_field playlist_fields[] = {
    CONF_F(struct playlist_settings, max_size, conf_size, .def = "8MiB", .min = "1KiB",
           .max = "256MiB", .reload = true, .doc = "Larger playlists are answered with 502."),
    CONF_END,
};

const struct conf_field compression_fields[] = {
    CONF_F(struct compression_settings, gzip, conf_bool, .def = "on", .reload = true,
           .doc = "Send playlists, JSON and text as gzip to those who take it. Never media."),
    CONF_F(struct compression_settings, brotli, conf_bool, .def = "on", .reload = true,
           .doc = "The same as br, which goes first where a viewer likes both as much."),
    CONF_F(struct compression_settings, min_size, conf_size, .def = "512", .min = "1",
           .max = "1MiB", .reload = true, .doc = "Less is sent as it is."),
    CONF_F(struct compression_settings, max_size, conf_size, .def = "1MiB", .min = "1KiB",
           .max = "16MiB", .reload = true,
           .doc = "More is sent as it is. The worker does nothing else meanwhile: about 2 ms for "
                  "each MiB that nobody had before."),
    CONF_END,
};

const struct conf_field cors_fields[] = {
    CONF_LIST_OF(struct cors_settings, origins, conf_string, .def = "*", .reload = true,
                 .doc = "Web origins whose pages may use the streams, such as "
                        "https://www.example.com; `*` = any."),
    CONF_F(struct cors_settings, credentials, conf_bool, .def = "on", .reload = true,
           .doc = "Let pages send cookies to streams and `/api/js-whitelist`. The page's origin is "
                  "then echoed instead of `*`."),
    CONF_F(struct cors_settings, max_age, conf_duration, .def = "1h", .min = "0", .max = "24h",
           .reload = true, .doc = "How long a browser may keep the answer to a preflight."),
    CONF_END,
};
