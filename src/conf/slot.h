/*
 * One row of a table brought together with one place of a file: what load.c and secret.c fill. For
 * conf/ alone.
 */
#ifndef CONF_SLOT_H
#define CONF_SLOT_H

#include "conf/conf.h"
#include "conf/tree.h"

struct loader {
    struct arena *arena;
    struct conf_report *report;
    struct str file, folder; /* folder: ends with '/'; "" for the current one */
};

/* A place, linked to the one that holds it; the dotted key is only written when there is something
 * to say. */
struct place {
    const struct place *up; /* NULL: the file itself */
    struct str name;        /* STR_NONE: an item, by its index */
    size_t index;
    unsigned line;
};

struct slot {
    struct loader *loader;
    const struct conf_field *field;
    const struct conf_node *node; /* NULL: nothing stands in the file */
    void *section;                /* the struct that holds the value, field->offset into it */
    struct place place;
    bool is_lenient; /* what is required may be missing: its section is absent or was complained
                        about */
};

static inline void *slot_value(const struct slot *s)
{
    return (char *)s->section + s->field->offset;
}

void conf_loader_complain(const struct loader *l, const struct place *place, const char *format,
                          ...) PRINTF_LIKE(3, 4);

/* A relative path is taken from the file's folder; NUL-terminated, STR_NONE when the arena is full.
 */
struct str conf_loader_resolve(const struct loader *l, struct str path);

/* "is required (what)", unless the slot is lenient. */
void conf_slot_complain_missing(const struct slot *s, const char *what);

/* Room for `count` zeroed items, put into the slot's list; NULL for none of them. */
char *conf_list_alloc(const struct slot *s, size_t count, size_t item_size);

/* Each fills the slot's value, or complains. */
void conf_scalar_fill(const struct slot *s);
void conf_list_fill(const struct slot *s);
void conf_secret_fill(const struct slot *s);

#endif
