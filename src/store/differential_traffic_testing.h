/* For tests: calls of store/traffic.h made at random, as differential_testing.h makes those of
 * store.h. Who leads is not among them: that ends by each backend's own clock. */
#ifndef STORE_DIFFERENTIAL_TRAFFIC_TESTING_H
#define STORE_DIFFERENTIAL_TRAFFIC_TESTING_H

#include "store/traffic.h"

struct dice;
struct world;

enum { COUNT_SOURCES = 2, COUNT_LINES = 3 };

enum traffic_kind { TRAFFIC_COUNT, TRAFFIC_TAKE, TRAFFIC_LIST, TRAFFIC_REPORT, TRAFFIC_KINDS };

struct traffic_call {
    enum traffic_kind kind;
    /* carried on from call to call */
    uint64_t numbers[COUNT_SOURCES]; /* of the last batch of each source */
    unsigned takes;
    /* TRAFFIC_COUNT; a batch that is given again has the number of the last one */
    unsigned source, lines;
    struct count_line {
        const char *uid;
        int first; /* seconds after T0 */
        unsigned requests, class, type, things_from, things;
        uint64_t bytes;
    } counted[COUNT_LINES];
    /* TRAFFIC_TAKE */
    uint64_t min_bytes;
    int before;
    bool discards;
    /* TRAFFIC_LIST */
    unsigned limit;
    /* TRAFFIC_REPORT: the oldest is read, and acknowledged so many times */
    unsigned acknowledged;
};

struct traffic_call random_traffic(struct dice *d, const struct traffic_call *before, int at);
void traffic_format(const struct traffic_call *c, struct buf *ret);
/* What a store answers, as text. */
void ask_traffic(struct world *w, const struct traffic_call *c, int at, struct buf *ret);

#endif
