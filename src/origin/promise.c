/*
 * Resuming is safe only by the letter: the same strong validator, exactly the bytes asked for, the
 * same total. Whatever is less than that is another version as far as we know.
 */
#include "origin/promise.h"

#include <inttypes.h>
#include <stdio.h>

static struct str etag_of(const struct promise *p)
{
    return (struct str){p->etag, p->etag_length};
}

/* RFC 9110 8.8.2.2: the date is strong when the file had been left alone for a second by the time
 * the answer was made. An answer without Date was made when it came (6.6.1). */
static bool is_strong_date(const struct http_answer *a, unix_t now)
{
    unix_t made;

    if (http_date_parse(a->known[ANSWER_DATE], now, &made) < 0)
        made = now;
    return a->last_modified != 0 && a->last_modified < made;
}

/* Of the content that follows; HEAD and 304 have none (RFC 9110 9.3.2, 15.4.5). */
static uint64_t content_length(const struct origin_request *r, const struct http_answer *a)
{
    if (r->is_head || a->status == 304)
        return 0;
    return a->status == 206 ? a->range.last - a->range.first + 1 : a->content_length;
}

void promise_give(struct promise *p, const struct origin_request *r, const struct http_answer *a,
                  unix_t now)
{
    bool is_partial = a->status == 206;

    *p = (struct promise){
        .is_given = true,
        .first = is_partial ? a->range.first : 0,
        .length = content_length(r, a),
        .total = is_partial ? a->range.total : a->content_length,
        .last_modified = is_strong_date(a, now) ? a->last_modified : 0,
    };
    if (a->etag.n > PROMISE_ETAG_MAX)
        return;
    if (a->etag.n > 0)
        memcpy(p->etag, a->etag.p, a->etag.n);
    p->etag_length = a->etag.n;
    p->may_resume = !r->is_head && (is_partial || a->status == 200) &&
                    (http_etag_is_strong(a->etag) || p->last_modified != 0);
}

/* To the end, where there is no reason to say which: what caches in between know best. */
void promise_range(const struct promise *p, uint64_t got, struct promise_range *ret)
{
    uint64_t from = p->first + got, end = p->first + p->length;

    if (p->length == HTTP_LENGTH_UNKNOWN || end == p->total)
        snprintf(ret->range, sizeof ret->range, "bytes=%" PRIu64 "-", from);
    else
        snprintf(ret->range, sizeof ret->range, "bytes=%" PRIu64 "-%" PRIu64, from, end - 1);
    ret->if_range = etag_of(p);
    if (http_etag_is_strong(ret->if_range))
        return;
    http_date_format(p->last_modified, ret->date); /* RFC 9110 13.1.5: no weak tags */
    ret->if_range = (struct str){ret->date, sizeof ret->date};
}

/* A weak tag says less than a date, but one that differs says enough. */
static bool is_same_version(const struct promise *p, const struct http_answer *a)
{
    if (!str_eq(etag_of(p), a->etag))
        return false;
    return http_etag_is_strong(etag_of(p)) || a->last_modified == p->last_modified;
}

static bool has_bounds(const struct promise *p, const struct http_content_range *r, uint64_t got)
{
    if (r->first != p->first + got)
        return false;
    if (p->length == HTTP_LENGTH_UNKNOWN) /* all the rest, to an end that is known now */
        return r->last + 1 == r->total;
    return r->last == p->first + p->length - 1;
}

struct str promise_goes_on(struct promise *p, const struct http_answer *a, uint64_t got)
{
    if (a->status != 206)
        return STR("the rest is not to be had: no 206");
    if (!http_answer_is_plain(a))
        return STR("a Content-Encoding nobody asked for");
    if (!is_same_version(p, a))
        return STR("the rest is of another version");
    if (!has_bounds(p, &a->range, got))
        return STR("a 206 with other bounds than asked for");
    if (p->total != HTTP_LENGTH_UNKNOWN && a->range.total != p->total)
        return STR("a 206 of another total than before");
    p->length = got + (a->range.last - a->range.first + 1);
    p->total = a->range.total;
    return STR_NONE;
}
