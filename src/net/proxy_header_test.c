/* Both versions of the PROXY protocol, in every split. */
#include "net/proxy_header.h"

#include "base/test.h"

struct header_case {
    struct str bytes;
    enum proxy_verdict verdict;
    const char *source;
    size_t n; /* 0: all */
    bool is_tls;
};

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V4_ADDRESSES "\xc0\x00\x02\x01\x0a\x00\x00\x01\x30\x39\x01\xbb"
#define V6_ADDRESSES                             \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01" \
    "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x02" \
    "\x30\x39\x01\xbb"
#define MAPPED_ADDRESSES                           \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07" \
    "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01" \
    "\x30\x39\x01\xbb"
#define ZEROS_36 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_216 ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36 ZEROS_36

static const struct header_case cases[] = {
    /* version 1 */
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r\n"), PROXY_OK, "192.0.2.1"},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 0 65535\r\n"), PROXY_OK, "192.0.2.1"},
    {STR("PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n"), PROXY_OK, "2001:db8::1"},
    {STR("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n"), PROXY_OK, "192.0.2.9"},
    {STR("PROXY UNKNOWN\r\n"), PROXY_OK, "-"},
    {STR("PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"), PROXY_OK, "-"},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\nGET / HTTP/1.1\r\n"), PROXY_OK, "192.0.2.1", 35},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n\r\n"), PROXY_OK, "192.0.2.1", 35},
    {STR("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
         "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
     PROXY_OK, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    {STR("PROXY UNKNOWN "
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxx\r\n"),
     PROXY_OK, "-"}, /* 107 bytes */
    {STR("PROXY UNKNOWN "
         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
         "xxxxxxxxxxxxxxxx\r\n"),
     PROXY_BAD}, /* 108 */
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 12345 443\r"), PROXY_MORE},
    {STR(""), PROXY_MORE},
    {STR("GET / HTTP/1.1\r\n"), PROXY_BAD},
    {STR("P0"), PROXY_BAD},
    {STR("proxy TCP4 192.0.2.1 10.0.0.1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY\r\n"), PROXY_BAD},
    {STR("PROXY \r\n"), PROXY_BAD},
    {STR("PROXY UNKNOWNS\r\n"), PROXY_BAD},
    {STR("PROXY TCP5 192.0.2.1 10.0.0.1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4  192.0.2.1 10.0.0.1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 \r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2 3\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1\r2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 01 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 +1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1 10.0.0.1 1 65536\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.256 10.0.0.1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 ::1 ::1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP6 192.0.2.1 10.0.0.1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n"), PROXY_BAD},
    {STR("PROXY TCP4 192.0.2.1\0 10.0.0.1 1 2\r\n"), PROXY_BAD},
    /* version 2 */
    {STR(SIGNATURE "\x21\x11\0\x0c" V4_ADDRESSES), PROXY_OK, "192.0.2.1"},
    {STR(SIGNATURE "\x21\x12\0\x0c" V4_ADDRESSES), PROXY_OK, "192.0.2.1"},
    {STR(SIGNATURE "\x21\x21\0\x24" V6_ADDRESSES), PROXY_OK, "2001:db8::1"},
    {STR(SIGNATURE "\x21\x21\0\x24" MAPPED_ADDRESSES), PROXY_OK, "192.0.2.7"},
    {STR(SIGNATURE "\x21\x11\0\x0c" V4_ADDRESSES "GET /"), PROXY_OK, "192.0.2.1", 28},
    {STR(SIGNATURE "\x20\0\0\0"), PROXY_OK, "-"},
    {STR(SIGNATURE "\x20\x11\0\x0c" V4_ADDRESSES), PROXY_OK, "-"},
    {STR(SIGNATURE "\x20\xff\0\x03\x01\x02\x03"), PROXY_OK, "-"},
    {STR(SIGNATURE "\x21\0\0\0"), PROXY_OK, "-"},
    {STR(SIGNATURE "\x21\0\0\x02\x20\xff"), PROXY_OK, "-"},
    {STR(SIGNATURE "\x21\x31\0\xd8" ZEROS_216), PROXY_OK, "-"},
    {STR(SIGNATURE "\x21\x11\0\x14" V4_ADDRESSES "\x20\0\x05\x01\0\0\0\0"), PROXY_OK, "192.0.2.1",
     .is_tls = true},
    {STR(SIGNATURE "\x21\x11\0\x14" V4_ADDRESSES "\x20\0\x05\x06\0\0\0\0"), PROXY_OK, "192.0.2.1"},
    {STR(SIGNATURE "\x21\x11\0\x11" V4_ADDRESSES "\x05\0\x02id"), PROXY_OK, "192.0.2.1"},
    {STR(SIGNATURE "\x21\x11\0\x0f" V4_ADDRESSES "\x04\0\0"), PROXY_OK, "192.0.2.1"},
    {STR(SIGNATURE "\x21\x11\0\x0b" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x21\x21\0\x0c" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x21\x31\0\x24" ZEROS_36), PROXY_BAD},
    {STR(SIGNATURE "\x22\x11\0\x0c" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x11\x11\0\x0c" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x21\x13\0\x0c" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x21\x41\0\x0c" V4_ADDRESSES), PROXY_BAD},
    {STR(SIGNATURE "\x21\x11\0\x0e" V4_ADDRESSES "\x04\0"), PROXY_BAD},
    {STR(SIGNATURE "\x21\x11\0\x0f" V4_ADDRESSES "\x04\0\x01"), PROXY_BAD},
    {STR(SIGNATURE "\x21\x11\0\x13" V4_ADDRESSES "\x20\0\x04\x01\0\0\0"), PROXY_BAD},
    /* two checksums, both of them right */
    {STR(SIGNATURE "\x21\x11\0\x1a" V4_ADDRESSES "\x03\0\x04\x9c\x4b\x40\x45"
                   "\x03\0\x04\xec\xab\xd4\x6d"),
     PROXY_BAD},
    {STR(SIGNATURE "\x21\x11\x08\x01"), PROXY_BAD},
    {STR(SIGNATURE "\x21\x11\x08\x00"), PROXY_MORE},
    {STR(SIGNATURE), PROXY_MORE},
    {STR("\r\n\r\n\0\r\nQUIX"), PROXY_BAD},
};

/* A copy that ends where its memory does, so that ASan sees a byte too many being read. */
static enum proxy_verdict parse_copy(struct str s, struct proxy_header *ret, size_t *ret_n)
{
    char *copy = malloc(s.n > 0 ? s.n : 1);
    enum proxy_verdict v;

    memcpy(copy, s.p, s.n);
    v = proxy_header_parse((struct str){copy, s.n}, ret, ret_n);
    free(copy);
    return v;
}

/* A verdict once reached stays, however much more comes. */
static void check(const struct header_case *c)
{
    size_t whole = c->n > 0 ? c->n : c->bytes.n, n = 0;
    enum proxy_verdict before = PROXY_MORE;
    struct proxy_header h;
    char text[IP_TEXT_MAX];

    for (size_t i = 0; i <= c->bytes.n; i++) {
        enum proxy_verdict v = parse_copy(str_first(c->bytes, i), &h, &n);

        assert_true(before == PROXY_MORE || v == before);
        assert_true(v != PROXY_OK || i >= whole);
        before = v;
    }
    if (before != c->verdict)
        fail_msg("%.*s: verdict %d", STR_FMT(c->bytes), before);
    if (before != PROXY_OK)
        return;
    assert_int_equal(n, whole);
    assert_str(ip_format(&h.source, text), c->source);
    assert_int_equal(h.is_tls, c->is_tls);
}

static void each_case_in_every_split(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

/* The checksum (CRC-32C, zeros in its own place) was computed by another program. */
static void a_checksum_must_be_right(void **state)
{
    char bytes[] = SIGNATURE "\x21\x11\0\x13" V4_ADDRESSES "\x03\0\x04"
                             "\x4c\x74\x47\xa8";
    struct str s = {bytes, sizeof bytes - 1};
    struct proxy_header h;
    size_t n;

    assert_int_equal(proxy_header_parse(s, &h, &n), PROXY_OK);
    for (size_t i = 16; i < s.n; i++) {
        if (bytes[i] == 3) /* the type: with another one it is no checksum */
            continue;
        bytes[i] ^= 1;
        assert_int_equal(proxy_header_parse(s, &h, &n), PROXY_BAD);
        bytes[i] ^= 1;
    }
}

TEST_MAIN(cmocka_unit_test(each_case_in_every_split), cmocka_unit_test(a_checksum_must_be_right))
