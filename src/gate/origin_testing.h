/*
 * For tests: origin/fetch.h played by the test. Linked before the real one, it keeps every request
 * that the gate sends to a cluster until the test answers it, piece by piece, in any order:
 *
 *     struct asked *o = origin_asked(0);
 *
 *     assert_str(o->target, "/s/1.ts");
 *     origin_head(o, "200", "Content-Length: 4\r\nETag: \"1\"\r\n");
 *     origin_bytes(o, "abcd");
 *     origin_end(o, 0);
 */
#ifndef GATE_ORIGIN_TESTING_H
#define GATE_ORIGIN_TESTING_H

#include "origin/fetch.h"

enum { ASKED_MAX = 64, ASKED_TEXT_MAX = 512, ASKED_TARGET_MAX = HTTP_MAX_HEAD_BYTES };

struct asked {
    struct origin_fetch *fetch; /* NULL: it has ended, was cancelled or dropped */
    bool is_head, is_cancelled, is_dropped, is_held;
    unsigned proceeds;
    /* of the request; "" = not sent */
    char target[ASKED_TARGET_MAX], stream_key[ASKED_TEXT_MAX], user_agent[ASKED_TEXT_MAX],
        forwarded_for[ASKED_TEXT_MAX], range[ASKED_TEXT_MAX], if_range[ASKED_TEXT_MAX],
        if_none_match[ASKED_TEXT_MAX], if_modified_since[ASKED_TEXT_MAX];
};

void origin_forget_asked(void); /* before each test; all must have ended */
unsigned origin_asked_count(void);
struct asked *origin_asked(unsigned i); /* fails when there were fewer */

void origin_head(struct asked *o, const char *status, const char *fields);
void origin_bytes(struct asked *o, const char *bytes);
void origin_end(struct asked *o, int err);

/* A whole answer at once, with its Content-Length. */
void origin_answer(struct asked *o, const char *status, const char *fields, const char *body);

#endif
