/* What is said of certificates, keys and ciphers that will not do. */
#include <stdio.h>

#include "net/tls_testing.h"

static struct tls_tickets *tickets;
static struct test_pair good, rsa;
static char message[1000];

static int setup_all(void **state)
{
    tickets = tls_tickets_new(USEC_PER_SEC);
    test_pair_make(&good, &(struct test_recipe){KEY_EC, "DNS:a.test"});
    test_pair_make(&rsa, &(struct test_recipe){KEY_RSA, "DNS:a.test", .days = 3});
    return 0;
}

static int teardown_all(void **state)
{
    tls_tickets_free(&tickets);
    test_files_remove();
    return 0;
}

/* The message, of a server with a good pair before these files. */
static const char *refusal(const char *certificate, const char *key, const char *ciphers)
{
    struct tls_pair pairs[] = {test_pair_files(&good), {certificate, key}};
    struct tls_options o = {.pairs = pairs, .pair_count = 2, .ciphers = ciphers};
    struct tls_server *t = NULL;
    struct buf error;

    buf_init(&error, sizeof message - 1);
    assert_int_equal(tls_server_new(&o, tickets, &t, &error), -1);
    assert_null(t);
    snprintf(message, sizeof message, "%.*s", STR_FMT(buf_str(&error)));
    buf_done(&error);
    return message;
}

static void expect(const char *file, const char *what)
{
    char want[sizeof message];

    snprintf(want, sizeof want, "%s: %s", file, what);
    assert_string_equal(message, want);
}

static void files_that_are_not_there(void **state)
{
    refusal("/nowhere/c.pem", good.key, "");
    expect("/nowhere/c.pem", "cannot be read: No such file or directory");
    refusal(good.certificate, "/nowhere/k.pem", "");
    expect("/nowhere/k.pem", "cannot be read: No such file or directory");
}

static void files_that_hold_something_else(void **state)
{
    static const char cut[] = "-----BEGIN CERTIFICATE-----\nMIIB\n";
    char chained[20000], text[16000];
    FILE *f = fopen(good.certificate, "r");
    size_t n = fread(text, 1, sizeof text - 1, f);

    fclose(f);
    text[n] = '\0';
    snprintf(chained, sizeof chained, "%s%s", text, cut);
    refusal(good.key, good.key, "");
    expect(good.key, "holds no certificate (PEM)");
    refusal(good.certificate, good.certificate, "");
    expect(good.certificate, "holds no private key (PEM)");
    refusal(test_file(""), good.key, "");
    assert_non_null(strstr(message, ": holds no certificate (PEM)"));
    refusal(test_file(cut), good.key, "");
    assert_non_null(strstr(message, ": holds no certificate (PEM)"));
    refusal(test_file(chained), good.key, "");
    assert_non_null(strstr(message, ": its chain cannot be understood: "));
}

static void keys_that_will_not_do(void **state)
{
    static const struct {
        struct test_recipe how;
        const char *what;
    } cases[] = {
        {{KEY_RSA_1024}, "RSA keys need 2048 bits"},
        {{KEY_P224}, "EC keys need 256 bits"},
        {{KEY_X25519}, "neither an RSA, an EC nor an Ed25519 key"},
        {{KEY_EC, .password = "secret"}, "the key is encrypted; it must not be"},
    };
    struct test_pair p;
    char want[200];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_pair_make(&p, &cases[i].how);
        refusal(p.certificate, p.key, "");
        expect(p.key, cases[i].what);
    }
    snprintf(want, sizeof want, "not the key of the certificate in: %s", good.certificate);
    refusal(good.certificate, rsa.key, "");
    expect(rsa.key, want);
}

static void certificates_that_will_not_do(void **state)
{
    struct test_pair p;

    test_pair_make(&p, &(struct test_recipe){KEY_EC, .days = -1});
    refusal(p.certificate, p.key, "");
    expect(p.certificate, "the certificate has expired");
    test_pair_make(&p, &(struct test_recipe){KEY_EC, .chain = 200});
    refusal(p.certificate, p.key, "");
    expect(p.certificate, "its chain is longer than 32 KiB");
}

static void ciphers_that_will_not_do(void **state)
{
    assert_string_equal(refusal(rsa.certificate, rsa.key, "NO-SUCH"),
                        "ciphers: 'NO-SUCH' names none that OpenSSL has");
    assert_string_equal(
        refusal(rsa.certificate, rsa.key, "ECDHE-RSA-AES128-SHA256"),
        "ciphers: ECDHE-RSA-AES128-SHA256 has no forward secrecy by ECDHE, or no AEAD");
    assert_string_equal(refusal(rsa.certificate, rsa.key, "AES256-GCM-SHA384"),
                        "ciphers: AES256-GCM-SHA384 has no forward secrecy by ECDHE, or no AEAD");
}

static void the_first_expiry_is_told(void **state)
{
    struct tls_pair pairs[] = {test_pair_files(&good), test_pair_files(&rsa)};
    struct tls_server *t = test_server(pairs, 2, TLS_1_2, tickets);
    unix_t left = tls_server_expires(t) - clock_unix();

    assert_in_range(left, 3 * 24 * 3600 - 60, 3 * 24 * 3600);
    tls_server_free(&t);
    tls_server_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(files_that_hold_something_else),
        cmocka_unit_test(keys_that_will_not_do),
        cmocka_unit_test(certificates_that_will_not_do),
        cmocka_unit_test(ciphers_that_will_not_do),
        cmocka_unit_test(the_first_expiry_is_told),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
