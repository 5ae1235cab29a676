/* Between h1.c, h1_index.c and h1_body.c. */
#ifndef HTTP_H1_INTERNAL_H
#define HTTP_H1_INTERNAL_H

#include "http/h1.h"

/* In the order a message goes through them; a message without content never leaves H1_IN_HEAD. */
enum h1_state {
    H1_IN_HEAD,
    H1_IN_CONTENT,    /* `left` bytes, then the end */
    H1_IN_SIZE,       /* the first digit of a chunk's size */
    H1_IN_SIZE_MORE,  /* further digits, or what follows them */
    H1_IN_SIZE_SPACE, /* white space that must lead to an extension (RFC 9112 7.1.1: BWS) */
    H1_IN_EXTENSION,
    H1_IN_SIZE_LF,
    H1_IN_CHUNK, /* `left` bytes of data */
    H1_IN_CHUNK_CR,
    H1_IN_CHUNK_LF,
    H1_IN_TRAILER, /* the first byte of a trailer line, or of the last empty one */
    H1_IN_TRAILER_NAME,
    H1_IN_TRAILER_VALUE,
    H1_IN_TRAILER_LF,
    H1_IN_LAST_LF,
    H1_AT_END,
    H1_BROKEN,
};

/* The only way into H1_BROKEN. Returns `event`, so that a check reads "return h1_refuse(...)". */
enum h1_event h1_refuse(struct h1 *h, enum h1_event event, const char *reason);

/*
 * Fills `ix` from a whole head (request line to empty line) whose lines h1.c has seen through.
 * Offsets count from `base`. NULL, or the reason why it is malformed.
 */
const char *h1_index_fill(struct h1_index *ix, const char *base, struct str head) MUST_CHECK;

#endif
