/*
 * What an origin says of a path, asked past gate and cache: is it there, of what type, with which
 * fields. A folder is asked to open the file, an HTTP origin with HEAD. Nothing of the caller's
 * request is passed on: no credentials, no cookies, no address.
 */
#ifndef ADMIN_LOOKUP_H
#define ADMIN_LOOKUP_H

#include "base/op.h"
#include "gate/req.h"

/* Ends with 0 always: what went wrong is part of the answer. */
struct lookup {
    struct op op; /* op_init() by the caller */
    /* asked */
    struct str path;  /* decoded and normalised */
    struct str query; /* for HTTP origins, "" = none; credentials are taken out */
    bool wants_fields;
    /* answered; strings in the request's arena */
    const struct origin_route *route; /* NULL: no origin has such paths */
    int err;           /* < 0: it did not answer, as of origin_open() or origin_sink */
    unsigned status;   /* HTTP's, of a folder too: 200, 403, 404; 0: no answer */
    uint64_t length;   /* HTTP_LENGTH_UNKNOWN */
    struct str server; /* of a cluster: who answered; "" = a folder, or nobody */
    struct str type;
    struct http_field *fields; /* as they came; of a folder, as hlsgate would send them */
    unsigned field_count;
    usec_t took;
    /* internal */
    struct req *req;
    usec_t began;
    struct origin_file file;
    struct origin_fetch *fetch;
};

/* Asked and op_init()ed, the rest zero: 0 under way, > 0 answered at once. Lives as long as `r`. */
int lookup_start(struct lookup *l, struct req *r);

bool lookup_found(const struct lookup *l); /* a file is there */
/* Neither found nor missing: why; STR_NONE when it is one of these. */
struct str lookup_trouble(struct lookup *l);

#endif
