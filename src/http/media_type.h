/* Content types by suffix: one table, the only place where they are named. */
#ifndef HTTP_MEDIA_TYPE_H
#define HTTP_MEDIA_TYPE_H

#include "base/str.h"

/* By the file name's last suffix, without case; "application/octet-stream" for an unknown one. */
struct str media_type_of(struct str path);

/* The same, but `otherwise` for an unknown one, unless it is empty. */
struct str media_type_or(struct str path, struct str otherwise);

#endif
