/*
 * What the store would say of a viewer, asked without side effects: an admission that decides and
 * changes nothing. Behind the endpoints that explain one check of the gate.
 */
#ifndef ADMIN_QUESTION_H
#define ADMIN_QUESTION_H

#include "admin/input.h"
#include "gate/req.h"

struct question {
    struct admission a; /* `checks` by the caller */
    struct viewer viewer;
    struct req *req;
    const struct step *(*answer)(struct question *q); /* when the store has said */
};

/* The parameters `ip` and `ua` (without one, those of the caller), `uid`, and `path`, of which the
 * stream key is made ("" without one). */
void question_take(struct question *q, struct input *in);
/* For this viewer. */
void question_set(struct question *q, struct req *r, const struct ip *ip, struct str user_agent,
                  struct str uid, struct str stream_key);

const struct step *question_ask(struct question *q);

struct str question_verdict(const struct question *q); /* a sentence */

/* The stream key of a path or a bare stream key; STR_NONE, with the mistake noted, when there is
 * none. */
struct str input_stream_key(struct input *in, const char *name, const struct rules *rules,
                            struct str text);

#endif
