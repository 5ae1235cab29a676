/*
 * Arguments of a command, and how Redis reads them (RESP: redis.io/docs/reference/protocol-spec):
 * written straight into the buffer that is sent.
 */
#include "base/panic.h"
#include "store/redis_internal.h"

enum { FRAME = 1 + 20 + 2 + 2 }; /* "$", a number, CRLF, and the CRLF behind the bytes */

void redis_add_bytes(struct redis_args *a, const void *p, size_t n)
{
    assert(a->count < REDIS_ARGS_MAX);
    a->at[a->count] = p;
    a->len[a->count] = n;
    a->count++;
}

void redis_add(struct redis_args *a, struct str s)
{
    redis_add_bytes(a, s.p, s.n);
}

/* Behind `at`; where it ends. */
static char *put_number(char *at, uint64_t n)
{
    char digits[20];
    int count = 0;

    do
        digits[count++] = (char)('0' + n % 10);
    while ((n /= 10) > 0);
    while (count > 0)
        *at++ = digits[--count];
    return at;
}

void redis_add_number(struct redis_args *a, int64_t n)
{
    char *text, *end;

    assert(a->count < REDIS_ARGS_MAX);
    text = end = a->numbers[a->count];
    if (n < 0)
        *end++ = '-';
    end = put_number(end, n < 0 ? -(uint64_t)n : (uint64_t)n);
    redis_add_bytes(a, text, (size_t)(end - text));
}

static char *put_count(char *at, char type, size_t n)
{
    *at++ = type;
    at = put_number(at, n);
    *at++ = '\r';
    *at++ = '\n';
    return at;
}

static size_t most_bytes(const struct redis_args *a)
{
    size_t n = FRAME;

    for (int i = 0; i < a->count; i++)
        n += a->len[i] + FRAME;
    return n;
}

bool redis_encode(const struct redis_args *a, struct buf *out)
{
    char *begin = buf_reserve(out, most_bytes(a)), *at = begin;

    if (begin == NULL) {
        out->is_full = false; /* the next one may be shorter, and what is sent makes room */
        return false;
    }
    at = put_count(at, '*', (size_t)a->count);
    for (int i = 0; i < a->count; i++) {
        at = put_count(at, '$', a->len[i]);
        if (a->len[i] > 0)
            memcpy(at, a->at[i], a->len[i]);
        at += a->len[i];
        *at++ = '\r';
        *at++ = '\n';
    }
    buf_added(out, (size_t)(at - begin));
    return true;
}
