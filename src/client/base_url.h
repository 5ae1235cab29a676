/* "https://o1.example:8443": what a server is called in the configuration, taken apart. */
#ifndef CLIENT_BASE_URL_H
#define CLIENT_BASE_URL_H

#include "base/mem.h"
#include "base/str.h"

/* Borrowed from the text. */
struct base_url {
    struct str scheme;    /* "http" or "https", in any case */
    struct str authority; /* host and port as they stand */
    struct str host;      /* an IPv6 address with its brackets */
    unsigned port;        /* the scheme's own, when none is given */
};

/* NULL, or what is wrong: a literal. */
const char *base_url_parse(struct str text, struct base_url *ret) MUST_CHECK;

#endif
