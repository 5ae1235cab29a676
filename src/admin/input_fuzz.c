/* Content and queries of the API: whatever they hold, a field is good or there is an error, and
 * both can be shown. */
#include "admin/input.h"

#include "access/stream_key.h"
#include "admin/json.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_shown(struct arena *a, struct str s)
{
    AUTO(json_free) json_t *o = json_object();

    json_put_str(o, "s", s);
    assert(str_is_utf8(json_text(a, o)));
}

static void take_grant(struct input *in)
{
    struct str uid = input_uid(in, INPUT_NOT_EMPTY);
    struct str path = input_str(in, "path", INPUT_SAYS_SOMETHING, INPUT_PATH_MAX);

    input_net(in, "clientIp", INPUT_NOT_EMPTY);
    input_str(in, "UserAgent", INPUT_PRESENT, INPUT_UA_MAX);
    input_count(in, "limit", 1, 100);
    assert(input_is_wrong(in) || (uid.n > 0 && path.n <= INPUT_PATH_MAX));
    check_shown(in->arena, in->error);
    if (path.n > 0)
        check_shown(in->arena, stream_key_of(NULL, input_stream_path(in->arena, path)));
    input_done(in);
}

static void take_others(struct input *in)
{
    struct url url = {.path = STR("")};
    unsigned count = 0;
    struct str *paths = input_list(in, "paths", 100, INPUT_PATH_MAX, &count);

    assert((paths == NULL) == input_is_wrong(in));
    for (unsigned i = 0; paths != NULL && i < count; i++)
        assert(paths[i].n > 0 && paths[i].n <= INPUT_PATH_MAX);
    assert(input_unix_time(in, "expires", INPUT_OPTIONAL) >= 0);
    if (input_url(in, "path", INPUT_OPTIONAL, &url))
        assert(url.path.n > 0 && url.path.p[0] == '/');
    check_shown(in->arena, in->error);
    input_done(in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct input in;
    struct arena a;

    arena_init(&a, 16 << 20);
    input_from_json(&in, &a, text);
    take_grant(&in);
    input_from_json(&in, &a, text);
    take_others(&in);
    input_from_query(&in, &a, text);
    take_grant(&in);
    check_shown(&a, text);
    arena_done(&a);
    return 0;
}
