/* Cookies (RFC 6265): one value out of the Cookie field, and the Set-Cookie value of our own. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/arena.h"
#include "base/str.h"

/* The first cookie of that name, without its double quotes; STR_NONE when there is none. */
struct str cookie_get(struct str field_value, struct str name);

struct cookie {
    struct str name, value;
    uint64_t max_age; /* seconds; 0: the browser forgets it */
    bool is_secure;   /* it is sent over TLS alone */
    bool is_strict;   /* only from pages of the same site; else also when a link leads here */
};

/* "name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax|Strict[; Secure]". */
struct str cookie_write(struct arena *a, const struct cookie *c);

#endif
