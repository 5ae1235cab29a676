/*
 * Signing and verifying. Every MAC is over "U:" + path or scope + tail, where the tail is "[*]:E"
 * and for gate tokens
 * ":V" more. U has no ":", E and V are digits, so the fields can be read back from both ends: no
 * two different claims share a message. Gate tokens use a derived key, so the two families cannot
 * be confused either.
 *
 * Order of judgement: form, signature, scope, time. An expired token may still carry a session on,
 * so "expired" is said only of what would be accepted otherwise.
 */
#include "access/token.h"

#include <stdlib.h>

#include <openssl/crypto.h>

#include "access/digest.h"
#include "access/mac_memo.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/panic.h"

struct secret_keys {
    struct hmac_key token, gate, seal;
};

struct token_keyring {
    unsigned count;
    struct secret_keys of[TOKEN_MAX_SECRETS];
};

struct token_scratch {
    EVP_MD_CTX *work;      /* owned */
    struct mac_memo *memo; /* owned */
    unsigned
        first[TOKEN_KIND_COUNT]; /* the try that succeeded last, by kind: a site signs one way */
};

enum {
    EXPIRES_MAX_DIGITS = 12,
    TAIL_MAX = 3 + DECIMAL_MAX + HEX_LEN(VIEWER_ID_LEN), /* "*:" E ":" V */
};

static void derive(struct str secret, struct str use, struct hmac_key *ret)
{
    uint8_t derived[SHA256_LEN];

    hmac_sha256(secret, use, derived);
    hmac_key_init(ret, (struct str){(const char *)derived, sizeof derived});
    OPENSSL_cleanse(derived, sizeof derived);
}

static void secret_keys_init(struct secret_keys *keys, struct str secret)
{
    hmac_key_init(&keys->token, secret);
    derive(secret, STR("hlsgate gate token v1"), &keys->gate);
    derive(secret, STR("hlsgate seal v1"), &keys->seal);
}

struct token_keyring *token_keyring_new(const struct token_secret *secrets, unsigned count)
{
    struct token_keyring *k;

    if (count == 0 || count > TOKEN_MAX_SECRETS)
        return NULL;
    k = xzalloc(sizeof *k);
    k->count = count;
    for (unsigned i = 0; i < count; i++)
        secret_keys_init(&k->of[i], secrets[i].bytes);
    return k;
}

void token_keyring_free(struct token_keyring **k)
{
    if (*k == NULL)
        return;
    for (unsigned i = 0; i < (*k)->count; i++) {
        hmac_key_done(&(*k)->of[i].token);
        hmac_key_done(&(*k)->of[i].gate);
        hmac_key_done(&(*k)->of[i].seal);
    }
    free(TAKE(*k));
}

struct token_scratch *token_scratch_new(void)
{
    struct token_scratch *s = xzalloc(sizeof *s);

    s->work = EVP_MD_CTX_new();
    assert(s->work != NULL);
    s->memo = mac_memo_new();
    return s;
}

void token_scratch_free(struct token_scratch **s)
{
    if (*s == NULL)
        return;
    EVP_MD_CTX_free((*s)->work);
    mac_memo_free(&(*s)->memo);
    free(TAKE(*s));
}

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

bool token_uid_is_valid(struct str uid)
{
    if (uid.n == 0 || uid.n > TOKEN_UID_MAX)
        return false;
    for (size_t i = 0; i < uid.n; i++)
        if (uid.p[i] == ':' || is_control(uid.p[i]))
            return false;
    return true;
}

static bool scope_is_valid(struct str scope)
{
    return scope.n > 0 && scope.p[0] == '/' && scope.p[scope.n - 1] == '/';
}

/* One spelling for each time: the text itself is what was signed. */
static int expires_parse(struct str text, unix_t *ret)
{
    uint64_t v;

    if (text.n == 0 || text.n > EXPIRES_MAX_DIGITS || text.p[0] == '0' ||
        str_parse_u64(text, INT64_MAX, &v) < 0)
        return -1;
    *ret = (unix_t)v;
    return 0;
}

static bool is_gate(enum token_kind kind)
{
    return kind == GATE_SCOPE || kind == GATE_PATH;
}

static bool is_scope(enum token_kind kind)
{
    return kind == TOKEN_SCOPE || kind == GATE_SCOPE;
}

static enum token_kind kind_of(const struct token_params *p)
{
    if (p->gate.p != NULL)
        return p->scope.p != NULL ? GATE_SCOPE : GATE_PATH;
    return p->scope.p != NULL ? TOKEN_SCOPE : TOKEN_PATH;
}

static int mac_parse(const struct token_params *p, uint8_t ret[TOKEN_MAC_LEN])
{
    if (p->gate.p != NULL)
        return base64url_decode(p->gate, ret, GATE_MAC_LEN);
    if (p->token.n == HEX_LEN(TOKEN_MAC_LEN))
        return hex_decode(p->token, ret, TOKEN_MAC_LEN);
    return base64url_decode(p->token, ret, TOKEN_MAC_LEN);
}

/* Whatever is well-formed goes into `t`, even when the whole is refused: the log shows it. */
static int claim_read(const struct token_params *p, struct token *t)
{
    int r = p->is_doubled ? -1 : 0;

    *t = (struct token){.kind = kind_of(p), .scope = p->scope};
    if (token_uid_is_valid(p->uid))
        t->uid = p->uid;
    else
        r = -1;
    if (expires_parse(p->expires, &t->expires) < 0)
        r = -1;
    if (is_scope(t->kind) && !scope_is_valid(t->scope))
        r = -1;
    return r < 0 ? r : mac_parse(p, t->mac);
}

static struct str tail_write(char ret[TAIL_MAX], enum token_kind kind, struct str subject,
                             struct str expires, const struct viewer *v)
{
    char *at = ret;

    if (is_scope(kind) || (kind == GATE_PATH && str_ends(subject, STR("*"))))
        *at++ = '*';
    *at++ = ':';
    memcpy(at, expires.p, expires.n);
    at += expires.n;
    if (is_gate(kind)) {
        *at++ = ':';
        at += hex_encode(v->id, VIEWER_ID_LEN, at);
    }
    return str_range(ret, at);
}

/* To be put into the memo, if `ret_q` has not come from there, once it is known to be of use. */
static void mac_make(const struct secret_keys *keys, struct token_scratch *s, enum token_kind kind,
                     struct str uid, struct str subject, struct str tail,
                     struct mac_question *ret_q, uint8_t ret[SHA256_LEN])
{
    const struct str pieces[] = {uid, STR(":"), subject, tail};
    const struct hmac_key *key = is_gate(kind) ? &keys->gate : &keys->token;

    if (!mac_memo_get(s->memo, key, pieces, ARRAY_LEN(pieces), ret_q, ret))
        hmac_run(key, s->work, pieces, ARRAY_LEN(pieces), ret);
}

/*
 * Tries every secret, a path token's also without the path's leading "/" (compat), beginning with
 * what succeeded last. Which of them succeeds is no secret; how much of a MAC agrees is, hence the
 * constant-time comparison.
 */
static bool mac_verifies(const struct token_keyring *k, struct token_scratch *s, struct token *t,
                         struct str path, struct str tail)
{
    unsigned forms = t->kind == TOKEN_PATH && str_starts(path, STR("/")) ? 2 : 1;
    unsigned tries = k->count * forms;
    size_t mac_n = is_gate(t->kind) ? GATE_MAC_LEN : TOKEN_MAC_LEN;
    struct mac_question q;
    uint8_t mac[SHA256_LEN];

    for (unsigned i = 0; i < tries; i++) {
        unsigned at = (s->first[t->kind] + i) % tries;
        struct str subject = is_scope(t->kind) ? t->scope : str_skip(path, at % forms);

        mac_make(&k->of[at / forms], s, t->kind, t->uid, subject, tail, &q, mac);
        if (CRYPTO_memcmp(mac, t->mac, mac_n) == 0) {
            mac_memo_put(s->memo, &q, mac);
            s->first[t->kind] = at;
            t->secret = (uint8_t)(at / forms);
            return true;
        }
    }
    return false;
}

static enum token_verdict judge(const struct token_keyring *k, struct token_scratch *s,
                                const struct token_params *p, struct str path,
                                const struct viewer *v, unix_t now, struct token *t)
{
    char tail_room[TAIL_MAX];
    struct str tail;

    if (claim_read(p, t) < 0)
        return TOKEN_MALFORMED;
    tail = tail_write(tail_room, t->kind, path, p->expires, v);
    if (!mac_verifies(k, s, t, path, tail))
        return TOKEN_BAD_SIG;
    if (is_scope(t->kind) && !str_starts(path, t->scope))
        return TOKEN_OUT_OF_SCOPE;
    return now > t->expires ? TOKEN_EXPIRED : TOKEN_OK;
}

enum token_verdict token_verify(const struct token_keyring *k, struct token_scratch *s,
                                const struct token_params *p, struct str path,
                                const struct viewer *v, unix_t now, struct token *ret_token)
{
    enum token_verdict verdict;
    struct token t;

    if (p->gate.p == NULL && p->token.p == NULL && !p->is_doubled) {
        *ret_token = (struct token){.kind = TOKEN_PATH};
        return TOKEN_NONE;
    }
    verdict = judge(k, s, p, path, v, now, &t);
    if (verdict == TOKEN_OK || verdict == TOKEN_EXPIRED)
        *ret_token = t;
    else
        *ret_token = (struct token){.kind = t.kind, .uid = t.uid, .expires = t.expires};
    return verdict;
}

static void sign(const struct token_keyring *k, struct token_scratch *s, enum token_kind kind,
                 struct str uid, struct str subject, unix_t expires, const struct viewer *v,
                 char *ret)
{
    char number[DECIMAL_MAX], tail_room[TAIL_MAX];
    size_t n = decimal_encode((uint64_t)expires, number);
    struct str tail = tail_write(tail_room, kind, subject, (struct str){number, n}, v);
    struct mac_question q;
    uint8_t mac[SHA256_LEN];

    mac_make(&k->of[0], s, kind, uid, subject, tail, &q, mac);
    mac_memo_put(s->memo, &q, mac);
    base64url_encode(mac, is_gate(kind) ? GATE_MAC_LEN : TOKEN_MAC_LEN, ret);
}

void token_sign_path(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                     struct str path, unix_t expires, char ret[43])
{
    sign(k, s, TOKEN_PATH, uid, path, expires, NULL, ret);
}

void token_sign_scope(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                      struct str scope, unix_t expires, char ret[43])
{
    assert(scope_is_valid(scope));
    sign(k, s, TOKEN_SCOPE, uid, scope, expires, NULL, ret);
}

void gate_sign_scope(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                     struct str scope, unix_t expires, const struct viewer *v, char ret[22])
{
    assert(scope_is_valid(scope));
    sign(k, s, GATE_SCOPE, uid, scope, expires, v, ret);
}

void gate_sign_path(const struct token_keyring *k, struct token_scratch *s, struct str uid,
                    struct str path, unix_t expires, const struct viewer *v, char ret[22])
{
    sign(k, s, GATE_PATH, uid, path, expires, v, ret);
}

/* ---- seals ---- */

/* A purpose holds no ":", so no two pairs share a message. */
static void seal(const struct hmac_key *key, struct token_scratch *s, struct str purpose,
                 struct str message, uint8_t ret[SHA256_LEN])
{
    struct str pieces[] = {purpose, STR(":"), message};

    hmac_run(key, s->work, pieces, ARRAY_LEN(pieces), ret);
}

void token_seal(const struct token_keyring *k, struct token_scratch *s, struct str purpose,
                struct str message, uint8_t ret[TOKEN_MAC_LEN])
{
    seal(&k->of[0].seal, s, purpose, message, ret);
}

bool token_seal_holds(const struct token_keyring *k, struct token_scratch *s, struct str purpose,
                      struct str message, const uint8_t *mac, size_t mac_len)
{
    bool holds = false;

    assert(mac_len > 0 && mac_len <= TOKEN_MAC_LEN);
    for (unsigned i = 0; i < k->count; i++) {
        uint8_t right[SHA256_LEN];

        seal(&k->of[i].seal, s, purpose, message, right);
        holds |= CRYPTO_memcmp(right, mac, mac_len) == 0;
    }
    return holds;
}
