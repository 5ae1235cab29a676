/*
 * First two bytes: how long the answer took, and how far our clock is from 1994; the rest: fields.
 * Whatever they say, the numbers stay in their bounds; one more directive can only make an answer
 * stricter.
 */
#include "http/freshness.h"

#include "base/buf.h"
#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool freshness(struct str fields, const char *more, const uint8_t *times,
                      struct http_freshness *ret)
{
    static struct http_answer a;
    unix_t now = 784111777 + (int64_t)times[1] * 1000003;
    struct buf head = {.cap = 1 << 20};
    int r;

    buf_add(&head, STR("HTTP/1.1 200 OK\r\n"));
    buf_add(&head, str_of(more));
    buf_add(&head, fields);
    r = http_answer_parse(buf_str(&head), now, &a);
    if (r == 0)
        http_freshness_of(&a, now - times[0] + 10, now, ret);
    buf_done(&head);
    return r == 0;
}

static void check(const struct http_freshness *f)
{
    assert(f->lifetime >= 0 && f->lifetime <= HTTP_FRESHNESS_MAX);
    assert(f->age >= 0 && f->age <= HTTP_FRESHNESS_MAX);
    assert(f->stale_while_revalidate >= -1 && f->stale_while_revalidate <= HTTP_FRESHNESS_MAX);
    assert(f->stale_if_error >= -1 && f->stale_if_error <= HTTP_FRESHNESS_MAX);
    assert(f->is_explicit || f->lifetime == 0);
    assert(!f->must_revalidate || (f->stale_while_revalidate == 0 && f->stale_if_error == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct http_freshness f, g;
    struct str fields;

    if (n < 2)
        return 0;
    fields = (struct str){(const char *)data + 2, n - 2};
    if (!freshness(fields, "", data, &f))
        return 0;
    check(&f);
    if (freshness(fields, "Cache-Control: no-store\r\n", data, &g))
        assert(!g.may_store && g.lifetime == f.lifetime);
    if (freshness(fields, "Cache-Control: no-cache\r\n", data, &g))
        assert(g.may_store == f.may_store && g.must_revalidate && g.lifetime == 0);
    if (freshness(fields, "Cache-Control: s-maxage=0\r\n", data, &g))
        assert(g.is_explicit && g.lifetime == 0 && g.must_revalidate && g.age == f.age);
    if (freshness(fields, "Vary: User-Agent\r\n", data, &g))
        assert(!g.may_store);
    return 0;
}
