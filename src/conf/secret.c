/*
 * Secrets, read once from where the file says they are. No message here quotes a value, a path or
 * an unknown key: people paste secrets in the wrong place, and the line says enough.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "conf/file.h"
#include "conf/keys.h"
#include "conf/report.h"
#include "conf/slot.h"

static const char wanted[] = "wants one of { env: NAME }, { file: PATH } and { key: \"...\" }";

/* Variables in capitals, as they are by custom, may be named in a message. */
static bool is_quotable(struct str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (ascii_lower(name.p[i]) == name.p[i] && name.p[i] != '_' && !ascii_is_digit(name.p[i]))
            return false;
    return true;
}

static bool is_variable_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (c != '_' && (c < 'a' || c > 'z') && (i == 0 || !ascii_is_digit(c)))
            return false;
    }
    return s.n > 0;
}

static struct str read_variable(const struct loader *l, const struct place *place, struct str name)
{
    const char *value;

    if (!is_variable_name(name)) {
        conf_loader_complain(l, place, "not the name of an environment variable");
        return STR_NONE;
    }
    value = getenv(name.p);
    if (value == NULL || *value == '\0') {
        struct str shown = is_quotable(name) ? name : STR("named here");

        conf_loader_complain(l, place, "the environment variable %.*s is %s", CONF_QUOTED(shown),
                             value == NULL ? "not set" : "empty");
        return STR_NONE;
    }
    return arena_copy(l->arena, str_of(value));
}

static struct str without_newline(struct str s)
{
    if (str_ends(s, STR("\r\n")))
        return str_first(s, s.n - 2);
    return str_first(s, s.n - str_ends(s, STR("\n")));
}

static struct str read_secret_file(const struct loader *l, const struct place *place,
                                   struct str name)
{
    struct buf content = {.cap = CONF_MAX_SECRET_BYTES};
    struct str path = conf_loader_resolve(l, name), bytes = STR_NONE;
    int r = path.p != NULL ? conf_file_read(path.p, &content) : -ENOMEM;

    if (r < 0)
        conf_loader_complain(l, place, "cannot read this file: %s",
                             r == -EFBIG ? "too long for a secret" : strerror(-r));
    else if (content.n == 0 || without_newline(buf_str(&content)).n == 0)
        conf_loader_complain(l, place, "this file is empty");
    else
        bytes = arena_copy(l->arena, without_newline(buf_str(&content)));
    if (content.p != NULL)
        explicit_bzero(content.p, content.room);
    buf_done(&content);
    return bytes;
}

static struct str read_literal(const struct loader *l, const struct place *place, struct str text)
{
    if (text.n == 0)
        conf_loader_complain(l, place, "is empty");
    return text.n > 0 ? text : STR_NONE;
}

static void check_length(const struct slot *s, const struct place *place, struct str bytes)
{
    uint64_t least;

    if (bytes.p == NULL || s->field->min == NULL)
        return;
    if (str_parse_u64(str_of(s->field->min), CONF_MAX_SECRET_BYTES, &least) < 0)
        WRONG("the least length of a secret is not a number");
    if (bytes.n < least)
        conf_loader_complain(s->loader, place, "is shorter than %s bytes", s->field->min);
}

static void fill_from(const struct slot *s, const struct conf_node *way)
{
    struct place here = {.up = &s->place, .name = way->key, .line = way->line};
    struct conf_secret *secret = slot_value(s);
    struct arena *arena = s->loader->arena;

    if (way->refused != NULL) {
        conf_loader_complain(s->loader, &here, "%s", way->refused);
    } else if (way->kind != CONF_NODE_SCALAR && way->kind != CONF_NODE_NOTHING) {
        conf_loader_complain(s->loader, &here, "wants one text");
    } else if (memchr(way->text.p, '\0', way->text.n) != NULL) {
        conf_loader_complain(s->loader, &here, "may not hold a NUL character");
    } else if (str_eq(way->key, STR("key"))) {
        secret->bytes = read_literal(s->loader, &here, way->text);
        secret->source = STR("key");
    } else if (str_eq(way->key, STR("file"))) {
        secret->bytes = read_secret_file(s->loader, &here, way->text);
        secret->source = arena_printf(arena, "file:%.*s", STR_FMT(way->text));
    } else if (way->text.n > 0) {
        secret->bytes = read_variable(s->loader, &here, way->text);
        secret->source = arena_printf(arena, "env:%.*s", STR_FMT(way->text));
    } else if (!s->field->optional) {
        conf_loader_complain(s->loader, &here, "is empty, but a secret is required here");
    }
    check_length(s, &here, secret->bytes);
}

/* How many of env, file and key stand in the mapping; the last one into `ret_way`. */
static size_t count_ways(const struct conf_node *mapping, const struct conf_node **ret_way)
{
    size_t n = 0;

    for (const struct conf_node *child = mapping->first; child != NULL; child = child->next) {
        if (!conf_keys_know(conf_secret_keys, child->key))
            continue;
        *ret_way = child;
        n++;
    }
    return n;
}

void conf_secret_fill(const struct slot *s)
{
    const struct conf_node *way = NULL;
    bool is_named = !conf_field_is_inline(s->field);
    size_t ways;

    *(struct conf_secret *)slot_value(s) = (struct conf_secret){STR_NONE, STR_NONE};
    if (s->node != NULL && s->node->kind != CONF_NODE_MAPPING) {
        conf_loader_complain(s->loader, &s->place, "%s", wanted);
        return;
    }
    ways = s->node != NULL ? count_ways(s->node, &way) : 0;
    if (ways == 1 && (!is_named || s->node->count == 1))
        fill_from(s, way);
    else if (ways > 1 || (is_named && s->node != NULL))
        conf_loader_complain(s->loader, &s->place, "%s", wanted);
    else if (!s->field->optional && !s->is_lenient)
        conf_loader_complain(s->loader, &s->place, "a secret is required: %s", wanted);
}
