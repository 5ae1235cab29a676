/* What the files behind reports.h share. */
#ifndef TRAFFIC_REPORTS_INTERNAL_H
#define TRAFFIC_REPORTS_INTERNAL_H

#include <pthread.h>

#include "traffic/report_body.h"
#include "traffic/reports.h"

struct reports {
    struct arena arena; /* of the strings */
    struct client_peer peer;
    struct str target; /* "": nothing is sent */
    struct str bearer; /* "Bearer KEY"; "": none */
    struct report_about about;
    usec_t interval, max_wait, timeout, stop_timeout;
    uint8_t holder[TRAFFIC_SOURCE_LEN];             /* this process, among those that would lead */
    void (*say)(bool is_trouble, const char *text); /* NULL: nobody listens */
    pthread_mutex_t lock;                           /* for the status */
    struct reports_status status;
};

void reports_set_held(struct reports *r, bool is_held);
void reports_set_leader(struct reports *r, bool is_leader);
void reports_say_sent(struct reports *r, unix_t now);
void reports_say_failed(struct reports *r, unix_t now, const char *why);

#endif
