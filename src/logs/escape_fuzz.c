/* Any bytes: no form ends its string or its line, JSON's is UTF-8, and none takes more room than
 * was promised. */
#include "logs/escape.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_line(struct str out, struct str text)
{
    assert(out.n <= LINE_GROWTH * text.n + 1);
    for (size_t i = 0; i < out.n; i++)
        assert((uint8_t)out.p[i] >= 0x20 && out.p[i] != 0x7f);
}

/* Every quote has an escape in front of it, and no escape is the last. */
static void check_json(struct str out)
{
    assert(str_is_utf8(out));
    for (size_t i = 0; i < out.n; i++) {
        assert(out.p[i] != '"');
        if (out.p[i] == '\\')
            assert(++i < out.n);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n}, out;
    char *room = xmalloc(LINE_GROWTH * n + 1);

    out = str_range(room, line_json(room, text));
    check_line(out, text);
    check_json(out);
    out = str_range(room, line_quoted(room, text));
    check_line(out, text);
    assert(str_find_char(out, '"') < 0);
    out = str_range(room, line_bare(room, text));
    check_line(out, text);
    assert(str_find_char(out, '"') < 0 && str_find_char(out, ' ') < 0);
    free(room);
    return 0;
}
