/*
 * The head of a request as both codecs (HTTP/1.1 and HTTP/2) give it: borrowed strings into memory
 * of the request, fields in the order they came. Field names are compared without case (RFC
 * 9110 5.1).
 */
#ifndef HTTP_REQUEST_H
#define HTTP_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    HTTP_MAX_HEAD_BYTES = 16 * 1024, /* request line and fields; more is 431: head bombs */
    HTTP_MAX_FIELDS = 100,           /* more is 431 */
};

/*        name       text */
#define HTTP_METHODS(X)   \
    X(GET, "GET")         \
    X(HEAD, "HEAD")       \
    X(OPTIONS, "OPTIONS") \
    X(POST, "POST")       \
    X(DELETE, "DELETE")   \
    X(OTHER, "")

enum http_method {
#define X(name, text) HTTP_##name,
    HTTP_METHODS(X)
#undef X
};

struct str http_method_name(enum http_method m); /* "" of HTTP_OTHER */

/* Fields that are looked up for every request are found once, while parsing. */
#define HTTP_KNOWN_FIELDS(X)                                          \
    X(HOST, "host")                                                   \
    X(USER_AGENT, "user-agent")                                       \
    X(COOKIE, "cookie")                                               \
    X(RANGE, "range")                                                 \
    X(IF_RANGE, "if-range")                                           \
    X(IF_MATCH, "if-match")                                           \
    X(IF_NONE_MATCH, "if-none-match")                                 \
    X(IF_MODIFIED_SINCE, "if-modified-since")                         \
    X(IF_UNMODIFIED_SINCE, "if-unmodified-since")                     \
    X(ORIGIN, "origin")                                               \
    X(AUTHORIZATION, "authorization")                                 \
    X(CONTENT_TYPE, "content-type")                                   \
    X(CONTENT_LENGTH, "content-length")                               \
    X(TRANSFER_ENCODING, "transfer-encoding")                         \
    X(CONNECTION, "connection")                                       \
    X(EXPECT, "expect")                                               \
    X(FORWARDED, "forwarded")                                         \
    X(X_FORWARDED_FOR, "x-forwarded-for")                             \
    X(X_REAL_IP, "x-real-ip")                                         \
    X(X_SESSION_ID, "x-session-id")                                   \
    X(ACCEPT_ENCODING, "accept-encoding")                             \
    X(ACCESS_CONTROL_REQUEST_METHOD, "access-control-request-method") \
    X(ACCESS_CONTROL_REQUEST_HEADERS, "access-control-request-headers")

enum http_known_field {
#define X(name, text) FIELD_##name,
    HTTP_KNOWN_FIELDS(X)
#undef X
        FIELD_KNOWN_COUNT
};

/* Which of them a name of any case is; FIELD_KNOWN_COUNT when it is none. */
enum http_known_field http_known_field(struct str name);

/* A token (RFC 9110 5.6.2), as field names and methods are. */
bool http_is_token(struct str s);

struct http_field {
    struct str name, value; /* value without the white space around it */
};

struct http_head {
    enum http_method method;
    struct str method_text;
    struct str target; /* origin-form ("/a?b"), "*" for OPTIONS; absolute-form is reduced to it */
    struct str authority; /* the Host field, or :authority; "" when HTTP/1.0 sent none */
    uint8_t version_major, version_minor;
    bool keep_alive;           /* the client wants the connection to persist (RFC 9112 9.3) */
    bool expects_continue;     /* Expect: 100-continue */
    bool has_body, is_chunked; /* content follows */
    uint64_t content_length;   /* of the request's content; 0 with is_chunked */
    struct str known[FIELD_KNOWN_COUNT]; /* the first value of each; STR_NONE when absent */
    struct http_field *fields;           /* all of them */
    unsigned field_count;
};

/* The first field of that name; STR_NONE when there is none. `name` in lower case. */
struct str http_head_get(const struct http_head *h, struct str name);

/* How often a field of that name stands in the head. */
unsigned http_head_count(const struct http_head *h, struct str name);

#endif
