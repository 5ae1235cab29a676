/*
 * The report of everything that is wrong. Its array is allocated at once, in full size, with the
 * first error; when even that fails, a static error stands in: a failed load never has an empty
 * report.
 */
#include "conf/report.h"

#include "conf/tree.h"

static struct conf_error no_room = {.file = {"", 0},
                                    .key = {"", 0}, /* never written to */
                                    .text = {"no memory left to say what is wrong", 35}};

/* Messages are one line each on somebody's terminal, and quote what stood in a file. */
static struct str without_controls(struct str s)
{
    char *p = (char *)(uintptr_t)s.p; /* ours: fresh from the arena */

    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
            p[i] = '?';
    return s;
}

static struct conf_error *next_error(struct conf_report *report)
{
    struct conf_list *errors = &report->errors;

    if (errors->items == NULL)
        errors->items =
            arena_alloc(report->arena, (CONF_MAX_ERRORS + 1) * sizeof(struct conf_error));
    if (errors->items == NULL) {
        *errors = (struct conf_list){&no_room, 1};
        return NULL;
    }
    if (errors->items == &no_room || errors->count > CONF_MAX_ERRORS)
        return NULL;
    return (struct conf_error *)errors->items + errors->count++;
}

void conf_report_vadd(struct conf_report *report, struct str file, struct str key, unsigned line,
                      const char *format, va_list args)
{
    struct conf_error *e = next_error(report);

    report->mistakes++;
    if (e == NULL)
        return;
    *e = (struct conf_error){.file = arena_copy(report->arena, file), .line = line};
    if (report->errors.count > CONF_MAX_ERRORS) {
        e->line = 0;
        e->text = STR("and more mistakes, left out here");
        return;
    }
    e->key = without_controls(arena_copy(report->arena, key));
    e->text = without_controls(arena_vprintf(report->arena, format, args));
    if (e->text.p == NULL)
        e->text = no_room.text;
}

void conf_report_add(struct conf_report *report, struct str file, struct str key, unsigned line,
                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_report_vadd(report, file, key, line, format, args);
    va_end(args);
}

void conf_report_print(const struct conf_report *report, struct buf *ret)
{
    const struct conf_error *errors = report->errors.items;

    for (size_t i = 0; i < report->errors.count; i++) {
        const struct conf_error *e = &errors[i];

        buf_add(ret, e->file);
        if (e->line > 0)
            buf_printf(ret, ":%u", e->line);
        if (e->key.n > 0)
            buf_printf(ret, ": %.*s", STR_FMT(e->key));
        buf_printf(ret, ": %.*s\n", STR_FMT(e->text));
    }
}

/* Cuts "origins", "[0]" or ".root" off the front of `rest`; a key has no dots and brackets in it.
 */
static const struct conf_node *step_down(const struct conf_node *node, struct str *rest)
{
    bool is_index = str_starts(*rest, STR("["));
    size_t begin = is_index || str_starts(*rest, STR(".")), end = begin;
    const struct conf_node *child;
    struct str word;
    uint64_t index;

    while (end < rest->n && rest->p[end] != '.' && rest->p[end] != '[' && rest->p[end] != ']')
        end++;
    word = str_skip(str_first(*rest, end), begin);
    *rest = str_skip(*rest, end + is_index);
    if (!is_index)
        return conf_node_get(node, word);
    if (str_parse_u64(word, CONF_MAX_VALUES, &index) < 0)
        return NULL;
    for (child = node->first; child != NULL && index > 0; index--)
        child = child->next;
    return child;
}

static unsigned nearest_line(const struct conf_node *root, struct str key)
{
    const struct conf_node *node = root;
    unsigned line = root->line;

    while (key.n > 0 && (node = step_down(node, &key)) != NULL)
        line = node->line;
    return line;
}

void conf_complain(struct conf_report *report, const struct conf_source *source, const char *key,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    conf_report_vadd(report, source->file, str_of(key), nearest_line(source->root, str_of(key)),
                     format, args);
    va_end(args);
}
