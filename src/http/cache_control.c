/*
 * A table of names and where each of them goes. private and no-cache with a list of fields are
 * treated as if they had none, as RFC 9111 5.2.2.4 and 5.2.2.7 allow and nearly every cache does;
 * must-understand (5.2.2.3) is not known here, so the no-store beside it holds.
 */
#include "http/cache_control.h"

#include "http/field.h"
#include "http/freshness.h"

#define FLAGS(X)                          \
    X("no-store", no_store)               \
    X("private", is_private)              \
    X("no-cache", no_cache)               \
    X("must-revalidate", must_revalidate) \
    X("proxy-revalidate", proxy_revalidate)

#define TIMES(X)                                        \
    X("max-age", max_age)                               \
    X("s-maxage", s_maxage)                             \
    X("stale-while-revalidate", stale_while_revalidate) \
    X("stale-if-error", stale_if_error)

/* 1.2.2: more than can be counted is for ever. 4.2.1: what is no number is stale. */
static int64_t seconds_of(struct str value)
{
    uint64_t v;

    return http_digits(value, &v) ? (int64_t)MIN(v, (uint64_t)HTTP_FRESHNESS_MAX) : 0;
}

static void take_time(int64_t *time, struct str value)
{
    int64_t v = seconds_of(value);

    *time = *time < 0 ? v : MIN(*time, v);
}

static void take_directive(struct str name, struct str value, struct cache_control *c)
{
#define X(text, member)                 \
    if (str_eq_nocase(name, STR(text))) \
        c->member = true;
    FLAGS(X)
#undef X
#define X(text, member)                 \
    if (str_eq_nocase(name, STR(text))) \
        take_time(&c->member, value);
    TIMES(X)
#undef X
}

/* 5.2: `name`, `name=token` or `name="..."`; both forms of a value mean the same. */
static void take_element(struct str element, struct cache_control *c)
{
    struct str value = element, name;

    str_split(&value, '=', &name);
    if (!http_unquote(value, &value))
        c->is_garbled |= str_find_char(element, '"') >= 0;
    take_directive(str_trim(name), value, c);
}

void cache_control_of(const struct http_answer *a, struct cache_control *ret)
{
    unsigned at = 0;
    struct str list, element;

    *ret = (struct cache_control){
        .max_age = -1, .s_maxage = -1, .stale_while_revalidate = -1, .stale_if_error = -1};
    while ((list = http_answer_next(a, ANSWER_CACHE_CONTROL, &at)).p != NULL)
        while (http_list_next(&list, &element))
            take_element(element, ret);
}
