/*
 * The revocations in memory, so that a gate token can be judged without the store: by (viewer, uid,
 * end of the session). Thread-safe; one atomic load while there are none.
 */
#ifndef STORE_REVOKED_H
#define STORE_REVOKED_H

#include "store/record.h"

struct revoked;

struct revoked *revoked_new(void);
void revoked_free(struct revoked **r);

/* By their key on disk. Adding one that is there, removing one that is not: harmless. */
void revoked_add(struct revoked *r, struct str key);
void revoked_remove(struct revoked *r, struct str key);

void revoked_expire(struct revoked *r, unix_t now); /* drops those whose gate tokens are over */

bool revoked_has(struct revoked *r, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid,
                 unix_t ends);
/* Any of this viewer and uid, whenever it ends. */
bool revoked_has_any(struct revoked *r, const uint8_t viewer[STORE_VIEWER_LEN], struct str uid);
uint64_t revoked_count(const struct revoked *r);

#endif
