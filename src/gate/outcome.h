/*
 * How a request ends: one row gives HTTP status, class, word (log, counters, API, dashboard) and
 * the sentence of the manual. Nothing else decides a status.
 */
#ifndef GATE_OUTCOME_H
#define GATE_OUTCOME_H

#include <stdbool.h>

#include "base/str.h"

enum outcome_class {
    SERVED,  /* what was asked for, or a correct "not modified" and the like */
    DENIED,  /* the gate said no: goes to the log of denied requests */
    REFUSED, /* the request itself is wrong */
    FAILED,  /* our side, or the origin's, could not */
};

/* clang-format off */
/*    name                 http class    text in the log and the reference manual */
#define OUTCOMES(X) \
    X(OK,                  200, SERVED,  "served") \
    X(PARTIAL,             206, SERVED,  "served a range") \
    X(NO_CONTENT,          204, SERVED,  "preflight or OPTIONS answered") \
    X(NOT_MODIFIED,        304, SERVED,  "the viewer's copy is still right") \
    X(TO_HTTPS,            301, SERVED,  "sent on to https (GET and HEAD)") \
    X(TO_HTTPS_SAME,       308, SERVED,  "sent on to https with its method") \
    X(MOVED,               308, SERVED,  "sent on to the path that was meant") \
    X(KEY_REDIRECT,        302, SERVED,  "key request sent on to key.redirect") \
    X(TOKEN_MISSING,       403, DENIED,  "no token, and the policy asks for one") \
    X(TOKEN_MALFORMED,     403, DENIED,  "token, uid, expires or scope is incomplete, doubled or of the wrong form") \
    X(TOKEN_BAD_SIG,       403, DENIED,  "token signature does not verify for this path, uid and time") \
    X(GATE_BAD_SIG,        403, DENIED,  "gate token does not verify for this path and viewer") \
    X(TOKEN_OUT_OF_SCOPE,  403, DENIED,  "token is for another folder") \
    X(TOKEN_EXPIRED,       403, DENIED,  "token has expired and no session carries on") \
    X(TOKEN_OTHER_VIEWER,  403, DENIED,  "token belongs to the viewer that used it first") \
    X(TOKEN_USED_UP,       403, DENIED,  "token or key was used as often as it may be") \
    X(BROWSER_LIMIT,       403, DENIED,  "playlist was asked for too often by this kind of browser") \
    X(REVOKED,             403, DENIED,  "session or grant behind this gate token was revoked") \
    X(NO_GRANT,            403, DENIED,  "no grant for this network and User-Agent") \
    X(GRANT_OTHER_STREAM,  403, DENIED,  "the grant of this network and User-Agent is for other streams") \
    X(NO_SESSION,          403, DENIED,  "no live session") \
    X(SESSION_RATE,        403, DENIED,  "viewer begins sessions faster than one a second") \
    X(TOO_MANY_STREAMS,    403, DENIED,  "the uid watches as many streams as access.max_streams allows") \
    X(NO_CREDENTIAL,       403, DENIED,  "neither token nor live session") \
    X(API_KEY_MISSING,     401, DENIED,  "the API needs a key") \
    X(API_KEY_WRONG,       403, DENIED,  "unknown API key") \
    X(API_SIGNATURE,       403, DENIED,  "signature for the API does not verify, or is too old") \
    X(API_SCOPE,           403, DENIED,  "the API key's scope does not allow this") \
    X(API_FORGED,          403, DENIED,  "a change was asked for with the dashboard's cookie, but not by its page") \
    X(API_NO_LOGIN,        401, REFUSED, "nobody is logged in to the dashboard there") \
    X(BAD_REQUEST,         400, REFUSED, "malformed request") \
    X(BAD_PATH,            400, REFUSED, "path is malformed or leaves the root") \
    X(API_BAD_REQUEST,     400, REFUSED, "API request with a missing or wrong field") \
    X(NOT_FOUND,           404, REFUSED, "no such file or endpoint") \
    X(FORBIDDEN_FILE,      403, REFUSED, "the file may not be read: it leaves the root, is no regular file, or the origin refuses it") \
    X(METHOD_NOT_ALLOWED,  405, REFUSED, "method not allowed here") \
    X(HEAD_TIMEOUT,        408, REFUSED, "request did not arrive in time") \
    X(PRECONDITION,        412, REFUSED, "If-Match or If-Unmodified-Since does not hold") \
    X(BODY_TOO_LARGE,      413, REFUSED, "request content over the limit") \
    X(URI_TOO_LONG,        414, REFUSED, "request target over the limit") \
    X(BAD_RANGE,           416, REFUSED, "range outside the file, or more than 16 ranges, or two that overlap") \
    X(EXPECTATION,         417, REFUSED, "an expectation other than 100-continue") \
    X(HEAD_TOO_LARGE,      431, REFUSED, "request head over the limit") \
    X(VERSION,             505, REFUSED, "HTTP version not supported") \
    X(CLIENT_LEFT,         499, FAILED,  "viewer left before the response was complete") \
    X(SEND_TIMEOUT,        499, FAILED,  "viewer did not read in time") \
    X(INTERNAL,            500, FAILED,  "a limit of this request was reached") \
    X(PLAYLIST_TOO_LARGE,  502, FAILED,  "playlist over playlist.max_size, or with too many URIs that need tokens of their own") \
    X(ORIGIN_ERROR,        502, FAILED,  "origin could not be read, or answered with an error") \
    X(ORIGIN_DOWN,         502, FAILED,  "no server of the origin could be reached") \
    X(ORIGIN_BAD,          502, FAILED,  "origin's answer was malformed, or not what was asked for") \
    X(ORIGIN_BROKE,        502, FAILED,  "origin's content broke off, connection cut") \
    X(ORIGIN_TIMEOUT,      504, FAILED,  "origin did not answer in time") \
    X(STORE_DOWN,          503, FAILED,  "state store did not answer, or with nothing of use") \
    X(STORE_FULL,          503, FAILED,  "state store has no room left") \
    X(OVERLOADED,          503, FAILED,  "a limit of the machine was reached") \
    X(DRAINING,            503, FAILED,  "shutting down")
/* clang-format on */

enum outcome {
#define X(name, status, class, text) OUT_##name,
    OUTCOMES(X)
#undef X
        OUTCOME_COUNT
};

struct outcome_row {
    struct str word; /* "token_bad_sig" */
    uint16_t status;
    enum outcome_class class;
    struct str text;
};

const struct outcome_row *outcome_row(enum outcome o);

bool outcome_is_denied(enum outcome o);
bool outcome_is_failed(enum outcome o);
bool outcome_is_replay(enum outcome o); /* a use limit refused it */

#endif
