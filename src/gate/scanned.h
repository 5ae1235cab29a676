/* What is made of a playlist's bytes, once, and kept beside them as cache_entry.derived. */
#ifndef GATE_SCANNED_H
#define GATE_SCANNED_H

#include "base/hash.h"
#include "gate/req.h"
#include "hls/playlist.h"

struct scanned_playlist {
    struct playlist *playlist; /* owned */
    char *authority;           /* owned: what "this very host" meant when it was scanned */
    struct hash_wide digest;   /* of the text */
};

/* Where a playlist stands, for a scan that comes when its request may have gone. */
struct playlist_place {
    char *path, *folder, *authority; /* owned */
};

void playlist_place_init(struct playlist_place *p, struct req *r);
void playlist_place_done(struct playlist_place *p);

/*
 * Scans `text`, which must live as long as what is made of it, and sets what->derived. What is no
 * playlist has none: it is passed through untouched.
 * PLAYLIST_TOO_MANY: it cannot be personalised, and must not be served without.
 */
enum playlist_error scanned_add(struct gate_worker *w, struct str text, struct playlist_place *p,
                                struct cache_entry *what);

char *cstr_of(struct str s); /* a NUL-terminated copy on the heap */

#endif
