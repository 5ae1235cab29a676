/* Every User-Agent has a type and a name, and case does not matter. */
#include "access/browser.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct browser b = browser_detect((struct str){(const char *)data, n}), same;
    char *upper = xmalloc(n);

    assert(b.type < BROWSER_TYPE_COUNT && b.name.n > 0);
    assert((b.type == BROWSER_UNKNOWN) == str_eq(b.name, STR("unknown")));
    for (size_t i = 0; i < n; i++)
        upper[i] = data[i] >= 'a' && data[i] <= 'z' ? (char)(data[i] & ~0x20) : (char)data[i];
    same = browser_detect((struct str){upper, n});
    assert(same.type == b.type && str_eq(same.name, b.name));
    free(upper);
    return 0;
}
