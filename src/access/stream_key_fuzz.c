/*
 * The input is a path, or a pattern, a newline and a path. A key lies inside its path, a folder is
 * a beginning of it that ends with "/", and no pattern holds the worker up or reads past the end.
 */
#include "access/stream_key.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { PATTERN_MAX = 64, PATH_MAX_HERE = 256 }; /* a configured pattern is trusted not to be huge */

static void check(const struct stream_key_rule *rule, struct str path)
{
    struct str key = stream_key_of(rule, path), folder = stream_folder_of(rule, path);

    if (path.n > 0)
        assert(key.p >= path.p && key.p + key.n <= path.p + path.n);
    assert(folder.n <= path.n && str_starts(path, folder));
    assert(folder.n == 0 || folder.p[folder.n - 1] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n}, pattern;
    AUTO(stream_key_rule_free) struct stream_key_rule *rule = NULL;
    char error[128];

    check(NULL, rest);
    if (n == 0 || !str_split(&rest, '\n', &pattern) || pattern.n > PATTERN_MAX ||
        rest.n > PATH_MAX_HERE)
        return 0;
    if (stream_key_rule_new(pattern, &rule, error, sizeof error) == 0)
        check(rule, rest);
    return 0;
}
