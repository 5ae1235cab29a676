#include "http/coding.h"

#include "base/mem.h"
#include "base/test.h"

#define GZIP (1u << CODING_GZIP)
#define BR (1u << CODING_BR)
#define BOTH (GZIP | BR)

static const struct {
    const char *field; /* NULL: none */
    unsigned offered;
    enum http_coding best;
    bool refuses_identity;
} cases[] = {
    {NULL, BOTH, CODING_IDENTITY, false},
    {"", BOTH, CODING_IDENTITY, false},
    {"gzip", BOTH, CODING_GZIP, false},
    {"GZip", BOTH, CODING_GZIP, false},
    {"x-gzip", BOTH, CODING_GZIP, false},
    {"br", BOTH, CODING_BR, false},
    {"gzip, deflate, br", BOTH, CODING_BR, false},
    {"br, gzip", BOTH, CODING_BR, false},
    {"gzip, deflate, br, zstd", GZIP, CODING_GZIP, false},
    {"gzip, br", 0, CODING_IDENTITY, false},
    {"deflate, zstd", BOTH, CODING_IDENTITY, false},
    {"identity", BOTH, CODING_IDENTITY, false},
    /* weights */
    {"gzip;q=1.0, br;q=0.5", BOTH, CODING_GZIP, false},
    {"gzip;q=0.8, br;q=0.801", BOTH, CODING_BR, false},
    {"gzip;q=0.5", BOTH, CODING_GZIP, false},
    {"gzip;q=0.001", BOTH, CODING_GZIP, false},
    {"gzip ; q=1 , br ;Q=0", BOTH, CODING_GZIP, false},
    {"gzip;q=0", BOTH, CODING_IDENTITY, false},
    {"gzip;q=0.000, br;q=0.", BOTH, CODING_IDENTITY, false},
    {"identity, gzip;q=0.5", BOTH, CODING_IDENTITY, false},
    {"identity;q=0.5, gzip;q=0.5", BOTH, CODING_GZIP, false},
    {"identity;q=0.5, gzip;q=1", BOTH, CODING_GZIP, false},
    /* "*" */
    {"*", BOTH, CODING_BR, false},
    {"*", GZIP, CODING_GZIP, false},
    {"*;q=0.1", BOTH, CODING_BR, false},
    {"*;q=0", BOTH, CODING_IDENTITY, true},
    {"gzip, *;q=0", BOTH, CODING_GZIP, true},
    {"br;q=0, *", BOTH, CODING_GZIP, false},
    {"identity, *;q=0", BOTH, CODING_IDENTITY, false},
    {"identity;q=0.1, *;q=0, gzip;q=0.2", BOTH, CODING_GZIP, false},
    /* identity refused */
    {"identity;q=0", BOTH, CODING_IDENTITY, true},
    {"identity;q=0, gzip", BOTH, CODING_GZIP, true},
    {"gzip;q=0.1, identity;q=0", BOTH, CODING_GZIP, true},
    /* malformed elements say nothing */
    {"gzip;q=2", BOTH, CODING_IDENTITY, false},
    {"gzip;q=1.001", BOTH, CODING_IDENTITY, false},
    {"gzip;q=0.1234", BOTH, CODING_IDENTITY, false},
    {"gzip;q=", BOTH, CODING_IDENTITY, false},
    {"gzip;q=x, br;q=0.1", BOTH, CODING_BR, false},
    {"gzip;level=9", BOTH, CODING_IDENTITY, false},
    {"gzip;", BOTH, CODING_IDENTITY, false},
    {"gz ip", BOTH, CODING_IDENTITY, false},
    {";q=1, ,,", BOTH, CODING_IDENTITY, false},
    {"gzip;q=0.5, gzip;q=0", BOTH, CODING_GZIP, false},
};

static void what_a_client_takes(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_accepted got = http_accept_encoding(str_of(cases[i].field), cases[i].offered);

        if (got.best != cases[i].best || got.refuses_identity != cases[i].refuses_identity)
            fail_msg("%s: %d, %d", cases[i].field, (int)got.best, (int)got.refuses_identity);
    }
}

static void words(void **state)
{
    assert_str(http_coding_word(CODING_GZIP), "gzip");
    assert_str(http_coding_word(CODING_BR), "br");
}

TEST_MAIN(cmocka_unit_test(what_a_client_takes), cmocka_unit_test(words))
