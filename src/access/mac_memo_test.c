#include "access/mac_memo.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/test.h"

static struct hmac_key key_of(const char *secret)
{
    struct hmac_key k;

    hmac_key_init(&k, str_of(secret));
    return k;
}

static bool ask(struct mac_memo *m, const struct hmac_key *k, const char *a, const char *b,
                struct mac_question *q, uint8_t mac[SHA256_LEN])
{
    const struct str pieces[] = {str_of(a), STR_NONE, str_of(b)};

    return mac_memo_get(m, k, pieces, ARRAY_LEN(pieces), q, mac);
}

static void test_what_was_put_in(void **state)
{
    struct mac_memo *m = mac_memo_new();
    struct hmac_key k = key_of("one"), other = key_of("one");
    uint8_t mac[SHA256_LEN] = {1, 2, 3}, got[SHA256_LEN];
    struct mac_question q;

    assert_false(ask(m, &k, "uid:", "path", &q, got));
    mac_memo_put(m, &q, mac);
    assert_true(ask(m, &k, "uid:", "path", &q, got));
    assert_memory_equal(got, mac, sizeof mac);
    assert_true(ask(m, &k, "", "uid:path", &q, got)); /* the message counts, not its pieces */
    assert_false(ask(m, &k, "uid:", "pat", &q, got));
    assert_false(ask(m, &k, "uid:", "path\n", &q, got));
    assert_false(ask(m, &other, "uid:", "path", &q, got)); /* equal secrets are not one key */
    hmac_key_done(&k);
    hmac_key_done(&other);
    mac_memo_free(&m);
    mac_memo_free(&m);
}

static void test_long_messages(void **state)
{
    struct mac_memo *m = mac_memo_new();
    struct hmac_key k = key_of("one");
    char text[MAC_MEMO_MESSAGE_MAX + 2];
    uint8_t mac[SHA256_LEN] = {1}, got[SHA256_LEN];
    struct mac_question q;

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 2; i++) {
        assert_false(ask(m, &k, text, "", &q, got));
        mac_memo_put(m, &q, mac);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(m, &k, text + 1, "", &q, got), i);
        mac_memo_put(m, &q, mac);
    }
    hmac_key_done(&k);
    mac_memo_free(&m);
}

/* More than fit: whatever is answered is right. */
static void test_many(void **state)
{
    struct mac_memo *m = mac_memo_new();
    struct hmac_key k = key_of("one");
    EVP_MD_CTX *work = EVP_MD_CTX_new();
    unsigned known = 0;

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 3 * MAC_MEMO_ENTRIES; i++) {
            char text[32];
            uint8_t want[SHA256_LEN], got[SHA256_LEN];
            struct mac_question q;
            struct str message = {text, (size_t)snprintf(text, sizeof text, "message %u", i)};

            hmac_run(&k, work, &message, 1, want);
            if (mac_memo_get(m, &k, &message, 1, &q, got)) {
                assert_memory_equal(got, want, sizeof want);
                known++;
            }
            mac_memo_put(m, &q, want);
        }
    }
    assert_in_range(known, 1, MAC_MEMO_ENTRIES);
    EVP_MD_CTX_free(work);
    hmac_key_done(&k);
    mac_memo_free(&m);
}

TEST_MAIN(cmocka_unit_test(test_what_was_put_in), cmocka_unit_test(test_long_messages),
          cmocka_unit_test(test_many))
