/*
 * The last User-Agents seen by a worker and their hashes: a player sends the same text with every
 * request, and MD5 costs more than a look-up. A fixed table; the text itself is compared.
 */
#ifndef GATE_VIEWER_CACHE_H
#define GATE_VIEWER_CACHE_H

#include "access/viewer.h"

struct viewer_cache;

struct viewer_cache *viewer_cache_new(void);
void viewer_cache_free(struct viewer_cache **c);
void viewer_cache_ua_hash(struct viewer_cache *c, struct str user_agent, uint8_t ret[UA_HASH_LEN]);

#endif
