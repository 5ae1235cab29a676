#include "gate/lifetime.h"

#include "gate/scanned.h"

#define NEGATIVE_MAX (60 * USEC_PER_SEC)
#define RETRY_PAUSE (1 * USEC_PER_SEC)
#define LIVE_ERROR_TARGETS 3
#define NO_PLAYLIST_TIME (1 * USEC_PER_SEC)

static usec_t usec_of(int64_t seconds)
{
    return seconds > 0 ? (usec_t)seconds * USEC_PER_SEC : 0;
}

static usec_t said_or(int64_t seconds, usec_t otherwise)
{
    return seconds >= 0 ? usec_of(seconds) : otherwise;
}

/* What the origin does not have, or does not give us: never for long, never beyond. */
static void set_negative(struct lifetime *l, const struct http_freshness *f,
                         const struct cache_rules *rules)
{
    usec_t for_long = f->is_explicit ? usec_of(f->lifetime - f->age) : rules->negative_ttl;

    l->fresh_until = l->from + MIN(for_long, NEGATIVE_MAX);
    l->stale_until = l->error_until = l->fresh_until;
}

void lifetime_of(struct lifetime *l, const struct http_answer *a, const struct cache_rules *rules,
                 unix_t asked, unix_t unix_now, usec_t now)
{
    struct http_freshness f;
    usec_t fresh, stale = 0, error = 0;

    http_freshness_of(a, asked, unix_now, &f);
    *l = (struct lifetime){.may_share = f.may_store, .is_explicit = f.is_explicit, .from = now};
    if (a->status != 200 && a->status != 304) {
        set_negative(l, &f, rules);
        return;
    }
    fresh = f.is_explicit ? usec_of(f.lifetime - f.age) : rules->ttl;
    if (!f.must_revalidate) {
        stale = said_or(f.stale_while_revalidate, rules->stale_while_revalidate);
        error = said_or(f.stale_if_error, rules->stale_if_error);
    }
    l->fresh_until = now + fresh;
    l->stale_until = l->fresh_until + stale;
    l->error_until = l->fresh_until + MAX(stale, error);
}

static usec_t live_time(const struct playlist *p, bool is_blocking)
{
    if (is_blocking && p->part_target_msec > 0)
        return p->part_target_msec * USEC_PER_MSEC / 2;
    return p->target_duration * USEC_PER_SEC / 2;
}

static void cap_no_playlist(struct lifetime *l)
{
    l->fresh_until = MIN(l->fresh_until, l->from + NO_PLAYLIST_TIME);
    l->stale_until = l->error_until = l->fresh_until;
}

static void cap_growing(struct lifetime *l, const struct playlist *p, bool is_blocking)
{
    usec_t error = is_blocking ? 0 : LIVE_ERROR_TARGETS * p->target_duration * USEC_PER_SEC;

    l->fresh_until = MIN(l->fresh_until, l->from + live_time(p, is_blocking));
    l->stale_until = l->fresh_until;
    l->error_until = MAX(MIN(l->error_until, l->fresh_until + error), l->fresh_until);
}

void lifetime_cap_playlist(struct lifetime *l, const struct cache_entry *e, bool is_blocking)
{
    const struct scanned_playlist *s = e->derived;
    const struct playlist *p = s != NULL ? s->playlist : NULL;

    if (p == NULL)
        cap_no_playlist(l);
    else if (p->kind == PLAYLIST_MEDIA && (!p->has_endlist || is_blocking))
        cap_growing(l, p, is_blocking);
}

void lifetime_store(const struct lifetime *l, struct cache_entry *e)
{
    atomic_store_explicit(&e->fresh_until, l->fresh_until, memory_order_relaxed);
    atomic_store_explicit(&e->stale_until, l->stale_until, memory_order_relaxed);
    atomic_store_explicit(&e->error_until, l->error_until, memory_order_relaxed);
    atomic_store_explicit(&e->retry_at, 0, memory_order_relaxed);
    e->fresh_for = l->fresh_until - l->from;
    e->stale_for = l->stale_until - l->from;
    e->error_for = l->error_until - l->from;
}

void lifetime_take_over(struct lifetime *l, const struct cache_entry *e)
{
    if (l->is_explicit || e->is_from_disk) /* there the spans are not known any more */
        return;
    l->fresh_until = l->from + e->fresh_for;
    l->stale_until = l->from + e->stale_for;
    l->error_until = l->from + e->error_for;
}

/* RFC 9111 4.3.1 */
void lifetime_set_condition(const struct cache_entry *e, struct origin_request *r,
                            char date[HTTP_DATE_LEN])
{
    if (e->status != 200)
        return;
    if (e->etag.n > 0)
        r->if_none_match = e->etag;
    if (e->last_modified <= 0)
        return;
    http_date_format(e->last_modified, date);
    r->if_modified_since = (struct str){date, HTTP_DATE_LEN};
}

void lifetime_excuse(struct cache_entry *e, usec_t now)
{
    usec_t until = atomic_load_explicit(&e->error_until, memory_order_relaxed);

    if (until > atomic_load_explicit(&e->stale_until, memory_order_relaxed))
        atomic_store_explicit(&e->stale_until, until, memory_order_relaxed);
    atomic_store_explicit(&e->retry_at, now + RETRY_PAUSE, memory_order_relaxed);
}
