/* The section `traffic`: to whom it is reported what each user was delivered, and how often. */
#ifndef TRAFFIC_SETTINGS_H
#define TRAFFIC_SETTINGS_H

#include "conf/conf.h"

struct traffic_settings {
    struct str report_url; /* "": nothing is reported */
    struct conf_secret report_key;
    usec_t interval, max_wait, timeout, stop_timeout;
    uint64_t threshold;
    struct str instance; /* "": the host's name */
    bool verify;
    struct str ca_file;
};

extern const struct conf_field traffic_fields[];

/* "https://host:port" and "/path?query" of the URL; false: it is none. Borrowed. */
bool traffic_split_url(struct str url, struct str *ret_base, struct str *ret_target);

/* What one field alone cannot tell. -1 with the mistakes in `report`. */
int traffic_settings_check(const struct traffic_settings *s, struct conf_report *report,
                           const struct conf_source *source) MUST_CHECK;

#endif
