/* What a TLS connection speaks, before the first request on it: libcurl knows, but tells only by
 * handing out its OpenSSL session. */
#include <openssl/ssl.h>

#include "client/client_internal.h"

bool alpn_is_http2(CURL *easy)
{
    struct curl_tlssessioninfo *info = NULL;
    const unsigned char *name;
    unsigned n;

    curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info);
    if (info == NULL || info->backend != CURLSSLBACKEND_OPENSSL || info->internals == NULL)
        return false;
    SSL_get0_alpn_selected(info->internals, &name, &n);
    return str_eq((struct str){(const char *)name, n}, STR("h2"));
}
