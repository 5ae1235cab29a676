/*
 * What is peculiar to one address that we listen on, in one configuration: TLS, the PROXY header,
 * redirection. Immutable and reference-counted: a connection keeps the one it came through for its
 * whole life, whatever a reload brings to those that come after it.
 */
#ifndef SERVER_ENTRANCE_H
#define SERVER_ENTRANCE_H

#include <stdatomic.h>

#include "gate/req.h"
#include "net/tls.h"
#include "server/settings.h"

struct entrance {
    atomic_uint refs;
    struct net_address address;
    struct door door;
    struct tls_server *tls; /* owned; NULL: none */
    bool has_http2, has_proxy_header;
    char hsts[32]; /* door.hsts */
    char *base;    /* owned: door.redirect */
};

/* -1 with what is wrong in `ret_error`. */
int entrance_new(const struct listen_setting *s, struct tls_tickets *tickets, struct entrance **ret,
                 struct buf *ret_error) MUST_CHECK;
struct entrance *entrance_ref(struct entrance *e);
void entrance_unref(struct entrance **e); /* any thread */

bool entrance_is_at(const struct entrance *e, const struct net_address *a);

#endif
