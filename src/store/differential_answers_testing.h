/* For tests: what one store of several answers, as text. */
#ifndef STORE_DIFFERENTIAL_ANSWERS_TESTING_H
#define STORE_DIFFERENTIAL_ANSWERS_TESTING_H

#include "store/differential_testing.h"

enum { STORES_MAX = 3, SEEN_MAX = 4000, ANSWER_MAX = 1 << 20 };

/* Sessions by what their gate tokens name, which is the same in all stores. Ids are not. */
struct seen_session {
    uint8_t viewer[STORE_VIEWER_LEN];
    char uid[STORE_UID_MAX + 1];
    unix_t ends;
    char ids[STORES_MAX][STORE_SESSION_ID_LEN + 1];
};
struct seen {
    unsigned count;
    struct seen_session sessions[SEEN_MAX];
};

struct asked { /* one of the stores */
    struct world *w;
    unsigned number;
    bool is_long_way; /* no admission is one that lua/admit_again.lua answers */
    struct seen *seen;
};

/* All but CALL_SWEEP, which is the backend's, and those that are made of others. */
void ask(const struct asked *s, const struct call *c, struct buf *ret);
/* Of all sessions that have been, but those whose gate tokens are over. */
void ask_revoked(const struct asked *s, unix_t now, struct buf *ret);

#endif
