#include "net/tls_testing.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- certificates ---- */

static char folder[32];
static unsigned files;

static const char *new_path(char *ret, size_t n)
{
    if (folder[0] == '\0') {
        strcpy(folder, "/tmp/hlsgate-tls-XXXXXX");
        assert_non_null(mkdtemp(folder));
    }
    snprintf(ret, n, "%s/%u.pem", folder, files++);
    return ret;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *f)
{
    return remove(path);
}

void test_files_remove(void)
{
    if (folder[0] != '\0')
        nftw(folder, remove_one, 4, FTW_DEPTH | FTW_PHYS);
    folder[0] = '\0';
}

const char *test_file(const char *text)
{
    static char path[64];
    FILE *f;

    new_path(path, sizeof path);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
    return path;
}

static EVP_PKEY *new_key(enum test_key kind)
{
    switch (kind) {
    case KEY_EC:
        return EVP_EC_gen("P-256");
    case KEY_P224:
        return EVP_EC_gen("P-224");
    case KEY_RSA:
        return EVP_RSA_gen(2048);
    case KEY_RSA_1024:
        return EVP_RSA_gen(1024);
    case KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case KEY_X25519:
        break;
    }
    return EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
}

static void add_names(X509 *x, const char *names)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);

    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static X509 *new_certificate(const struct test_recipe *how, EVP_PKEY *key)
{
    const char *name = how->common_name != NULL ? how->common_name : "test";
    long seconds = (how->days != 0 ? how->days : 30) * 24L * 3600;
    bool is_raw = how->key == KEY_ED25519; /* signs without a digest */
    EVP_PKEY *signer = how->key == KEY_X25519 ? new_key(KEY_EC) : key;
    X509 *x = X509_new();

    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -40 * 24L * 3600);
    X509_gmtime_adj(X509_getm_notAfter(x), seconds);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    if (how->names != NULL)
        add_names(x, how->names);
    assert_true(X509_sign(x, signer, is_raw ? NULL : EVP_sha256()) > 0);
    if (signer != key)
        EVP_PKEY_free(signer);
    return x;
}

void test_pair_make(struct test_pair *ret, const struct test_recipe *how)
{
    EVP_PKEY *key = new_key(how->key);
    X509 *x = new_certificate(how, key);
    FILE *f = fopen(new_path(ret->certificate, sizeof ret->certificate), "w");

    for (int i = 0; i <= how->chain; i++)
        PEM_write_X509(f, x);
    fclose(f);
    f = fopen(new_path(ret->key, sizeof ret->key), "w");
    PEM_write_PrivateKey(f, key, how->password != NULL ? EVP_aes_128_cbc() : NULL,
                         (const unsigned char *)how->password,
                         how->password != NULL ? (int)strlen(how->password) : 0, NULL, NULL);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

struct tls_pair test_pair_files(const struct test_pair *p)
{
    return (struct tls_pair){p->certificate, p->key};
}

/* ---- the socket under test ---- */

#define SERVED(s) container_of(s, struct served, sock)

static void wish(struct served *s)
{
    bool has_more = s->out_at < s->out_n || s->error == -EAGAIN;

    sock_want(&s->sock, (s->is_silent ? 0 : SOCK_READ) | (has_more ? SOCK_WRITE : 0));
}

static void shake(struct served *s)
{
    unsigned want = SOCK_READ;

    s->handshake = sock_handshake(&s->sock, &want);
    if (s->handshake < 0 && s->handshake != -EAGAIN)
        want = 0;
    sock_want(&s->sock, want);
}

static void on_readable(struct sock *sock)
{
    struct served *s = SERVED(sock);
    size_t room = sizeof s->got - s->got_n;

    if (s->handshake != 1) {
        shake(s);
        return;
    }
    s->readable++;
    s->last = sock_recv(sock, s->got + s->got_n, s->gulp > 0 ? MIN(s->gulp, room) : room);
    if (s->last > 0)
        s->got_n += (size_t)s->last;
    else if (s->last != -EAGAIN)
        sock_want(sock, sock->wanted & SOCK_WRITE);
}

static void go_on(struct served *s)
{
    s->error = 0;
    while (s->out_at < s->out_n && s->error == 0) {
        size_t n = s->out_n - s->out_at;
        struct iovec iov = {(void *)(uintptr_t)(s->out + s->out_at),
                            s->sip > 0 ? MIN(s->sip, n) : n};
        ssize_t sent = sock_send(&s->sock, &iov, 1, false);

        if (sent < 0)
            s->error = (int)sent;
        else
            s->out_at += (size_t)sent;
    }
    if (s->error == 0)
        s->error = sock_flush(&s->sock);
    if (s->error < 0 && s->error != -EAGAIN)
        s->out_at = s->out_n;
    wish(s);
}

static void on_writable(struct sock *sock)
{
    struct served *s = SERVED(sock);

    if (s->handshake != 1)
        shake(s);
    else
        go_on(s);
}

static void on_hangup(struct sock *sock)
{
    sock_want(sock, 0);
}

static void on_closed(struct sock *sock)
{
    SERVED(sock)->is_closed = true;
}

static const struct sock_ops served_ops = {on_readable, on_writable, on_hangup, on_closed};

void served_init(struct served *s, struct loop *l, int fd, const struct tls_server *t)
{
    *s = (struct served){.handshake = -EAGAIN};
    assert_int_equal(sock_init(&s->sock, l, fd, &served_ops), 0);
    assert_int_equal(sock_start_tls(&s->sock, t), 0);
    sock_want(&s->sock, SOCK_READ);
}

void served_send(struct served *s, const char *p, size_t n)
{
    s->out = p;
    s->out_n = n;
    s->out_at = 0;
    go_on(s);
}

bool served_has_sent(const struct served *s)
{
    return s->out_at == s->out_n && s->error == 0;
}

void served_close(struct served *s)
{
    struct loop *l = s->sock.loop;

    sock_close(&s->sock);
    TURN_UNTIL(l, s->is_closed);
}

/* ---- the client ---- */

SSL_CTX *client_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    assert_non_null(ctx);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return ctx;
}

void client_init(struct client *c, SSL_CTX *ctx, int fd)
{
    memset(c, 0, offsetof(struct client, got));
    memset(&c->got_n, 0, sizeof *c - offsetof(struct client, got_n));
    fcntl(fd, F_SETFL, O_NONBLOCK);
    c->fd = fd;
    c->ssl = SSL_new(ctx);
    SSL_set_bio(c->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(c->ssl), -1);
    SSL_set_connect_state(c->ssl);
}

void client_done(struct client *c)
{
    SSL_free(c->ssl);
    c->ssl = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

static void take_from_wire(struct client *c)
{
    char bytes[65536];
    size_t max = c->read_max > 0 ? MIN(c->read_max, sizeof bytes) : sizeof bytes;
    ssize_t n = recv(c->fd, bytes, max, 0);

    if (n > 0)
        BIO_write(SSL_get_rbio(c->ssl), bytes, (int)n);
    else if (n == 0 || errno != EAGAIN)
        c->has_left = true;
}

static void put_on_wire(struct client *c)
{
    BIO *out = SSL_get_wbio(c->ssl);
    char *p, *left;
    size_t n = (size_t)BIO_get_mem_data(out, &p);
    ssize_t sent;

    if (n == 0)
        return;
    sent = send(c->fd, p, c->write_max > 0 ? MIN(c->write_max, n) : n, MSG_NOSIGNAL);
    if (sent <= 0)
        return;
    n -= (size_t)sent;
    left = xmemdup(p + sent, n);
    (void)BIO_reset(out);
    BIO_write(out, left, (int)n);
    xfree_p(&left);
}

static int use_input(struct client *c)
{
    int r = SSL_is_init_finished(c->ssl) ? 1 : SSL_do_handshake(c->ssl);

    while (r > 0) {
        r = SSL_read(c->ssl, c->got + c->got_n, (int)(sizeof c->got - c->got_n));
        if (r > 0)
            c->got_n += (size_t)r;
    }
    return SSL_get_error(c->ssl, r);
}

void client_step(struct client *c)
{
    int why;

    if (c->fd < 0)
        return;
    take_from_wire(c);
    ERR_clear_error();
    why = use_input(c);
    if (why != SSL_ERROR_WANT_READ)
        c->error = why;
    put_on_wire(c);
}

void client_send(struct client *c, const char *p, size_t n)
{
    assert_int_equal(SSL_write(c->ssl, p, (int)n), n);
}

bool client_is_done(const struct client *c)
{
    return SSL_is_init_finished(c->ssl);
}

/* ---- both ---- */

struct tls_server *test_server(const struct tls_pair *pairs, unsigned n, enum tls_version oldest,
                               struct tls_tickets *tickets)
{
    const struct tls_options o = {
        .pairs = pairs, .pair_count = n, .min_version = oldest, .ciphers = "", .has_http2 = true};
    struct tls_server *t = NULL;
    struct buf error;

    buf_init(&error, 1000);
    if (tls_server_new(&o, tickets, &t, &error) < 0)
        fail_msg("refused: %.*s", STR_FMT(buf_str(&error)));
    buf_done(&error);
    return t;
}

void test_socketpair(int fds[2], bool small)
{
    int bytes = 4096;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int i = 0; small && i < 2; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

void ends_connect(struct tls_pair_of_ends *e, SSL_CTX *client, bool small)
{
    int fds[2];

    test_socketpair(fds, small);
    served_init(&e->served, e->loop, fds[0], e->server);
    client_init(&e->client, client, fds[1]);
}

void ends_shake_hands(struct tls_pair_of_ends *e)
{
    STEP_UNTIL(e, client_is_done(&e->client) && e->served.handshake == 1);
}

void ends_close(struct tls_pair_of_ends *e)
{
    served_close(&e->served);
    client_done(&e->client);
}
