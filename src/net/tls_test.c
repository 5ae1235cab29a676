/* Handshakes: what is agreed on, which certificate is shown, who is turned away, and how. */
#include <errno.h>
#include <openssl/err.h>
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

static int main_setup(void **state)
{
    return setup_all(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {T(protocol_and_version_are_agreed_on),
                                       T(bytes_go_both_ways)};

    return cmocka_run_group_tests(tests, main_setup, teardown_all);
}
