/* Any field: what comes out lies inside it, and a cookie we wrote is read back. */
#include "http/cookie.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_inside(struct str whole, struct str part)
{
    if (part.p != NULL)
        assert(part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* A value that a cookie may hold (RFC 6265 4.1.1), as ours are. */
static bool is_cookie_value(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f || strchr("\";,\\", s.p[i]) != NULL)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str field = {(const char *)data, n};
    struct cookie c = {STR("sid"), field, .max_age = 60, .is_secure = n % 2};
    struct arena a;

    check_inside(field, cookie_get(field, STR("sid")));
    check_inside(field, cookie_get(field, STR("")));
    if (!is_cookie_value(field))
        return 0;
    arena_init(&a, n + 256);
    assert(str_eq(cookie_get(cookie_write(&a, &c), STR("sid")), field));
    arena_done(&a);
    return 0;
}
