/*
 * The dashboard's files (web/), as scripts/embed.py puts them into the program: index.html at
 * /monitor, the others below it. They hold no figure and no secret, so anybody may
 * have them: what is shown is asked of the API, by who has logged in.
 */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "base/str.h"
#include "gate/gate.h"

struct page {
    struct str path, type;
    struct str etag, etag_gzip; /* strong, with their quotes */
    struct str plain;
    struct str gzip; /* "": would not be shorter */
};

extern const struct page pages[];
extern const size_t page_count;

/* An endpoint for each of them, and one for "/monitor/"; `ret` has room for all. */
unsigned pages_endpoint_count(void);
void pages_endpoints(struct endpoint *ret);

#endif
