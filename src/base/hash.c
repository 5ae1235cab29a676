/* SipHash-1-3: one round per word, three at the end. */
#include "base/hash.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/panic.h"

enum { DRAWN_AT_ONCE = 256 };

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, int b)
{
    return (x << b) | (x >> (64 - b));
}

static inline void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v1 = rotl(s->v1, 13) ^ s->v0;
    s->v0 = rotl(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotl(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotl(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotl(s->v1, 17) ^ s->v2;
    s->v2 = rotl(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    s->v0 ^= word;
}

/* The bytes behind the last whole word, by few loads: `n` is less than 8. */
static inline uint64_t short_word(const char *p, size_t n)
{
    const unsigned char *b = (const unsigned char *)p;
    uint32_t first, last;

    if (n == 0)
        return 0;
    if (n < sizeof first)
        return b[0] | (uint64_t)b[n / 2] << (8 * (n / 2)) | (uint64_t)b[n - 1] << (8 * (n - 1));
    memcpy(&first, p, sizeof first);
    memcpy(&last, p + n - sizeof last, sizeof last);
    return first | (uint64_t)last << (8 * (n - sizeof last));
}

/* `wide`: 0, or 0xee for a hash of 128 bits, so that its halves are none of 64. */
static struct sip sip_absorb(const struct hash_key *key, struct str s, uint64_t wide)
{
    struct sip h = {key->k0 ^ 0x736f6d6570736575u, key->k1 ^ 0x646f72616e646f6du ^ wide,
                    key->k0 ^ 0x6c7967656e657261u, key->k1 ^ 0x7465646279746573u};
    uint64_t last = (uint64_t)s.n << 56, word;

    while (s.n >= sizeof word) {
        memcpy(&word, s.p, sizeof word);
        sip_word(&h, word);
        s.p += sizeof word;
        s.n -= sizeof word;
    }
    sip_word(&h, last | short_word(s.p, s.n));
    return h;
}

static uint64_t sip_finish(struct sip *h)
{
    for (int i = 0; i < 3; i++)
        sip_round(h);
    return h->v0 ^ h->v1 ^ h->v2 ^ h->v3;
}

uint64_t hash_bytes(const struct hash_key *key, struct str s)
{
    struct sip h = sip_absorb(key, s, 0);

    h.v2 ^= 0xff;
    return sip_finish(&h);
}

struct hash_wide hash_content(struct str s)
{
    static const struct hash_key key = {0x686c736761746520, 0x636f6e74656e7420};
    struct sip h = sip_absorb(&key, s, 0xee);
    struct hash_wide ret;

    h.v2 ^= 0xee;
    ret.a = sip_finish(&h);
    h.v1 ^= 0xdd;
    ret.b = sip_finish(&h);
    return ret;
}

static struct hash_key process_key;
static pthread_once_t process_key_once = PTHREAD_ONCE_INIT;

static void draw_process_key(void)
{
    random_bytes(&process_key, sizeof process_key);
}

const struct hash_key *hash_process_key(void)
{
    pthread_once(&process_key_once, draw_process_key);
    return &process_key;
}

static void draw(void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        assert(got > 0);
        at += got;
        n -= (size_t)got;
    }
}

/* A system call for each session id would cost more than all else of it. What was given out is
 * wiped. */
void random_bytes(void *p, size_t n)
{
    static _Thread_local struct {
        size_t left;
        uint8_t bytes[DRAWN_AT_ONCE];
    } drawn;

    if (n > sizeof drawn.bytes) {
        draw(p, n);
        return;
    }
    if (drawn.left < n) {
        draw(drawn.bytes, sizeof drawn.bytes);
        drawn.left = sizeof drawn.bytes;
    }
    drawn.left -= n;
    memcpy(p, drawn.bytes + drawn.left, n);
    explicit_bzero(drawn.bytes + drawn.left, n);
}
