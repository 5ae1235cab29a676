/*
 * The stream key of a path, by the built-in rule or a pattern. A key always borrows from the path,
 * so the stream's folder is found by where the key stands, not by searching for it again.
 *
 * A rule is immutable: the compiled code and the limits are shared, match data lives for one call.
 */
#include "access/stream_key.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/panic.h"

struct stream_key_rule {
    pcre2_code *code;            /* owned */
    pcre2_match_context *limits; /* owned */
};

enum { HEAP_LIMIT_KIB = 1024, ERROR_TEXT_MAX = 200 };

static int compile(struct str pattern, pcre2_code **ret, char *ret_error, size_t error_room)
{
    PCRE2_UCHAR text[ERROR_TEXT_MAX];
    PCRE2_SIZE offset;
    int error;

    *ret = pcre2_compile((PCRE2_SPTR)(pattern.n > 0 ? pattern.p : ""), pattern.n, 0, &error,
                         &offset, NULL);
    if (*ret != NULL)
        return 0;
    pcre2_get_error_message(error, text, sizeof text);
    snprintf(ret_error, error_room, "%s at offset %zu", (const char *)text, (size_t)offset);
    return -1;
}

int stream_key_rule_new(struct str pattern, struct stream_key_rule **ret, char *ret_error,
                        size_t error_room)
{
    AUTO(stream_key_rule_free) struct stream_key_rule *r = xzalloc(sizeof *r);

    if (compile(pattern, &r->code, ret_error, error_room) < 0)
        return -1;
    r->limits = pcre2_match_context_create(NULL);
    assert(r->limits != NULL);
    pcre2_set_match_limit(r->limits, STREAM_KEY_MATCH_LIMIT);
    pcre2_set_depth_limit(r->limits, STREAM_KEY_MATCH_LIMIT);
    pcre2_set_heap_limit(r->limits, HEAP_LIMIT_KIB);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it the interpreter matches */
    *ret = TAKE(r);
    return 0;
}

void stream_key_rule_free(struct stream_key_rule **r)
{
    if (*r == NULL)
        return;
    pcre2_match_context_free((*r)->limits);
    pcre2_code_free((*r)->code);
    free(TAKE(*r));
}

static bool is_date(struct str folder)
{
    static const struct str form = STR("dddd-dd-dd");

    if (folder.n != form.n)
        return false;
    for (size_t i = 0; i < form.n; i++)
        if (form.p[i] == 'd' ? !ascii_is_digit(folder.p[i]) : folder.p[i] != '-')
            return false;
    return true;
}

/* The next folder of `rest`, which begins behind a "/"; false at the file. */
static bool next_folder(struct str *rest, struct str *ret)
{
    ptrdiff_t slash = str_find_char(*rest, '/');

    if (slash < 0)
        return false;
    *ret = str_first(*rest, (size_t)slash);
    *rest = str_skip(*rest, (size_t)slash + 1);
    return true;
}

static struct str built_in_key(struct str path)
{
    struct str rest = path, folder, last = str_first(path, 0);

    if (rest.n > 0 && rest.p[0] == '/')
        rest = str_skip(rest, 1);
    while (next_folder(&rest, &folder)) {
        last = folder;
        if (is_date(folder)) {
            next_folder(&rest, &last);
            break;
        }
    }
    return last;
}

/* The first group, or the whole match when the pattern has no group. */
static struct str matched_key(const struct stream_key_rule *rule, struct str path,
                              pcre2_match_data *match)
{
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(match);
    uint32_t groups = 0;

    if (pcre2_match(rule->code, (PCRE2_SPTR)path.p, path.n, 0, 0, match, rule->limits) < 0)
        return str_first(path, 0);
    pcre2_pattern_info(rule->code, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups > 0)
        at += 2;
    if (at[0] == PCRE2_UNSET || at[0] > at[1]) /* \K may put the start behind the end */
        return str_first(path, 0);
    return str_range(path.p + at[0], path.p + at[1]);
}

static struct str pattern_key(const struct stream_key_rule *rule, struct str path)
{
    pcre2_match_data *match = pcre2_match_data_create(2, NULL);
    struct str key;

    assert(match != NULL);
    key = matched_key(rule, path, match);
    pcre2_match_data_free(match);
    return key;
}

struct str stream_key_of(const struct stream_key_rule *rule, struct str path)
{
    if (path.n == 0)
        return STR("");
    return rule != NULL ? pattern_key(rule, path) : built_in_key(path);
}

/* Does `part` of `path` fill the space between two slashes? */
static bool is_folder_of(struct str path, struct str part)
{
    return part.n > 0 && part.p > path.p && part.p[-1] == '/' &&
           part.p + part.n < path.p + path.n && part.p[part.n] == '/';
}

struct str stream_folder_of(const struct stream_key_rule *rule, struct str path)
{
    struct str key = stream_key_of(rule, path);

    if (is_folder_of(path, key))
        return str_range(path.p, key.p + key.n + 1);
    return str_first(path, (size_t)(str_rfind_char(path, '/') + 1));
}
