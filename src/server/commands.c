/* What `serve`, `check`, `sign` and `reference` do with a configuration file. */
#include "server/commands.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/codec.h"
#include "gate/outcome.h"
#include "http/url.h"
#include "server/server.h"

enum { ERRORS_CAP = 1 << 20, TTL_MAX = 10 * 365 * 86400, DEFAULT_TTL = 3600 };

/* A session is resumed for 8 to 24 hours; RFC 8446 4.6.1 allows 7 days. */
#define TICKET_ROTATION (8 * 3600 * USEC_PER_SEC)

static const char default_config[] = "/etc/hlsgate/hlsgate.yaml";

/* "300", "300s", "5m", "2h", "7d" as seconds. */
static int parse_ttl(const char *text, int64_t *ret)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct str digits = str_of(text);
    int64_t factor = 1;
    uint64_t n;

    for (size_t i = 0; digits.n > 0 && i < ARRAY_LEN(units); i++) {
        if (digits.p[digits.n - 1] == units[i].unit) {
            factor = units[i].seconds;
            digits.n--;
            break;
        }
    }
    if (str_parse_u64(digits, TTL_MAX, &n) < 0 || n == 0 || (int64_t)n > TTL_MAX / factor)
        return -1;
    *ret = (int64_t)n * factor;
    return 0;
}

int command_options_parse(int argc, char **argv, struct command_options *ret)
{
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'},
        {"uid", required_argument, NULL, 'u'},
        {"path", required_argument, NULL, 'p'},
        {"ttl", required_argument, NULL, 't'},
        {"scope", no_argument, NULL, 's'},
        {"base", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    int o;

    *ret = (struct command_options){.ttl = DEFAULT_TTL};
    while ((o = getopt_long(argc, argv, ":c:", options, NULL)) >= 0) {
        switch (o) {
        case 'c':
            ret->config = optarg;
            break;
        case 'u':
            ret->uid = optarg;
            break;
        case 'p':
            ret->path = optarg;
            break;
        case 'b':
            ret->base = optarg;
            break;
        case 's':
            ret->is_scope = true;
            break;
        case 't':
            if (parse_ttl(optarg, &ret->ttl) == 0)
                break;
            fprintf(stderr, "hlsgate: --ttl %s: want a time such as 300s, 5m, 2h or 7d\n", optarg);
            return -1;
        case ':':
            fprintf(stderr, "hlsgate: %s needs a value\n", argv[optind - 1]);
            return -1;
        default:
            fprintf(stderr, "hlsgate: no such option: %s\n", argv[optind - 1]);
            return -1;
        }
    }
    if (optind == argc)
        return 0;
    fprintf(stderr, "hlsgate: unexpected argument: %s\n", argv[optind]);
    return -1;
}

static const char *config_of(const struct command_options *o)
{
    return o->config != NULL ? o->config : default_config;
}

static struct snapshot *load(const struct command_options *o, struct tls_tickets *tickets)
{
    struct snapshot *snapshot = NULL;
    struct buf errors;

    buf_init(&errors, ERRORS_CAP);
    if (snapshot_load(config_of(o), tickets, &snapshot, &errors) < 0)
        fprintf(stderr, "%.*s", STR_FMT(buf_str(&errors)));
    buf_done(&errors);
    return snapshot;
}

int cmd_serve(const struct command_options *o)
{
    AUTO(tls_tickets_free) struct tls_tickets *tickets = tls_tickets_new(TICKET_ROTATION);
    struct snapshot *snapshot = load(o, tickets);

    return snapshot != NULL ? server_run(snapshot, config_of(o), tickets) : EXIT_FAILURE;
}

int cmd_check(const struct command_options *o)
{
    AUTO(tls_tickets_free) struct tls_tickets *tickets = tls_tickets_new(TICKET_ROTATION);
    AUTO(snapshot_unref) struct snapshot *snapshot = load(o, tickets);
    struct buf errors;
    int r;

    if (snapshot == NULL)
        return EXIT_FAILURE;
    buf_init(&errors, ERRORS_CAP);
    r = server_try(snapshot, &errors);
    fprintf(stderr, "%.*s", STR_FMT(buf_str(&errors)));
    buf_done(&errors);
    if (r == 0)
        puts("configuration is good");
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The words of the log, the counters and the API. */
static void outcomes_reference(struct buf *text)
{
    buf_add(
        text,
        STR("\n## Outcomes\n\nEvery request ends in one of these. The word stands in the log, in "
            "`/stats` "
            "and in the logs of the API.\n\n| word | status | meaning |\n| --- | --- | --- |\n"));
    for (int i = 0; i < OUTCOME_COUNT; i++) {
        const struct outcome_row *row = outcome_row((enum outcome)i);

        buf_printf(text, "| `%.*s` | %u | %.*s |\n", STR_FMT(row->word), row->status,
                   STR_FMT(row->text));
    }
}

int cmd_reference(const struct command_options *o)
{
    struct buf text;

    buf_init(&text, ERRORS_CAP);
    conf_reference(settings_fields, &text);
    outcomes_reference(&text);
    printf("# Configuration reference\n\n"
           "Made by `hlsgate reference` from the tables that the loader itself uses. Sizes take "
           "units (64KiB, 8MiB,\n"
           "1GB), times too (300ms, 30s, 5m, 2h, 7d). Relative paths are taken from the folder of "
           "the file.\n\n"
           "SIGHUP takes a changed file over where the column `reload` says yes, without dropping "
           "a viewer; a file "
           "with a\nmistake changes nothing. What says restart needs one.\n\n%.*s",
           STR_FMT(buf_str(&text)));
    buf_done(&text);
    return EXIT_SUCCESS;
}

/* ---- sign ---- */

static struct str sign_query(struct arena *a, const struct rules *rules,
                             const struct command_options *o, struct str path)
{
    struct token_scratch *scratch = token_scratch_new();
    struct str uid = str_of(o->uid);
    unix_t expires = clock_unix() + o->ttl;
    char mac[BASE64URL_LEN(TOKEN_MAC_LEN)];
    struct str scope = STR_NONE;

    if (o->is_scope) {
        scope = stream_folder_of(rules->stream_key, path);
        token_sign_scope(rules->keyring, scratch, uid, scope, expires, mac);
    } else {
        token_sign_path(rules->keyring, scratch, uid, path, expires, mac);
    }
    token_scratch_free(&scratch);
    return token_query(a, uid, expires, scope, STR("token"), (struct str){mac, sizeof mac});
}

static int print_signed(struct arena *a, const struct rules *rules, const struct command_options *o)
{
    struct str base = o->base != NULL ? str_of(o->base) : STR(""),
               target = url_encode_path(a, str_of(o->path)), query;
    struct url url;

    if (url_parse(a, target, &url) != URL_OK || url.query.p != NULL) {
        fprintf(stderr, "hlsgate: --path %s: want a decoded path that begins with /\n", o->path);
        return EXIT_USAGE;
    }
    while (str_ends(base, STR("/")))
        base.n--;
    query = sign_query(a, rules, o, url.path);
    target = url_encode_path(a, url.path);
    printf("%.*s%.*s?%.*s\n", STR_FMT(base), STR_FMT(target), STR_FMT(query));
    return EXIT_SUCCESS;
}

int cmd_sign(const struct command_options *o)
{
    AUTO(snapshot_unref) struct snapshot *snapshot = NULL;
    struct arena a;
    int r;

    if (o->uid == NULL || o->path == NULL || !token_uid_is_valid(str_of(o->uid))) {
        fprintf(stderr, "hlsgate: sign needs --path and --uid (1 to 128 bytes, without ':' and "
                        "control characters)\n");
        return EXIT_USAGE;
    }
    snapshot = load(o, NULL);
    if (snapshot == NULL)
        return EXIT_FAILURE;
    arena_init(&a, ERRORS_CAP);
    r = print_signed(&a, snapshot->rules, o);
    arena_done(&a);
    return r;
}
