/*
 * The rules of store.h as a suite of tests that any backend must pass. A backend's own test gives
 * the factory; the suite opens a new, empty store for each test.
 */
#ifndef STORE_CONFORMANCE_H
#define STORE_CONFORMANCE_H

#include "store/store.h"

struct conformance {
    struct store *(*open_empty)(const struct store_rules *rules);
    void (*housekeep)(struct store *s, unix_t now); /* until nothing expired is left */
};

/* How many tests have failed. */
int conformance_run(const struct conformance *c);

/* The part of it that is a table. */
void conformance_stories(struct store *(*open_empty)(const struct store_rules *rules));

/* The part of it that is about streams at a time: how many have failed. */
int conformance_streams(struct store *(*open_empty)(const struct store_rules *rules));

/* The part of it that is about traffic and reports: how many have failed. */
int conformance_traffic(struct store *(*open_empty)(const struct store_rules *rules));

/* ---- what the suite works with; of use to a backend's own tests too ---- */

enum { T0 = 1800000000 }; /* when every test begins */

struct world {
    struct loop *loop;
    struct store *store; /* the caller's */
    struct store_worker *worker;
    struct arena arena;
    int pending; /* calls that have not been answered */
    int error;   /* of the one answered last */
};

extern const struct store_rules conformance_rules;

void world_open(struct world *w, struct store *s);
void world_close(struct world *w);            /* the store is closed too */
void world_op(struct op *op);                 /* so that world_wait() hears of its end */
int world_wait(struct world *w, int started); /* for the call that answered `started`; its error */

enum step_kind { END_OF_STEPS, GRANT, REVOKE, ADMIT, TOUCH };

struct step_use { /* id 0: none */
    char id;
    enum use_mode mode;
    uint32_t max, retry;
    int ttl;
    bool continues;
};

/* One call, with defaults for what a test does not care about. "" and 0 are the default, see
 * world_step(). */
struct step {
    enum step_kind kind;
    int at; /* seconds after T0 */
    const char *uid, *ip, *ua, *key, *session_id;
    unsigned checks;
    bool token_expired, may_not_begin, is_dry, is_static;
    int ttl; /* of a grant; 0: the rules' */
    struct step_use use[STORE_MAX_USES];
    /* expected */
    enum admit_verdict want;
    int want_error;
};

void step_admission(const struct step *s, struct arena *arena, struct admission *ret);
void step_viewer(const struct step *s, uint8_t ret[STORE_VIEWER_LEN]);
void world_step(struct world *w, const struct step *s); /* does it and checks what is expected */
struct store_session world_session(struct world *w,
                                   const struct step *s); /* admits, which must give a session */
struct grant_put world_grant(struct world *w, const struct step *s);
struct grant_revoke world_revoke(struct world *w, const struct step *s);

#endif
