/*
 * Path classes by suffix, and the checks each class asks for.
 */
#ifndef ACCESS_POLICY_H
#define ACCESS_POLICY_H

#include <stdbool.h>

#include "base/mem.h"
#include "base/str.h"

/* The first class that matches wins; suffixes, checks and Cache-Control are defaults. */
/* clang-format off */
/*    enum      word        suffixes, checks, Cache-Control */
#define PATH_CLASSES(X)                                                                            \
    X(KEY,      "key",      ".key",                                                                \
                            "token use_limit", "no-store")                                         \
    X(PLAYLIST, "playlist", ".m3u8",                                                               \
                            "token grant session use_limit", "no-cache, no-store, must-revalidate") \
    X(SEGMENT,  "segment",  ".ts .m4s .mp4 .m4v .m4a .aac .vtt .webvtt .mp3 .ac3 .ec3",            \
                            "credential", "public, max-age=300")                                   \
    X(STATIC,   "static",   ".jpg .jpeg .png .gif .svg .webp .ico .css .js .woff .woff2 .ttf .txt", \
                            "ip", "public, max-age=3600")                                          \
    X(OTHER,    "other",    "",                                                                    \
                            "grant session", "max-age=600")
/* clang-format on */

enum path_class {
#define X(name, word, suffixes, checks, cc) CLASS_##name,
    PATH_CLASSES(X)
#undef X
        CLASS_COUNT
};

/* clang-format off */
/*    enum         word          meaning */
#define CHECKS(X)                                                                                  \
    X(TOKEN,      "token",      "a valid token or gate token")                                     \
    X(CREDENTIAL, "credential", "a valid token or gate token, or a live session")                  \
    X(GRANT,      "grant",      "a grant for this network, User-Agent and stream key")             \
    X(IP,         "ip",         "a grant for this network and User-Agent, whatever its stream key") \
    X(SESSION,    "session",    "a live session, or what may begin one")                           \
    X(USE_LIMIT,  "use_limit",  "the use limit of tokens and keys")
/* clang-format on */

enum check_bit {
#define X(name, word, doc) CHECK_BIT_##name,
    CHECKS(X)
#undef X
        CHECK_COUNT
};
enum {
#define X(name, word, doc) CHECK_##name = 1 << CHECK_BIT_##name,
    CHECKS(X)
#undef X
};
typedef unsigned checks_t; /* a set of CHECK_* */

struct class_rule {
    struct str *suffixes; /* lower case, with their dot; owned by the configuration */
    unsigned suffix_count;
    checks_t checks;
    struct str cache_control;
};

struct class_rules {
    struct class_rule of[CLASS_COUNT];
};

enum path_class class_of(const struct class_rules *rules, struct str path); /* without case */
struct str class_word(enum path_class c);

/* One word of a policy list: a CHECK_* bit, 0 for an unknown word. */
checks_t check_parse(struct str word);
struct str check_word(enum check_bit bit);

#endif
