/*
 * Any target: an accepted path begins with "/", has no "." or ".." segment, no empty one but the
 * last, no NUL, and is UTF-8; encoding it and parsing that gives the same path. Parameters stay
 * inside the query.
 */
#include "http/url.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_path(struct str path)
{
    struct str rest = str_skip(path, 1), segment;

    assert(path.n > 0 && path.p[0] == '/' && str_is_utf8(path) && str_find_char(path, 0) < 0);
    while (str_split(&rest, '/', &segment)) {
        assert(!str_eq(segment, STR(".")) && !str_eq(segment, STR("..")));
        assert(segment.n > 0 || rest.p == NULL);
    }
}

static void check_stable(struct arena *a, struct str path)
{
    struct str encoded = url_encode_path(a, path);
    struct url again;

    assert(url_parse(a, encoded, &again) == URL_OK);
    assert(str_eq(again.path, path) && again.query.p == NULL);
}

static void check_query(struct arena *a, struct str query)
{
    struct url_param p;

    while (url_next_param(&query, &p)) {
        struct str decoded = url_decode(a, p.value);

        assert(p.name.n + p.value.n <= p.whole.n && p.whole.n > 0);
        if (decoded.p != NULL)
            assert(str_eq(url_decode(a, url_encode_query(a, decoded)), decoded));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a;
    struct url u;

    arena_init(&a, 64 * n + 4096);
    if (url_parse(&a, (struct str){(const char *)data, n}, &u) == URL_OK) {
        check_path(u.path);
        check_stable(&a, u.path);
        check_query(&a, u.query);
    }
    arena_done(&a);
    return 0;
}
