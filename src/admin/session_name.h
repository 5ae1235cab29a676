/* How the API names a session: never by its id, which is its viewer's. */
#ifndef ADMIN_SESSION_NAME_H
#define ADMIN_SESSION_NAME_H

#include "base/codec.h"

enum { SESSION_NAME_BYTES = 12, SESSION_NAME_LEN = BASE64URL_LEN(SESSION_NAME_BYTES) };

/* Into `ret`, without a NUL. */
struct str session_name(const char *id, char ret[SESSION_NAME_LEN]);

#endif
