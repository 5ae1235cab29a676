/* Handshakes: what is agreed on, which certificate is shown, who is turned away, and how. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <sys/socket.h>

#include "net/tls_testing.h"

static struct test_pair ec, rsa, wild, other;
static struct tls_pair_of_ends e;

static int setup_all(void **state)
{
    test_pair_make(&ec, &(struct test_recipe){KEY_EC, "DNS:a.test,DNS:www.a.test"});
    test_pair_make(&rsa, &(struct test_recipe){KEY_RSA, "DNS:a.test,DNS:WWW.a.test"});
    test_pair_make(&wild, &(struct test_recipe){KEY_EC, "DNS:*.b.test", "wild"});
    test_pair_make(&other, &(struct test_recipe){KEY_RSA, "DNS:x.b.test,DNS:*.c.test", "other"});
    e.loop = loop_new();
    e.tickets = tls_tickets_new(USEC_PER_SEC * 3600);
    return 0;
}

static int teardown_all(void **state)
{
    tls_tickets_free(&e.tickets);
    loop_free(&e.loop);
    test_files_remove();
    return 0;
}

static int setup(void **state)
{
    struct tls_pair pairs[] = {test_pair_files(&ec), test_pair_files(&rsa), test_pair_files(&wild),
                               test_pair_files(&other)};

    e.server = test_server(pairs, ARRAY_LEN(pairs), TLS_1_2, e.tickets);
    return 0;
}

static int teardown(void **state)
{
    tls_server_free(&e.server);
    return 0;
}

/* ---- what is agreed on ---- */

static const char h2_and_1[] = "\x02h2\x08http/1.1", only_1[] = "\x08http/1.1";
static const char old_first[] = "\x08http/1.0\x08http/1.1\x02h2";

static void protocol_and_version_are_agreed_on(void **state)
{
    static const struct {
        const char *offered, *agreed;
        int version;
        const char *name;
    } cases[] = {
        {h2_and_1, "h2", TLS1_3_VERSION, "TLSv1.3"},
        {h2_and_1, "h2", TLS1_2_VERSION, "TLSv1.2"},
        {only_1, "http/1.1", TLS1_3_VERSION, "TLSv1.3"},
        {old_first, "h2", TLS1_3_VERSION, "TLSv1.3"},
        {NULL, "", TLS1_3_VERSION, "TLSv1.3"},
        {NULL, "", TLS1_2_VERSION, "TLSv1.2"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX *ctx = client_context();

        SSL_CTX_set_max_proto_version(ctx, cases[i].version);
        if (cases[i].offered != NULL)
            SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)cases[i].offered,
                                    (unsigned)strlen(cases[i].offered));
        ends_connect(&e, ctx, false);
        ends_shake_hands(&e);
        assert_str(sock_alpn(&e.served.sock), cases[i].agreed);
        assert_str(sock_tls_version(&e.served.sock), cases[i].name);
        assert_false(sock_is_resumed(&e.served.sock));
        ends_close(&e);
        SSL_CTX_free(ctx);
    }
}

static void bytes_go_both_ways(void **state)
{
    SSL_CTX *ctx = client_context();

    ends_connect(&e, ctx, false);
    ends_shake_hands(&e);
    client_send(&e.client, "ping", 4);
    STEP_UNTIL(&e, e.served.got_n == 4);
    served_send(&e.served, "pong!", 5);
    STEP_UNTIL(&e, e.client.got_n == 5);
    assert_memory_equal(e.client.got, "pong!", 5);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

/* ---- which certificate is shown ---- */

/* "EC test", "RSA other": kind of the key and common name. */
static void shown(char ret[64])
{
    X509 *x = SSL_get1_peer_certificate(e.client.ssl);
    bool is_ec = EVP_PKEY_get_base_id(X509_get0_pubkey(x)) == EVP_PKEY_EC;
    int n = snprintf(ret, 64, "%s ", is_ec ? "EC" : "RSA");

    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, ret + n, 64 - n);
    X509_free(x);
}

static void the_name_and_the_client_choose_the_certificate(void **state)
{
    static const char rsa_only[] = "rsa_pss_rsae_sha256:rsa_pkcs1_sha256";
    static const struct {
        const char *asked, *signatures, *shown;
    } cases[] = {
        {"a.test", NULL, "EC test"},
        {"A.tEsT", NULL, "EC test"},
        {"www.a.test", NULL, "EC test"},
        {"www.a.test", rsa_only, "RSA test"},
        {"y.b.test", NULL, "EC wild"},
        {"x.b.test", NULL, "EC wild"}, /* exactly by RSA, by EC as a wildcard */
        {"x.b.test", rsa_only, "RSA other"},
        {"y.c.test", NULL, "RSA other"},
        {"y.y.c.test", NULL, "EC test"}, /* a wildcard is one label */
        {"c.test", NULL, "EC test"},
        {"*.c.test", NULL, "RSA other"},
        {"unknown", NULL, "EC test"},
        {"unknown", rsa_only, "RSA test"},
        {NULL, NULL, "EC test"},
    };
    char text[64];

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        size_t c = i / 2;
        SSL_CTX *ctx = client_context();

        SSL_CTX_set_max_proto_version(ctx, i % 2 ? TLS1_2_VERSION : TLS1_3_VERSION);
        if (cases[c].signatures != NULL)
            assert_int_equal(SSL_CTX_set1_sigalgs_list(ctx, cases[c].signatures), 1);
        ends_connect(&e, ctx, false);
        if (cases[c].asked != NULL)
            SSL_set_tlsext_host_name(e.client.ssl, cases[c].asked);
        ends_shake_hands(&e);
        shown(text);
        assert_string_equal(text, cases[c].shown);
        ends_close(&e);
        SSL_CTX_free(ctx);
    }
}

/* The server is replaced while a client shakes hands, and afterwards. */
static void a_server_may_go_before_its_sockets(void **state)
{
    SSL_CTX *ctx = client_context();

    ends_connect(&e, ctx, false);
    SSL_set_tlsext_host_name(e.client.ssl, "y.b.test");
    tls_server_free(&e.server);
    ends_shake_hands(&e);
    client_send(&e.client, "ping", 4);
    STEP_UNTIL(&e, e.served.got_n == 4);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

/* ---- in pieces ---- */

static void bytes_may_come_one_by_one(void **state)
{
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SSL_CTX *ctx = client_context();

        SSL_CTX_set_max_proto_version(ctx, version);
        ends_connect(&e, ctx, false);
        e.client.write_max = 1;
        ends_shake_hands(&e);
        client_send(&e.client, "ping", 4);
        STEP_UNTIL(&e, e.served.got_n == 4);
        ends_close(&e);
        SSL_CTX_free(ctx);
    }
}

/* The server's flight does not fit into the socket: it waits for room, then goes on by itself. */
static void a_long_chain_waits_for_room(void **state)
{
    struct test_pair p;
    struct tls_pair files;
    SSL_CTX *ctx = client_context();
    bool has_waited = false;

    test_pair_make(&p, &(struct test_recipe){KEY_RSA, "DNS:long.test", .chain = 30});
    files = test_pair_files(&p);
    tls_server_free(&e.server);
    e.server = test_server(&files, 1, TLS_1_2, e.tickets);
    ends_connect(&e, ctx, true);
    e.client.read_max = 100;
    STEP_UNTIL(&e, (has_waited |= (e.served.sock.wanted & SOCK_WRITE) != 0,
                    client_is_done(&e.client) && e.served.handshake == 1));
    assert_true(has_waited);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

/* ---- who is turned away ---- */

static void expect_refusal(SSL_CTX *ctx, int reason)
{
    ends_connect(&e, ctx, false);
    ERR_clear_error();
    STEP_UNTIL(&e, e.served.handshake != -EAGAIN && e.client.error == SSL_ERROR_SSL);
    assert_int_equal(e.served.handshake, -EPROTO);
    assert_int_equal(ERR_GET_REASON(ERR_peek_last_error()), reason);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

static void old_versions_and_ciphers_are_refused(void **state)
{
    SSL_CTX *old = client_context(), *weak = client_context();

    SSL_CTX_set_security_level(old, 0);
    SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
    SSL_CTX_set_cipher_list(old, "ALL:@SECLEVEL=0");
    expect_refusal(old, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
    SSL_CTX_set_max_proto_version(weak, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(weak, "AES128-GCM-SHA256:ECDHE-RSA-AES128-SHA256");
    expect_refusal(weak, SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE);
}

static void the_oldest_version_can_be_1_3(void **state)
{
    struct tls_pair files = test_pair_files(&ec);
    SSL_CTX *ctx = client_context();

    tls_server_free(&e.server);
    e.server = test_server(&files, 1, TLS_1_3, e.tickets);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    expect_refusal(ctx, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
}

static void protocols_without_one_of_ours_are_refused(void **state)
{
    SSL_CTX *ctx = client_context();

    SSL_CTX_set_alpn_protos(ctx,
                            (const unsigned char *)"\x03"
                                                   "ftp\x02h3",
                            7);
    expect_refusal(ctx, SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL);
}

#define ZEROS_37 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"

static void what_is_no_tls_is_refused(void **state)
{
    static const struct str cases[] = {
        STR("GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        STR("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        STR("\x16\x03\x01\xff\xff\x01"),             /* a record longer than any */
        STR("\x16\x03\x01\x00\x04\x01\xff\xff\xff"), /* a message longer than any */
        STR("\x17\x03\x03\x00\x05hello"),            /* data before the handshake */
        STR("\x80\x2e\x01\x03\x00\x00\x15\x00\x00\x00\x10" ZEROS_37), /* SSLv2's greeting */
        STR("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SSL_CTX *ctx = client_context();

        ends_connect(&e, ctx, false);
        assert_int_equal(send(e.client.fd, cases[i].p, cases[i].n, 0), cases[i].n);
        TURN_UNTIL(e.loop, e.served.handshake != -EAGAIN);
        assert_int_equal(e.served.handshake, -EPROTO);
        ends_close(&e);
        SSL_CTX_free(ctx);
    }
}

/* ---- who leaves ---- */

static void a_client_that_leaves_is_noticed(void **state)
{
    for (int has_greeted = 0; has_greeted < 2; has_greeted++) {
        SSL_CTX *ctx = client_context();

        ends_connect(&e, ctx, false);
        if (has_greeted)
            client_step(&e.client);
        close(e.client.fd);
        e.client.fd = -1;
        TURN_UNTIL(e.loop, e.served.handshake != -EAGAIN);
        assert_true(e.served.handshake == -ECONNRESET || e.served.handshake == -EPIPE);
        ends_close(&e);
        SSL_CTX_free(ctx);
    }
}

/* One that does not trust the certificate says so, and leaves: nothing is wrong with its TLS. */
static void a_client_that_refuses_us_has_left(void **state)
{
    SSL_CTX *ctx = client_context();

    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    ends_connect(&e, ctx, false);
    STEP_UNTIL(&e, e.served.handshake != -EAGAIN);
    assert_int_equal(e.served.handshake, -ECONNRESET);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

/* Renegotiation (of 1.2) costs us more than the client: it is refused, the connection goes on. */
static void nothing_is_negotiated_twice(void **state)
{
    SSL_CTX *ctx = client_context();

    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    ends_connect(&e, ctx, false);
    ends_shake_hands(&e);
    assert_int_equal(SSL_renegotiate(e.client.ssl), 1);
    STEP_UNTIL(&e, e.client.error != SSL_ERROR_NONE); /* our alert: no_renegotiation */
    assert_int_equal(e.served.got_n, 0);
    ends_close(&e);
    SSL_CTX_free(ctx);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(protocol_and_version_are_agreed_on),
        T(bytes_go_both_ways),
        T(the_name_and_the_client_choose_the_certificate),
        T(a_server_may_go_before_its_sockets),
        T(bytes_may_come_one_by_one),
        T(a_long_chain_waits_for_room),
        T(old_versions_and_ciphers_are_refused),
        T(the_oldest_version_can_be_1_3),
        T(protocols_without_one_of_ours_are_refused),
        T(what_is_no_tls_is_refused),
        T(a_client_that_leaves_is_noticed),
        T(a_client_that_refuses_us_has_left),
        T(nothing_is_negotiated_twice),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
