/* What the tests and the fuzzer of hls/ share: credentials that name their target, and a puller of
 * bodies. */
#ifndef HLS_FIXTURE_H
#define HLS_FIXTURE_H

#include "base/arena.h"
#include "base/body.h"
#include "base/buf.h"
#include "base/panic.h"
#include "hls/playlist.h"

/* "own=/decoded/path" for each target. */
static inline struct str *fixture_own(struct arena *a, const struct playlist *p)
{
    struct str *own = arena_zalloc(a, (p->target_count + 1) * sizeof *own);

    assert(own != NULL);
    for (uint32_t i = 0; i < p->target_count; i++)
        own[i] = arena_join(a, (struct str[]){STR("own="), p->targets[i]}, 2);
    return own;
}

/* Pulls the whole body, at most `step` bytes at a time, and ends it. */
static inline void fixture_drain(struct body *b, size_t step, struct buf *out)
{
    while (b->left > 0) {
        struct body_view view;
        size_t n;

        assert(body_peek(b, &view) == 1 && view.kind == BODY_MEMORY && view.iov_count == 1);
        n = MIN(view.iov[0].iov_len, step);
        assert(n > 0 && n <= b->left);
        buf_add(out, (struct str){view.iov[0].iov_base, n});
        body_advance(b, n);
    }
    body_done(b);
}

#endif
