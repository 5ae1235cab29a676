/* One server and one set of keys for several loops, each with visitors of its own, while keys are
 * turned. Built with -Db_sanitize=thread it looks for races, too. */
#include <pthread.h>

#include "net/tls_testing.h"

enum { WORKERS = 3, VISITS = 20 };

static struct tls_tickets *tickets;
static struct tls_server *server;

struct worker {
    pthread_t thread;
    struct tls_pair_of_ends e;
    int resumed;
};

static bool visit(struct tls_pair_of_ends *e, SSL_SESSION *with, SSL_SESSION **ret)
{
    SSL_CTX *client = client_context();
    bool is_resumed;

    ends_connect(e, client, false);
    if (with != NULL)
        assert_int_equal(SSL_set_session(e->client.ssl, with), 1);
    ends_shake_hands(e);
    served_send(&e->served, "word", 4);
    STEP_UNTIL(e, e->client.got_n == 4);
    is_resumed = sock_is_resumed(&e->served.sock);
    SSL_shutdown(e->client.ssl);
    *ret = SSL_get1_session(e->client.ssl);
    ends_close(e);
    SSL_CTX_free(client);
    return is_resumed;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    SSL_SESSION *last = NULL, *next;

    w->e.loop = loop_new();
    w->e.server = server;
    for (int i = 0; i < VISITS; i++) {
        w->resumed += visit(&w->e, last, &next);
        SSL_SESSION_free(last);
        last = next;
    }
    SSL_SESSION_free(last);
    loop_free(&w->e.loop);
    return NULL;
}

/* Keys are turned every millisecond, so some tickets are too old: how many is left to chance. */
static void loops_share_server_and_keys(void **state)
{
    static const usec_t rotations[] = {3600 * USEC_PER_SEC, USEC_PER_MSEC};
    static struct worker workers[WORKERS];
    struct test_pair p;
    struct tls_pair files;

    test_pair_make(&p, &(struct test_recipe){KEY_EC, "DNS:a.test"});
    files = test_pair_files(&p);
    for (size_t i = 0; i < ARRAY_LEN(rotations); i++) {
        int resumed = 0;

        tickets = tls_tickets_new(rotations[i]);
        server = test_server(&files, 1, TLS_1_2, tickets);
        for (int k = 0; k < WORKERS; k++) {
            workers[k].resumed = 0;
            assert_int_equal(pthread_create(&workers[k].thread, NULL, work, &workers[k]), 0);
        }
        for (int k = 0; k < WORKERS; k++) {
            pthread_join(workers[k].thread, NULL);
            resumed += workers[k].resumed;
        }
        if (i == 0)
            assert_int_equal(resumed, WORKERS * (VISITS - 1));
        tls_server_free(&server);
        tls_tickets_free(&tickets);
    }
    test_files_remove();
}

TEST_MAIN(cmocka_unit_test(loops_share_server_and_keys))
