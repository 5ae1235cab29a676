/* The names that a table knows, and the one that was probably meant. For conf/ alone. */
#ifndef CONF_KEYS_H
#define CONF_KEYS_H

#include "conf/conf.h"

/* The rows of env, file and key: names alone. */
extern const struct conf_field conf_secret_keys[];

static inline bool conf_field_is_inline(const struct conf_field *f)
{
    return f->name[0] == '\0';
}

bool conf_keys_know(const struct conf_field *fields, struct str key);

/* The known name within two edits of `key`, or NULL. */
const char *conf_keys_nearest(const struct conf_field *fields, struct str key);

/* "a, b, c". */
void conf_keys_list(const struct conf_field *fields, struct buf *ret);

bool conf_keys_hold_secret(const struct conf_field *fields); /* an inline one */

#endif
