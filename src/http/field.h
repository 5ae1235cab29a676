/*
 * Values of fields, of requests and of answers alike (RFC 9110 5.6): lists, quoted-strings,
 * numbers, entity-tags. What comes out borrows from what goes in. Linear in the value's length.
 */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include <stdbool.h>

#include "base/str.h"

/*
 * Cuts the next element off a comma-separated list: without the white space around it, empty ones
 * passed over (5.6.1.2). A comma inside a quoted-string (5.6.4) separates nothing; one that does
 * not close takes all the rest into its element. False at the end.
 */
bool http_list_next(struct str *rest, struct str *ret);

/* What stands between the quotes; false unless `s` is one quoted-string. Quoted-pairs stay as they
 * are. */
bool http_unquote(struct str s, struct str *ret);

/* Nothing but digits; a number that 64 bits cannot hold is the greatest they can. */
bool http_digits(struct str s, uint64_t *ret);

/* The next entity-tag of a list (8.8.3). False at the end, or where it stops being one. */
bool http_etag_next(struct str *rest, struct str *ret);

#endif
