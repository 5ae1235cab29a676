/* URLs: what servers are called, and where a Location leads. */
#include "client/base_url.h"

#include "base/ip.h"
#include "client/client_internal.h"

enum { URL_MAX = 8 * 1024 }; /* of a Location: endless ones */

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = ascii_lower(s.p[i]);

        if (!ascii_is_digit(c) && !(c >= 'a' && c <= 'z') && c != '.' && c != '-' && c != '_')
            return false;
    }
    return s.n > 0;
}

static bool is_host(struct str s)
{
    struct ip ip;

    if (!str_starts(s, STR("[")))
        return is_name(s);
    return str_ends(s, STR("]")) && ip_parse((struct str){s.p + 1, s.n - 2}, &ip) == 0;
}

/* Host and port, the port after the last colon that is not inside brackets. */
static const char *parse_authority(struct str authority, struct base_url *ret)
{
    ptrdiff_t colon = str_rfind_char(authority, ':');
    uint64_t port;

    ret->authority = ret->host = authority;
    if (colon > str_rfind_char(authority, ']')) {
        ret->host = str_first(authority, (size_t)colon);
        if (str_parse_u64(str_skip(authority, (size_t)colon + 1), 65535, &port) < 0 || port == 0)
            return "the port is not a number from 1 to 65535";
        ret->port = (unsigned)port;
    }
    return is_host(ret->host) ? NULL : "the host is neither a name nor an address";
}

const char *base_url_parse(struct str text, struct base_url *ret)
{
    ptrdiff_t end = str_find(text, STR("://"));

    if (end < 0)
        return "it does not begin with http:// or https://";
    ret->scheme = str_first(text, (size_t)end);
    ret->port = str_eq_nocase(ret->scheme, STR("https")) ? 443 : 80;
    if (ret->port == 80 && !str_eq_nocase(ret->scheme, STR("http")))
        return "it does not begin with http:// or https://";
    text = str_skip(text, (size_t)end + 3);
    if (str_find_char(text, '@') >= 0)
        return "a user name has no place in it";
    if (str_find_char(text, '/') >= 0 || str_find_char(text, '?') >= 0 ||
        str_find_char(text, '#') >= 0)
        return "nothing may follow host and port";
    return parse_authority(text, ret);
}

int client_base_check(struct str base, struct buf *error)
{
    struct base_url parts;
    const char *wrong = base_url_parse(base, &parts);

    if (wrong == NULL)
        return 0;
    buf_printf(error, "%s", wrong);
    return -1;
}

/* Locations */

/* It is the reader's business (RFC 9110 10.2.2), and never sent. */
static struct str without_fragment(struct str url)
{
    ptrdiff_t at = str_find_char(url, '#');

    return at < 0 ? url : str_first(url, (size_t)at);
}

static int set_url(CURLU *url, struct str value, unsigned flags)
{
    AUTO(buf_done) struct buf text = {.cap = URL_MAX};

    buf_add(&text, value);
    buf_add_char(&text, '\0');
    if (text.is_full || memchr(value.p, '\0', value.n) != NULL)
        return -1;
    return curl_url_set(url, CURLUPART_URL, text.p, flags) == CURLUE_OK ? 0 : -1;
}

static bool is_web(CURLU *url)
{
    char *scheme = NULL;
    bool is = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);

    curl_free(scheme);
    return is;
}

static int write_url(CURLU *url, struct buf *ret)
{
    char *text = NULL;
    int r = -1;

    if (is_web(url) && curl_url_get(url, CURLUPART_URL, &text, 0) == CURLUE_OK) {
        buf_add(ret, str_of(text));
        r = ret->is_full ? -1 : 0;
    }
    curl_free(text);
    return r;
}

int client_resolve(struct str base_url, struct str location, struct buf *ret)
{
    CURLU *url = curl_url();
    int r;

    assert(url != NULL);
    base_url = without_fragment(base_url);
    location = without_fragment(location);
    r = set_url(url, base_url, CURLU_DISALLOW_USER);
    if (r == 0 && location.n > 0) /* servers send spaces and other than ASCII too */
        r = set_url(url, location, CURLU_DISALLOW_USER | CURLU_URLENCODE);
    if (r == 0)
        r = write_url(url, ret);
    curl_url_cleanup(url);
    return r;
}
