/* Where a redirect leads. */
#ifndef ORIGIN_REDIRECT_H
#define ORIGIN_REDIRECT_H

#include "origin/cluster_internal.h"

enum {
    REDIRECTS_MAX = 5,
    REDIRECT_URL_MAX = 8 * 1024, /* endless Locations */
};

/*
 * `location` came from server `from`, which was asked for `target`. 0: the server and the target to
 * ask for (`ret_target` is replaced). -ELOOP: out of the cluster; -EPROTO: malformed, or too long.
 */
int redirect_resolve(const struct cluster *c, unsigned from, struct str target, struct str location,
                     struct buf *ret_target, unsigned *ret_server) MUST_CHECK;

#endif
