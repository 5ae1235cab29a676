/*
 * What one worker has compressed: by name, up to CODED_BYTES, the least valuable out first
 * (cache/sieve.h), so that a reload, or another viewer of the same bytes, costs no compression
 * again. It is remembered, too, of what compression makes nothing smaller. Not thread-safe.
 */
#ifndef GATE_CODED_H
#define GATE_CODED_H

#include "base/str.h"
#include "cache/blob.h"

enum {
    CODED_BYTES = 4 << 20, /* of one worker, records and names included */
    CODED_ONE_MAX = CODED_BYTES / 4,
};

struct coded;

struct coded *coded_new(void);
void coded_free(struct coded **c);

enum coded_found { CODED_UNKNOWN, CODED_NO_GAIN, CODED_IS_HERE };

/* With CODED_IS_HERE `ret` is a reference for the caller. */
enum coded_found coded_get(struct coded *c, struct str name, struct blob **ret);

/* `b` NULL: no gain. The name must not be in there, and is copied; the blob is referenced, unless
 * it is over CODED_ONE_MAX: then nothing is kept. */
void coded_put(struct coded *c, struct str name, struct blob *b);

void coded_clear(struct coded *c);

size_t coded_bytes(const struct coded *c);
long coded_live(void); /* blobs that all of them in the process hold (a gauge) */

#endif
