/* Direct-mapped: the hash names the one place where a MAC can be. The whole message is compared. */
#include "access/mac_memo.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "base/hash.h"
#include "base/mem.h"

struct entry {
    uint64_t key_id; /* 0: empty */
    uint8_t n;
    char message[MAC_MEMO_MESSAGE_MAX];
    uint8_t mac[SHA256_LEN];
};

_Static_assert(MAC_MEMO_MESSAGE_MAX <= UINT8_MAX, "the length of a message fits into its entry");
_Static_assert((MAC_MEMO_ENTRIES & (MAC_MEMO_ENTRIES - 1)) == 0, "a mask finds the entry");

struct mac_memo {
    struct entry entries[MAC_MEMO_ENTRIES];
};

struct mac_memo *mac_memo_new(void)
{
    return xzalloc(sizeof(struct mac_memo)); /* pages that are never used are never there */
}

void mac_memo_free(struct mac_memo **m)
{
    struct mac_memo *gone = TAKE(*m);

    if (gone == NULL)
        return;
    OPENSSL_cleanse(gone, sizeof *gone);
    free(gone);
}

static void write_message(struct mac_question *q, const struct str *pieces, size_t count)
{
    q->n = 0;
    for (size_t i = 0; i < count; i++) {
        if (pieces[i].n > sizeof q->message - q->n) {
            q->n = sizeof q->message + 1;
            return;
        }
        if (pieces[i].n > 0)
            memcpy(q->message + q->n, pieces[i].p, pieces[i].n);
        q->n += pieces[i].n;
    }
}

static bool is_too_long(const struct mac_question *q)
{
    return q->n > sizeof q->message;
}

bool mac_memo_get(const struct mac_memo *m, const struct hmac_key *k, const struct str *pieces,
                  size_t count, struct mac_question *ret_q, uint8_t ret[SHA256_LEN])
{
    const struct entry *e;

    ret_q->key_id = k->id;
    ret_q->is_known = false;
    write_message(ret_q, pieces, count);
    if (is_too_long(ret_q))
        return false;
    ret_q->hash = hash_bytes(hash_process_key(), (struct str){ret_q->message, ret_q->n});
    e = &m->entries[(ret_q->hash ^ ret_q->key_id) & (MAC_MEMO_ENTRIES - 1)];
    if (e->key_id != k->id || e->n != ret_q->n || memcmp(e->message, ret_q->message, e->n) != 0)
        return false;
    memcpy(ret, e->mac, SHA256_LEN);
    ret_q->is_known = true;
    return true;
}

void mac_memo_put(struct mac_memo *m, const struct mac_question *q, const uint8_t mac[SHA256_LEN])
{
    struct entry *e;

    if (q->is_known || is_too_long(q))
        return;
    e = &m->entries[(q->hash ^ q->key_id) & (MAC_MEMO_ENTRIES - 1)];
    e->key_id = q->key_id;
    e->n = (uint8_t)q->n;
    memcpy(e->message, q->message, q->n);
    memcpy(e->mac, mac, SHA256_LEN);
}
