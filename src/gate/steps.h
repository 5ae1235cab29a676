/* The steps of a request: one function each, in the order of STEPS (req.h). Only the table in req.c
 * calls them. */
#ifndef GATE_STEPS_H
#define GATE_STEPS_H

#include "gate/req.h"
#include "gate/trace.h"

#define X(name) const struct step *step_##name(struct req *r);
STEPS(X)
#undef X

/* The folder that the scoped gate token of this request's playlist opens; "" when there is none. */
struct str scope_folder(const struct req *r);
/* r->client, from the socket's address and what trusted proxies say. */
void req_find_client(struct req *r);

struct cache_version file_version(const struct origin_file *f);

/* Why a request was let in or not, for an explanation; nothing when nobody asks. */
#define req_note(r, check, ...)                          \
    do {                                                 \
        if ((r)->trace != NULL)                          \
            trace_add((r)->trace, (check), __VA_ARGS__); \
    } while (0)

#endif
