/*
 * Attribute lists of tags: NAME=VALUE,NAME="quoted, value" (RFC 8216 4.2). Spaces around names and
 * values are passed over, as players do; anything else that is not a list is an error, found before
 * it could do harm.
 */
#ifndef HLS_ATTR_H
#define HLS_ATTR_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

struct attr {
    struct str name;
    struct str value; /* without the quotes */
    bool is_quoted;
};

/* Cuts the next attribute off `rest`: 1 got one, 0 at the end, -1 not a list. */
int attr_next(struct str *rest, struct attr *ret) MUST_CHECK;

#endif
