/* Content codings (RFC 9110 8.4.1), and which of them a client takes (12.5.3). */
#ifndef HTTP_CODING_H
#define HTTP_CODING_H

#include <stdbool.h>

#include "base/str.h"

/* The better one last, for who likes both as much. */
enum http_coding { CODING_IDENTITY, CODING_GZIP, CODING_BR, CODING_COUNT };

struct str http_coding_word(enum http_coding c); /* "identity", "gzip", "br" */

struct http_accepted {
    enum http_coding best; /* CODING_IDENTITY, or one that is offered */
    bool refuses_identity; /* "identity;q=0", or "*;q=0" without a word about identity */
};

/*
 * `field` is an Accept-Encoding; `offered` has a bit 1 << CODING_... for each coding that there is
 * beside identity. Without a field, or with an empty one: identity. What the client says nothing
 * about it does not take, but for identity; an element that is malformed says nothing. When
 * nothing is left that it takes, `best` is identity all the same: the answer is then not coded
 * (12.5.3 leaves the choice between that and an error).
 */
struct http_accepted http_accept_encoding(struct str field, unsigned offered);

#endif
