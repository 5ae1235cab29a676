/*
 * RFC 9111, section by section, from the shared cache's side. The status plays no part: what may be
 * stored of which status is the cache's to know.
 */
#include "http/freshness.h"

#include "http/cache_control.h"
#include "http/date.h"
#include "http/field.h"

static int64_t in_bounds(int64_t seconds)
{
    return MAX((int64_t)0, MIN(seconds, (int64_t)HTTP_FRESHNESS_MAX));
}

/* 4.1: what the origin was not sent cannot make a difference. Elements that name no field at all
 * might be anything. */
static bool varies(const struct http_answer *a)
{
    unsigned at = 0;
    struct str list, name;

    while ((list = http_answer_next(a, ANSWER_VARY, &at)).p != NULL)
        while (http_list_next(&list, &name))
            if (str_eq(name, STR("*")) || !http_is_token(name) ||
                str_eq_nocase(name, STR("user-agent")) ||
                str_eq_nocase(name, STR("x-forwarded-for")))
                return true;
    return false;
}

/* RFC 9110 6.6.1: without a Date, it was made when it came. */
static unix_t date_of(const struct http_answer *a, unix_t now)
{
    unix_t date;

    return http_date_parse(a->known[ANSWER_DATE], now, &date) == 0 ? date : now;
}

/* 5.3: what is no date, "0" above all, has expired. The earliest counts (4.2.1). -1: not said. */
static int64_t lifetime_by_expires(const struct http_answer *a, unix_t now)
{
    unix_t date = date_of(a, now), t;
    unsigned at = 0;
    struct str value;
    int64_t least = -1;

    while ((value = http_answer_next(a, ANSWER_EXPIRES, &at)).p != NULL) {
        int64_t lifetime = http_date_parse(value, now, &t) == 0 ? in_bounds(t - date) : 0;

        least = least < 0 ? lifetime : MIN(least, lifetime);
    }
    return least;
}

/* 4.2.1, in this order. */
static int64_t lifetime_of(const struct http_answer *a, const struct cache_control *c, unix_t now)
{
    if (c->no_cache) /* 5.2.2.4: never without asking, so it is stale from the beginning */
        return 0;
    if (c->s_maxage >= 0)
        return c->s_maxage;
    if (c->max_age >= 0)
        return c->max_age;
    return lifetime_by_expires(a, now);
}

/* 5.1: of a list the first one counts, and what is no number is passed over. */
static int64_t age_value(const struct http_answer *a)
{
    struct str list = a->known[ANSWER_AGE], first;
    uint64_t age;

    if (!http_list_next(&list, &first) || !http_digits(first, &age))
        return 0;
    return (int64_t)MIN(age, (uint64_t)HTTP_FRESHNESS_MAX);
}

/* 4.2.3. A clock of ours that was set back while we waited makes nothing younger. */
static int64_t age_of(const struct http_answer *a, unix_t asked, unix_t now)
{
    int64_t apparent = in_bounds(now - date_of(a, now));
    int64_t corrected = age_value(a) + in_bounds(now - asked);

    return in_bounds(MAX(apparent, corrected));
}

void http_freshness_of(const struct http_answer *a, unix_t asked, unix_t now,
                       struct http_freshness *ret)
{
    struct cache_control c;
    int64_t lifetime;

    cache_control_of(a, &c);
    lifetime = lifetime_of(a, &c, now);
    *ret = (struct http_freshness){
        .may_store = !c.no_store && !c.is_private && !c.is_garbled && !varies(a),
        .is_explicit = lifetime >= 0,
        .must_revalidate = c.no_cache || c.must_revalidate || c.proxy_revalidate || c.s_maxage >= 0,
        .lifetime = MAX(lifetime, (int64_t)0),
        .age = age_of(a, asked, now),
        .stale_while_revalidate = c.stale_while_revalidate,
        .stale_if_error = c.stale_if_error,
    };
    if (ret->must_revalidate) /* 4.2.4 */
        ret->stale_while_revalidate = ret->stale_if_error = 0;
}
