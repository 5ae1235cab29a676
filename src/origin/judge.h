/* Does a first answer fit what was asked? Pure. */
#ifndef ORIGIN_JUDGE_H
#define ORIGIN_JUDGE_H

#include "origin/fetch.h"

/* STR_NONE, or what is malformed about it. */
struct str judge_answer(const struct origin_request *r, const struct http_answer *a,
                        unix_t now) MUST_CHECK;

/* RFC 9110 15.4: those that name another place for this very request. */
bool status_is_redirect(unsigned status);

#endif
