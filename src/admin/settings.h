/* The section `api` of the configuration. */
#ifndef ADMIN_SETTINGS_H
#define ADMIN_SETTINGS_H

#include "access/api_key.h"
#include "conf/conf.h"

struct api_key_setting {
    struct str name;
    uint8_t sha256[32];
    int scope; /* enum api_scope */
};

struct api_settings {
    struct conf_list keys; /* struct api_key_setting */
};

extern const struct conf_field api_fields[];

#endif
