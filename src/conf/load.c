/*
 * Brings a tree and a table together: checks the keys of each section, then goes through its rows
 * and fills the struct. Nothing stops at a mistake; the load has failed when the report has grown.
 * Memory is asked for without a check at each place: the arena's `is_full` is sticky and looked at
 * once, at the end.
 */
#include "conf/conf.h"

#include <errno.h>
#include <string.h>

#include "base/panic.h"
#include "conf/file.h"
#include "conf/keys.h"
#include "conf/report.h"
#include "conf/slot.h"

enum { MESSAGE_CAP = 4096 };

static void fill_section(struct loader *l, const struct place *place, const struct conf_node *node,
                         const struct conf_field *fields, void *dst, bool is_lenient);

static void write_key(const struct place *place, struct buf *key)
{
    if (place->up == NULL)
        return;
    write_key(place->up, key);
    if (place->name.p == NULL)
        buf_printf(key, "[%zu]", place->index);
    else
        buf_printf(key, "%s%.*s", key->n > 0 ? "." : "", CONF_QUOTED(place->name));
}

void conf_loader_complain(const struct loader *l, const struct place *place, const char *format,
                          ...)
{
    struct buf key = {.cap = MESSAGE_CAP};
    va_list args;

    write_key(place, &key);
    va_start(args, format);
    conf_report_vadd(l->report, l->file, buf_str(&key), place->line, format, args);
    va_end(args);
    buf_done(&key);
}

struct str conf_loader_resolve(const struct loader *l, struct str path)
{
    bool is_relative = path.n > 0 && path.p[0] != '/';
    struct str pieces[] = {is_relative ? l->folder : STR(""), path};

    return arena_join(l->arena, pieces, ARRAY_LEN(pieces));
}

/* Sections */

static void complain_not_section(struct loader *l, const struct place *place,
                                 const struct conf_node *node)
{
    if (node->refused != NULL)
        conf_loader_complain(l, place, "%s", node->refused);
    else
        conf_loader_complain(l, place, "wants a section of keys, not %s",
                             conf_node_kind_name(node));
}

static void fill_one_section(const struct slot *s)
{
    const struct conf_field *f = s->field;
    bool is_there = s->node != NULL && s->node->kind == CONF_NODE_MAPPING;
    bool is_lenient = s->is_lenient || (!is_there && (f->optional || s->node != NULL));

    if (s->node != NULL && !is_there)
        complain_not_section(s->loader, &s->place, s->node);
    if (f->has_presence)
        *(bool *)((char *)s->section + f->presence_offset) = is_there;
    fill_section(s->loader, &s->place, is_there ? s->node : NULL, f->fields, slot_value(s),
                 is_lenient);
}

static void fill_section_items(const struct slot *s)
{
    char *dst = conf_list_alloc(s, s->node->count, s->field->item_size);
    struct place here = {.up = &s->place};

    for (const struct conf_node *item = s->node->first; item != NULL && dst != NULL;
         item = item->next) {
        bool is_section = item->kind == CONF_NODE_MAPPING && item->refused == NULL;

        here.line = item->line;
        if (!is_section)
            complain_not_section(s->loader, &here, item);
        fill_section(s->loader, &here, is_section ? item : NULL, s->field->fields, dst,
                     !is_section);
        here.index++;
        dst += s->field->item_size;
    }
}

static void fill_section_list(const struct slot *s)
{
    if (s->node != NULL && s->node->kind != CONF_NODE_SEQUENCE)
        conf_loader_complain(s->loader, &s->place, "wants a list of sections, not %s",
                             conf_node_kind_name(s->node));
    else if (s->node != NULL && s->node->count > 0)
        fill_section_items(s);
    else if (!s->field->optional)
        conf_slot_complain_missing(s, "at least one");
}

static void fill_slot(struct slot *s)
{
    if (s->node != NULL && s->node->refused != NULL) {
        conf_loader_complain(s->loader, &s->place, "%s", s->node->refused);
        s->node = NULL;
        s->is_lenient = true;
    }
    if (s->node != NULL && s->node->kind == CONF_NODE_NOTHING)
        s->node = NULL;
    switch (s->field->kind) {
    case CONF_SCALAR:
        conf_scalar_fill(s);
        return;
    case CONF_LIST:
        conf_list_fill(s);
        return;
    case CONF_SECTION:
        fill_one_section(s);
        return;
    case CONF_SECTION_LIST:
        fill_section_list(s);
        return;
    case CONF_SECRET:
        conf_secret_fill(s);
        return;
    default:
        WRONG("a row of no kind");
    }
}

static void complain_unknown(struct loader *l, const struct place *section,
                             const struct conf_node *child, const struct conf_field *fields)
{
    struct place here = {.up = section, .name = child->key, .line = child->line};
    bool is_hidden =
        conf_keys_hold_secret(fields); /* the key may be the secret itself, without its key */
    const char *nearest = conf_keys_nearest(fields, child->key);
    struct buf known = {.cap = MESSAGE_CAP};

    if (is_hidden)
        here = (struct place){section->up, section->name, section->index, child->line};
    conf_keys_list(fields, &known);
    if (nearest != NULL)
        conf_loader_complain(l, &here, "unknown key; did you mean \"%s\"?", nearest);
    else
        conf_loader_complain(l, &here, "unknown key; known here: %.*s", STR_FMT(buf_str(&known)));
    buf_done(&known);
}

static void check_keys(struct loader *l, const struct place *place, const struct conf_node *section,
                       const struct conf_field *fields)
{
    for (const struct conf_node *child = section->first; child != NULL; child = child->next) {
        struct place here = {.up = place, .name = child->key, .line = child->line};
        const struct conf_node *first;

        if (!conf_keys_know(fields, child->key)) {
            complain_unknown(l, place, child, fields);
            continue;
        }
        first = conf_node_get(section, child->key);
        if (first != child)
            conf_loader_complain(l, &here, "stands here twice, first in line %u", first->line);
    }
}

/* A bug in a table shows with the first load, whatever the file says. */
static void check_row(const struct conf_field *f)
{
    assert(f->doc != NULL);
    assert((f->fields != NULL) == (f->kind == CONF_SECTION || f->kind == CONF_SECTION_LIST));
    assert((f->type != NULL) == (f->kind == CONF_SCALAR || f->kind == CONF_LIST));
    assert(f->kind != CONF_SCALAR || f->item_size == f->type->size);
    assert(f->name[0] != '\0' || f->kind == CONF_SECRET);
}

/* `node`: a mapping, or NULL for a section that is not there. */
static void fill_section(struct loader *l, const struct place *place, const struct conf_node *node,
                         const struct conf_field *fields, void *dst, bool is_lenient)
{
    if (node != NULL)
        check_keys(l, place, node, fields);
    for (const struct conf_field *f = fields; f->name != NULL; f++) {
        struct slot s = {.loader = l, .field = f, .section = dst, .is_lenient = is_lenient};

        check_row(f);
        if (conf_field_is_inline(f)) {
            s.place = *place;
            s.node = node;
            conf_secret_fill(&s);
        } else {
            s.node = node != NULL ? conf_node_get(node, str_of(f->name)) : NULL;
            s.place = (struct place){.up = place,
                                     .name = str_of(f->name),
                                     .line = s.node != NULL ? s.node->line : place->line};
            fill_slot(&s);
        }
    }
}

/* The file */

static void fill_root(struct loader *l, const struct conf_node *root,
                      const struct conf_field *fields, void *dst)
{
    struct place here = {.line = root->line};
    bool is_section = root->kind == CONF_NODE_MAPPING || root->kind == CONF_NODE_NOTHING;

    if (root->refused != NULL || !is_section)
        complain_not_section(l, &here, root);
    fill_section(l, &here, root->kind == CONF_NODE_MAPPING ? root : NULL, fields, dst, !is_section);
}

static struct conf_source *source_new(struct loader *l)
{
    struct conf_source *source = ARENA_NEW(l->arena, struct conf_source);

    if (source != NULL)
        source->file = arena_copy(l->arena, l->file);
    return source;
}

static int load(struct loader *l, struct str text, const struct conf_field *fields, void *dst,
                struct conf_source **ret_source)
{
    struct conf_source *source = source_new(l);
    unsigned mistakes_before = l->report->mistakes;
    struct conf_node *root;
    int r =
        text.n <= CONF_MAX_BYTES ? conf_tree_read(text, l->file, l->arena, l->report, &root) : -1;

    if (text.n > CONF_MAX_BYTES)
        conf_report_add(l->report, l->file, STR(""), 0, "longer than %d bytes", CONF_MAX_BYTES);
    else if (r == 0)
        fill_root(l, root, fields, dst);
    if (l->arena->is_full)
        conf_report_add(l->report, l->file, STR(""), 0,
                        "does not fit into the memory set aside for it");
    if (r < 0 || l->arena->is_full || l->report->mistakes > mistakes_before)
        return -1;
    source->root = root;
    if (ret_source != NULL)
        *ret_source = source;
    return 0;
}

int conf_load_text(struct str text, const char *name, const struct conf_field *fields, void *dst,
                   struct arena *arena, struct conf_report *report, struct conf_source **ret_source)
{
    struct loader l = {.arena = arena, .report = report, .file = str_of(name)};

    l.folder = str_first(l.file, (size_t)(str_rfind_char(l.file, '/') + 1));
    return load(&l, text, fields, dst, ret_source);
}

int conf_load_file(const char *path, const struct conf_field *fields, void *dst,
                   struct arena *arena, struct conf_report *report, struct conf_source **ret_source)
{
    struct buf text = {.cap = CONF_MAX_BYTES};
    int r = conf_file_read(path, &text);

    if (r < 0)
        conf_report_add(report, str_of(path), STR(""), 0, "cannot be read: %s",
                        r == -EFBIG ? "too long for a configuration" : strerror(-r));
    else
        r = conf_load_text(buf_str(&text), path, fields, dst, arena, report, ret_source);
    buf_done(&text);
    return r < 0 ? -1 : 0;
}
