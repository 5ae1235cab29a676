/*
 * Request targets and queries (RFC 3986), decoded once, strictly: what the gate has judged is byte
 * for byte what the origin opens.
 */
#ifndef HTTP_URL_H
#define HTTP_URL_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/str.h"

enum url_error {
    URL_OK = 0,
    URL_MALFORMED = -1, /* %zz, control characters raw or encoded, not UTF-8 or overlong once
                           decoded, a raw "#", not absolute: 400 */
    URL_NUL = -2,       /* %00: 400 */
    URL_ESCAPES = -3,  /* ".." that climbs above "/", an encoded slash (%2f), or a backslash: 400 */
    URL_TOO_LONG = -4, /* the arena's cap: 414 */
};

struct url {
    struct str path;  /* percent-decoded and normalised: begins with "/", no "//" , no "." or ".."
                         segment */
    struct str query; /* raw, without "?"; STR_NONE when there is none */
};

/*
 * Splits and decodes an origin-form target. "." and ".." segments (plain or encoded) are resolved
 * as RFC 3986 5.2.4 does; a run of slashes counts as one. `ret` borrows from `target` where nothing
 * had to be decoded, else from the arena.
 */
enum url_error url_parse(struct arena *a, struct str target, struct url *ret) MUST_CHECK;

/*
 * Percent-decodes ("+" stays "+"); any byte may come out. Answers its argument when there is
 * nothing to decode, and STR_NONE when malformed or the arena is full.
 */
struct str url_decode(struct arena *a, struct str s);

/*
 * Percent-encodes what may not stand raw in a path ("/" stays) or in a query value. Answers its
 * argument when there is nothing to encode, and STR_NONE when the arena is full.
 */
struct str url_encode_path(struct arena *a, struct str path);
struct str url_encode_query(struct arena *a, struct str value);

/*
 * The parameters of a query one after the other, raw. False at the end. Empty pieces ("a=1&&b=2")
 * are passed over; a parameter without "=" has an empty value.
 */
struct url_param {
    struct str name, value; /* raw */
    struct str whole;       /* "name=value" as it stands */
};
bool url_next_param(struct str *rest, struct url_param *ret);

#endif
