/*
 * How records look on disk: keys and values packed into bytes and back. Numbers are big-endian, so
 * that keys sort by them; a uid is one byte of length and its bytes, so that no uid is the
 * beginning of another. Every value that expires begins with the time it does.
 *
 *   table            key                                   value
 *   meta             name                                  version, hash_key, sequence,
 * revocations, reports, traffic_..., lead networks         family prefix how many grants have it
 *   grants           uid kind family prefix address ua     expires created order keys
 *   grant_index      family prefix address ua slot uid     expires order stream-key
 *   sessions         viewer hash uid ~ends                 ends last started id ip ua stream-key
 *   session_ids      id                                    key in `sessions`
 *   sessions_by_uid  uid viewer ends                       hash
 *   streams          uid viewer hash                       ends: of the session entered there
 *   uses             id                                    expires count viewers
 *   revoked          viewer ends uid                       -
 *   traffic          uid                                   counts (store/traffic.h)
 *   traffic_sources  source                                expires number
 *   reports          number                                made id
 *   report_lines     number uid                            counts
 *
 * `hash` is of the stream key, with the store's own key; the text stands in the value and is
 * compared. A grant has one entry in the index for each of its stream keys and one in the slot of
 * its kind, for "any stream key".
 */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "base/hash.h"
#include "store/store.h"

enum {
    KEY_ROOM = 192,      /* the longest key takes 167; LMDB's own limit is 511 */
    GRANT_MAX_KEYS = 32, /* whatever the rules say: the cap of one record */
    USE_MAX_VIEWERS =
        32, /* viewers one use limit remembers; the one that came first is forgotten for a 33rd */
    SESSION_RAW_ID_LEN = 16,
    RECORD_ROOM = 32 + GRANT_MAX_KEYS * (2 + STORE_KEY_MAX), /* the longest value */
};

/* Slots of the index that are not the hash of a stream key. */
enum { SLOT_KEYED = 0, SLOT_STATIC = 1, SLOT_STATIC_KEYS = 2, SLOT_RESERVED = 3 };

struct key {
    size_t n;
    uint8_t bytes[KEY_ROOM];
};

static inline struct str key_str(const struct key *k)
{
    return (struct str){(const char *)k->bytes, k->n};
}

void key_set(struct key *k, struct str bytes);

/* The hash of a stream key; never one of the reserved slots. */
uint64_t record_hash(const struct hash_key *key, struct str stream_key);

/* The slot of a stream key that a static grant holds: another one than that of viewers' grants. */
uint64_t record_static_slot(uint64_t hash);

unix_t
record_expires(struct str value); /* of any value that expires; 0 when it is too short to be one */

/* ---- networks ---- */

void network_key(struct key *k, enum ip_family family, uint8_t prefix);
bool network_unpack(struct str key, enum ip_family *ret_family, uint8_t *ret_prefix);

/* ---- grants ---- */

enum grant_kind { GRANT_KEYED, GRANT_STATIC, GRANT_STATIC_KEYS };

static inline enum grant_kind grant_kind_of(bool is_static, bool has_keys)
{
    return !is_static ? GRANT_KEYED : has_keys ? GRANT_STATIC_KEYS : GRANT_STATIC;
}

struct grant_name { /* which grant: its key */
    struct str uid;
    enum grant_kind kind;
    struct ip_net net;
    uint8_t ua_hash[STORE_UA_LEN];
};

struct grant_record {
    unix_t expires, created;
    uint64_t order; /* grows with every POST: the smallest is the oldest */
    unsigned count;
    struct str keys[GRANT_MAX_KEYS]; /* the oldest first; borrowed */
};

void grant_uid_key(struct key *k, struct str uid); /* what the keys of all its grants begin with */
void grant_kind_key(struct key *k, struct str uid, enum grant_kind kind);
void grant_key(struct key *k, const struct grant_name *g);
bool grant_name_unpack(struct str key, struct grant_name *ret);
struct str grant_pack(const struct grant_record *g, uint8_t room[RECORD_ROOM]);
bool grant_unpack(struct str value, struct grant_record *ret);

struct index_entry {
    unix_t expires;
    uint64_t order;
    struct str stream_key; /* "" in a slot of a kind */
};

void index_slot_key(struct key *k, const struct ip_net *net, const uint8_t ua_hash[STORE_UA_LEN],
                    uint64_t slot);
void index_key(struct key *k, const struct ip_net *net, const uint8_t ua_hash[STORE_UA_LEN],
               uint64_t slot, struct str uid);
bool index_key_uid(struct str key, struct str *ret_uid);
struct str index_pack(const struct index_entry *e, uint8_t room[RECORD_ROOM]);
bool index_unpack(struct str value, struct index_entry *ret);

/* ---- sessions ---- */

struct session_record {
    const uint8_t *viewer; /* borrowed, as the strings are */
    uint64_t hash;
    struct str uid, stream_key;
    unix_t ends, last, started;
    uint8_t id[SESSION_RAW_ID_LEN];
    struct ip ip;
    uint8_t ua_hash[STORE_UA_LEN];
};

void session_viewer_key(struct key *k, const uint8_t *viewer, uint64_t hash);
void session_place_key(struct key *k, const uint8_t *viewer, uint64_t hash, struct str uid);
void session_key(struct key *k, const uint8_t *viewer, uint64_t hash, struct str uid, unix_t ends);
void session_by_uid_key(struct key *k, struct str uid, const uint8_t *viewer, unix_t ends);
bool session_by_uid_unpack(struct str key, struct str value,
                           struct session_record *ret); /* what a key is made of */
void stream_key_of_place(struct key *k, struct str uid, const uint8_t *viewer, uint64_t hash);
bool stream_unpack(struct str key, struct str value,
                   struct session_record *ret); /* the same of an entry of `streams` */
struct str session_pack(const struct session_record *s, uint8_t room[RECORD_ROOM]);
bool session_unpack(struct str key, struct str value, struct session_record *ret);

/* ---- uses ---- */

struct use_viewer {
    uint8_t viewer[STORE_VIEWER_LEN];
    unix_t last;
};

struct use_record {
    unix_t expires;
    uint32_t count;
    unsigned viewers; /* distinct ones, in the order they came */
    struct use_viewer by[USE_MAX_VIEWERS];
};

struct str use_pack(const struct use_record *u, uint8_t room[RECORD_ROOM]);
bool use_unpack(struct str value, struct use_record *ret);

/* ---- revocations ---- */

void revoked_key(struct key *k, const uint8_t *viewer, unix_t ends, struct str uid);
unix_t revoked_key_ends(struct str key);
/* Of a revocation's key: viewer and uid, without the time. */
void revoked_pair_of(struct key *pair, struct str key);

/* ---- counters in `meta` and `networks` ---- */

struct str number_pack(uint64_t n, uint8_t room[8]);
uint64_t number_unpack(struct str value); /* 0 when it is none */

#endif
