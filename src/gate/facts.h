/*
 * Why a request was let in or not: what each check of the gate saw, and what came of it. Kept with
 * every request that is logged, so that a refusal can be understood when somebody asks, long after;
 * an explanation (explain.h) tells the same facts of a request that never was. Verdicts and
 * sentences (fact.h) are made of them in one place, and only when somebody reads.
 *
 * Taking facts copies what the request knows anyway: no allocation, no formatting. Nothing in them
 * is secret: no signature, no session's id, no query.
 */
#ifndef GATE_FACTS_H
#define GATE_FACTS_H

#include "access/policy.h"
#include "access/token.h"
#include "access/viewer.h"
#include "gate/fact.h"
#include "gate/outcome.h"

struct req;

enum { /* longer texts are cut */
       FACTS_UID_MAX = 64,
       FACTS_STREAM_KEY_MAX = 64,
       FACTS_SCOPE_MAX = 64,
       FACTS_PREFIX_MAX = 32,
};

/* How far the question to the store got. */
enum store_answer {
    STORE_NOT_REACHED,
    STORE_NOT_NEEDED,
    STORE_ASKED,
    STORE_ANSWERED,
    STORE_FAILED
};

struct facts {
    uint8_t outcome;         /* enum outcome */
    bool is_api;             /* not the gate's to decide */
    bool is_classified;      /* else nothing below but `uid` says anything */
    uint8_t class, checks;   /* enum path_class, checks_t */
    bool is_whitelisted;     /* the fixed whitelist */
    bool is_token_judged;    /* else nothing of a token says anything */
    uint8_t token_verdict;   /* enum token_verdict */
    bool is_token_set_aside; /* nobody asked for it, and it opens nothing here: as if none were */
    uint8_t token_kind;      /* enum token_kind */
    uint8_t store;           /* enum store_answer */
    bool is_unchecked;       /* STORE_FAILED: let in by its signature */
    uint8_t asked;           /* enum admit_check: what the store was asked for */
    uint8_t admitted;        /* enum admit_verdict; STORE_ANSWERED, as all of the next lines */
    bool has_session, session_is_new, grant_matched;
    bool is_dry;         /* nothing was begun: an explanation, or HEAD */
    uint8_t refused_use; /* struct admission.uses */
    bool has_origin, origin_is_http;
    bool streams_counted;   /* of the uid; else nothing below says anything of them */
    bool streams_ended_own; /* by the same viewer */
    uint8_t streams, streams_ended, max_streams; /* beside this one; for its sake; the limit */
    int16_t store_error;                         /* STORE_FAILED: -errno */
    uint32_t use_count;                          /* of the use that refused or was taken last */
    unix_t expires;                              /* of the token */
    unix_t session_ends;                         /* when its gate tokens do */
    struct ip_net network;                       /* the viewer, as grants mean it */
    uint8_t ua_hash[UA_HASH_LEN];
    uint8_t uid_n, token_uid_n, stream_key_n, scope_n, prefix_n;
    char uid[FACTS_UID_MAX];       /* whose request it is: by token, session or grant */
    char token_uid[FACTS_UID_MAX]; /* whose it says it is */
    char stream_key[FACTS_STREAM_KEY_MAX];
    char scope[FACTS_SCOPE_MAX];   /* of the token; "" = its path alone */
    char prefix[FACTS_PREFIX_MAX]; /* of the origin */
};

/* At the end of a request. */
void facts_take(const struct req *r, struct facts *ret);

enum { FACTS_MAX = 12 };

/* In the order in which the checks were made; texts are borrowed from `f`. Returns how many; fewer
 * when the arena is full. */
unsigned facts_tell(const struct facts *f, struct arena *a, struct fact ret[FACTS_MAX]);

/* The check that decides so; FACT_CHECK_REQUEST: the request itself, or what comes after the
 * checks. */
enum fact_check facts_check_of(enum outcome o);
/* And how. */
enum fact_verdict facts_verdict_of(enum outcome o);

#endif
