/* HTTP dates (RFC 9110 5.6.7): IMF-fixdate out; IMF-fixdate, RFC 850 and asctime in. */
#ifndef HTTP_DATE_H
#define HTTP_DATE_H

#include "base/clock.h"
#include "base/str.h"

enum { HTTP_DATE_LEN = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT": exactly HTTP_DATE_LEN characters, no NUL. */
void http_date_format(unix_t t, char ret[HTTP_DATE_LEN]);
/* The same for a field `Date`: kept per thread and made once a second; borrowed until the next
 * call. */
struct str http_date_now(unix_t now);
int http_date_parse(struct str s, unix_t now,
                    unix_t *ret); /* `now` settles RFC 850's two-digit year */

#endif
