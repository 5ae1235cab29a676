/* libcurl's errors in the words of client.h. */
#include "client/client_internal.h"

#include <errno.h>
#include <strings.h>

static const struct {
    CURLcode code;
    int error;
} errors[] = {
    {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
    {CURLE_COULDNT_CONNECT, -ECONNREFUSED},
    {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT}, /* only connecting: the other limits are ours */

    {CURLE_SSL_CONNECT_ERROR, -EKEYREJECTED},
    {CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED},
    {CURLE_SSL_CERTPROBLEM, -EKEYREJECTED},
    {CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED},
    {CURLE_SSL_CIPHER, -EKEYREJECTED},
    {CURLE_SSL_ENGINE_INITFAILED, -EKEYREJECTED},
    {CURLE_SSL_ISSUER_ERROR, -EKEYREJECTED},
    {CURLE_SSL_CLIENTCERT, -EKEYREJECTED},

    {CURLE_SEND_ERROR, -ECONNRESET},
    {CURLE_PARTIAL_FILE, -ECONNRESET},
    {CURLE_GOT_NOTHING, -ECONNRESET},
    {CURLE_HTTP2_STREAM, -ECONNRESET},

    {CURLE_UNSUPPORTED_PROTOCOL, -EPROTO}, /* no status line, or an unknown version */
    {CURLE_WEIRD_SERVER_REPLY, -EPROTO},
    {CURLE_BAD_CONTENT_ENCODING, -EPROTO},
    {CURLE_FILESIZE_EXCEEDED, -EPROTO}, /* a Content-Length out of all bounds */
    {CURLE_HTTP2, -EPROTO},

    /* One line over libcurl's own limit, which is above ours. */
    {CURLE_OUT_OF_MEMORY, -EMSGSIZE},
#if LIBCURL_VERSION_NUM >= 0x080600
    {CURLE_TOO_LARGE, -EMSGSIZE},
#endif
};

/*
 * Both a connection that broke and content in malformed chunks are "failed receiving". The first
 * one has an errno; under TLS it need not (an end without close_notify), and is the likelier of the
 * two.
 */
static int receive_error(const struct client_transfer *t)
{
    char *scheme = NULL;
    long number = 0;

    curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
    curl_easy_getinfo(t->easy, CURLINFO_SCHEME, &scheme);
    return number != 0 || scheme == NULL || strcasecmp(scheme, "http") != 0 ? -ECONNRESET : -EPROTO;
}

int client_error(const struct client_transfer *t, CURLcode code)
{
    if (code == CURLE_RECV_ERROR)
        return receive_error(t);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        if (errors[i].code == code)
            return errors[i].error;
    return -EPROTO;
}
