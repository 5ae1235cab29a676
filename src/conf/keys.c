/* An inline secret's row stands for three names; every walk over names goes into it. */
#include "conf/keys.h"

enum { NAME_MAX_COMPARED = 64, MAX_EDITS = 2 };

const struct conf_field conf_secret_keys[] = {
    {.name = "env"}, {.name = "file"}, {.name = "key"}, CONF_END};

bool conf_keys_know(const struct conf_field *fields, struct str key)
{
    for (const struct conf_field *f = fields; f->name != NULL; f++) {
        if (conf_field_is_inline(f) ? conf_keys_know(conf_secret_keys, key)
                                    : str_eq(key, str_of(f->name)))
            return true;
    }
    return false;
}

/* Levenshtein's distance, one row at a time: row[j] is the distance of the prefixes a[0..i] and
 * b[0..j]. */
static size_t edit_distance(struct str a, struct str b)
{
    size_t row[NAME_MAX_COMPARED + 1];

    if (a.n > NAME_MAX_COMPARED || b.n > NAME_MAX_COMPARED)
        return NAME_MAX_COMPARED;
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t replaced = diagonal + (a.p[i - 1] != b.p[j - 1]);

            diagonal = row[j];
            row[j] = MIN(row[j], row[j - 1]) + 1;
            row[j] = MIN(row[j], replaced);
        }
    }
    return row[b.n];
}

static void keep_nearest(const struct conf_field *fields, struct str key, size_t *edits,
                         const char **best)
{
    for (const struct conf_field *f = fields; f->name != NULL; f++) {
        size_t distance;

        if (conf_field_is_inline(f)) {
            keep_nearest(conf_secret_keys, key, edits, best);
            continue;
        }
        distance = edit_distance(key, str_of(f->name));
        if (distance < *edits) {
            *edits = distance;
            *best = f->name;
        }
    }
}

const char *conf_keys_nearest(const struct conf_field *fields, struct str key)
{
    size_t edits = MIN((size_t)MAX_EDITS + 1, key.n); /* a new word altogether is not near */
    const char *best = NULL;

    keep_nearest(fields, key, &edits, &best);
    return best;
}

void conf_keys_list(const struct conf_field *fields, struct buf *ret)
{
    for (const struct conf_field *f = fields; f->name != NULL; f++) {
        if (f != fields)
            buf_add(ret, STR(", "));
        if (conf_field_is_inline(f))
            conf_keys_list(conf_secret_keys, ret);
        else
            buf_add(ret, str_of(f->name));
    }
}

bool conf_keys_hold_secret(const struct conf_field *fields)
{
    for (const struct conf_field *f = fields; f->name != NULL; f++)
        if (conf_field_is_inline(f))
            return true;
    return false;
}
