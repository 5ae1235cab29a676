/*
 * Several ranges of one representation as one content: multipart/byteranges (RFC 9110 14.6), a body
 * around bodies. Nothing is copied: the lines between the parts are made beforehand, the parts are
 * shown as they are. Its length is known before.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/arena.h"
#include "base/body.h"
#include "http/range.h"

struct multipart_part {
    struct str head;      /* delimiter and fields */
    struct body *content; /* owned until it has been sent */
};

struct multipart_body {
    struct body body;
    struct arena *arena; /* borrowed */
    struct str boundary, type;
    uint64_t length; /* of the whole representation */
    unsigned count, at;
    size_t head_sent; /* of part `at`; behind the last one, of `end` */
    struct str end;
    struct multipart_part parts[HTTP_RANGES_MAX];
};

enum { MULTIPART_BOUNDARY_LEN = 22 };

/*
 * `type` and `length` are those of the representation; `a` and `type` must outlive the body. The
 * boundary is drawn at random for each response: neither by chance nor by who has written the
 * content does it stand in there. NULL when the arena is full.
 */
struct multipart_body *multipart_body_new(struct arena *a, struct str type, uint64_t length);

/* The next part. `content` holds just these bytes, and is owned from here on. -1: the arena is
 * full; the content has then been let go of. */
int multipart_body_add(struct multipart_body *m, const struct http_byte_range *range,
                       struct body *content) MUST_CHECK;

/* All parts are in; m->body can be sent. -1: the arena is full. */
int multipart_body_close(struct multipart_body *m) MUST_CHECK;

/* "multipart/byteranges; boundary=..." */
struct str multipart_type(const struct multipart_body *m);

#endif
