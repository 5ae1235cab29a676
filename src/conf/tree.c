/*
 * libyaml's events, made into a tree. The depth is checked before each step down, so recursion is
 * bounded, and every value is counted, so a small file cannot become a large tree. Whatever is
 * refused without hurting the structure (anchors, tags, aliases) is only noted at its node: the
 * loader complains, it knows the full key.
 */
#include "conf/tree.h"

#include <yaml.h>

#include "base/panic.h"
#include "conf/report.h"

struct reader {
    yaml_parser_t yaml;
    yaml_event_t event; /* the current one */
    struct arena *arena;
    struct conf_report *report;
    struct str text, file;
    unsigned values, depth;
};

static const char no_anchors[] = "anchors (&name) are not supported";
static const char no_aliases[] = "aliases (*name) are not supported; write the value again";
static const char no_tags[] = "tags (!name) are not supported";

static int read_node(struct reader *r, struct conf_node *node);

static unsigned line_of(const yaml_mark_t *mark)
{
    return (unsigned)mark->line + 1;
}

static int fail(struct reader *r, unsigned line, const char *text)
{
    conf_report_add(r->report, r->file, STR(""), line, "%s", text);
    return -1;
}

/* Of a byte that is not UTF-8, libyaml only knows where it stands. */
static unsigned line_of_problem(const struct reader *r)
{
    unsigned line = 1;

    if (r->yaml.error != YAML_READER_ERROR)
        return line_of(&r->yaml.problem_mark);
    for (size_t i = 0; i < r->yaml.problem_offset && i < r->text.n; i++)
        line += r->text.p[i] == '\n';
    return line;
}

static int fail_syntax(struct reader *r)
{
    const char *problem = r->yaml.problem != NULL ? r->yaml.problem : "unreadable";
    const char *context = r->yaml.context != NULL ? r->yaml.context : "";

    conf_report_add(r->report, r->file, STR(""), line_of_problem(r), "not YAML: %s%s%s", context,
                    *context != '\0' ? ": " : "", problem);
    return -1;
}

static int next_event(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->yaml, &r->event))
        return fail_syntax(r);
    return 0;
}

static struct str event_text(struct reader *r)
{
    return arena_copy(r->arena, (struct str){(const char *)r->event.data.scalar.value,
                                             r->event.data.scalar.length});
}

static const char *refusal(const yaml_char_t *anchor, const yaml_char_t *tag)
{
    return anchor != NULL ? no_anchors : tag != NULL ? no_tags : NULL;
}

static const char *event_refusal(const yaml_event_t *e)
{
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        return refusal(e->data.scalar.anchor, e->data.scalar.tag);
    case YAML_SEQUENCE_START_EVENT:
        return refusal(e->data.sequence_start.anchor, e->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return refusal(e->data.mapping_start.anchor, e->data.mapping_start.tag);
    case YAML_ALIAS_EVENT:
        return no_aliases;
    default:
        return NULL;
    }
}

static bool is_nothing(const yaml_event_t *e)
{
    struct str text = {(const char *)e->data.scalar.value, e->data.scalar.length};

    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text.n == 0 || str_eq(text, STR("~")) || str_eq(text, STR("null")));
}

static struct conf_node *append_child(struct reader *r, struct conf_node *parent,
                                      struct conf_node ***tail)
{
    struct conf_node *child = ARENA_NEW(r->arena, struct conf_node);

    if (child == NULL)
        return NULL;
    child->line = line_of(&r->event.start_mark);
    **tail = child;
    *tail = &child->next;
    parent->count++;
    return child;
}

static int read_sequence(struct reader *r, struct conf_node *node)
{
    struct conf_node **tail = &node->first;

    node->kind = CONF_NODE_SEQUENCE;
    for (;;) {
        struct conf_node *item;

        if (next_event(r) < 0)
            return -1;
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return 0;
        item = append_child(r, node, &tail);
        if (item == NULL || read_node(r, item) < 0)
            return -1;
    }
}

static int read_member(struct reader *r, struct conf_node *member)
{
    const char *refused = event_refusal(&r->event);

    if (r->event.type != YAML_SCALAR_EVENT)
        return fail(r, member->line, "a key must be a plain word");
    member->key = event_text(r);
    if (member->key.p == NULL || next_event(r) < 0 || read_node(r, member) < 0)
        return -1;
    if (member->refused == NULL)
        member->refused = refused;
    return 0;
}

static int read_mapping(struct reader *r, struct conf_node *node)
{
    struct conf_node **tail = &node->first;

    node->kind = CONF_NODE_MAPPING;
    for (;;) {
        struct conf_node *member;

        if (next_event(r) < 0)
            return -1;
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return 0;
        member = append_child(r, node, &tail);
        if (member == NULL || read_member(r, member) < 0)
            return -1;
    }
}

static int read_scalar(struct reader *r, struct conf_node *node)
{
    node->kind = is_nothing(&r->event) ? CONF_NODE_NOTHING : CONF_NODE_SCALAR;
    node->text = node->kind == CONF_NODE_SCALAR ? event_text(r) : STR("");
    return node->text.p != NULL ? 0 : -1;
}

static int read_collection(struct reader *r, struct conf_node *node)
{
    int err;

    if (r->depth == CONF_MAX_DEPTH)
        return fail(r, line_of(&r->event.start_mark), "nested too deeply");
    r->depth++;
    err =
        r->event.type == YAML_MAPPING_START_EVENT ? read_mapping(r, node) : read_sequence(r, node);
    r->depth--;
    return err;
}

/* The value that begins with the current event. */
static int read_node(struct reader *r, struct conf_node *node)
{
    node->refused = event_refusal(&r->event);
    if (++r->values > CONF_MAX_VALUES)
        return fail(r, line_of(&r->event.start_mark), "too many values in one file");
    switch (r->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, node);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(r, node);
    case YAML_ALIAS_EVENT:
        node->kind = CONF_NODE_BROKEN;
        return 0;
    default:
        WRONG("a value begins with none of YAML's four events");
    }
}

/* stream start, then nothing or one document, then stream end */
static int read_stream(struct reader *r, struct conf_node *root)
{
    if (next_event(r) < 0 || next_event(r) < 0) /* the first is the stream's start */
        return -1;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return 0;
    if (next_event(r) < 0 || read_node(r, root) < 0)
        return -1;
    if (next_event(r) < 0 || next_event(r) < 0) /* the document's end, and what follows it */
        return -1;
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail(r, line_of(&r->event.start_mark), "a second document (---) is not supported");
    return 0;
}

int conf_tree_read(struct str text, struct str file, struct arena *arena,
                   struct conf_report *report, struct conf_node **ret_root)
{
    struct reader r = {.arena = arena, .report = report, .text = text, .file = file};
    struct conf_node *root = ARENA_NEW(arena, struct conf_node);
    int err;

    if (root == NULL)
        return -1;
    if (!yaml_parser_initialize(&r.yaml))
        WRONG("no memory for a YAML parser");
    root->line = 1;
    yaml_parser_set_encoding(&r.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.yaml, (const unsigned char *)text.p, text.n);
    err = read_stream(&r, root);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.yaml);
    if (err == 0)
        *ret_root = root;
    return err;
}

const struct conf_node *conf_node_get(const struct conf_node *mapping, struct str key)
{
    for (const struct conf_node *child = mapping->first; child != NULL; child = child->next)
        if (str_eq(child->key, key))
            return child;
    return NULL;
}

const char *conf_node_kind_name(const struct conf_node *node)
{
    switch (node->kind) {
    case CONF_NODE_NOTHING:
        return "nothing";
    case CONF_NODE_SCALAR:
        return "one value";
    case CONF_NODE_MAPPING:
        return "a section";
    case CONF_NODE_SEQUENCE:
        return "a list";
    default:
        WRONG("a broken node has no kind");
    }
}
