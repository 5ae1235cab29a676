/*
 * A body of unknown length in chunked transfer coding (RFC 9112 7.1): a body around a body. Nothing
 * is copied; what the inner body shows at one time becomes one chunk.
 */
#ifndef HTTP_CHUNKED_H
#define HTTP_CHUNKED_H

#include "base/body.h"

struct chunked_body {
    struct body body;
    struct body *inner;    /* borrowed: its owner ends it */
    uint64_t chunk_left;   /* of the inner body's bytes */
    uint64_t content_sent; /* the inner body's bytes so far, without framing */
    char line[24];         /* the end of the chunk before, and the size of this one */
    uint8_t line_at, line_n;
    bool has_begun, has_ended;
};

void chunked_body_init(struct chunked_body *c, struct body *inner);

#endif
