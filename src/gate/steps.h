/* The steps of a request: one function each, in the order of STEPS (req.h). Only the table in req.c
 * calls them. */
#ifndef GATE_STEPS_H
#define GATE_STEPS_H

#include "gate/req.h"

#define X(name) const struct step *step_##name(struct req *r);
STEPS(X)
#undef X

/* Does the policy of this request's class have any of these CHECK_*? */
static inline bool req_needs(const struct req *r, checks_t checks)
{
    return (r->checks & checks) != 0;
}

static inline bool token_is_gate(const struct token *t)
{
    return t->kind == GATE_SCOPE || t->kind == GATE_PATH;
}

/* A token is there, verified, in time or carried on by its session. */
static inline bool req_holds_token(const struct req *r)
{
    return r->token_verdict == TOKEN_OK || r->token_verdict == TOKEN_EXPIRED;
}

static inline bool req_is_by_gate_token(const struct req *r)
{
    return r->token_verdict == TOKEN_OK && token_is_gate(&r->token);
}

/* The folder that the scoped gate token of this request's playlist opens; "" when there is none. */
struct str scope_folder(const struct req *r);
/* r->client, from the socket's address and what trusted proxies say. */
void req_find_client(struct req *r);

/* A part of this viewer's copy of a playlist; NULL when the arena is full. */
struct body *req_copy_part(struct req *r, uint64_t first, uint64_t length);

struct cache_version file_version(const struct origin_file *f);
/* The query as HTTP origins see it: without credentials and what only analytics read. */
struct str origin_query_of(struct req *r);
/* r->reader sits in another flight, where nothing has come yet: it waits there. */
void req_wait_for_flight(struct req *r);
/* The origin has failed, or takes too long: the stale version, while that is allowed (RFC 5861 4);
 * else the refusal. */
const struct step *req_do_without_origin(struct req *r, enum outcome why);
/* The store did not answer the admission: let in by the signature, where that is allowed; else the
 * refusal. `err`: as of store_admit(). */
const struct step *req_do_without_store(struct req *r, int err);
/* A playlist that is not shared: fetched for this request alone, as a whole. */
const struct step *req_ask_privately(struct req *r);
void req_add_cache_word(struct req *r); /* as a field, where that is wanted */
/* Counts where the answer came from, once. */
void req_set_cache_word(struct req *r, enum cache_word word);

#endif
