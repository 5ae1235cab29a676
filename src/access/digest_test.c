#include "access/digest.h"

#include "access/token.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/test.h"

static void check_hex(const uint8_t *bytes, size_t n, const char *want)
{
    char text[HEX_LEN(SHA256_LEN)];

    assert_str(((struct str){text, hex_encode(bytes, n, text)}), want);
}

/* FIPS 180-4 examples, and the edges of a block. */
static void test_sha256(void **state)
{
    static const struct {
        const char *message, *want;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    uint8_t digest[SHA256_LEN];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        sha256(str_of(rows[i].message), digest);
        check_hex(digest, sizeof digest, rows[i].want);
    }
    sha256(STR_NONE, digest);
    check_hex(digest, sizeof digest, rows[0].want);
}

static struct str filled(char *room, char c, size_t n)
{
    memset(room, c, n);
    return (struct str){room, n};
}

/* RFC 4231 4.2 to 4.8. */
static void test_hmac(void **state)
{
    char key[131], message[50], counting[25];
    const struct {
        struct str key, message;
        const char *want; /* a prefix of the MAC: case 5 is truncated in the RFC */
    } rows[] = {
        {filled(key, 0x0b, 20), STR("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR("Jefe"), STR("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {filled(key + 20, (char)0xaa, 20), filled(message, (char)0xdd, 50),
         "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
    };
    uint8_t mac[32];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        hmac_sha256(rows[i].key, rows[i].message, mac);
        check_hex(mac, sizeof mac, rows[i].want);
    }
    for (size_t i = 0; i < sizeof counting; i++)
        counting[i] = (char)(i + 1);
    hmac_sha256((struct str){counting, sizeof counting}, filled(message, (char)0xcd, 50), mac);
    check_hex(mac, sizeof mac, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    hmac_sha256(filled(key, 0x0c, 20), STR("Test With Truncation"), mac);
    check_hex(mac, 16, "a3b6167473100ee06e0c796c2955552b");
    hmac_sha256(filled(key, (char)0xaa, 131),
                STR("Test Using Larger Than Block-Size Key - Hash Key First"), mac);
    check_hex(mac, sizeof mac, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(
        filled(key, (char)0xaa, 131),
        STR("This is a test using a larger than block-size key and a larger than block-size "
            "data. The key needs to be hashed before being used by the HMAC algorithm."),
        mac);
    check_hex(mac, sizeof mac, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void test_hmac_in_pieces(void **state)
{
    static const struct str whole = STR("what do ya want for nothing?");
    EVP_MD_CTX *work = EVP_MD_CTX_new();
    uint8_t want[32], got[32];
    struct hmac_key key;

    hmac_sha256(STR("Jefe"), whole, want);
    hmac_key_init(&key, STR("Jefe"));
    for (size_t cut = 0; cut <= whole.n; cut++) {
        struct str pieces[] = {str_first(whole, cut), STR_NONE, str_skip(whole, cut)};

        hmac_run(&key, work, pieces, ARRAY_LEN(pieces), got);
        assert_memory_equal(got, want, sizeof want);
    }
    hmac_key_done(&key);
    assert_null(key.inner);
    EVP_MD_CTX_free(work);
}

TEST_MAIN(cmocka_unit_test(test_sha256), cmocka_unit_test(test_hmac),
          cmocka_unit_test(test_hmac_in_pieces))
