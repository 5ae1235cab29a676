/* For tests: an nginx of the test's own, with certificates that openssl has just made. */
#ifndef CLIENT_NGINX_TESTING_H
#define CLIENT_NGINX_TESTING_H

#include <stdbool.h>
#include <sys/types.h>

enum { NGINX_BIG_BYTES = 24 << 20 }; /* of /big: peer_pattern() */

struct nginx {
    char folder[40];
    char ca[64], certificate[64], key[64]; /* of the CA, and of a client it knows */
    char tls[64];     /* bases: HTTP/2 and 1.1; its certificate is for o1.example */
    char clients[64]; /* the same, for clients with a certificate */
    char clear[64];   /* HTTP/2 with prior knowledge */
    char http1[64];   /* TLS with HTTP/1.1 alone */
    int listening[4];
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

#endif
