/* Direct-mapped: a collision only costs a hash. */
#include "gate/viewer_cache.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"

enum { SLOTS = 256, TEXT_MAX = 250 };

struct slot {
    uint8_t hash[UA_HASH_LEN];
    uint8_t n; /* 0: empty */
    char text[TEXT_MAX];
};

struct viewer_cache {
    struct slot slots[SLOTS];
};

struct viewer_cache *viewer_cache_new(void)
{
    return xzalloc(sizeof(struct viewer_cache));
}

void viewer_cache_free(struct viewer_cache **c)
{
    free(*c);
    *c = NULL;
}

void viewer_cache_ua_hash(struct viewer_cache *c, struct str user_agent, uint8_t ret[UA_HASH_LEN])
{
    struct slot *s;

    if (user_agent.n == 0 || user_agent.n > TEXT_MAX) {
        ua_hash(user_agent, ret);
        return;
    }
    s = &c->slots[hash_bytes(hash_process_key(), user_agent) % SLOTS];
    if (!str_eq((struct str){s->text, s->n}, user_agent)) {
        ua_hash(user_agent, s->hash);
        memcpy(s->text, user_agent.p, user_agent.n);
        s->n = (uint8_t)user_agent.n;
    }
    memcpy(ret, s->hash, UA_HASH_LEN);
}
