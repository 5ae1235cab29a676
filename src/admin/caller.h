/*
 * Who asks: by the key in Authorization, or, without one, by the badge that a browser holds
 * (badge.h). Browsers send cookies whoever made them ask, so a badge counts only for what the
 * dashboard's own page asks:
 *
 *   - the request is of its origin: Sec-Fetch-Site says so (Fetch Metadata, which no page can set),
 *     or, from a browser that does not send it, Origin names the host that was asked, or is absent
 *   - what is not safe (RFC 9110 9.2.1) brings the badge's word, in X-CSRF-Token
 *
 * A badge that does not count is none.
 */
#ifndef ADMIN_CALLER_H
#define ADMIN_CALLER_H

#include "admin/auth.h"
#include "admin/badge.h"
#include "gate/req.h"

#define CALLER_COOKIE STR("hlsgate_monitor")

/* May this request do what needs such a key? One that only looks, by a badge, is quiet from then on
 * (req.h). */
enum auth_verdict caller_check(struct req *r, enum api_scope needed);

/* For the log, of a request that may do what it does: "key NAME, client IP". */
struct str caller_words(struct req *r);

/* The badge that counts for this request, whatever it asks for. False: none. */
bool caller_badge(const struct req *r, struct badge *ret);

/* Was it sent by a page of this origin, or by no page at all? */
bool caller_is_same_origin(const struct req *r);

/* What seals badges now; of the request's rules. */
struct badge_maker caller_badge_maker(const struct req *r);

#endif
