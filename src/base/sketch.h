/*
 * How many distinct things there were: exact up to SKETCH_EXACT of them, from then on an estimate
 * (HyperLogLog by Flajolet and others, 2007, with SKETCH_REGISTERS registers: off by 3 % in the
 * usual case). Things are 64-bit hashes that are equal on every machine (hash_content()). Sketches
 * of several workers and machines become one by sketch_merge(), in any order.
 *
 * Packed: a 16-bit count and so many hashes, or SKETCH_ESTIMATE and the registers; all big-endian.
 * store/lua/traffic_add.lua merges the same bytes by the same rules.
 */
#ifndef BASE_SKETCH_H
#define BASE_SKETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum {
    SKETCH_EXACT = 64,
    SKETCH_REGISTERS = 1024,
    SKETCH_ESTIMATE = 0xffff,
    SKETCH_PACKED_MAX = 2 + SKETCH_REGISTERS,
};

/* A zeroed one is empty, and holds no memory. */
struct sketch {
    uint64_t *hashes;   /* owned; in the order they came */
    uint8_t *registers; /* owned; NULL: exact */
    uint8_t count, room;
};

void sketch_done(struct sketch *s);
void sketch_clear(struct sketch *s); /* empty again; keeps the room of a few hashes */
void sketch_add(struct sketch *s, uint64_t hash);
void sketch_merge(struct sketch *s, const struct sketch *other);
uint64_t sketch_count(const struct sketch *s);

static inline bool sketch_is_exact(const struct sketch *s)
{
    return s->registers == NULL;
}

/* How many bytes were written. */
size_t sketch_pack(const struct sketch *s, uint8_t room[SKETCH_PACKED_MAX]);
/* Takes one off the front of `bytes` into an empty sketch; false: malformed, nothing is held. */
bool sketch_unpack(struct str *bytes, struct sketch *ret);

#endif
