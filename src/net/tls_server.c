/*
 * What a listener offers. A context of OpenSSL holds at most one certificate of each kind of key,
 * so there is one context for each combination that some name needs: for a name, of each kind the
 * first certificate that has it exactly, else the first whose wildcard covers it. All contexts are
 * alike otherwise, so a handshake that began in the default one moves to another when the name is
 * known.
 */
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "net/tls_certificate.h"
#include "net/tls_internal.h"

/* RFC 9325 4.2 and RFC 9113 9.2.2: forward secrecy and AEAD. AES-128 first, which hardware does. */
static const char default_ciphers[] = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                      "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                      "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char suites_of_1_3[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
static const char groups[] = "X25519:P-256:P-384";

enum { TICKETS_AT_ONCE = 2 }; /* browsers open a second connection with the second one */

/* RFC 8446 4.6.1: no ticket lives longer. */
static const usec_t TICKET_LIFE_MAX = 7 * 24 * 3600 * USEC_PER_SEC;

/* A certificate of each kind; NULL: none. Borrowed. */
struct choice {
    const struct tls_certificate *by_kind[TLS_KEY_KINDS];
};

struct context {
    struct choice choice;
    SSL_CTX *ssl; /* owned */
};

struct host {
    const char *name; /* borrowed from a certificate; "*.example.com" is one, too */
    struct choice choice;
    SSL_CTX *ssl; /* borrowed from a context */
};

struct tls_server {
    atomic_uint refs;
    struct tls_certificate *certificates; /* owned, as the two below */
    struct context *contexts;             /* the first is the default */
    struct host *hosts;                   /* in the order of their names */
    unsigned certificate_count, context_count, host_count;
    bool has_http2;
};

/* Callbacks of OpenSSL in a handshake */

static int compare_name(const void *name, const void *host)
{
    return strcmp(name, ((const struct host *)host)->name);
}

static struct host *find_exactly(const struct tls_server *t, const char *name)
{
    return bsearch(name, t->hosts, t->host_count, sizeof *t->hosts, compare_name);
}

/* RFC 6125 6.4.3: the wildcard stands for the leftmost label, whole. */
static struct host *find_wildcard(const struct tls_server *t, const char *name)
{
    const char *dot = strchr(name, '.');
    char pattern[TLSEXT_MAXLEN_host_name + 2] = "*";

    if (dot == NULL || strlen(dot) >= sizeof pattern - 1)
        return NULL;
    strcat(pattern, dot);
    return find_exactly(t, pattern);
}

static struct host *find_host(const struct tls_server *t, const char *asked)
{
    char name[TLSEXT_MAXLEN_host_name + 1];
    size_t n = strlen(asked);
    struct host *h;

    if (n >= sizeof name)
        return NULL;
    for (size_t i = 0; i <= n; i++)
        name[i] = ascii_lower(asked[i]);
    h = find_exactly(t, name);
    return h != NULL ? h : find_wildcard(t, name);
}

static int on_name(SSL *ssl, int *ret_alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct host *h = name != NULL ? find_host(arg, name) : NULL;

    (void)ret_alert;
    if (h == NULL)
        return SSL_TLSEXT_ERR_NOACK; /* the default */
    return SSL_set_SSL_CTX(ssl, h->ssl) != NULL ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* RFC 7301 3.1: a list of names, each with its length in front (OpenSSL has checked these). */
static bool has_protocol(struct str list, struct str wanted, const unsigned char **ret)
{
    while (list.n > 0) {
        struct str name = str_first(str_skip(list, 1), (unsigned char)list.p[0]);

        *ret = (const unsigned char *)name.p;
        if (str_eq(name, wanted))
            return true;
        list = str_skip(list, 1 + name.n);
    }
    return false;
}

/* Our order counts. RFC 7301 3.2: nothing in common ends the handshake, so that a client of another
 * protocol cannot be led here (ALPACA). */
static int on_protocols(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                        const unsigned char *p, unsigned n, void *arg)
{
    const struct tls_server *t = arg;
    struct str offered = {(const char *)p, n};

    (void)ssl;
    if (t->has_http2 && has_protocol(offered, STR("h2"), ret))
        *ret_n = sizeof "h2" - 1;
    else if (has_protocol(offered, STR("http/1.1"), ret))
        *ret_n = sizeof "http/1.1" - 1;
    else
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_OK;
}

/* Contexts */

static void set_tickets(SSL_CTX *ssl, struct tls_tickets *tickets)
{
    usec_t life = MIN(2 * tls_tickets_rotation(tickets), TICKET_LIFE_MAX);

    SSL_CTX_set_app_data(ssl, tickets);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, tls_tickets_on_key);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(ssl, TICKETS_AT_ONCE);
    SSL_CTX_set_timeout(ssl, (long)MAX(life / USEC_PER_SEC, (usec_t)1));
}

static void set_ways(SSL_CTX *ssl)
{
    SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* An idle connection holds no buffers. Chains are what the files say, not what is searched for
     * in each handshake. */
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ssl, 1);
}

static SSL_CTX *context_new(const struct tls_options *o, struct tls_server *t,
                            struct tls_tickets *tickets)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
    int oldest = o->min_version == TLS_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION;

    assert(ssl != NULL);
    set_ways(ssl);
    set_tickets(ssl, tickets);
    SSL_CTX_set_tlsext_servername_callback(ssl, on_name);
    SSL_CTX_set_tlsext_servername_arg(ssl, t);
    SSL_CTX_set_alpn_select_cb(ssl, on_protocols, t);
    if (SSL_CTX_set_min_proto_version(ssl, oldest) != 1 ||
        SSL_CTX_set_ciphersuites(ssl, suites_of_1_3) != 1 ||
        SSL_CTX_set1_groups_list(ssl, groups) != 1)
        assert(!"OpenSSL knows the names above");
    return ssl;
}

static int check_cipher(const SSL_CIPHER *c, struct buf *error)
{
    int exchange = SSL_CIPHER_get_kx_nid(c); /* any: a suite of TLS 1.3 */

    if ((exchange == NID_kx_ecdhe || exchange == NID_kx_any) && SSL_CIPHER_is_aead(c))
        return 0;
    buf_printf(error, "ciphers: %s has no forward secrecy by ECDHE, or no AEAD",
               SSL_CIPHER_get_name(c));
    return -1;
}

static int set_ciphers(SSL_CTX *ssl, const char *ciphers, struct buf *error)
{
    const STACK_OF(SSL_CIPHER) * all;
    int r = SSL_CTX_set_cipher_list(ssl, *ciphers != '\0' ? ciphers : default_ciphers);

    if (r != 1) {
        buf_printf(error, "ciphers: '%s' names none that OpenSSL has", ciphers);
        ERR_clear_error();
        return -1;
    }
    all = SSL_CTX_get_ciphers(ssl);
    for (int i = 0; i < sk_SSL_CIPHER_num(all); i++)
        if (check_cipher(sk_SSL_CIPHER_value(all, i), error) < 0)
            return -1;
    return 0;
}

static int use_certificates(SSL_CTX *ssl, const struct choice *choice, const struct tls_server *t,
                            const struct tls_options *o, struct buf *error)
{
    for (int kind = TLS_KEY_KINDS - 1; kind >= 0; kind--) {
        const struct tls_certificate *c = choice->by_kind[kind];

        if (c != NULL && SSL_CTX_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) != 1) {
            buf_printf(error, "%s: %s", o->pairs[c - t->certificates].certificate, tls_reason());
            return -1;
        }
    }
    return 0;
}

/* The context of that choice: one that is there, or a new one. */
static int find_context(const struct tls_options *o, struct tls_server *t,
                        struct tls_tickets *tickets, const struct choice *choice, SSL_CTX **ret,
                        struct buf *error)
{
    SSL_CTX *ssl;

    for (unsigned i = 0; i < t->context_count; i++)
        if (memcmp(&t->contexts[i].choice, choice, sizeof *choice) == 0) {
            *ret = t->contexts[i].ssl;
            return 0;
        }
    ssl = context_new(o, t, tickets);
    t->contexts = xrealloc(t->contexts, (t->context_count + 1) * sizeof *t->contexts);
    t->contexts[t->context_count++] = (struct context){*choice, ssl};
    *ret = ssl;
    return set_ciphers(ssl, o->ciphers, error) < 0 ? -1
                                                   : use_certificates(ssl, choice, t, o, error);
}

/* Names */

static int compare_hosts(const void *a, const void *b)
{
    return strcmp(((const struct host *)a)->name, ((const struct host *)b)->name);
}

/* One host for each name of a certificate, in order; equal ones follow each other. */
static void list_names(struct tls_server *t)
{
    unsigned count = 0;

    for (unsigned i = 0; i < t->certificate_count; i++)
        count += t->certificates[i].name_count;
    t->hosts = xcalloc(count, sizeof *t->hosts);
    for (unsigned i = 0; i < t->certificate_count; i++)
        for (unsigned k = 0; k < t->certificates[i].name_count; k++) {
            const struct tls_certificate *c = &t->certificates[i];

            t->hosts[t->host_count].name = c->names[k];
            t->hosts[t->host_count++].choice.by_kind[c->kind] = c;
        }
    qsort(t->hosts, t->host_count, sizeof *t->hosts, compare_hosts);
}

/* `into` gets what it has none of, or only a later one if `by_order`. */
static void complete(struct choice *into, const struct choice *from, bool by_order)
{
    for (int kind = 0; kind < TLS_KEY_KINDS; kind++) {
        const struct tls_certificate *c = from->by_kind[kind], *old = into->by_kind[kind];

        if (c != NULL && (old == NULL || (by_order && c < old)))
            into->by_kind[kind] = c;
    }
}

static void unite_names(struct tls_server *t)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < t->host_count; i++)
        if (kept > 0 && strcmp(t->hosts[i].name, t->hosts[kept - 1].name) == 0)
            complete(&t->hosts[kept - 1].choice, &t->hosts[i].choice, true);
        else
            t->hosts[kept++] = t->hosts[i];
    t->host_count = kept;
}

/* A name that has an ECDSA certificate of its own and an RSA one by wildcard gets both. */
static void add_wildcards(struct tls_server *t)
{
    for (unsigned i = 0; i < t->host_count; i++) {
        const struct host *wide = find_wildcard(t, t->hosts[i].name);

        if (wide != NULL)
            complete(&t->hosts[i].choice, &wide->choice, false);
    }
}

/* Of the client that names nobody: the first certificate, and of other kinds its name's. */
static struct choice default_choice(const struct tls_server *t)
{
    const struct tls_certificate *first = t->certificates;
    struct choice choice = {0};

    choice.by_kind[first->kind] = first;
    if (first->name_count > 0)
        complete(&choice, &find_exactly(t, first->names[0])->choice, false);
    return choice;
}

/* A server, from its options */

static int load_certificates(const struct tls_options *o, struct tls_server *t, struct buf *error)
{
    t->certificates = xcalloc(o->pair_count, sizeof *t->certificates);
    while (t->certificate_count < o->pair_count) {
        unsigned i = t->certificate_count++;

        if (tls_certificate_load(&o->pairs[i], &t->certificates[i], error) < 0)
            return -1;
    }
    return 0;
}

static int make_contexts(const struct tls_options *o, struct tls_server *t,
                         struct tls_tickets *tickets, struct buf *error)
{
    struct choice standard = default_choice(t);
    SSL_CTX *first;

    if (find_context(o, t, tickets, &standard, &first, error) < 0)
        return -1;
    for (unsigned i = 0; i < t->host_count; i++)
        if (find_context(o, t, tickets, &t->hosts[i].choice, &t->hosts[i].ssl, error) < 0)
            return -1;
    return 0;
}

int tls_server_new(const struct tls_options *o, struct tls_tickets *tickets,
                   struct tls_server **ret, struct buf *ret_error)
{
    AUTO(tls_server_free) struct tls_server *t = xzalloc(sizeof *t);

    assert(o->pair_count > 0);
    t->refs = 1;
    t->has_http2 = o->has_http2;
    if (load_certificates(o, t, ret_error) < 0)
        return -1;
    list_names(t);
    unite_names(t);
    add_wildcards(t);
    if (make_contexts(o, t, tickets, ret_error) < 0)
        return -1;
    *ret = TAKE(t);
    return 0;
}

struct tls_server *tls_server_ref(const struct tls_server *t)
{
    struct tls_server *counted = (struct tls_server *)(uintptr_t)t;

    atomic_fetch_add_explicit(&counted->refs, 1, memory_order_relaxed);
    return counted;
}

void tls_server_unref(struct tls_server **t)
{
    struct tls_server *gone = TAKE(*t);

    if (gone == NULL || atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (unsigned i = 0; i < gone->context_count; i++)
        SSL_CTX_free(gone->contexts[i].ssl);
    for (unsigned i = 0; i < gone->certificate_count; i++)
        tls_certificate_done(&gone->certificates[i]);
    xfree_p(&gone->contexts);
    xfree_p(&gone->certificates);
    xfree_p(&gone->hosts);
    xfree_p(&gone);
}

void tls_server_free(struct tls_server **t)
{
    tls_server_unref(t);
}

SSL *tls_server_begin(const struct tls_server *t)
{
    SSL *ssl = SSL_new(t->contexts[0].ssl);

    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

unix_t tls_server_expires(const struct tls_server *t)
{
    unix_t first = t->certificates[0].expires;

    for (unsigned i = 1; i < t->certificate_count; i++)
        first = MIN(first, t->certificates[i].expires);
    return first;
}
