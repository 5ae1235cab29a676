/*
 * What a request to the API says: the fields of a JSON object, or the parameters of a query. Fields
 * are taken one by one; the first mistake is kept with a sentence that names the field, and from
 * then on every field is STR_NONE ("sticky"), so a handler asks for all it needs and looks at
 * `error` once. Hostile input is expected: nesting is bounded, doubled names are refused, lengths
 * have caps.
 */
#ifndef ADMIN_INPUT_H
#define ADMIN_INPUT_H

#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ip.h"
#include "base/str.h"
#include "http/url.h"

enum {
    INPUT_NESTING_MAX = 16, /* jansson parses by recursion: bounds its stack */
    INPUT_PATH_MAX = 2048,
    INPUT_WORD_MAX = 32,
    INPUT_UA_MAX = 16 * 1024, /* no longer User-Agent can reach the gate (HTTP_MAX_HEAD_BYTES) */
};

struct input {
    struct arena *arena;
    json_t *root;     /* owned; NULL: the fields come from the query */
    struct str query; /* raw */
    struct str error; /* in the arena or a literal; "" so far so good */
};

enum input_need {
    INPUT_OPTIONAL,       /* STR_NONE when absent or null; may be empty */
    INPUT_SAYS_SOMETHING, /* the same, but not empty when it is there */
    INPUT_PRESENT,        /* may be empty */
    INPUT_NOT_EMPTY,
};

void input_from_json(struct input *in, struct arena *a, struct str content);
void input_from_query(struct input *in, struct arena *a, struct str query);
void input_done(struct input *in);

static inline bool input_is_wrong(const struct input *in)
{
    return in->error.n > 0;
}

/* A copy in the arena; never borrows from the content. */
struct str input_str(struct input *in, const char *name, enum input_need need, size_t max);
struct str input_uid(struct input *in, enum input_need need);
/* An address or a CIDR; family IP_NONE when it is absent. */
struct ip_net input_net(struct input *in, const char *name, enum input_need need);
struct ip input_ip(struct input *in, const char *name, enum input_need need);
/* A decimal of 1 to `max`. */
unsigned input_count(struct input *in, const char *name, unsigned absent, unsigned max);

/* Unix seconds, as a JSON number or a decimal text without a sign; 0 when it is absent. */
unix_t input_unix_time(struct input *in, const char *name, enum input_need need);
/* 1 to `max` texts, none empty or longer than `each`, in the arena; NULL when something is wrong.
 */
struct str *input_list(struct input *in, const char *name, unsigned max, size_t each,
                       unsigned *ret_count);
/* A path ("/a%20b.ts"), or a whole URL, decoded as the gate decodes it. False: absent, or wrong. */
bool input_url(struct input *in, const char *name, enum input_need need, struct url *ret);
bool input_parse_url(struct input *in, const char *name, struct str text, struct url *ret);

/* Notes a mistake of the field `name`, unless there is one already. */
void input_wrong(struct input *in, const char *name, const char *what);

/*
 * "http://host/path?query", "/path?query" or "path" as authority ("" = none) and origin-form
 * target. What follows "#" is not part of it.
 */
void input_split_url(struct arena *a, struct str url, struct str *ret_authority,
                     struct str *ret_target);

/*
 * `text` names a stream: a URL or path of one of its files or of its folder. A last segment without
 * a dot is a folder, so "movie1", "/video/2026-11-22/movie1" and ".../movie1/720p/index.m3u8"
 * agree. The decoded path, for stream_key_of(); STR_NONE when it is malformed.
 */
struct str input_stream_path(struct arena *a, struct str text);

#endif
