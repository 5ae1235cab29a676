/* Whole small files, for conf/ alone: the configuration, secrets, what the kernel says about
 * memory. */
#ifndef CONF_FILE_H
#define CONF_FILE_H

#include "base/buf.h"

/* Appends the file to `into`. 0 or a negative errno; -EFBIG when it does not fit under the buffer's
 * cap. */
int conf_file_read(const char *path, struct buf *into) MUST_CHECK;

#endif
