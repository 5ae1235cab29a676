/*
 * The reference manual, from the same rows that read the file: what it says cannot differ from what
 * is done. A section's table comes first, then its sub-sections, each under its dotted path.
 */
#include "conf/conf.h"

#include "conf/keys.h"

enum { PATH_CAP = 1024 };

static void section_print(const struct conf_field *fields, struct str path, struct buf *out);

/* A cell of a table: "|" would end it. */
static void add_cell(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '|')
            buf_add_char(out, '\\');
        buf_add_char(out, *text);
    }
}

static void add_code(struct buf *out, const char *text)
{
    buf_add_char(out, '`');
    add_cell(out, text);
    buf_add_char(out, '`');
}

static void add_key(const struct conf_field *f, struct buf *out)
{
    if (conf_field_is_inline(f))
        buf_add(out, STR("`env`, `file` or `key`"));
    else
        add_code(out, f->name);
}

static void add_type(const struct conf_field *f, struct buf *out)
{
    switch (f->kind) {
    case CONF_SECTION:
        buf_add(out, STR("section"));
        return;
    case CONF_SECTION_LIST:
        buf_add(out, STR("list of sections"));
        return;
    case CONF_SECRET:
        buf_add(out, STR("secret"));
        return;
    case CONF_LIST:
        buf_add(out, STR("list: "));
        break;
    default:
        break;
    }
    add_cell(out, f->type->name);
}

static bool is_section(const struct conf_field *f)
{
    return f->kind == CONF_SECTION || f->kind == CONF_SECTION_LIST;
}

static void add_default(const struct conf_field *f, struct buf *out)
{
    if (f->kind == CONF_SECTION && !f->optional)
        return; /* its keys have theirs */
    if (f->optional)
        buf_add(out, STR("none"));
    else if (f->def == NULL)
        buf_add(out, STR("**required**"));
    else if (f->kind == CONF_LIST)
        buf_printf(out, "`[%s]`", f->def);
    else
        add_code(out, f->def[0] != '\0' ? f->def : "\"\"");
}

static void add_limit(const char *word, const char *limit, struct buf *out)
{
    if (limit == NULL)
        return;
    buf_printf(out, "%s ", word);
    add_code(out, limit);
}

static void add_range(const struct conf_field *f, struct buf *out)
{
    for (size_t i = 0; f->choices != NULL && f->choices[i] != NULL; i++) {
        buf_add(out, i > 0 ? STR(", ") : STR(""));
        add_code(out, f->choices[i]);
    }
    add_limit(f->max == NULL ? "at least" : "from", f->min, out);
    add_limit(f->min == NULL ? "at most" : " to", f->max, out);
    if ((f->min != NULL || f->max != NULL) &&
        (f->kind == CONF_SECRET || f->type->size == sizeof(struct str)))
        buf_add(out, STR(" bytes"));
}

static void row_print(const struct conf_field *f, struct buf *out)
{
    buf_add(out, STR("| "));
    add_key(f, out);
    buf_add(out, STR(" | "));
    add_type(f, out);
    buf_add(out, STR(" | "));
    add_default(f, out);
    buf_add(out, STR(" | "));
    add_range(f, out);
    buf_add(out, STR(" | "));
    if (!is_section(f))
        buf_add(out, f->reload ? STR("yes") : STR("restart"));
    buf_add(out, STR(" | "));
    add_cell(out, f->doc);
    buf_add(out, STR(" |\n"));
}

static void subsection_print(const struct conf_field *f, struct str path, struct buf *out)
{
    struct buf own = {.cap = PATH_CAP};

    buf_printf(&own, "%.*s%s%s%s", STR_FMT(path), path.n > 0 ? "." : "", f->name,
               f->kind == CONF_SECTION_LIST ? "[]" : "");
    buf_printf(out, "\n## `%.*s`\n\n%s\n", STR_FMT(buf_str(&own)), f->doc);
    section_print(f->fields, buf_str(&own), out);
    buf_done(&own);
}

static void section_print(const struct conf_field *fields, struct str path, struct buf *out)
{
    buf_add(out, STR("\n| key | type | default | range or choices | reload | meaning |\n"
                     "| --- | --- | --- | --- | --- | --- |\n"));
    for (const struct conf_field *f = fields; f->name != NULL; f++)
        row_print(f, out);
    for (const struct conf_field *f = fields; f->name != NULL; f++)
        if (is_section(f))
            subsection_print(f, path, out);
}

void conf_reference(const struct conf_field *fields, struct buf *ret)
{
    buf_add(ret, STR("## Top level\n"));
    section_print(fields, STR(""), ret);
}
