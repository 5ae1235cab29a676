/* One layout, sealed together with the hash of its key: whoever knows a badge's id of a key, but
 * not the secrets, cannot make one. */
#include "admin/badge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { ID_LEN = 8, SEALED_LEN = BADGE_BYTES - TOKEN_MAC_LEN };

#define PURPOSE STR("badge")
#define WORD_PURPOSE STR("badge word")

static void id_of(const struct api_key_setting *key, uint8_t ret[ID_LEN])
{
    uint8_t digest[TOKEN_MAC_LEN];

    sha256((struct str){(const char *)key->sha256, sizeof key->sha256}, digest);
    memcpy(ret, digest, ID_LEN);
}

void badge_init(struct badge *b, const struct api_key_setting *key, unix_t now)
{
    b->key = key;
    b->expires = now + BADGE_LIFE;
    random_bytes(b->nonce, sizeof b->nonce);
}

static void put_time(uint8_t to[8], unix_t t)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)((uint64_t)t >> (56 - 8 * i));
}

static unix_t get_time(const uint8_t from[8])
{
    uint64_t t = 0;

    for (int i = 0; i < 8; i++)
        t = t << 8 | from[i];
    return (unix_t)t;
}

/* Id, time and nonce as they stand in the badge; behind them, of what is sealed, the key's hash. */
struct sealed {
    uint8_t bytes[SEALED_LEN + API_KEY_HASH_LEN];
};

static struct str sealed_str(const struct sealed *s)
{
    return (struct str){(const char *)s->bytes, sizeof s->bytes};
}

static void describe(const struct badge *b, struct sealed *ret)
{
    id_of(b->key, ret->bytes);
    put_time(ret->bytes + ID_LEN, b->expires);
    memcpy(ret->bytes + ID_LEN + 8, b->nonce, BADGE_NONCE_LEN);
    memcpy(ret->bytes + SEALED_LEN, b->key->sha256, API_KEY_HASH_LEN);
}

void badge_write(const struct badge *b, const struct badge_maker *m, char ret[BADGE_TEXT_LEN])
{
    uint8_t bytes[BADGE_BYTES];
    struct sealed s;

    describe(b, &s);
    memcpy(bytes, s.bytes, SEALED_LEN);
    token_seal(m->keyring, m->scratch, PURPOSE, sealed_str(&s), bytes + SEALED_LEN);
    base64url_encode(bytes, sizeof bytes, ret);
}

static const struct api_key_setting *find_key(const struct api_settings *s,
                                              const uint8_t id[ID_LEN])
{
    const struct api_key_setting *keys = s->keys.items;

    for (size_t i = 0; i < s->keys.count; i++) {
        uint8_t its[ID_LEN];

        id_of(&keys[i], its);
        if (memcmp(its, id, ID_LEN) == 0) /* no secret: it only says which one */
            return &keys[i];
    }
    return NULL;
}

bool badge_read(struct str text, const struct api_settings *s, const struct badge_maker *m,
                unix_t now, struct badge *ret)
{
    uint8_t bytes[BADGE_BYTES];
    struct sealed sealed;
    struct badge b;

    if (text.n != BADGE_TEXT_LEN || base64url_decode(text, bytes, sizeof bytes) < 0)
        return false;
    b.key = find_key(s, bytes);
    if (b.key == NULL)
        return false;
    b.expires = get_time(bytes + ID_LEN);
    memcpy(b.nonce, bytes + ID_LEN + 8, BADGE_NONCE_LEN);
    describe(&b, &sealed);
    if (!token_seal_holds(m->keyring, m->scratch, PURPOSE, sealed_str(&sealed), bytes + SEALED_LEN,
                          TOKEN_MAC_LEN))
        return false;
    if (now >= b.expires)
        return false;
    *ret = b;
    return true;
}

static struct str nonce_str(const struct badge *b)
{
    return (struct str){(const char *)b->nonce, sizeof b->nonce};
}

void badge_word(const struct badge *b, const struct badge_maker *m, char ret[BADGE_WORD_LEN])
{
    uint8_t mac[TOKEN_MAC_LEN];

    token_seal(m->keyring, m->scratch, WORD_PURPOSE, nonce_str(b), mac);
    base64url_encode(mac, BADGE_WORD_BYTES, ret);
}

bool badge_word_is(const struct badge *b, const struct badge_maker *m, struct str word)
{
    uint8_t mac[BADGE_WORD_BYTES];

    return word.n == BADGE_WORD_LEN && base64url_decode(word, mac, sizeof mac) == 0 &&
           token_seal_holds(m->keyring, m->scratch, WORD_PURPOSE, nonce_str(b), mac, sizeof mac);
}

/* ---- given back ---- */

struct returned_badge {
    unix_t expires; /* 0: a free place */
    uint8_t nonce[BADGE_NONCE_LEN];
};

struct returned_badges {
    pthread_mutex_t lock; /* held for a look through the table */
    struct returned_badge of[BADGES_RETURNED_MAX];
};

struct returned_badges *returned_badges_new(void)
{
    struct returned_badges *r = xzalloc(sizeof *r);

    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void returned_badges_free(struct returned_badges **r)
{
    struct returned_badges *old = TAKE(*r);

    if (old == NULL)
        return;
    pthread_mutex_destroy(&old->lock);
    free(old);
}

static struct returned_badge *find(struct returned_badges *r, const uint8_t *nonce)
{
    for (size_t i = 0; i < ARRAY_LEN(r->of); i++)
        if (r->of[i].expires != 0 && memcmp(r->of[i].nonce, nonce, BADGE_NONCE_LEN) == 0)
            return &r->of[i];
    return NULL;
}

/* What has expired is refused anyway: its place is the first to be taken. */
static struct returned_badge *first_to_expire(struct returned_badges *r)
{
    struct returned_badge *first = &r->of[0];

    for (size_t i = 1; i < ARRAY_LEN(r->of); i++)
        if (r->of[i].expires < first->expires)
            first = &r->of[i];
    return first;
}

void returned_badges_add(struct returned_badges *r, const struct badge *b, unix_t now)
{
    struct returned_badge *place;

    if (now >= b->expires)
        return;
    pthread_mutex_lock(&r->lock);
    place = find(r, b->nonce);
    if (place == NULL)
        place = first_to_expire(r);
    place->expires = b->expires;
    memcpy(place->nonce, b->nonce, BADGE_NONCE_LEN);
    pthread_mutex_unlock(&r->lock);
}

bool returned_badges_has(struct returned_badges *r, const struct badge *b)
{
    bool has;

    pthread_mutex_lock(&r->lock);
    has = find(r, b->nonce) != NULL;
    pthread_mutex_unlock(&r->lock);
    return has;
}
