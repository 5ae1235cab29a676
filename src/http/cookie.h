/* Cookies (RFC 6265): one value out of the Cookie field, and the Set-Cookie value of a session. */
#ifndef HTTP_COOKIE_H
#define HTTP_COOKIE_H

#include "base/arena.h"
#include "base/str.h"

/* The first cookie of that name, without its double quotes; STR_NONE when there is none. */
struct str cookie_get(struct str field_value, struct str name);

/* "name=value; Path=/; Max-Age=N; HttpOnly; SameSite=Lax[; Secure]". */
struct str cookie_session(struct arena *a, struct str name, struct str value,
                          uint64_t max_age_seconds, bool is_secure);

#endif
