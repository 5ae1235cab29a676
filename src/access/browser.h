/* What kind of client a User-Agent claims to be: one table in browser.c, data not code. Matching
 * ignores case. */
#ifndef ACCESS_BROWSER_H
#define ACCESS_BROWSER_H

#include "base/str.h"

/* clang-format off */
#define BROWSER_TYPES(X)                                                                           \
    X(MOBILE,  "mobile_browser")                                                                   \
    X(DESKTOP, "desktop_browser")                                                                  \
    X(TOOL,    "download_tool")                                                                    \
    X(UNKNOWN, "unknown")
/* clang-format on */

enum browser_type {
#define X(name, text) BROWSER_##name,
    BROWSER_TYPES(X)
#undef X
        BROWSER_TYPE_COUNT
};

struct browser {
    enum browser_type type;
    struct str name; /* a literal: "chrome_mobile", "wget", ...; "unknown" */
};

/* Download tools first, then mobile, then desktop. An empty User-Agent is unknown. */
struct browser browser_detect(struct str user_agent);
struct str browser_type_name(enum browser_type type);

#endif
