/*
 * What a site signs for its pages, so that a browser may add itself to those who get static files:
 * HMAC-SHA256(js_whitelist.secret, "UID:JS_PATH:EXPIRES"), in lower-case hex or unpadded base64url.
 * A uid holds no ":", EXPIRES is a decimal, so no two meanings have one text. Pure.
 */
#ifndef ADMIN_JS_SIGN_H
#define ADMIN_JS_SIGN_H

#include "base/arena.h"
#include "base/clock.h"

enum js_verdict {
    JS_SIGNED,
    JS_BAD_SIGNATURE, /* or no secret: nothing verifies then */
    JS_EXPIRED,       /* right, but too old */
};

enum { JS_SIGN_MAX = 64 }; /* characters */

/* `js_path` exactly as it was sent. */
enum js_verdict js_verify(struct arena *a, struct str secret, struct str uid, struct str js_path,
                          unix_t expires, struct str sign, unix_t now);

#endif
