/*
 * Where a URI reference of a playlist leads (RFC 3986 5.2): to a path of this very host, or
 * elsewhere. The path is decoded and normalised as the gate will see it when a player asks for it
 * (http/url.h): begins with
 * "/", a run of slashes is one, "." and ".." are resolved.
 */
#ifndef HLS_URI_H
#define HLS_URI_H

#include <stdbool.h>

#include "base/str.h"

enum {
    URI_MAX_TARGET = 8192, /* no server takes a longer request line; a longer URI leads nowhere */
};

struct uri_base {
    struct str path;      /* decoded path of the playlist, begins with "/" */
    struct str authority; /* host[:port] of this host; "" when not known */
};

struct uri_target {
    struct str path; /* lies in the caller's scratch space, or in the base */
    size_t end;      /* into the URI: after its path and query, before its fragment */
    bool has_query;
};

enum uri_place {
    URI_HERE,      /* credentials belong on it */
    URI_ELSEWHERE, /* another host or scheme, not a URI, or one that has credentials of its own */
};

/*
 * `scratch` holds URI_MAX_TARGET bytes. `ret` is set for URI_HERE only. ELSEWHERE is, too, whatever
 * players and the gate could understand differently: a credential must not travel on a guess.
 * `ret_names_host` becomes true (and is never reset) when the URI is absolute with http, https or
 * no scheme, so that the answer hangs on the authority.
 */
enum uri_place uri_locate(const struct uri_base *base, struct str uri, char *scratch,
                          struct uri_target *ret, bool *ret_names_host);

#endif
