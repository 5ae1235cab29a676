/*
 * A YAML document as a tree of lines and texts, for conf/ alone: what stands in the file, before
 * any table has said what it means. Nodes live in an arena and point into it.
 */
#ifndef CONF_TREE_H
#define CONF_TREE_H

#include "conf/conf.h"

enum conf_node_kind {
    CONF_NODE_NOTHING, /* `key:`, `~` or `null` */
    CONF_NODE_SCALAR,
    CONF_NODE_MAPPING,
    CONF_NODE_SEQUENCE,
    CONF_NODE_BROKEN /* an alias: always with `refused` */
};

struct conf_node {
    struct conf_node *next;  /* sibling */
    struct conf_node *first; /* child of a mapping or sequence */
    size_t count;            /* children */
    enum conf_node_kind kind;
    unsigned line;       /* of the key, when there is one */
    struct str key;      /* in a mapping; else STR_NONE */
    struct str text;     /* of a scalar */
    const char *refused; /* a part of YAML that we don't take stands here: the message; else NULL */
};

struct conf_source {
    struct str file;
    const struct conf_node *root; /* never NULL */
};

/* 0, or -1 with an error in the report (or the arena full). */
int conf_tree_read(struct str text, struct str file, struct arena *arena,
                   struct conf_report *report, struct conf_node **ret_root) MUST_CHECK;

/* The first child with this key, or NULL. */
const struct conf_node *conf_node_get(const struct conf_node *mapping, struct str key);

/* "a section", "a list" ...: for messages. Not for broken ones. */
const char *conf_node_kind_name(const struct conf_node *node);

#endif
