/*
 * Signatures in URLs: tokens, which a site's back end issues, and gate tokens, which hlsgate puts
 * into playlists. Formats are in the specification ("Token", "Gate token"). Pure: no clock, no
 * store.
 *
 * A secret's HMAC states (RFC 2104, inner and outer block already hashed) are computed once, at
 * load; a verification copies them. A keyring is immutable after token_keyring_new() and shared by
 * all threads; each thread brings a `struct token_scratch` of its own.
 */
#ifndef ACCESS_TOKEN_H
#define ACCESS_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "access/viewer.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/str.h"

enum {
    TOKEN_MAC_LEN = 32, /* HMAC-SHA256 */
    GATE_MAC_LEN = 16,  /* its first half */
    TOKEN_UID_MAX = 128,
    TOKEN_MAX_SECRETS = 16,
    TOKEN_SECRET_MIN = 16, /* bytes; `hlsgate check` refuses a shorter secret */
};

struct token_secret {
    struct str id; /* shown in logs and by `sign`; never the secret */
    struct str bytes;
};

struct token_keyring; /* holds the derived keys, not the secrets */
struct token_scratch; /* digest contexts of one thread */

/* The first secret signs, all verify. NULL when there is none or more than TOKEN_MAX_SECRETS. */
struct token_keyring *token_keyring_new(const struct token_secret *secrets, unsigned count);
void token_keyring_free(struct token_keyring **k); /* cleanses */
struct token_scratch *token_scratch_new(void);
void token_scratch_free(struct token_scratch **s);

/* 1 to TOKEN_UID_MAX bytes, without ":" (fields could be shifted under one MAC) and control
 * characters. */
bool token_uid_is_valid(struct str uid);

/* The credentials found in a query, still unverified. Parameter names are exact; "+" in a value is
 * a space, as form encoders write it. */
struct token_params {
    struct str uid, expires, scope, token, gate; /* percent-decoded; STR_NONE when absent */
    bool is_doubled; /* one of the names stands twice: refused, whatever the values */
};
/* Malformed percent-encoding leaves the value STR_NONE and sets is_doubled (= refuse). */
void token_params_parse(struct arena *a, struct str query, struct token_params *ret);

enum token_verdict {
    TOKEN_NONE, /* neither token nor gate parameter */
    TOKEN_OK,
    TOKEN_EXPIRED,   /* all is right but the time: now > expires */
    TOKEN_MALFORMED, /* missing companion, doubled parameter, uid empty / too long / with ':' or
                        control characters, expires not a decimal of 1 to 12 digits without leading
                        zero, scope not /.../ , MAC of wrong form */
    TOKEN_BAD_SIG,
    TOKEN_OUT_OF_SCOPE, /* signature right, but the path is not under the scope (expired or not) */
};

enum token_kind { TOKEN_PATH, TOKEN_SCOPE, GATE_SCOPE, GATE_PATH, TOKEN_KIND_COUNT };

struct token {
    enum token_kind kind;
    struct str uid;   /* borrowed from the params */
    struct str scope; /* STR_NONE for TOKEN_PATH and GATE_PATH */
    unix_t expires;
    uint8_t mac[TOKEN_MAC_LEN]; /* GATE_*: the first GATE_MAC_LEN bytes; names the token in the
                                   store (replay) */
    uint8_t secret;             /* index of the secret that verified */
};

/*
 * `path` is decoded and normalised. When both `gate` and `token` stand in the query, only `gate` is
 * judged. ret_token is filled for TOKEN_OK and TOKEN_EXPIRED, and as far as uid and expires go for
 * the log otherwise (empty when unparsable). A compat token is judged against the path with and
 * without its leading "/", under each secret; MACs are compared in constant time.
 */
enum token_verdict token_verify(const struct token_keyring *k, struct token_scratch *s,
                                const struct token_params *p, struct str path,
                                const struct viewer *v, unix_t now, struct token *ret_token);

/*
 * Signing. MACs are written as unpadded base64url: BASE64URL_LEN(TOKEN_MAC_LEN) = 43 and
 * BASE64URL_LEN(GATE_MAC_LEN) = 22 characters, no NUL. `scope` begins and ends with "/".
 *
 *   token: HMAC(secret, "U:P:E") or HMAC(secret, "U:S*:E")
 *   gate:  HMAC(k, "U:P:E:V") or HMAC(k, "U:S*:E:V"), k = HMAC(secret, "hlsgate gate token v1"),
 *          V = viewer id in lower-case hex
 *
 * A gate token's path that ends with "*" is signed with one "*" more, so that no path's MAC is a
 * scope's. A back end's tokens have no such guard: it must not sign a path that ends with "/" + "*"
 * unless it means the folder.
 */
void token_sign_path(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                     struct str path, unix_t expires, char ret[43]);
void token_sign_scope(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                      struct str scope, unix_t expires, char ret[43]);
void gate_sign_scope(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                     struct str scope, unix_t expires, const struct viewer *v, char ret[22]);
void gate_sign_path(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                    struct str path, unix_t expires, const struct viewer *v, char ret[22]);

/* "uid=U&expires=E&scope=S&token=T" and the like, percent-encoded, to be put behind "?" or "&". No
 * scope parameter for STR_NONE. STR_NONE when the arena is full. */
struct str token_query(struct arena *a, struct str uid, unix_t expires, struct str scope,
                       struct str mac_name, struct str mac);

/* Is this a name that only the gate uses (uid, expires, scope, token, gate)? Such parameters never
 * reach origins or cache keys. */
bool token_is_param(struct str name);

/*
 * Seals: MACs over what else hlsgate hands out and gets back (the dashboard's badges), by keys that
 * are derived from the secrets and used for nothing else: HMAC(secret, "hlsgate seal v1").
 * `purpose` keeps those of one use from being taken for those of another. Compared in constant
 * time.
 */
void token_seal(const struct token_keyring *k, struct token_scratch *s, struct str purpose,
                struct str message, uint8_t ret[TOKEN_MAC_LEN]);
bool token_seal_holds(const struct token_keyring *k, struct token_scratch *s, struct str purpose,
                      struct str message, const uint8_t *mac, size_t mac_len);

/* HMAC-SHA256 for other uses (js whitelist, derived ids), and plain SHA-256. */
void hmac_sha256(struct str key, struct str message, uint8_t ret[32]);
void sha256(struct str message, uint8_t ret[32]);

#endif
