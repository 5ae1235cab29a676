/*
 * What one title is stored under, taken from the decoded path: the folder after the first
 * YYYY-MM-DD folder, else the folder that holds the file; "" for a file in the root. A PCRE2
 * pattern from the configuration replaces the rule: its first group (the whole match when it has
 * none) is the key; no match, and a match that costs too much, is "".
 */
#ifndef ACCESS_STREAM_KEY_H
#define ACCESS_STREAM_KEY_H

#include <stddef.h>

#include "base/mem.h"
#include "base/str.h"

struct stream_key_rule; /* NULL stands for the built-in rule; immutable, shared by all threads */

enum { STREAM_KEY_MATCH_LIMIT = 10000 }; /* PCRE2 steps: a costly pattern must not stall a worker */

/* -1 with the reason and its offset in the pattern when it does not compile. */
int stream_key_rule_new(struct str pattern, struct stream_key_rule **ret, char *ret_error,
                        size_t error_room) MUST_CHECK;
void stream_key_rule_free(struct stream_key_rule **r);

/* Borrows from `path`. */
struct str stream_key_of(const struct stream_key_rule *rule, struct str path);

/* The folder that everything of this stream lies under, "/.../" up to and with the stream key's
 * folder: the scope of its gate tokens. The folder that holds the file when the key is no folder of
 * the path; that is "/" for a file in the root: no scope to hand out, sign each path instead. */
struct str stream_folder_of(const struct stream_key_rule *rule, struct str path);

#endif
