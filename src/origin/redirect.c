/*
 * A redirect may lead to a server of the same cluster, by its own name or by the name in the Host
 * field, and nowhere else: an origin must not be able to make us fetch from inside our network, nor
 * a viewer through an open redirect at an origin.
 */
#include "origin/redirect.h"

#include <errno.h>

#include "http/scan.h"

struct place {
    struct str scheme, host, port, target; /* port: never empty; target: without the fragment */
};

static struct str default_port(struct str scheme)
{
    return str_eq_nocase(scheme, STR("https")) ? STR("443") : STR("80");
}

/* "example:8080", "[::1]:8080". */
static void split_authority(struct str authority, struct place *ret)
{
    ptrdiff_t colon = str_rfind_char(authority, ':'), bracket = str_rfind_char(authority, ']');

    ret->host = authority;
    ret->port = STR("");
    if (colon > bracket) {
        ret->host = str_first(authority, (size_t)colon);
        ret->port = str_skip(authority, (size_t)colon + 1);
    }
    if (ret->port.n == 0)
        ret->port = default_port(ret->scheme);
}

static size_t authority_length(struct str s)
{
    size_t n = 0;

    while (n < s.n && s.p[n] != '/' && s.p[n] != '?' && s.p[n] != '#')
        n++;
    return n;
}

static int parse_place(struct str url, struct place *ret)
{
    ptrdiff_t colon = str_find(url, STR("://")), fragment = str_find_char(url, '#');
    struct str rest;

    if (colon <= 0)
        return -EPROTO;
    if (fragment >= 0)
        url = str_first(url, (size_t)fragment);
    ret->scheme = str_first(url, (size_t)colon);
    rest = str_skip(url, (size_t)colon + 3);
    ret->target = str_skip(rest, authority_length(rest));
    split_authority(str_first(rest, authority_length(rest)), ret);
    return 0;
}

/* A user name in front of the host makes it another host, so it matches no server. */
static bool is_same_place(const struct place *a, const struct place *b)
{
    return str_eq_nocase(a->scheme, b->scheme) && str_eq_nocase(a->host, b->host) &&
           str_eq(a->port, b->port);
}

/* Does it lead to this server by the server's own name? */
static bool is_server(const struct server *s, const struct place *to)
{
    struct place own;

    return parse_place(str_of(s->base), &own) == 0 && is_same_place(&own, to);
}

/* ... by the name that all servers of the cluster go by? */
static bool is_by_host_field(const struct cluster *c, const struct server *s,
                             const struct place *to)
{
    struct place named;

    if (c->host == NULL || parse_place(str_of(s->base), &named) < 0)
        return false;
    split_authority(str_of(c->host), &named);
    return is_same_place(&named, to);
}

/* The one that sent us first: sockets all have the same name. */
static int find_server(const struct cluster *c, unsigned from, const struct place *to,
                       unsigned *ret)
{
    *ret = from;
    if (is_server(&c->servers[from], to) || is_by_host_field(c, &c->servers[from], to))
        return 0;
    for (unsigned i = 0; i < c->settings.server_count; i++) {
        if (is_server(&c->servers[i], to)) {
            *ret = i;
            return 0;
        }
    }
    return -ELOOP;
}

static int set_target(struct str target, struct buf *ret)
{
    buf_clear(ret);
    if (!str_starts(target, STR("/"))) /* "http://host?query" */
        buf_add_char(ret, '/');
    buf_add(ret, target);
    if (ret->is_full || scan_control(target, 0) < target.n || str_find_char(target, ' ') >= 0)
        return -EPROTO;
    return 0;
}

/* The URL that was asked for, as the server knows itself. */
static void add_base_url(const struct cluster *c, const struct server *s, struct str target,
                         struct buf *ret)
{
    ptrdiff_t colon = str_find(str_of(s->base), STR("://"));

    if (c->host == NULL)
        buf_add(ret, str_of(s->base));
    else
        buf_printf(ret, "%.*s://%s", (int)colon, s->base, c->host);
    buf_add(ret, target);
}

static int resolve(const struct cluster *c, unsigned from, struct str target, struct str location,
                   struct buf *base, struct buf *url)
{
    add_base_url(c, &c->servers[from], target, base);
    if (base->is_full || client_resolve(buf_str(base), location, url) < 0 || url->is_full)
        return -EPROTO;
    return 0;
}

int redirect_resolve(const struct cluster *c, unsigned from, struct str target, struct str location,
                     struct buf *ret_target, unsigned *ret_server)
{
    AUTO(buf_done) struct buf base = {.cap = REDIRECT_URL_MAX}, url = {.cap = REDIRECT_URL_MAX};
    struct place to;
    int r = resolve(c, from, target, location, &base, &url);

    if (r == 0)
        r = parse_place(buf_str(&url), &to);
    if (r == 0)
        r = find_server(c, from, &to, ret_server);
    return r < 0 ? r : set_target(to.target, ret_target);
}
