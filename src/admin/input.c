/* Content and queries of the API, checked field by field. */
#include "admin/input.h"

#include <stdio.h>

#include "access/token.h"
#include "admin/json.h"
#include "base/codec.h"

void input_wrong(struct input *in, const char *name, const char *what)
{
    if (input_is_wrong(in))
        return;
    in->error = arena_printf(in->arena, "%s: %s", name, what);
    if (in->error.p == NULL)
        in->error = STR("request too large");
}

/* How deep arrays and objects stand in each other. */
static unsigned nesting(struct str text)
{
    unsigned depth = 0, deepest = 0;
    bool is_string = false;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '"')
            is_string = !is_string;
        else if (is_string)
            i += c == '\\';
        else if (c == '{' || c == '[')
            deepest = MAX(deepest, ++depth);
        else if ((c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return deepest;
}

/* jansson says which: "duplicate object key near '"uid"'". Longer names it leaves out. */
static void note_bad_json(struct input *in, const json_error_t *e)
{
    struct str text = str_of(e->text), name;
    ptrdiff_t from = str_find(text, STR("near '\""));

    in->error = STR("content: not a JSON object (RFC 8259) with unique names");
    if (json_error_code(e) != json_error_duplicate_key)
        return;
    in->error = arena_printf(in->arena, "content: a name stands twice, at line %d, column %d",
                             e->line, e->column);
    name = from < 0 ? STR("") : str_skip(text, (size_t)from + strlen("near '\""));
    if (str_ends(name, STR("\"'")))
        in->error = arena_printf(in->arena, "%.*s: stands twice",
                                 STR_FMT(str_first(name, name.n - strlen("\"'"))));
    if (in->error.p == NULL)
        in->error = STR("request too large");
}

void input_from_json(struct input *in, struct arena *a, struct str content)
{
    json_error_t e = {.line = 0};

    *in = (struct input){.arena = a, .error = STR("")};
    if (nesting(content) > INPUT_NESTING_MAX) {
        in->error = STR("content: too deeply nested");
        return;
    }
    if (content.n > 0)
        in->root = json_loadb(content.p, content.n, JSON_REJECT_DUPLICATES, &e);
    if (in->root == NULL)
        note_bad_json(in, &e);
    else if (!json_is_object(in->root))
        in->error = STR("content: JSON, but not an object");
}

void input_from_query(struct input *in, struct arena *a, struct str query)
{
    *in = (struct input){.arena = a, .query = query, .error = STR("")};
}

void input_done(struct input *in)
{
    json_free(&in->root);
}

static struct str member(struct input *in, const char *name)
{
    const json_t *value = json_object_get(in->root, name);

    if (value == NULL || json_is_null(value))
        return STR_NONE;
    if (!json_is_string(value)) {
        input_wrong(in, name, "must be a string");
        return STR_NONE;
    }
    return arena_copy(in->arena, (struct str){json_string_value(value), json_string_length(value)});
}

/* "+" is a space, as form encoders write it. */
static struct str form_decode(struct arena *a, struct str raw)
{
    struct str copy = arena_copy(a, raw);
    char *p = (char *)copy.p;

    for (size_t i = 0; i < copy.n; i++)
        if (p[i] == '+')
            p[i] = ' ';
    return copy.p != NULL ? url_decode(a, copy) : STR_NONE;
}

/* Once at the most: whoever asks and whoever looks at the request must not mean different ones. */
static struct str parameter(struct input *in, const char *name)
{
    struct str rest = in->query, raw = STR_NONE, value;
    struct url_param p;

    while (url_next_param(&rest, &p)) {
        if (!str_eq(p.name, str_of(name)))
            continue;
        if (raw.p != NULL)
            input_wrong(in, name, "stands twice");
        raw = p.value.p != NULL ? p.value : STR("");
    }
    if (raw.p == NULL)
        return STR_NONE;
    value = form_decode(in->arena, raw);
    if (value.p == NULL)
        input_wrong(in, name, "malformed percent-encoding");
    return value;
}

struct str input_str(struct input *in, const char *name, enum input_need need, size_t max)
{
    struct str value;

    if (input_is_wrong(in))
        return STR_NONE;
    value = in->root != NULL ? member(in, name) : parameter(in, name);
    if (value.p == NULL && need >= INPUT_PRESENT)
        input_wrong(in, name, "missing");
    else if (value.p != NULL && value.n == 0 &&
             (need == INPUT_NOT_EMPTY || need == INPUT_SAYS_SOMETHING))
        input_wrong(in, name, "must not be empty");
    else if (value.n > max)
        input_wrong(in, name, "too long");
    return input_is_wrong(in) ? STR_NONE : value;
}

struct str input_uid(struct input *in, enum input_need need)
{
    struct str uid = input_str(in, "uid", need, TOKEN_UID_MAX);

    if (uid.n == 0 || token_uid_is_valid(uid))
        return uid;
    input_wrong(in, "uid", "must be 1 to 128 bytes without \":\" and control characters");
    return STR_NONE;
}

struct ip_net input_net(struct input *in, const char *name, enum input_need need)
{
    struct str text = input_str(in, name, need, IP_NET_TEXT_MAX);
    struct ip_net net = {.prefix = 0};

    if (text.n > 0 && ip_net_parse(text, &net) < 0)
        input_wrong(in, name, "must be an IPv4 or IPv6 address or CIDR");
    return net;
}

struct ip input_ip(struct input *in, const char *name, enum input_need need)
{
    struct str text = input_str(in, name, need, IP_TEXT_MAX);
    struct ip ip = {.family = IP_NONE};

    if (text.n > 0 && ip_parse(text, &ip) < 0)
        input_wrong(in, name, "must be an IPv4 or IPv6 address");
    return ip;
}

unsigned input_count(struct input *in, const char *name, unsigned absent, unsigned max)
{
    struct str text = input_str(in, name, INPUT_OPTIONAL, 20);
    uint64_t value = absent;

    if (text.p != NULL && (str_parse_u64(text, UINT64_MAX, &value) < 0 || value == 0))
        input_wrong(in, name, "must be a number above 0");
    return (unsigned)MIN(value, (uint64_t)max);
}

unix_t input_unix_time(struct input *in, const char *name, enum input_need need)
{
    const json_t *member = json_object_get(in->root, name);
    uint64_t value = 0;
    struct str text;

    if (!input_is_wrong(in) && json_is_integer(member) && json_integer_value(member) >= 0)
        return (unix_t)json_integer_value(member);
    text = input_str(in, name, need, DECIMAL_MAX);
    if (text.n > 0 && str_parse_u64(text, INT64_MAX, &value) < 0)
        input_wrong(in, name, "must be a time in Unix seconds");
    return (unix_t)value;
}

static struct str list_item(struct input *in, const char *name, const json_t *item, size_t each)
{
    struct str text = {json_string_value(item), json_string_length(item)};

    if (!json_is_string(item))
        input_wrong(in, name, "must be a string");
    else if (text.n == 0)
        input_wrong(in, name, "must not be empty");
    else if (text.n > each)
        input_wrong(in, name, "too long");
    return input_is_wrong(in) ? STR_NONE : arena_copy(in->arena, text);
}

struct str *input_list(struct input *in, const char *name, unsigned max, size_t each,
                       unsigned *ret_count)
{
    const json_t *list = json_object_get(in->root, name);
    size_t count = json_array_size(list);
    char item[INPUT_WORD_MAX + DECIMAL_MAX];
    struct str *texts;

    if (!json_is_array(list) || count == 0 || count > max) {
        snprintf(item, sizeof item, "must be a list of 1 to %u strings", max);
        input_wrong(in, name, item);
        return NULL;
    }
    texts = arena_alloc(in->arena, count * sizeof *texts);
    for (size_t i = 0; texts != NULL && i < count; i++) {
        snprintf(item, sizeof item, "%s[%zu]", name, i);
        texts[i] = list_item(in, item, json_array_get(list, i), each);
    }
    *ret_count = (unsigned)count;
    return input_is_wrong(in) ? NULL : texts;
}

bool input_parse_url(struct input *in, const char *name, struct str text, struct url *ret)
{
    struct str authority, target;

    input_split_url(in->arena, text, &authority, &target);
    if (target.p != NULL && url_parse(in->arena, target, ret) == URL_OK)
        return true;
    input_wrong(in, name, "not the path of a URL");
    return false;
}

bool input_url(struct input *in, const char *name, enum input_need need, struct url *ret)
{
    struct str text = input_str(in, name, need, INPUT_PATH_MAX);

    return text.n > 0 && input_parse_url(in, name, text, ret);
}

static bool is_scheme(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_lower(s.p[i]) < 'a' || ascii_lower(s.p[i]) > 'z')
            return false;
    return s.n > 0;
}

void input_split_url(struct arena *a, struct str url, struct str *ret_authority,
                     struct str *ret_target)
{
    ptrdiff_t fragment = str_find_char(url, '#');
    struct str target = fragment < 0 ? url : str_first(url, (size_t)fragment);
    ptrdiff_t colon = str_find(target, STR("://"));
    size_t host_len = 0;

    *ret_authority = STR("");
    if (colon > 0 && is_scheme(str_first(target, (size_t)colon))) {
        target = str_skip(target, (size_t)colon + 3);
        while (host_len < target.n && target.p[host_len] != '/' && target.p[host_len] != '?')
            host_len++;
        *ret_authority = str_first(target, host_len);
        target = str_skip(target, host_len);
    }
    if (target.n == 0 || target.p[0] != '/') {
        struct str pieces[] = {STR("/"), target};

        target = arena_join(a, pieces, ARRAY_LEN(pieces));
    }
    *ret_target = target;
}

struct str input_stream_path(struct arena *a, struct str text)
{
    struct str authority, target, last;
    struct url url;

    input_split_url(a, text, &authority, &target);
    if (target.p == NULL || url_parse(a, target, &url) != URL_OK)
        return STR_NONE;
    last = str_skip(url.path, (size_t)(str_rfind_char(url.path, '/') + 1));
    if (last.n == 0 || str_find_char(last, '.') >= 0)
        return url.path;
    return arena_join(a, (const struct str[]){url.path, STR("/")}, 2);
}
