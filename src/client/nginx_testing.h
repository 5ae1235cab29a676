/* For tests: an nginx of the test's own, with certificates that openssl has just made. */
#ifndef CLIENT_NGINX_TESTING_H
#define CLIENT_NGINX_TESTING_H

#include <sys/types.h>

#include "client/client_testing.h"

enum { NGINX_BIG_BYTES = 24 << 20 }; /* of /big: peer_pattern() */

struct nginx {
    char folder[40];
    char ca[64], certificate[64], key[64]; /* of the CA, and of a client it knows */
    char tls[64];         /* bases: HTTP/2 and 1.1; its certificate is for o1.example */
    char clients[64];     /* the same, for clients with a certificate */
    char clear[64];       /* HTTP/2 with prior knowledge */
    char http1[64];       /* TLS with HTTP/1.1 alone */
    char short_lived[64]; /* as `tls`; says GOAWAY after ten requests */
    int listening[5];
    pid_t pid;
};

/*
 * /who      "HTTP/2.0 HOST SNI CONNECTION-NUMBER CLIENT-VERIFIED"
 * /big      NGINX_BIG_BYTES, ETag
 * /slow     the same, at 1 MiB/s
 * /nothing  204
 * /post     "METHOD LENGTH TYPE"
 */
void nginx_start(struct nginx *n);
void nginx_stop(struct nginx *n);
void nginx_kill(struct nginx *n); /* at once, whatever it does */

/* One for all tests of a file: cmocka's setups and teardowns. A world's requests go to `tls`. */
extern struct nginx nginx;
int nginx_group_setup(void **state);
int nginx_group_teardown(void **state);
int nginx_world_setup(void **state); /* world_teardown() goes with it */

void nginx_check_who(struct world *w, const char *want); /* is in what /who says */
void nginx_check_big(const struct seen *s);              /* a prefix of /big */

#endif
