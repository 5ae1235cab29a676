/* One MAC, compared in constant time. */
#include "admin/js_sign.h"

#include "access/token.h"
#include "base/codec.h"

static bool decode(struct str sign, uint8_t ret[TOKEN_MAC_LEN])
{
    return sign.n == HEX_LEN(TOKEN_MAC_LEN) ? hex_decode(sign, ret, TOKEN_MAC_LEN) == 0
                                            : base64url_decode(sign, ret, TOKEN_MAC_LEN) == 0;
}

static struct str mac_str(const uint8_t mac[TOKEN_MAC_LEN])
{
    return (struct str){(const char *)mac, TOKEN_MAC_LEN};
}

enum js_verdict js_verify(struct arena *a, struct str secret, struct str uid, struct str js_path,
                          unix_t expires, struct str sign, unix_t now)
{
    uint8_t given[TOKEN_MAC_LEN], right[TOKEN_MAC_LEN];
    char digits[DECIMAL_MAX];
    struct str pieces[] = {
        uid, STR(":"), js_path, STR(":"), {digits, decimal_encode((uint64_t)expires, digits)}};
    struct str message = arena_join(a, pieces, ARRAY_LEN(pieces));

    if (secret.n == 0 || message.p == NULL || !decode(sign, given))
        return JS_BAD_SIGNATURE;
    hmac_sha256(secret, message, right);
    if (!str_eq_secret(mac_str(given), mac_str(right)))
        return JS_BAD_SIGNATURE;
    return now > expires ? JS_EXPIRED : JS_SIGNED;
}
