/*
 * What OpenSSL itself takes for a connection of a server, with nothing around it:
 *
 *     tls_memory CERTIFICATE KEY CONNECTIONS
 *
 * A child is the client of as many TLS 1.3 connections over socket pairs. We accept them, send a
 * byte and get one, so that the tickets are out and buffers were used, and keep them. What our
 * private memory has grown by, by the number of connections, is the result, in KiB. The first
 * connection, which brings OpenSSL's tables with it, does not count. Modes as in
 * src/net/tls_server.c: buffers are released while nothing is in them.
 */
#include <err.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 20000 };

static void fail(const char *what)
{
    ERR_print_errors_fp(stderr);
    errx(1, "%s", what);
}

/* Of this process alone, in KiB. */
static long private_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long sum = 0, n;

    if (f == NULL)
        err(1, "smaps_rollup");
    while (fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "Private_Clean: %ld", &n) == 1 ||
            sscanf(line, "Private_Dirty: %ld", &n) == 1)
            sum += n;
    fclose(f);
    return sum;
}

static SSL *new_connection(SSL_CTX *c, int fd)
{
    SSL *ssl = SSL_new(c);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1)
        fail("SSL_new");
    return ssl;
}

/* The child's part; it never returns. */
static void be_clients(int (*pairs)[2], int count)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    char byte;

    if (c == NULL)
        fail("SSL_CTX_new");
    for (int i = 0; i < count; i++) {
        SSL *ssl = new_connection(c, pairs[i][1]);

        if (SSL_connect(ssl) != 1 || SSL_read(ssl, &byte, 1) != 1 || SSL_write(ssl, &byte, 1) != 1)
            fail("the client's handshake failed");
    }
    for (;;)
        pause(); /* until we are killed */
}

static void accept_one(SSL_CTX *c, int fd)
{
    SSL *ssl = new_connection(c, fd);
    char byte = 'x';

    if (SSL_accept(ssl) != 1 || SSL_write(ssl, &byte, 1) != 1 || SSL_read(ssl, &byte, 1) != 1)
        fail("the server's handshake failed");
}

static SSL_CTX *new_server(const char *certificate, const char *key)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());

    if (c == NULL || SSL_CTX_use_certificate_chain_file(c, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
        fail("certificate or key");
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    return c;
}

int main(int argc, char **argv)
{
    static int pairs[CONNECTIONS_MAX + 1][2];
    int count = argc == 4 ? atoi(argv[3]) : 0;
    SSL_CTX *c;
    pid_t child;
    long before;

    if (count < 1 || count > CONNECTIONS_MAX) {
        fputs("usage: tls_memory CERTIFICATE KEY CONNECTIONS\n", stderr);
        return 2;
    }
    for (int i = 0; i <= count; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) < 0)
            err(1, "socketpair");
    child = fork();
    if (child < 0)
        err(1, "fork");
    if (child == 0)
        be_clients(pairs, count + 1);
    c = new_server(argv[1], argv[2]);
    accept_one(c, pairs[0][0]);
    before = private_kib();
    for (int i = 1; i <= count; i++)
        accept_one(c, pairs[i][0]);
    printf("%.2f\n", (double)(private_kib() - before) / count);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0; /* memory and sockets go with the process */
}
