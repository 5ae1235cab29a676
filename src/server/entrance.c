/* From the settings of one address to what its connections need. */
#include "server/entrance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The certificate of the section itself is the first: who asks for no known name gets it. */
static unsigned collect_pairs(const struct tls_settings *s, struct tls_pair *ret)
{
    const struct certificate_setting *more = s->certificates.items;
    unsigned n = 0;

    if (s->first.certificate.n > 0)
        ret[n++] = (struct tls_pair){s->first.certificate.p, s->first.key.p};
    for (size_t i = 0; i < s->certificates.count; i++)
        ret[n++] = (struct tls_pair){more[i].certificate.p, more[i].key.p};
    return n;
}

static int make_tls(struct entrance *e, const struct listen_setting *s, struct tls_tickets *tickets,
                    struct buf *ret_error)
{
    AUTO(xfree_p) struct tls_pair *pairs = xcalloc(s->tls.certificates.count + 1, sizeof *pairs);
    struct tls_options o = {.pairs = pairs,
                            .pair_count = collect_pairs(&s->tls, pairs),
                            .min_version = (enum tls_version)s->tls.min_version,
                            .ciphers = s->tls.ciphers.p,
                            .has_http2 = s->http2};

    if (o.pair_count == 0) {
        buf_add(ret_error, STR("needs `certificate` and `key`"));
        return -1;
    }
    return tls_server_new(&o, tickets, &e->tls, ret_error);
}

static void describe_door(struct entrance *e, const struct listen_setting *s)
{
    e->door.is_redirect = s->redirect.is_on;
    e->base = xstrdup(s->redirect.base.n > 0 ? s->redirect.base.p : "");
    e->door.redirect = str_of(e->base);
    if (!s->has_tls || s->tls.hsts == 0)
        return;
    snprintf(e->hsts, sizeof e->hsts, "max-age=%lld", (long long)(s->tls.hsts / USEC_PER_SEC));
    e->door.hsts = str_of(e->hsts);
}

int entrance_new(const struct listen_setting *s, struct tls_tickets *tickets, struct entrance **ret,
                 struct buf *ret_error)
{
    AUTO(entrance_unref) struct entrance *e = xzalloc(sizeof *e);

    atomic_init(&e->refs, 1);
    e->address = s->address;
    e->has_http2 = s->http2;
    e->has_proxy_header = s->proxy_protocol;
    describe_door(e, s);
    if (s->has_tls && make_tls(e, s, tickets, ret_error) < 0)
        return -1;
    *ret = TAKE(e);
    return 0;
}

struct entrance *entrance_ref(struct entrance *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void entrance_unref(struct entrance **e)
{
    struct entrance *gone = TAKE(*e);

    if (gone == NULL || atomic_fetch_sub(&gone->refs, 1) > 1)
        return;
    tls_server_free(&gone->tls);
    free(gone->base);
    free(gone);
}

bool entrance_is_at(const struct entrance *e, const struct net_address *a)
{
    return e->address.length == a->length && memcmp(&e->address.u, &a->u, a->length) == 0;
}
