#include "base/sketch.h"

#include <endian.h>
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

enum {
    FIRST_ROOM = 4,
    INDEX_BITS = 10,
    RANK_BITS = 64 - INDEX_BITS,
    RANK_MAX = RANK_BITS + 1, /* all bits are zero */
};
_Static_assert(1 << INDEX_BITS == SKETCH_REGISTERS, "an index names a register");

void sketch_done(struct sketch *s)
{
    free(s->hashes);
    free(s->registers);
    *s = (struct sketch){0};
}

void sketch_clear(struct sketch *s)
{
    free(TAKE(s->registers));
    s->count = 0;
}

/* ---- registers ---- */

static void raise(uint8_t *registers, uint64_t hash)
{
    uint64_t rest = hash << INDEX_BITS;
    uint8_t rank = (uint8_t)(rest != 0 ? __builtin_clzll(rest) + 1 : RANK_MAX);
    uint8_t *r = &registers[hash >> RANK_BITS];

    *r = MAX(*r, rank);
}

static void become_estimate(struct sketch *s)
{
    s->registers = xzalloc(SKETCH_REGISTERS);
    for (unsigned i = 0; i < s->count; i++)
        raise(s->registers, s->hashes[i]);
    free(TAKE(s->hashes));
    s->count = s->room = 0;
}

/* Few different ones leave registers empty: then counting those is more exact. */
static uint64_t estimate(const uint8_t *registers)
{
    const double m = SKETCH_REGISTERS, alpha = 0.7213 / (1 + 1.079 / m);
    double sum = 0, raw;
    unsigned empty = 0;

    for (unsigned i = 0; i < SKETCH_REGISTERS; i++) {
        sum += ldexp(1, -registers[i]);
        empty += registers[i] == 0;
    }
    raw = alpha * m * m / sum;
    if (raw <= 2.5 * m && empty > 0)
        raw = m * log(m / empty);
    return (uint64_t)llround(raw);
}

/* ---- all together ---- */

static bool has(const struct sketch *s, uint64_t hash)
{
    for (unsigned i = 0; i < s->count; i++)
        if (s->hashes[i] == hash)
            return true;
    return false;
}

void sketch_add(struct sketch *s, uint64_t hash)
{
    if (s->registers == NULL && has(s, hash))
        return;
    if (s->registers == NULL && s->count == SKETCH_EXACT)
        become_estimate(s);
    if (s->registers != NULL) {
        raise(s->registers, hash);
        return;
    }
    if (s->count == s->room) {
        s->room = s->room == 0 ? FIRST_ROOM : (uint8_t)(s->room * 2);
        s->hashes = xrealloc(s->hashes, s->room * sizeof *s->hashes);
    }
    s->hashes[s->count++] = hash;
}

void sketch_merge(struct sketch *s, const struct sketch *other)
{
    if (other->registers != NULL && s->registers == NULL)
        become_estimate(s);
    for (unsigned i = 0; other->registers != NULL && i < SKETCH_REGISTERS; i++)
        s->registers[i] = MAX(s->registers[i], other->registers[i]);
    for (unsigned i = 0; i < other->count; i++)
        sketch_add(s, other->hashes[i]);
}

uint64_t sketch_count(const struct sketch *s)
{
    return s->registers != NULL ? estimate(s->registers) : s->count;
}

/* ---- packing ---- */

size_t sketch_pack(const struct sketch *s, uint8_t room[SKETCH_PACKED_MAX])
{
    uint16_t count = htobe16(s->registers != NULL ? SKETCH_ESTIMATE : s->count);

    memcpy(room, &count, sizeof count);
    if (s->registers != NULL) {
        memcpy(room + sizeof count, s->registers, SKETCH_REGISTERS);
        return sizeof count + SKETCH_REGISTERS;
    }
    for (unsigned i = 0; i < s->count; i++) {
        uint64_t hash = htobe64(s->hashes[i]);

        memcpy(room + sizeof count + i * sizeof hash, &hash, sizeof hash);
    }
    return sizeof count + s->count * sizeof(uint64_t);
}

static bool unpack_registers(const char *p, struct sketch *ret)
{
    for (unsigned i = 0; i < SKETCH_REGISTERS; i++)
        if ((uint8_t)p[i] > RANK_MAX)
            return false;
    ret->registers = xmemdup(p, SKETCH_REGISTERS);
    return true;
}

bool sketch_unpack(struct str *bytes, struct sketch *ret)
{
    uint16_t count;
    uint64_t hash;
    bool is_estimate;
    size_t n;

    if (bytes->n < sizeof count)
        return false;
    memcpy(&count, bytes->p, sizeof count);
    count = be16toh(count);
    is_estimate = count == SKETCH_ESTIMATE;
    n = is_estimate ? SKETCH_REGISTERS : count * sizeof hash;
    if ((!is_estimate && count > SKETCH_EXACT) || bytes->n < sizeof count + n)
        return false;
    if (is_estimate && !unpack_registers(bytes->p + sizeof count, ret))
        return false;
    for (unsigned i = 0; !is_estimate && i < count; i++) {
        memcpy(&hash, bytes->p + sizeof count + i * sizeof hash, sizeof hash);
        sketch_add(ret, be64toh(hash));
    }
    *bytes = str_skip(*bytes, sizeof count + n);
    return true;
}
