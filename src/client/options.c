/* A request as options of an easy handle: what is the same for all is in tables. */
#include "client/client_internal.h"

#include <strings.h>

#include "client/base_url.h"
#include "http/scan.h"

static const struct {
    CURLoption option;
    long value;
} numbers[] = {
    {CURLOPT_BUFFERSIZE, RECEIVE_BYTES},
    {CURLOPT_NOSIGNAL, 1},
    {CURLOPT_QUICK_EXIT, 1},             /* cancelling does not wait for the resolver's thread */
    {CURLOPT_HTTP09_ALLOWED, 0},         /* a body without a head is no answer */
    {CURLOPT_HTTP_CONTENT_DECODING, 0},  /* what comes is what is passed on */
    {CURLOPT_FOLLOWLOCATION, 0},         /* where to is for the origin to judge */
    {CURLOPT_NETRC, CURL_NETRC_IGNORED}, /* no credentials from the environment */
    {CURLOPT_DISALLOW_USERNAME_IN_URL, 1},
    {CURLOPT_TCP_NODELAY, 1},
};

static const struct {
    CURLoption option;
    const char *value;
} texts[] = {
    {CURLOPT_PROTOCOLS_STR, "http,https"},
    {CURLOPT_PROXY, ""}, /* none, whatever the environment says */
    {CURLOPT_NOPROXY, "*"},
};

/* What libcurl would send of its own accord. */
static const char *const unwanted[] = {"Accept:", "Expect:", "Content-Type:"};

static void set_fixed(struct client_transfer *t)
{
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        OPTION(t->easy, numbers[i].option, numbers[i].value);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        OPTION(t->easy, texts[i].option, texts[i].value);
    OPTION(t->easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)(t->client->limits.dns_cache / USEC_PER_SEC));
    OPTION(t->easy, CURLOPT_MAXAGE_CONN, (long)(t->client->limits.keep_alive / USEC_PER_SEC));
    OPTION(t->easy, CURLOPT_SHARE, t->client->shared);
    receive_set(t);
    sockets_set(t);
}

/* Texts that libcurl borrows: all of a request's in one piece of memory, reserved beforehand, so
 * that pointers into it stay good. */

static size_t text_size(const struct client_request *r)
{
    const struct client_peer *p = r->peer;
    size_t n = 2 * strlen(p->base) + (p->host != NULL ? strlen(p->host) : 0) + r->target.n + 32;

    for (unsigned i = 0; i < r->field_count; i++)
        n += r->fields[i].name.n + r->fields[i].value.n + sizeof ": ";
    return n;
}

static char *add_text(struct client_transfer *t, const char *format, ...) PRINTF_LIKE(2, 3);
static char *add_text(struct client_transfer *t, const char *format, ...)
{
    char *begin = t->text.p + t->text.n;
    va_list args;

    va_start(args, format);
    buf_vprintf(&t->text, format, args);
    va_end(args);
    buf_add_char(&t->text, '\0');
    return begin;
}

/*
 * With a `host`, the URL names it (so Host, SNI and certificate agree), and CONNECT_TO says where
 * it is. The path is not in the URL: libcurl sends the target as it stands.
 */
static void set_route(struct client_transfer *t, const struct client_peer *peer)
{
    bool is_elsewhere = peer->host != NULL && peer->unix_path == NULL;
    struct str host = str_of(peer->host);
    struct base_url base;
    const char *wrong = base_url_parse(str_of(peer->base), &base);

    assert(wrong == NULL); /* client_base_check() */
    if (host.p == NULL)
        host = base.authority;
    OPTION(t->easy, CURLOPT_URL, add_text(t, "%.*s://%.*s/", STR_FMT(base.scheme), STR_FMT(host)));
    t->route = (struct curl_slist){add_text(t, "::%.*s:%u", STR_FMT(base.host), base.port), NULL};
    OPTION(t->easy, CURLOPT_CONNECT_TO, is_elsewhere ? &t->route : NULL);
    OPTION(t->easy, CURLOPT_UNIX_SOCKET_PATH, peer->unix_path);
    OPTION(t->easy, CURLOPT_CONNECTTIMEOUT_MS,
           MAX((long)(peer->connect_timeout / USEC_PER_MSEC), 1L));
}

static uint64_t name_of(const struct client_peer *peer)
{
    const struct hash_key *key = hash_process_key();

    return hash_bytes(key, str_of(peer->base)) ^
           (peer->host != NULL ? hash_bytes(key, str_of(peer->host)) : 0) ^
           (peer->unix_path != NULL ? hash_bytes(key, str_of(peer->unix_path)) : 0);
}

static long version_of(const struct client_transfer *t, const struct client_peer *peer)
{
    if (strncasecmp(peer->base, "https:", 6) != 0)
        return peer->protocol == CLIENT_HTTP_2 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                               : CURL_HTTP_VERSION_1_1;
    return peer->protocol == CLIENT_HTTP_1 || client_knows_http1(t->client, t->server)
               ? CURL_HTTP_VERSION_1_1
               : CURL_HTTP_VERSION_2TLS;
}

/* PIPEWAIT: the first requests wait for the first connection to show whether it carries them all.
 */
static void set_lane(struct client_transfer *t, unsigned lane, long version)
{
    t->lane = &t->client->lanes[lane];
    t->has_prior_knowledge = version == CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
    OPTION(t->easy, CURLOPT_HTTP_VERSION, version);
    OPTION(t->easy, CURLOPT_PIPEWAIT, t->lane->multiplexes ? 1L : 0L);
}

/*
 * A fresh connection: for a POST, which must not be repeated (RFC 9110 9.2.2), as libcurl does when
 * a connection that was there turns out closed; and with prior knowledge, because libcurl 7.88
 * cannot use such a connection twice.
 */
static void set_version(struct client_transfer *t, const struct client_request *r)
{
    long version = version_of(t, r->peer);

    set_lane(t, version == CURL_HTTP_VERSION_2TLS && !r->is_alone ? LANE_SHARED : LANE_SERIAL,
             version);
    OPTION(t->easy, CURLOPT_FRESH_CONNECT,
           t->has_prior_knowledge || r->method == HTTP_POST ? 1L : 0L);
    OPTION(t->easy, CURLOPT_FORBID_REUSE, t->has_prior_knowledge ? 1L : 0L);
}

void options_fall_back(struct client_transfer *t)
{
    client_note_http1(t->client, t->server);
    set_lane(t, LANE_SERIAL, CURL_HTTP_VERSION_1_1);
}

static void set_tls(struct client_transfer *t, const struct client_peer *peer)
{
    const struct client *c = t->client;

    OPTION(t->easy, CURLOPT_SSL_VERIFYPEER, peer->is_unverified ? 0L : 1L);
    OPTION(t->easy, CURLOPT_SSL_VERIFYHOST, peer->is_unverified ? 0L : 2L);
    OPTION(t->easy, CURLOPT_CAINFO, peer->ca_file != NULL ? peer->ca_file : c->ca_file);
    OPTION(t->easy, CURLOPT_CAPATH, peer->ca_file != NULL ? NULL : c->ca_folder);
    OPTION(t->easy, CURLOPT_SSLCERT, peer->certificate);
    OPTION(t->easy, CURLOPT_SSLKEY, peer->certificate_key);
}

/* What */

static void set_method(struct client_transfer *t, const struct client_request *r)
{
    if (r->method == HTTP_HEAD)
        OPTION(t->easy, CURLOPT_NOBODY, 1L);
    if (r->method != HTTP_POST)
        return;
    OPTION(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->content.n);
    OPTION(t->easy, CURLOPT_COPYPOSTFIELDS, r->content.n > 0 ? r->content.p : "");
}

static bool is_ours(struct str name)
{
    enum http_known_field known = http_known_field(name);

    return known == FIELD_HOST || known == FIELD_CONTENT_LENGTH || known == FIELD_EXPECT ||
           known == FIELD_TRANSFER_ENCODING || known == FIELD_CONNECTION;
}

static void add_field(struct client_transfer *t, char *line)
{
    struct curl_slist *f = &t->fields[t->field_count++];

    *f = (struct curl_slist){line, NULL};
    if (f != t->fields)
        f[-1].next = f;
}

static bool has_field(const struct client_request *r, struct str name)
{
    for (unsigned i = 0; i < r->field_count; i++)
        if (str_eq_nocase(r->fields[i].name, name))
            return true;
    return false;
}

/* A line "Name:" takes a field of libcurl's own away, "Name;" is one with an empty value. */
static void set_fields(struct client_transfer *t, const struct client_request *r)
{
    assert(r->field_count <= REQUEST_FIELDS_MAX);
    for (unsigned i = 0; i < r->field_count; i++) {
        const struct http_field *f = &r->fields[i];

        assert(http_is_token(f->name) && !is_ours(f->name) &&
               scan_control_but_tab(f->value) == f->value.n);
        add_field(t, f->value.n > 0 ? add_text(t, "%.*s: %.*s", STR_FMT(f->name), STR_FMT(f->value))
                                    : add_text(t, "%.*s;", STR_FMT(f->name)));
    }
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        if (!has_field(r, (struct str){unwanted[i], strlen(unwanted[i]) - 1}))
            add_field(t, (char *)unwanted[i]); /* libcurl only reads it */
    OPTION(t->easy, CURLOPT_HTTPHEADER, t->fields);
}

static void set_target(struct client_transfer *t, struct str target)
{
    assert(str_starts(target, STR("/")) && scan_control(target, 0) == target.n &&
           str_find_char(target, ' ') < 0);
    OPTION(t->easy, CURLOPT_REQUEST_TARGET, add_text(t, "%.*s", STR_FMT(target)));
}

void options_set(struct client_transfer *t, const struct client_request *r)
{
    char *room;

    t->server = name_of(r->peer);
    t->method = r->method;
    buf_init(&t->text, REQUEST_TEXT_MAX);
    room = buf_reserve(&t->text, text_size(r));
    assert(room != NULL); /* longer than REQUEST_TEXT_MAX */
    set_fixed(t);
    set_route(t, r->peer);
    set_version(t, r);
    set_tls(t, r->peer);
    set_method(t, r);
    set_target(t, r->target);
    set_fields(t, r);
    assert(t->text.p == room); /* nothing has moved */
}
