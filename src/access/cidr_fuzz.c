/*
 * What parses is written back as text that parses to the same, and a network holds its own base.
 * The input also serves as every forwarding field behind a trusted proxy: the answer is an address,
 * whatever they say.
 */
#include "access/client_ip.h"

#include "base/panic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void round_trip_ip(struct str text)
{
    char room[IP_TEXT_MAX];
    struct ip ip, again;

    if (ip_parse(text, &ip) < 0)
        return;
    assert(ip_parse(ip_format(&ip, room), &again) == 0);
    assert(ip_eq(&ip, &again));
}

static void round_trip_net(struct str text)
{
    char room[IP_NET_TEXT_MAX];
    struct ip_net net, again;

    if (ip_net_parse(text, &net) < 0)
        return;
    assert(ip_net_parse(ip_net_format(&net, room), &again) == 0);
    assert(ip_eq(&net.base, &again.base) && net.prefix == again.prefix);
    assert(ip_net_contains(&net, &net.base));
}

static void client_is_an_address(struct str field)
{
    struct ip peer = {.family = IP_V4, .bytes = {10, 0, 0, 1}}, client;
    struct ip_net nets[2] = {ip_mask(&peer, 8), {.base = {.family = IP_V6}, .prefix = 3}};
    struct ip_set trusted = {nets, 2}, nobody = {NULL, 0};

    client = ip_client(&trusted, &peer, field, STR_NONE, STR_NONE);
    assert(client.family == IP_V4 || client.family == IP_V6);
    client = ip_client(&trusted, &peer, STR_NONE, field, STR_NONE);
    assert(client.family == IP_V4 || client.family == IP_V6);
    client = ip_client(&trusted, &peer, STR_NONE, STR_NONE, field);
    assert(client.family == IP_V4 || client.family == IP_V6);
    client = ip_client(&nobody, &peer, field, field, field);
    assert(ip_eq(&client, &peer));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str text = {(const char *)data, n};

    round_trip_ip(text);
    round_trip_net(text);
    client_is_an_address(text);
    return 0;
}
