/*
 * How long an object of an HTTP origin may be used: what the response says (http/freshness.h), what
 * the configuration says when it is silent, and what a playlist says of itself.
 */
#ifndef GATE_LIFETIME_H
#define GATE_LIFETIME_H

#include "gate/rules.h"
#include "http/date.h"
#include "http/freshness.h"
#include "origin/fetch.h"

struct cache_entry;

/* Times are monotonic. */
struct lifetime {
    bool may_share;   /* with other viewers: it may be stored */
    bool is_explicit; /* the response says how long */
    usec_t from;      /* when the head came */
    usec_t fresh_until, stale_until, error_until;
};

/* `asked`: when the request was sent; `now`: when the head came, on both clocks. */
void lifetime_of(struct lifetime *l, const struct http_answer *a, const struct cache_rules *rules,
                 unix_t asked, unix_t unix_now, usec_t now);

/*
 * A playlist that may still grow is fresh for half its target duration at most (RFC 8216 6.3.4: a
 * client reloads no sooner), the answer to a blocking reload for half a part; never used while
 * it is asked for anew, but after an error, for three target durations at most. What should be a
 * playlist and is none may be one that is just being written: it lasts for a moment.
 */
void lifetime_cap_playlist(struct lifetime *l, const struct cache_entry *e, bool is_blocking);

void lifetime_store(const struct lifetime *l, struct cache_entry *e);

/* RFC 9111 4.3.4: what a 304 does not say is as the response to `e` said it. */
void lifetime_take_over(struct lifetime *l, const struct cache_entry *e);

/* Sets the conditions under which the origin need not send `e` again; `date` is where a text goes.
 */
void lifetime_set_condition(const struct cache_entry *e, struct origin_request *r,
                            char date[HTTP_DATE_LEN]);

/* The origin has failed: as long as that is allowed `e` is used at once, and the origin is asked
 * anew behind the backs of viewers, once a second. */
void lifetime_excuse(struct cache_entry *e, usec_t now);

#endif
