/* The local folder from inside: for the files and tests of origin/ only. */
#ifndef ORIGIN_FOLDER_INTERNAL_H
#define ORIGIN_FOLDER_INTERNAL_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "origin/origin.h"

enum folder_method { FOLDER_OPENAT2, FOLDER_WALK };

struct origin {
    _Atomic unsigned refs; /* the snapshot's, and one for each open on the pool */
    int root;              /* owned; O_PATH */
    enum folder_method method;
};

void origin_set_method(struct origin *o, enum folder_method method); /* for tests */

/* The regular file at `path` and what is known of it, or -errno as origin_open() says. Blocks. */
int folder_open(const struct origin *o, struct str path, struct stat *ret_stat) MUST_CHECK;

#endif
