/*
 * What a backend does once a second on the loop's pool, where it may block: never twice at a time,
 * and not after housekeeping_free(), which waits for a step that is running.
 */
#ifndef STORE_HOUSEKEEPING_H
#define STORE_HOUSEKEEPING_H

#include "store/store.h"

struct housekeeping;
typedef int (*housekeep_fn)(struct store *s, unix_t now); /* on some thread */

struct housekeeping *housekeeping_new(struct loop *l, struct store *s, housekeep_fn step);
void housekeeping_free(struct housekeeping **h);

#endif
