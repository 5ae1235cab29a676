#include "http/chunked.h"

#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/test.h"

/* A body that shows its pieces one after the other; an empty one means "nothing yet". */
struct pieces {
    struct body body;
    const char *const *at; /* NULL-terminated */
    size_t taken;
    int end; /* 0, or how it breaks */
};

static struct pieces *pieces_of(struct body *b)
{
    return container_of(b, struct pieces, body);
}

static int peek(struct body *b, struct body_view *v)
{
    struct pieces *p = pieces_of(b);

    if (*p->at == NULL)
        return p->end < 0 ? p->end : body_end(b);
    if (**p->at == '\0') {
        p->at++;
        return 0;
    }
    v->kind = BODY_MEMORY;
    v->iov_count = 1;
    v->iov[0] = (struct iovec){(char *)(uintptr_t)*p->at + p->taken, strlen(*p->at) - p->taken};
    return 1;
}

static void advance(struct body *b, uint64_t n)
{
    struct pieces *p = pieces_of(b);

    p->taken += n;
    if (p->taken == strlen(*p->at)) {
        p->at++;
        p->taken = 0;
    }
}

static void done(struct body *b)
{
}

static const struct body_ops ops = {peek, advance, done};

/* Pulls at most `step` bytes at a time; the last answer of peek(). */
static int pull(const char *const *input, int end, size_t step, char *ret, size_t *ret_n)
{
    struct pieces p = {.body = {.ops = &ops, .left = BODY_LENGTH_UNKNOWN}, .at = input, .end = end};
    struct chunked_body c;
    uint64_t content = 0;
    int r = 1;

    *ret_n = 0;
    chunked_body_init(&c, &p.body);
    while (c.body.left > 0) {
        struct body_view v;
        size_t n;

        r = body_peek(&c.body, &v);
        if (r < 0)
            break;
        if (r == 0)
            continue;
        assert_true(v.iov_count > 0 && v.iov[0].iov_len > 0);
        n = v.iov[0].iov_len < step ? v.iov[0].iov_len : step;
        memcpy(ret + *ret_n, v.iov[0].iov_base, n);
        *ret_n += n;
        body_advance(&c.body, n);
    }
    body_done(&c.body);
    for (size_t i = 0; r == 0 && input[i] != NULL; i++)
        content += strlen(input[i]);
    assert_true(r < 0 || c.content_sent == content);
    return r;
}

static void every_split_frames_alike(void **state)
{
    static const char *const some[] = {"hello", "", "", "0123456789abcdef0", "x", NULL};
    static const char *const none[] = {"", NULL};
    char got[256];
    size_t n;

    for (size_t step = 1; step < 30; step++) {
        assert_int_equal(pull(some, 0, step, got, &n), 0);
        assert_str(((struct str){got, n}),
                   "5\r\nhello\r\n11\r\n0123456789abcdef0\r\n1\r\nx\r\n0\r\n\r\n");
        assert_int_equal(pull(none, 0, step, got, &n), 0);
        assert_str(((struct str){got, n}), "0\r\n\r\n");
    }
}

static void a_broken_body_has_no_last_chunk(void **state)
{
    static const char *const some[] = {"hello", NULL};
    char got[256];
    size_t n;

    assert_int_equal(pull(some, -EIO, 100, got, &n), -EIO);
    assert_str(((struct str){got, n}), "5\r\nhello");
}

TEST_MAIN(cmocka_unit_test(every_split_frames_alike),
          cmocka_unit_test(a_broken_body_has_no_last_chunk))
