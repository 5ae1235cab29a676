/* Content types: one table, the only place where they are named. */
#ifndef HTTP_MEDIA_TYPE_H
#define HTTP_MEDIA_TYPE_H

#include <stdbool.h>

#include "base/str.h"

struct media_type {
    struct str type;
    bool is_text; /* grows a lot smaller when it is compressed: text, JSON, playlists; no media */
};

/*
 * By the file name's last suffix, without case. For an unknown one `otherwise` (what an origin
 * says; borrowed), or, when that is empty, "application/octet-stream". text/event-stream is no text
 * here: it must not wait for more of itself.
 */
struct media_type media_type_of(struct str path, struct str otherwise);

#endif
