/* What is compressed comes back by the libraries' own decoders. */
#include "gate/coder.h"

#include <brotli/decode.h>
#include <libdeflate.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/test.h"

static size_t decode(enum http_coding coding, const char *p, size_t n, char *ret, size_t room)
{
    size_t got = room;

    if (coding == CODING_GZIP) {
        struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();

        assert_int_equal(libdeflate_gzip_decompress(d, p, n, ret, room, &got), LIBDEFLATE_SUCCESS);
        libdeflate_free_decompressor(d);
        return got;
    }
    assert_int_equal(BrotliDecoderDecompress(n, (const uint8_t *)p, &got, (uint8_t *)ret),
                     BROTLI_DECODER_RESULT_SUCCESS);
    return got;
}

static void fill_with_text(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = "#EXTINF:6.0,\nseg1.ts?uid=u1&gate=abc\n"[(i * (1 + i / 4096)) % 37];
}

static void fill_with_noise(char *p, size_t n)
{
    random_bytes(p, n);
}

static void (*const fills[])(char *p, size_t n) = {fill_with_text, fill_with_noise};

static void check(struct coder *c, enum http_coding coding, enum coder_effort effort,
                  void (*fill)(char *, size_t), size_t n)
{
    size_t room = coder_bound(n), got, again_n;
    char *plain = xmalloc(n + 1), *coded = xmalloc(room), *again = xmalloc(room),
         *back = xmalloc(n + 1);

    fill(plain, n);
    got = coder_run(c, coding, effort, (struct str){plain, n}, coded, room);
    assert_true(got > 0);
    assert_int_equal(decode(coding, coded, got, back, n + 1), n);
    assert_memory_equal(back, plain, n);
    again_n = coder_run(c, coding, effort, (struct str){plain, n}, again, room);
    assert_int_equal(again_n, got); /* equal bytes: the ETag may be equal */
    assert_memory_equal(again, coded, got);
    assert_int_equal(coder_run(c, coding, effort, (struct str){plain, n}, coded, got / 2), 0);
    free(plain);
    free(coded);
    free(again);
    free(back);
}

static void there_and_back(void **state)
{
    static const size_t sizes[] = {1, 2, 511, 512, 4096, 70000, 300000, 2 << 20};
    struct coder *c = coder_new();

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (size_t f = 0; f < ARRAY_LEN(fills); f++)
            for (int coding = CODING_GZIP; coding < CODING_COUNT; coding++)
                for (int effort = CODER_FAST; effort <= CODER_THOROUGH; effort++)
                    check(c, (enum http_coding)coding, (enum coder_effort)effort, fills[f],
                          sizes[i]);
    coder_free(&c);
    assert_null(c);
    coder_free(&c);
}

TEST_MAIN(cmocka_unit_test(there_and_back))
