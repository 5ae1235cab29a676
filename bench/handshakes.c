/*
 * TLS 1.3 handshakes, one after the other on each of THREADS threads, for some seconds:
 *
 *     handshakes PORT SECONDS full|resumed THREADS
 *
 * As soon as it is through, the client says that it has nothing to ask, and the server closes: so
 * it has taken our Finished. "resumed" presents the ticket of a connection made before the clock
 * started (RFC 8446 2.2, psk_dhe_ke). The offer is one that all servers take:
 * TLS_AES_128_GCM_SHA256, X25519. The result is a line of JSON:
 *
 *     {"handshakes": 12345}
 *
 * A handshake that is not of the kind asked for is an error, not a result.
 */
#include <arpa/inet.h>
#include <err.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    DEADLINE_SECONDS = 10, /* of one read or write */
};

struct load {
    uint16_t port;
    double seconds;
    bool resumes;
    SSL_CTX *context;
};

struct worker {
    const struct load *load;
    pthread_t thread;
    SSL_SESSION *ticket;  /* what is presented; ours */
    SSL_SESSION *arrived; /* the first one of the connection at hand; ours */
    unsigned long count;
};

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    ERR_print_errors_fp(stderr);
    errx(1, "%s", what);
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct worker *w = SSL_get_app_data(ssl);

    if (w->arrived != NULL)
        return 0;
    w->arrived = session;
    return 1; /* it is ours now */
}

static int connected(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = DEADLINE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
        err(1, "connect");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0)
        err(1, "setsockopt");
    return fd;
}

/* Whatever else comes, such as more tickets, is read and not looked at. */
static void await_end(SSL *ssl, int fd)
{
    char bytes[4096];
    int n;

    if (SSL_shutdown(ssl) < 0 || shutdown(fd, SHUT_WR) < 0)
        fail("shutdown");
    do
        n = SSL_read(ssl, bytes, sizeof bytes);
    while (n > 0);
    if (SSL_get_error(ssl, n) == SSL_ERROR_WANT_READ)
        fail("the server does not close");
    ERR_clear_error();
}

/* A copy: OpenSSL's client presents no session twice. */
static void present(SSL *ssl, const SSL_SESSION *ticket)
{
    SSL_SESSION *copy = SSL_SESSION_dup(ticket);

    if (copy == NULL || SSL_set_session(ssl, copy) != 1)
        fail("SSL_set_session");
    SSL_SESSION_free(copy);
}

static void handshake(struct worker *w)
{
    int fd = connected(w->load->port);
    SSL *ssl = SSL_new(w->load->context);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        fail("SSL_new");
    SSL_set_app_data(ssl, w);
    if (w->ticket != NULL)
        present(ssl, w->ticket);
    if (SSL_connect(ssl) != 1)
        fail("the handshake failed");
    if (SSL_session_reused(ssl) != (w->ticket != NULL))
        errx(1, "a handshake was %sresumed", w->ticket != NULL ? "not " : "");
    await_end(ssl, fd);
    SSL_free(ssl);
    close(fd);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    double end = now() + w->load->seconds;

    while (now() < end) {
        handshake(w);
        SSL_SESSION_free(w->arrived);
        w->arrived = NULL;
        w->count++;
    }
    return NULL;
}

/* A ticket from a handshake that does not count. */
static void prepare(struct worker *w)
{
    handshake(w);
    if (w->load->resumes && w->arrived == NULL)
        errx(1, "no session ticket came");
    if (w->load->resumes)
        w->ticket = w->arrived;
    else
        SSL_SESSION_free(w->arrived);
    w->arrived = NULL;
}

static SSL_CTX *new_context(void)
{
    static const unsigned char protocols[] = "\x08http/1.1"; /* with h2 some would begin to talk */
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());

    if (c == NULL || SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set_ciphersuites(c, "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set1_groups_list(c, "X25519") != 1 ||
        SSL_CTX_set_alpn_protos(c, protocols, sizeof protocols - 1) != 0)
        fail("SSL_CTX_new");
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c, on_ticket);
    SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return c;
}

int main(int argc, char **argv)
{
    struct load load = {0};
    struct worker workers[THREADS_MAX];
    unsigned long count = 0;
    int threads = argc == 5 ? atoi(argv[4]) : 0;

    if (threads < 1 || threads > THREADS_MAX) {
        fputs("usage: handshakes PORT SECONDS full|resumed THREADS\n", stderr);
        return 2;
    }
    load.port = (uint16_t)atoi(argv[1]);
    load.seconds = atof(argv[2]);
    load.resumes = strcmp(argv[3], "resumed") == 0;
    load.context = new_context();
    for (int i = 0; i < threads; i++) {
        workers[i] = (struct worker){.load = &load};
        prepare(&workers[i]);
    }
    for (int i = 0; i < threads; i++)
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            errx(1, "pthread_create");
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].thread, NULL);
        count += workers[i].count;
    }
    printf("{\"handshakes\": %lu}\n", count + (unsigned)threads); /* with those of the tickets */
    return 0;                                                     /* memory goes with the process */
}
