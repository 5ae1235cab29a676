/*
 * Badges: what a browser holds, in a cookie, once somebody has logged in to the dashboard with an
 * API key. A badge says which key that was and until when it is good, and is sealed
 * (access/token.h); nothing is kept for it. So each instance behind a balancer knows it, it
 * survives a restart, and it goes with its key or with the secrets. The key itself is not in it.
 * Pure.
 *
 * With each badge goes a word against forgery (CSRF): the page shows it with what it asks to be
 * done, a page of somebody else's cannot know it.
 *
 *     badge  base64url(id of the key 8 | expires 8 | nonce 16 | seal 32), big-endian
 *     word   base64url(the first half of the seal of the nonce)
 */
#ifndef ADMIN_BADGE_H
#define ADMIN_BADGE_H

#include "access/token.h"
#include "admin/settings.h"
#include "base/codec.h"

enum {
    BADGE_LIFE = 12 * 3600, /* seconds: a working day */
    BADGE_NONCE_LEN = 16,
    BADGE_BYTES = 8 + 8 + BADGE_NONCE_LEN + TOKEN_MAC_LEN,
    BADGE_TEXT_LEN = BASE64URL_LEN(BADGE_BYTES),
    BADGE_WORD_BYTES = 16,
    BADGE_WORD_LEN = BASE64URL_LEN(BADGE_WORD_BYTES),
};

struct badge {
    const struct api_key_setting *key; /* borrowed from the settings */
    unix_t expires;
    uint8_t nonce[BADGE_NONCE_LEN];
};

/* What seals them; both are borrowed. */
struct badge_maker {
    const struct token_keyring *keyring;
    struct token_scratch *scratch;
};

void badge_init(struct badge *b, const struct api_key_setting *key, unix_t now);
void badge_write(const struct badge *b, const struct badge_maker *m, char ret[BADGE_TEXT_LEN]);
void badge_word(const struct badge *b, const struct badge_maker *m, char ret[BADGE_WORD_LEN]);

/* False: not ours, of a key that is none (any more), or too old. */
bool badge_read(struct str text, const struct api_settings *s, const struct badge_maker *m,
                unix_t now, struct badge *ret);
bool badge_word_is(const struct badge *b, const struct badge_maker *m, struct str word);

/*
 * Badges that somebody gave back (logged out with) before they had expired: refused by this
 * process. Of fixed size, as only holders of keys can put any in; when it is full the one that
 * expires first gives way. From any thread.
 */
enum { BADGES_RETURNED_MAX = 1024 };
struct returned_badges;
struct returned_badges *returned_badges_new(void);
void returned_badges_free(struct returned_badges **r);
void returned_badges_add(struct returned_badges *r, const struct badge *b, unix_t now);
bool returned_badges_has(struct returned_badges *r, const struct badge *b);

#endif
