/* Session tickets: taken by any server and loop that shares the keys, renewed when their key is
 * old, refused when it is gone. */
#include "net/tls_testing.h"

enum { HOUR = 3600 };

static struct tls_pair_of_ends e;
static struct test_pair pair;
static SSL_CTX *client;
static SSL_SESSION *session; /* with the newest ticket */
static unsigned tickets_got;
static bool is_renewed; /* the ticket, in the last visit */

static int count_ticket(SSL *ssl, SSL_SESSION *fresh)
{
    tickets_got++;
    return 0;
}

static bool has_same_ticket(const SSL_SESSION *a, const SSL_SESSION *b)
{
    const unsigned char *p, *q;
    size_t n, m;

    SSL_SESSION_get0_ticket(a, &p, &n);
    SSL_SESSION_get0_ticket(b, &q, &m);
    return n == m && memcmp(p, q, n) == 0;
}

static void keep_session(SSL_SESSION *fresh)
{
    is_renewed = session == NULL || !has_same_ticket(session, fresh);
    SSL_SESSION_free(session);
    session = fresh;
}

static int setup_all(void **state)
{
    test_pair_make(&pair, &(struct test_recipe){KEY_EC, "DNS:a.test,DNS:b.test"});
    return 0;
}

static int teardown_all(void **state)
{
    test_files_remove();
    return 0;
}

static int setup(void **state)
{
    struct tls_pair files = test_pair_files(&pair);

    clock_set_fake(1000 * USEC_PER_SEC, clock_unix());
    e.loop = loop_new();
    e.tickets = tls_tickets_new(HOUR * USEC_PER_SEC);
    e.server = test_server(&files, 1, TLS_1_2, e.tickets);
    client = client_context();
    SSL_CTX_set_session_cache_mode(client, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(client, count_ticket);
    return 0;
}

static int teardown(void **state)
{
    SSL_SESSION_free(session);
    session = NULL;
    SSL_CTX_free(client);
    tls_server_free(&e.server);
    tls_tickets_free(&e.tickets);
    loop_free(&e.loop);
    clock_set_fake(0, -1);
    return 0;
}

static void replace_server(struct tls_tickets *tickets)
{
    struct tls_pair files = test_pair_files(&pair);

    tls_server_free(&e.server);
    e.server = test_server(&files, 1, TLS_1_2, tickets);
}

/* Connects with the newest ticket, says a word and hears one; was the session resumed? */
static bool visit(void)
{
    bool is_resumed;

    ends_connect(&e, client, false);
    if (session != NULL)
        assert_int_equal(SSL_set_session(e.client.ssl, session), 1);
    SSL_set_tlsext_host_name(e.client.ssl, "a.test");
    tickets_got = 0;
    ends_shake_hands(&e);
    served_send(&e.served, "word", 4);
    STEP_UNTIL(&e, e.client.got_n == 4);
    is_resumed = sock_is_resumed(&e.served.sock);
    assert_int_equal(SSL_session_reused(e.client.ssl), is_resumed);
    SSL_shutdown(e.client.ssl);
    keep_session(SSL_get1_session(e.client.ssl));
    ends_close(&e);
    return is_resumed;
}

static void pass_hours(int n)
{
    clock_set_fake(clock_monotonic() + (usec_t)n * HOUR * USEC_PER_SEC, clock_unix());
}

static void both_versions_resume(void **state)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < ARRAY_LEN(versions); i++) {
        SSL_CTX_set_min_proto_version(client, versions[i]);
        SSL_CTX_set_max_proto_version(client, versions[i]);
        SSL_SESSION_free(session);
        session = NULL;
        assert_false(visit());
        assert_int_equal(tickets_got, versions[i] == TLS1_3_VERSION ? 2 : 1);
        assert_true(SSL_SESSION_get_ticket_lifetime_hint(session) == 2 * HOUR);
        for (int k = 0; k < 3; k++) {
            assert_true(visit());
            assert_int_equal(is_renewed, versions[i] == TLS1_3_VERSION);
        }
    }
}

static void any_server_and_loop_with_the_keys_takes_them(void **state)
{
    struct loop *first = e.loop;

    assert_false(visit());
    replace_server(e.tickets);
    e.loop = loop_new();
    assert_true(visit());
    loop_free(&first);
}

static void other_keys_take_them_not(void **state)
{
    struct tls_tickets *others = tls_tickets_new(HOUR * USEC_PER_SEC);

    assert_false(visit());
    replace_server(others);
    assert_false(visit());
    replace_server(e.tickets);
    tls_tickets_free(&others);
}

/* In TLS 1.2 alone it shows which keys are old: 1.3 renews tickets at each visit. */
static void old_keys_are_taken_and_tickets_renewed(void **state)
{
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    assert_false(visit());
    assert_true(visit() && !is_renewed);
    for (int i = 0; i < 5; i++) { /* for ever, if it comes often enough */
        pass_hours(1);
        assert_true(visit() && is_renewed);
    }
    pass_hours(2);
    assert_true(visit());
    pass_hours(3);
    assert_false(visit());
}

static void keys_end_on_a_quiet_server(void **state)
{
    assert_false(visit());
    pass_hours(3);
    assert_false(visit());
    pass_hours(1000000);
    assert_false(visit());
    assert_true(visit());
}

static void a_forged_ticket_is_none(void **state)
{
    SSL_CTX_set_max_proto_version(client, TLS1_2_VERSION);
    assert_false(visit());
    for (int i = 0; i < 3; i++) {
        const unsigned char *ticket, *end;
        unsigned char der[8192], *p = der;
        const unsigned char *from = der;
        size_t n, at = i == 0 ? 0 : i == 1 ? 40 : 1000; /* name, contents, MAC */
        int len = i2d_SSL_SESSION(session, &p);

        SSL_SESSION_get0_ticket(session, &ticket, &n);
        end = memmem(der, (size_t)len, ticket, n);
        assert_non_null(end);
        der[(size_t)(end - der) + MIN(at, n - 1)] ^= 1;
        SSL_SESSION_free(session);
        session = d2i_SSL_SESSION(NULL, &from, len);
        assert_non_null(session);
        assert_false(visit()); /* a whole handshake, and a new ticket */
        assert_int_equal(tickets_got, 1);
    }
}

/* So that the client's Finished is acknowledged: its request may be waiting for that. */
static void tickets_come_at_once(void **state)
{
    tickets_got = 0;
    ends_connect(&e, client, false);
    ends_shake_hands(&e);
    client_step(&e.client);
    assert_int_equal(tickets_got, 2);
    ends_close(&e);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(both_versions_resume),       T(any_server_and_loop_with_the_keys_takes_them),
        T(other_keys_take_them_not),   T(old_keys_are_taken_and_tickets_renewed),
        T(keys_end_on_a_quiet_server), T(a_forged_ticket_is_none),
        T(tickets_come_at_once),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
