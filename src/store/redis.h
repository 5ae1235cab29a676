/*
 * The Redis backend's inside: the store of the process, and the worker's part of it. Every call is
 * one script (store/lua/), decided and carried out there in one step; here arguments are packed and
 * replies are looked at with suspicion: what is not of the shape it must have is -EIO.
 */
#ifndef STORE_REDIS_H
#define STORE_REDIS_H

#include "store/backend.h"
#include "store/notes.h"
#include "store/record.h"
#include "store/redis_shared.h"
#include "store/verdicts.h"

struct redis_figures { /* of the whole database, as the last sweep found them */
    _Atomic uint64_t grants, sessions, uses, revocations, bytes_used, bytes_limit;
};

struct redis {
    struct store base;
    struct redis_shared shared;
    struct redis_figures figures;
    _Atomic uint64_t rights_lost; /* grows when a right was taken away: older verdicts are void */
};

enum { REDIS_LIMIT_LEN = 2 + 8 + 1 + 4 };

struct redis_worker {
    struct store_worker base;
    struct redis *r;
    struct redis_link *link;
    struct redis_feed *feed; /* of the one worker that housekeeps, else NULL */
    struct notes notes;
    struct ticker *ticker;
    struct redis_call touching;  /* notes on their way */
    unsigned touched;            /* how many of the oldest */
    char limit[REDIS_LIMIT_LEN]; /* what they are judged by, packed */
    struct verdicts *verdicts;   /* NULL: none are reused */
    /* Both as they were when `verdicts` were begun. */
    uint64_t rights_lost;
    const struct store_rules *rules;
};

static inline struct redis_worker *redis_worker(struct store_worker *w)
{
    return container_of(w, struct redis_worker, base);
}

/* ---- a call of store.h under way (redis_ask.c) ---- */

struct redis_ask;
typedef void (*redis_encode_fn)(struct redis_ask *q, struct redis_args *args);
typedef int (*redis_decode_fn)(struct redis_ask *q, const redisReply *reply); /* 0 or -errno */

enum {
    REDIS_PLACE_MAX = STORE_PREFIX_MAX + 2 + STORE_VIEWER_LEN + 1 + STORE_UID_MAX + STORE_KEY_MAX,
    REDIS_SCRATCH = REDIS_PLACE_MAX + 320, /* admission's: the most of all */
};

struct redis_ask {
    struct redis_call call;
    struct redis_worker *w;
    struct op *op;
    redis_encode_fn encode;
    redis_decode_fn decode;
    usec_t asked;
    uint64_t verdicts_version; /* then */
    bool may_be_again;         /* admission's: asked so that the short answer fits */
    char session_id[STORE_SESSION_ID_LEN + 1]; /* for one that begins */
    char scratch[REDIS_SCRATCH];               /* what arguments are packed into */
};

int redis_ask(struct redis_worker *w, struct op *op, enum redis_script script,
              redis_encode_fn encode, redis_decode_fn decode) MUST_CHECK;

/* ---- packing (redis_pack.c) ---- */

/* Family, prefix, and as many bytes as the prefix needs. */
enum { REDIS_NET_MAX = 18, REDIS_FIELD_MAX = 1 + REDIS_NET_MAX + STORE_UA_LEN };
struct str redis_pack_net(const struct ip_net *net, char room[REDIS_NET_MAX]);
struct str redis_pack_field(enum grant_kind kind, const struct ip_net *net, const uint8_t *ua_hash,
                            char room[REDIS_FIELD_MAX]);
bool redis_unpack_field(struct str field, bool *ret_is_static, struct ip_net *ret_net,
                        uint8_t ret_ua_hash[STORE_UA_LEN]);
bool redis_unpack_ip(struct str text, struct ip *ret);

struct redis_session_name { /* borrowed */
    const uint8_t *viewer;
    unix_t ends;
    struct str uid;
};
bool redis_unpack_session_name(struct str name, struct redis_session_name *ret);
/* It goes into headers: nothing but what could be one of ours. `ret` is untouched when it is not.
 */
bool redis_unpack_session_id(struct str id, char ret[STORE_SESSION_ID_LEN + 1]);

/* A place for more than one argument: each stays where it was put. */
struct redis_scratch {
    char *at, *end;
};
void redis_put_bytes(struct redis_scratch *s, const void *p, size_t n);
void redis_put_u8(struct redis_scratch *s, uint8_t n);
void redis_put_u16(struct redis_scratch *s, uint16_t n); /* big-endian, all of them */
void redis_put_u32(struct redis_scratch *s, uint32_t n);
void redis_put_number(struct redis_scratch *s, int64_t n); /* as Lua has numbers: a double */
/* The limit of streams, as lua/streams.lua unpacks it. Only where there is one. */
void redis_put_limit(struct redis_scratch *s, const struct store_rules *rules);
/* false: not a whole number */
bool redis_unpack_number(const char *p, int64_t *ret);

/* An array of a reply, element by element. Sticky: after what is not as asked for, all is 0. */
struct redis_reader {
    const redisReply *array;
    size_t at;
    bool is_bad;
};
void redis_read(struct redis_reader *r, const redisReply *reply, size_t least);
bool redis_has_more(const struct redis_reader *r);
uint64_t redis_read_total(struct redis_reader *r, const redisReply *reply); /* begins with a list */
int64_t redis_read_number(struct redis_reader *r, int64_t min, int64_t max);
/* A number, or the text of one, as Redis gives scores and fields. */
int64_t redis_read_figure(struct redis_reader *r);
struct str redis_read_text(struct redis_reader *r, size_t max);

/* ---- the calls ---- */

int redis_admit(struct store_worker *w, struct admission *a);
int redis_grant_put(struct store_worker *w, struct grant_put *g);
int redis_grant_revoke(struct store_worker *w, struct grant_revoke *g);
int redis_grant_list(struct store_worker *w, struct grant_list *g);
int redis_session_list(struct store_worker *w, struct session_list *l);
int redis_session_end(struct store_worker *w, struct session_end *e);

int redis_traffic_add(struct store_worker *w, struct traffic_add *a);
int redis_traffic_list(struct store_worker *w, struct traffic_list *l);
int redis_traffic_take(struct store_worker *w, struct traffic_take *t);
int redis_report_next(struct store_worker *w, struct report_next *n);
int redis_report_done(struct store_worker *w, struct report_done *d);
int redis_traffic_lead(struct store_worker *w, struct traffic_lead *l);
int redis_instance_beat(struct store_worker *w, struct instance_beat *b);

/* ---- activity that gate tokens have shown (redis_touch.c) ---- */

void redis_touch(struct store_worker *w, const uint8_t *viewer, struct str uid,
                 struct str stream_key, unix_t now);
void redis_touch_begin(struct redis_worker *w);
void redis_touch_end(struct redis_worker *w); /* sends what is left */

/* ---- what others have done (redis_feed.c) ---- */

/* Revocations of all instances into memory, expired records out of Redis, figures for /stats. */
struct redis_feed *redis_feed_new(struct redis_worker *w);
void redis_feed_free(struct redis_feed **f);
void redis_feed_look(struct redis_feed *f); /* now, not at the next tick */
/* The connection is a new one: from the first revocation on. */
void redis_feed_restart(struct redis_feed *f);
/* Have all revocations been loaded once? */
bool redis_feed_is_complete(const struct redis_feed *f);
void redis_feed_sweep(struct redis_feed *f, unix_t now);
bool redis_feed_is_idle(const struct redis_feed *f);

/* `name` of a session, from a script's answer. */
bool redis_revoked(struct redis *r, struct str name);
void redis_right_lost(struct redis *r);

/* What such a script answers: 1 and a count, or 0 and -1 when there is no room (-ENOSPC); at the
 * end the names of sessions whose gate tokens are refused from now on. */
int redis_read_taken(struct redis_reader *r, const redisReply *reply, unsigned *ret_count);
int redis_read_revoked(struct redis_reader *r, struct redis *redis);

#endif
