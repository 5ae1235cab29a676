/* The sections `api` and `js_whitelist` of the configuration. */
#ifndef ADMIN_SETTINGS_H
#define ADMIN_SETTINGS_H

#include "access/api_key.h"
#include "conf/conf.h"

struct api_key_setting {
    struct str name;
    uint8_t sha256[32];
    int scope; /* enum api_scope */
};

/* The section `js_whitelist`. */
struct js_whitelist_settings {
    struct conf_secret secret; /* STR_NONE: no signature is good */
    usec_t ttl;
};

struct api_settings {
    struct conf_list keys; /* struct api_key_setting */
    struct js_whitelist_settings js_whitelist;
};

extern const struct conf_field api_fields[], js_whitelist_fields[];

#endif
