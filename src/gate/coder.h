/*
 * Compressing, in one go and in memory, for one thread. The only place that knows libdeflate and
 * brotli.
 */
#ifndef GATE_CODER_H
#define GATE_CODER_H

#include "base/mem.h"
#include "base/str.h"
#include "http/coding.h"

enum coder_effort {
    CODER_FAST, /* for one viewer: about 1.3 us (br) and 2 us (gzip) for each KB of a playlist */
    CODER_THOROUGH, /* for many: 3 to 5 times that, for a few parts in a hundred less */
};

struct coder;

struct coder *coder_new(void);
void coder_free(struct coder **c);

/* Room that is enough for `n` bytes in any coding, however badly they compress. */
size_t coder_bound(size_t n);

/* Equal bytes, coding and effort give equal bytes. How many; 0: they don't fit into `room`. */
size_t coder_run(struct coder *c, enum http_coding coding, enum coder_effort effort,
                 struct str plain, char *ret, size_t room) MUST_CHECK;

#endif
