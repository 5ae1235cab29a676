/*
 * The MACs that a thread has needed last, so that a player who reloads its playlist, or asks for
 * the next segment with the same scoped token, costs a look-up and not two passes of SHA-256
 * through OpenSSL. A MAC is a function of key and message alone, so nothing in here is ever out of
 * date, and what a memo answers says nothing about who may have what.
 *
 * A fixed table (MAC_MEMO_ENTRIES, about 1 MiB): a newer message takes the place of an older one.
 * Callers put in what they have signed or verified, never what somebody claims: forgers push
 * nothing out.
 */
#ifndef ACCESS_MAC_MEMO_H
#define ACCESS_MAC_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "access/digest.h"

enum {
    MAC_MEMO_ENTRIES = 4096,
    MAC_MEMO_MESSAGE_MAX = 196, /* bytes; longer messages are not remembered */
};

struct mac_memo;
struct mac_memo *mac_memo_new(void);
void mac_memo_free(struct mac_memo **m); /* cleanses; accepts NULL */

/* One message under one key: filled by mac_memo_get(), for mac_memo_put(), which does nothing for
 * what is there already. */
struct mac_question {
    uint64_t key_id, hash;
    bool is_known;
    size_t n; /* MAC_MEMO_MESSAGE_MAX + 1: too long to be remembered */
    char message[MAC_MEMO_MESSAGE_MAX];
};

/* Is the MAC of these pieces, one after the other, known? */
bool mac_memo_get(const struct mac_memo *m, const struct hmac_key *k, const struct str *pieces,
                  size_t count, struct mac_question *ret_q, uint8_t ret[SHA256_LEN]);
void mac_memo_put(struct mac_memo *m, const struct mac_question *q, const uint8_t mac[SHA256_LEN]);

#endif
