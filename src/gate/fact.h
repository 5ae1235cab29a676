/*
 * One check of the gate, told: what was looked at, what came of it, and what it was judged by.
 * Checks, verdicts, names and words are of the closed sets below. The API hands them out as they
 * are, and a reader of any language has his own for them: openapi.json lists them, the dashboard
 * translates them, and tests hold all of these together. The English sentence is made of the same,
 * by fact_sentence() alone.
 */
#ifndef GATE_FACT_H
#define GATE_FACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/clock.h"

/* clang-format off */
/*    enum                word                   what is looked at */
#define FACT_CHECKS(X)                                                                           \
    X(REQUEST,            "request")             /* itself, or what comes after the checks */    \
    X(CLASS,              "class")               /* of the path */                               \
    X(VIEWER,             "viewer")              /* as grants mean him */                        \
    X(WHITELIST,          "fixed_whitelist")                                                     \
    X(TOKEN,              "token")                                                               \
    X(REVOCATION,         "revocation")          /* of a gate token's session or grant */        \
    X(GRANT,              "grant")                                                               \
    X(SESSION,            "session")                                                             \
    X(MAX_STREAMS,        "max_streams")                                                         \
    X(USE_LIMIT,          "use_limit")                                                           \
    X(STORE,              "store")               /* where it has not answered for the others */  \
    X(ORIGIN,             "origin")                                                              \
    X(API,                "api")                                                                 \
    X(API_KEY,            "api_key")

/*    enum                word                   what the sentence begins with; "" = with the inputs */
#define FACT_VERDICTS(X)                                                                         \
    X(REFUSED,            "refused",             "")                                             \
    X(FAILED,             "failed",              "")                                             \
    X(PROTECTED,          "protected",           "")                                             \
    X(OPEN,               "open",                "")                                             \
    X(SEEN,               "seen",                "")                                             \
    X(LISTED,             "listed",              "the address is listed: every check passes")    \
    X(NONE,               "none",                "none")                                         \
    X(OK,                 "ok",                  "verifies")                                     \
    X(EXPIRED,            "expired",             "expired")                                      \
    X(MALFORMED,          "malformed",           "malformed")                                    \
    X(BAD_SIGNATURE,      "bad_signature",       "bad signature")                                \
    X(OUT_OF_SCOPE,       "out_of_scope",        "out of scope")                                 \
    X(REVOKED,            "revoked",             "revoked")                                      \
    X(MATCHES,            "matches",             "matches")                                      \
    X(OTHER_STREAMS,      "other_streams",       "of other streams")                             \
    X(NOT_NEEDED,         "not_needed",          "not needed: a session lives")                  \
    X(NOT_REACHED,        "not_reached",         "not reached")                                  \
    X(LIVES,              "lives",               "lives")                                        \
    X(BEGINS,             "begins",              "begins")                                       \
    X(WOULD_BEGIN,        "would_begin",         "would begin")                                  \
    X(NOT_BEGUN,          "not_begun",           "not begun")                                    \
    X(TOO_FAST,           "too_fast",            "begins too fast")                              \
    X(ALLOWS,             "allows",              "allows")                                       \
    X(REFUSES,            "refuses",             "refuses")                                      \
    X(TAKES_OWN_PLACE,    "takes_own_place",     "takes the place of this viewer's own")         \
    X(ENDS_OLDEST,        "ends_oldest",         "ends the one idle for longest")                \
    X(OTHER_VIEWER,       "other_viewer",        "refuses; another viewer used it first")        \
    X(USED_UP,            "used_up",             "refuses; used up")                             \
    X(USED_UP_BY_BROWSER, "used_up_by_browser",  "refuses; used up by this kind of browser")     \
    X(NOT_ASKED,          "not_asked",           "not asked: nothing in this policy needs it")   \
    X(NO_ANSWER,          "no_answer",           "asked; no answer came")                        \
    X(OUT_OF_REACH,       "out_of_reach",        "out of reach")                                 \
    X(TIMED_OUT,          "timed_out",           "no answer in time")                            \
    X(BAD_ANSWER,         "bad_answer",          "an answer of no use")                          \
    X(FULL,               "full",                "full")                                         \
    X(TOO_LONG,           "too_long",            "a name is longer than can be stored")          \
    X(SERVES,             "serves",              "")                                             \
    X(NOT_FOUND,          "not_found",           "not found")                                    \
    X(FORBIDDEN,          "forbidden",           "may not be read")                              \
    X(TOO_LARGE,          "too_large",           "too large")                                    \
    X(BROKE_OFF,          "broke_off",           "broke off")                                    \
    X(ANSWERED,           "answered",            "answered by the API, not by the gate")         \
    X(UNKNOWN,            "unknown",             "unknown")                                      \
    X(FORGED,             "forged",              "forged")

/*    enum                word                   holds   in the sentence: glue, before, after */
#define FACT_INPUTS(X)                                                                           \
    X(CLASS,              "class",               TEXT,   "; ", "", "")                           \
    X(STREAM_KEY,         "stream_key",          TEXT,   "; ", "stream key '", "'")              \
    X(CHECKS,             "checks",              LIST,   "; ", "checks ", "")                    \
    X(UID,                "uid",                 TEXT,   "; ", "uid '", "'")                     \
    X(EXPIRES,            "expires",             TIME,   ", ", "expires ", "")                   \
    X(SCOPE,              "scope",               TEXT,   ", ", "scope '", "'")                   \
    X(NETWORK,            "network",             TEXT,   "; ", "network ", "")                   \
    X(UA_HASH,            "ua_hash",             TEXT,   ", ", "User-Agent ", "")                \
    X(ENDS_AT,            "ends_at",             TIME,   "; ", "its gate tokens end at ", "")    \
    X(STREAMS,            "streams",             NUMBER, "; ", "streams of this uid beside this one: ", "") \
    X(MAX_STREAMS,        "max_streams",         NUMBER, ", ", "max_streams: ", "")              \
    X(USE_COUNT,          "use_count",           NUMBER, "; ", "use number ", "")                \
    X(ON_STORE_FAILURE,   "on_store_failure",    WORD,   ": ", "", "")                           \
    X(PREFIX,             "prefix",              TEXT,   "; ", "prefix ", "")                    \
    X(KIND,               "kind",                WORD,   ", ", "", "")

/*    enum                word                   in the sentence */
#define FACT_WORDS(X)                                                                            \
    X(TOKEN,              "token",               "a token of the back end")                      \
    X(GATE_TOKEN,         "gate_token",          "a gate token")                                 \
    X(FILESYSTEM,         "filesystem",          "filesystem")                                   \
    X(HTTP,               "http",                "http")                                         \
    X(ALLOW_SIGNED,       "allow_signed",        "let in by the signature")
/* clang-format on */

enum fact_check {
#define X(name, word) FACT_CHECK_##name,
    FACT_CHECKS(X)
#undef X
        FACT_CHECK_COUNT
};

enum fact_verdict {
#define X(name, word, text) FACT_VERDICT_##name,
    FACT_VERDICTS(X)
#undef X
        FACT_VERDICT_COUNT
};

enum fact_name {
#define X(name, word, holds, glue, before, after) FACT_INPUT_##name,
    FACT_INPUTS(X)
#undef X
        FACT_INPUT_COUNT
};

enum fact_word {
#define X(name, word, text) FACT_WORD_##name,
    FACT_WORDS(X)
#undef X
        FACT_WORD_COUNT
};

enum fact_type {
    FACT_TEXT,   /* a stranger's, or a word of another closed set */
    FACT_WORD,   /* of FACT_WORDS */
    FACT_LIST,   /* of words */
    FACT_NUMBER, /* a count */
    FACT_TIME,   /* unix seconds */
};

struct fact_input {
    enum fact_name name; /* says which of these it has */
    struct str text;     /* FACT_TEXT; the word itself for FACT_WORD */
    struct str said;     /* FACT_WORD: what the sentence has for it */
    int64_t number;
    const struct str *list;
    unsigned list_n;
};

enum { FACT_INPUTS_MAX = 4 };

/* Strings are static, in the arena or in what the fact is told of. */
struct fact {
    enum fact_check check;
    enum fact_verdict verdict;
    struct fact_input inputs[FACT_INPUTS_MAX];
    unsigned input_count;
    struct str text;
    bool is_decisive; /* the outcome is of its making: one of them, unless the request was served */
};

/* What is not known is no input: an empty text, a time of 0. */
void fact_put_text(struct fact *f, enum fact_name name, struct str text);
void fact_put_word(struct fact *f, enum fact_name name, enum fact_word word);
void fact_put_list(struct fact *f, enum fact_name name, const struct str *list, unsigned n);
void fact_put_number(struct fact *f, enum fact_name name, int64_t number);
void fact_put_time(struct fact *f, enum fact_name name, unix_t time);

/* With the outcome's own text behind it, where that is not "". STR_NONE when the arena is full. */
struct str fact_sentence(const struct fact *f, struct arena *a, struct str outcome);

struct str fact_check_word(enum fact_check c);
struct str fact_verdict_word(enum fact_verdict v);
struct str fact_input_word(enum fact_name n);
enum fact_type fact_input_type(enum fact_name n);

#endif
