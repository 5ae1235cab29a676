/* From the settings to the rules: one small function for each section. */
#include "gate/rules.h"

#include "gate/origins.h"
#include "http/coding.h"

enum { ERROR_ROOM = 256 };

static int64_t seconds_of(usec_t t)
{
    return (int64_t)((t + USEC_PER_SEC - 1) / USEC_PER_SEC);
}

static void compile_classes(struct rules *r, const struct access_settings *s)
{
    for (int c = 0; c < CLASS_COUNT; c++) {
        struct class_rule *rule = &r->classes.of[c];
        const checks_t *checks = s->policy.of[c].items;

        rule->suffixes = s->suffixes.of[c].items;
        rule->suffix_count = (unsigned)s->suffixes.of[c].count;
        rule->cache_control = s->cache_control.of[c];
        for (size_t i = 0; i < s->policy.of[c].count; i++)
            rule->checks |= checks[i];
    }
}

static int compile_secrets(struct arena *arena, struct rules *r, const struct token_settings *s,
                           struct conf_report *report, const struct conf_source *source)
{
    const struct secret_setting *items = s->secrets.items;
    size_t count = s->secrets.count;
    struct token_secret secrets[TOKEN_MAX_SECRETS];

    if (count > TOKEN_MAX_SECRETS) {
        conf_complain(report, source, "token.secrets", "at most %d secrets", TOKEN_MAX_SECRETS);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        secrets[i] = (struct token_secret){items[i].id, items[i].secret.bytes};
    r->keyring = token_keyring_new(secrets, (unsigned)count);
    explicit_bzero(secrets, sizeof secrets);
    return r->keyring != NULL ? 0 : -1;
}

static int compile_stream_key(struct rules *r, const struct access_settings *s,
                              struct conf_report *report, const struct conf_source *source)
{
    char error[ERROR_ROOM];

    if (s->stream_key.n == 0 ||
        stream_key_rule_new(s->stream_key, &r->stream_key, error, sizeof error) == 0)
        return 0;
    conf_complain(report, source, "access.stream_key", "is not a PCRE2 pattern: %s", error);
    return -1;
}

static void compile_limits(struct rules *r, const struct access_settings *s)
{
    r->replay = (struct use_rule){.mode = (enum limit_mode)s->replay.mode,
                                  .max_uses = (uint32_t)s->replay.max_uses,
                                  .ttl = seconds_of(s->replay.ttl),
                                  .retry_sec = (uint32_t)seconds_of(s->replay.retry)};
    r->key = (struct use_rule){.mode = (enum limit_mode)s->key.mode,
                               .max_uses = (uint32_t)s->key.max_uses,
                               .ttl = seconds_of(s->replay.ttl),
                               .retry_sec = (uint32_t)seconds_of(s->key.retry)};
    r->key_redirect = s->key.redirect;
    if (str_ends(r->key_redirect, STR("/")))
        r->key_redirect.n--;
    r->browser = s->browser_adaptive;
    r->lets_signed_in = s->on_store_failure == STORE_FAILURE_ALLOW_SIGNED;
}

static void compile_state(struct rules *r, const struct access_settings *a,
                          const struct grant_settings *g, const struct session_settings *s)
{
    r->store = (struct store_rules){
        .ipv4_prefix = (uint8_t)g->ipv4_prefix,
        .ipv6_prefix = (uint8_t)g->ipv6_prefix,
        .grant_ttl = seconds_of(g->ttl),
        .grant_max_keys = (unsigned)g->max_keys,
        .grant_max_pairs = (unsigned)g->max_pairs,
        .grant_max_uids = (unsigned)g->max_users,
        .session_ttl = seconds_of(s->ttl),
        .session_max = seconds_of(s->max),
        .session_strict = s->strict,
        .max_streams = (unsigned)a->max_streams,
        .streams_idle = seconds_of(a->max_streams_idle),
        .streams_end_oldest = a->on_max_streams == MAX_STREAMS_END_OLDEST,
    };
    r->viewer = (struct viewer_rules){(enum viewer_bind)s->bind, r->store.ipv4_prefix,
                                      r->store.ipv6_prefix};
    r->cookie = s->cookie;
}

static void compile_cors(struct rules *r, const struct cors_settings *s)
{
    r->cors = (struct cors_policy){.origins = s->origins.items,
                                   .origin_count = (unsigned)s->origins.count,
                                   .credentials = s->credentials,
                                   .max_age_seconds = (unsigned)seconds_of(s->max_age)};
}

static void compile_cache(struct rules *r, const struct cache_settings *s,
                          const struct pool_settings *pool)
{
    r->file_check = s->check;
    r->hot_after = (unsigned)s->hot_after;
    r->max_in_memory = MIN(s->file_copy_max, s->max_object);
    r->cache = (struct cache_rules){.ttl = s->ttl,
                                    .negative_ttl = s->negative_ttl,
                                    .stale_while_revalidate = s->stale_while_revalidate,
                                    .stale_if_error = s->stale_if_error,
                                    .max_object = s->max_object,
                                    .pass_buffer = pool->buffer,
                                    .has_header = s->header};
}

static void compile_compression(struct rules *r, const struct compression_settings *s)
{
    r->compression = (struct compress_rules){
        .codings = (s->gzip ? 1u << CODING_GZIP : 0) | (s->brotli ? 1u << CODING_BR : 0),
        .min_size = s->min_size,
        .max_size = s->max_size,
    };
}

int rules_new(struct arena *arena, const struct gate_settings *s, const struct proxy_rules *proxies,
              struct conf_report *report, const struct conf_source *source, struct rules **ret)
{
    AUTO(rules_free) struct rules *r = ARENA_NEW(arena, struct rules);
    int error = 0;

    if (r == NULL)
        return -1;
    compile_classes(r, &s->access);
    compile_limits(r, &s->access);
    compile_state(r, &s->access, &s->grant, &s->session);
    compile_cors(r, &s->cors);
    r->fixed_whitelist =
        (struct ip_set){s->access.fixed_whitelist.items, (unsigned)s->access.fixed_whitelist.count};
    r->trusted_proxies = (struct ip_set){proxies->trusted.items, (unsigned)proxies->trusted.count};
    r->client_field = (enum client_field)proxies->client_field;
    compile_cache(r, &s->cache, &s->pool);
    r->max_playlist = s->playlist.max_size;
    compile_compression(r, &s->compression);
    error |= compile_secrets(arena, r, &s->token, report, source);
    error |= compile_stream_key(r, &s->access, report, source);
    error |= origins_open(arena, r, s, report, source);
    if (error != 0)
        return -1;
    *ret = TAKE(r);
    return 0;
}

void rules_free(struct rules **r)
{
    struct rules *old = TAKE(*r);

    if (old == NULL)
        return;
    token_keyring_free(&old->keyring);
    stream_key_rule_free(&old->stream_key);
    origins_close(old);
}
