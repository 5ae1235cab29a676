/* Who may ask the API: the key presented, against those of the configuration. Pure. */
#ifndef ADMIN_AUTH_H
#define ADMIN_AUTH_H

#include "admin/settings.h"

enum auth_verdict {
    AUTH_OK,
    AUTH_NO_KEY,
    AUTH_UNKNOWN_KEY,
    AUTH_LOW_SCOPE, /* a key of ours, but it may not do this */
    AUTH_FORGED,    /* a badge, but nothing shows that its page has sent the request (caller.h) */
};

/* The key of ours that `presented` is; NULL: none. Every configured key is compared, whichever
 * matches, so that timing tells nothing. */
const struct api_key_setting *auth_find(const struct api_settings *s, struct str presented);

/*
 * `field` is the Authorization field, STR_NONE when there is none. SCOPE_NONE needs no key; one
 * that is presented all the same must be ours.
 */
enum auth_verdict auth_check(const struct api_settings *s, struct str field, enum api_scope needed);

/* May this key do it? NULL: nobody's. */
enum auth_verdict auth_judge(const struct api_key_setting *key, enum api_scope needed);

#endif
