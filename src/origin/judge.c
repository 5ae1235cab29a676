/*
 * An answer that does not fit its request comes from a server that is confused, or from one in
 * between: none of it may reach a viewer or the cache.
 */
#include "origin/judge.h"

#include "http/range.h"

bool status_is_redirect(unsigned status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Where a total is not said ("bytes 0-9/ *"), the end of the range is all that is known of it. */
static bool has_bounds_asked_for(const struct origin_request *r, const struct http_answer *a,
                                 unix_t now)
{
    const struct http_validators none = {0};
    struct http_head asked = {.method = HTTP_GET};
    struct http_ranges want;
    uint64_t total = a->range.total;

    if (total == HTTP_LENGTH_UNKNOWN)
        total = a->range.last + 1;
    asked.known[FIELD_RANGE] = r->range;
    return http_evaluate(&asked, &none, total, now, &want) == COND_PARTIAL &&
           want.of[0].first == a->range.first && want.of[0].last == a->range.last;
}

struct str judge_answer(const struct origin_request *r, const struct http_answer *a, unix_t now)
{
    bool is_conditional = r->if_none_match.p != NULL || r->if_modified_since.p != NULL;

    if (a->status == 206 && r->range.p == NULL)
        return STR("a 206 nobody asked for");
    if (a->status == 206 && !has_bounds_asked_for(r, a, now))
        return STR("a 206 with other bounds than asked for");
    if (a->status == 304 && !is_conditional)
        return STR("a 304 nobody asked for");
    if (a->status < 400 && a->status != 200 && a->status != 206 && a->status != 304)
        return STR("a status nobody asked for");
    if (!http_answer_is_plain(a))
        return STR("a Content-Encoding nobody asked for");
    return STR_NONE;
}
