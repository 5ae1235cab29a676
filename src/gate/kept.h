/*
 * What the disk tier keeps beside an object's bytes: its validators, its type, and how long it may
 * be used, on the wall clock, since it outlives the process.
 */
#ifndef GATE_KEPT_H
#define GATE_KEPT_H

#include "base/buf.h"
#include "cache/cache.h"

/* `now` on both clocks. */
void kept_write(const struct cache_entry *e, usec_t now, unix_t unix_now, struct buf *ret);

/* Fills what kept_write() had; strings are borrowed from `meta`. -1: not ours, or of another
 * version. */
int kept_read(struct str meta, usec_t now, unix_t unix_now, struct cache_entry *ret) MUST_CHECK;

#endif
