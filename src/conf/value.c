/*
 * Scalars and lists of scalars: a text, from the file or from the table, goes through its type's
 * parser. A default that does not parse is a bug in the table; a text from the file that does not
 * parse is a line in the report.
 */
#include <string.h>

#include "base/panic.h"
#include "conf/report.h"
#include "conf/slot.h"

enum { MESSAGE_CAP = 4096 };

/* Scalars */

static int parse_text(const struct slot *s, struct str text, void *dst, struct buf *error)
{
    const struct conf_type *type = s->field->type;

    if (memchr(text.p, '\0', text.n) != NULL) {
        buf_add(error, STR("text without NUL characters"));
        return -1;
    }
    if (type->is_path)
        text = conf_loader_resolve(s->loader, text);
    return text.p != NULL ? type->parse(s->loader->arena, text, s->field, dst, error) : -1;
}

static void fill_from_text(const struct slot *s, const struct place *place, struct str text,
                           void *dst)
{
    struct buf error = {.cap = MESSAGE_CAP};

    if (parse_text(s, text, dst, &error) < 0 && !s->loader->arena->is_full)
        conf_loader_complain(s->loader, place, "\"%.*s\" is not %.*s", CONF_QUOTED(text),
                             STR_FMT(buf_str(&error)));
    buf_done(&error);
}

static void fill_from_default(const struct slot *s, struct str text, void *dst)
{
    struct buf error = {.cap = MESSAGE_CAP};

    if (parse_text(s, text, dst, &error) < 0 && !s->loader->arena->is_full)
        WRONG("a default in a table of settings does not parse");
    buf_done(&error);
}

void conf_slot_complain_missing(const struct slot *s, const char *what)
{
    if (!s->is_lenient)
        conf_loader_complain(s->loader, &s->place, "is required (%s)", what);
}

void conf_scalar_fill(const struct slot *s)
{
    const char *def = s->field->def;

    if (s->node == NULL && def == NULL)
        conf_slot_complain_missing(s, s->field->type->name);
    else if (s->node == NULL)
        fill_from_default(s, str_of(def), slot_value(s));
    else if (s->node->kind == CONF_NODE_SCALAR)
        fill_from_text(s, &s->place, s->node->text, slot_value(s));
    else
        conf_loader_complain(s->loader, &s->place, "wants one value (%s), not %s",
                             s->field->type->name, conf_node_kind_name(s->node));
}

/* Lists */

char *conf_list_alloc(const struct slot *s, size_t count, size_t item_size)
{
    struct conf_list *list = slot_value(s);

    *list = (struct conf_list){NULL, 0};
    if (count == 0)
        return NULL;
    list->items = arena_zalloc(s->loader->arena, count * item_size);
    list->count = list->items != NULL ? count : 0;
    return list->items;
}

static void fill_default_list(const struct slot *s)
{
    struct str rest = str_of(s->field->def), piece;
    size_t count = rest.n > 0;
    char *item;

    for (size_t i = 0; i < rest.n; i++)
        count += rest.p[i] == ',';
    item = conf_list_alloc(s, count, s->field->type->size);
    for (; item != NULL && str_split(&rest, ',', &piece); item += s->field->type->size)
        fill_from_default(s, str_trim(piece), item);
}

static void complain_not_item(const struct slot *s, const struct place *place,
                              const struct conf_node *node)
{
    if (node->refused != NULL)
        conf_loader_complain(s->loader, place, "%s", node->refused);
    else
        conf_loader_complain(s->loader, place, "wants one value (%s), not %s", s->field->type->name,
                             conf_node_kind_name(node));
}

static void fill_items(const struct slot *s)
{
    char *dst = conf_list_alloc(s, s->node->count, s->field->type->size);
    struct place here = {.up = &s->place};

    for (const struct conf_node *item = s->node->first; item != NULL && dst != NULL;
         item = item->next) {
        here.line = item->line;
        if (item->kind == CONF_NODE_SCALAR && item->refused == NULL)
            fill_from_text(s, &here, item->text, dst);
        else
            complain_not_item(s, &here, item);
        here.index++;
        dst += s->field->type->size;
    }
}

void conf_list_fill(const struct slot *s)
{
    char *only;

    if (s->node == NULL) {
        if (s->field->def != NULL)
            fill_default_list(s);
        else
            conf_slot_complain_missing(s, "a list");
    } else if (s->node->kind == CONF_NODE_SEQUENCE) {
        fill_items(s);
    } else if (s->node->kind == CONF_NODE_SCALAR) {
        only = conf_list_alloc(s, 1, s->field->type->size);
        if (only != NULL)
            fill_from_text(s, &s->place, s->node->text, only);
    } else {
        conf_loader_complain(s->loader, &s->place, "wants a list (%s), not %s",
                             s->field->type->name, conf_node_kind_name(s->node));
    }
}
