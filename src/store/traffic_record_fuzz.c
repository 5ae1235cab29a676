/* Whatever lies in the store: what is taken for lines and counts is the same when it is packed
 * again. */
#include "base/panic.h"
#include "store/traffic.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(struct str record)
{
    uint8_t room[TRAFFIC_RECORD_MAX];
    struct traffic_counts c, again;
    size_t packed;

    if (!traffic_unpack(record, &c))
        return;
    packed = traffic_pack(&c, room);
    assert(packed <= record.n); /* doubled hashes count once */
    assert(traffic_unpack((struct str){(char *)room, packed}, &again));
    assert(traffic_total(&c) == traffic_total(&again));
    assert(sketch_count(&c.ips) == sketch_count(&again.ips));
    traffic_counts_merge(&c, &again);
    traffic_counts_done(&c);
    traffic_counts_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str lines = {(const char *)data, n}, uid, record;

    check(lines);
    while (traffic_next_line(&lines, &uid, &record))
        check(record);
    return 0;
}
