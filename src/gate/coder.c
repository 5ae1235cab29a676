/* Levels were chosen by measuring playlists with credentials in them (docs/http.md, Compression).
 */
#include "gate/coder.h"

#include <brotli/encode.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "base/panic.h"

enum {
    GZIP_FAST = 1,
    GZIP_THOROUGH = 6,
    BR_FAST = 1,
    BR_THOROUGH = 5,
    BR_WINDOW_BITS =
        18, /* 256 KiB: a larger one takes more memory for each run, and gains nothing */
    BOUND_SPARE = 1024, /* heads and trailers */
};

struct coder {
    struct libdeflate_compressor *gzip[2]; /* owned; by effort, made when first needed */
};

struct coder *coder_new(void)
{
    return xzalloc(sizeof(struct coder));
}

void coder_free(struct coder **c)
{
    struct coder *old = TAKE(*c);

    if (old == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(old->gzip); i++)
        libdeflate_free_compressor(old->gzip[i]);
    free(old);
}

/* Both store what does not compress, in blocks with a few bytes of head each. */
size_t coder_bound(size_t n)
{
    return n + n / 64 + BOUND_SPARE;
}

static size_t run_gzip(struct coder *c, enum coder_effort effort, struct str plain, char *ret,
                       size_t room)
{
    struct libdeflate_compressor **one = &c->gzip[effort];

    if (*one == NULL)
        *one = libdeflate_alloc_compressor(effort == CODER_FAST ? GZIP_FAST : GZIP_THOROUGH);
    assert(*one != NULL); /* small: as with xmalloc() */
    return libdeflate_gzip_compress(*one, plain.p, plain.n, ret, room);
}

static size_t run_br(enum coder_effort effort, struct str plain, char *ret, size_t room)
{
    size_t n = room;
    int quality = effort == CODER_FAST ? BR_FAST : BR_THOROUGH;

    if (!BrotliEncoderCompress(quality, BR_WINDOW_BITS, BROTLI_MODE_TEXT, plain.n,
                               (const uint8_t *)plain.p, &n, (uint8_t *)ret))
        return 0;
    return n;
}

size_t coder_run(struct coder *c, enum http_coding coding, enum coder_effort effort,
                 struct str plain, char *ret, size_t room)
{
    switch (coding) {
    case CODING_GZIP:
        return run_gzip(c, effort, plain, ret, room);
    case CODING_BR:
        return run_br(effort, plain, ret, room);
    case CODING_IDENTITY:
    case CODING_COUNT:
    default:
        WRONG("not a coding that compresses");
    }
}
