/*
 * For tests of TLS: certificates made on the spot, and both ends of a connection in one process.
 * The client is OpenSSL over buffers in memory, so that its bytes can be cut up, held back or
 * forged on their way to the socket under test.
 */
#ifndef NET_TLS_TESTING_H
#define NET_TLS_TESTING_H

#include <openssl/ssl.h>

#include "net/loop_testing.h"
#include "net/sock.h"
#include "net/tls.h"

/* ---- certificates: self-signed, in a temporary folder of the process ---- */

enum test_key { KEY_EC, KEY_RSA, KEY_ED25519, KEY_RSA_1024, KEY_P224, KEY_X25519 };

struct test_pair {
    char certificate[64], key[64]; /* paths */
};

struct test_recipe {
    enum test_key key;
    const char *names;       /* of subjectAltName, as "DNS:a.test,DNS:*.b.test"; NULL: none */
    const char *common_name; /* NULL: "test" */
    int days;                /* until it expires; 0: 30 */
    const char *password;    /* of the key; NULL: none */
    int chain;               /* so many further certificates behind it */
};

void test_pair_make(struct test_pair *ret, const struct test_recipe *how);
struct tls_pair test_pair_files(const struct test_pair *p);
const char *test_file(const char *text); /* its path, until the next call */
void test_files_remove(void);            /* of all pairs, and their folder */

/* ---- a socket under test: shakes hands, then collects and sends ---- */

struct served {
    struct sock sock;
    int handshake; /* what sock_handshake() said last */
    char got[1 << 18];
    size_t got_n;
    size_t gulp;    /* the most that one recv takes; 0: all there is room for */
    ssize_t last;   /* what recv said last */
    int readable;   /* calls after the handshake */
    bool is_silent; /* takes nothing when it is readable */
    bool is_closed;
    const char *out; /* borrowed */
    size_t out_n, out_at;
    size_t sip; /* the most that one send is given; 0: all */
    int error;  /* of a send or flush */
};

void served_init(struct served *s, struct loop *l, int fd, const struct tls_server *t);
void served_send(struct served *s, const char *p, size_t n); /* until it is flushed */
bool served_has_sent(const struct served *s);
void served_close(struct served *s);

/* ---- the client ---- */

struct client {
    SSL *ssl;
    int fd; /* owned, non-blocking */
    char got[1 << 22];
    size_t got_n;
    size_t read_max;  /* bytes taken off the wire in one step; 0: all */
    size_t write_max; /* bytes put on the wire in one step; 0: all */
    int error;        /* of SSL_get_error; SSL_ERROR_NONE: all is well */
    bool has_left;    /* the other side has closed the connection */
};

SSL_CTX *client_context(void);
void client_init(struct client *c, SSL_CTX *ctx, int fd);
void client_done(struct client *c);
/* What came goes in, what is to go out goes out. */
void client_step(struct client *c);
void client_send(struct client *c, const char *p, size_t n); /* goes out with the next steps */
bool client_is_done(const struct client *c);                 /* with the handshake */

/* ---- both, on a loop ---- */

struct tls_pair_of_ends {
    struct loop *loop;
    struct tls_tickets *tickets;
    struct tls_server *server;
    struct served served;
    struct client client;
};

#define STEP_UNTIL(ends, condition)                          \
    do {                                                     \
        for (int step_ = 0; !(condition); step_++) {         \
            if (step_ == TURNS_MAX)                          \
                fail_msg("never came true: %s", #condition); \
            client_step(&(ends)->client);                    \
            loop_turn((ends)->loop);                         \
        }                                                    \
    } while (0)

/* A server with these certificates; fails the test when they are refused. */
struct tls_server *test_server(const struct tls_pair *pairs, unsigned n, enum tls_version oldest,
                               struct tls_tickets *tickets);
/* `small`: the kernel has little room between the two. */
void test_socketpair(int fds[2], bool small);
void ends_connect(struct tls_pair_of_ends *e, SSL_CTX *client, bool small);
void ends_shake_hands(struct tls_pair_of_ends *e);
void ends_close(struct tls_pair_of_ends *e);

#endif
