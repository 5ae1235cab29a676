/* The verdict does not depend on how the bytes were cut, nor on what follows the header. */
#include "net/proxy_header.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Each shorter piece of a good header asks for more. */
static void check_prefixes(struct str header)
{
    struct proxy_header h;
    size_t n;

    for (size_t i = 0; i < header.n; i++)
        assert(proxy_header_parse(str_first(header, i), &h, &n) == PROXY_MORE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str bytes = {(const char *)data, n};
    struct proxy_header h, again;
    size_t used, used_again;

    switch (proxy_header_parse(bytes, &h, &used)) {
    case PROXY_MORE:
        assert(n < PROXY_HEADER_MAX);
        break;
    case PROXY_OK:
        assert(used > 0 && used <= n && used <= PROXY_HEADER_MAX);
        assert(h.source.family <= IP_V6);
        check_prefixes(str_first(bytes, used));
        assert(proxy_header_parse(str_first(bytes, used), &again, &used_again) == PROXY_OK);
        assert(used_again == used && ip_eq(&again.source, &h.source) && again.is_tls == h.is_tls);
        break;
    case PROXY_BAD:
        break;
    }
    return 0;
}
