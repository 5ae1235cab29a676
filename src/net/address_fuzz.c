/* Whatever is an address survives being written and read again. */
#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct net_address a, b;
    char text[256];

    if (net_address_parse((struct str){(const char *)data, n}, &a) < 0)
        return 0;
    net_address_format(&a, text, sizeof text);
    assert(net_address_parse(str_of(text), &b) == 0);
    assert(a.length == b.length && memcmp(&a.u, &b.u, a.length) == 0);
    return 0;
}
