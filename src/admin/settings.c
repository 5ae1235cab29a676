/* The table behind settings.h. */
#include "admin/settings.h"

static int parse_key_hash(struct arena *arena, struct str text, const struct conf_field *field,
                          void *dst, struct buf *error)
{
    if (api_key_parse_hash(text, dst) == 0)
        return 0;
    buf_add(error,
            STR("the SHA-256 of a key, 64 lower-case hex digits (printf %s KEY | sha256sum)"));
    return -1;
}

static const struct conf_type conf_key_hash = {"SHA-256", 32, false, parse_key_hash};

static const char *const scopes[] = {"none", "viewer", "operator", "admin",
                                     NULL}; /* enum api_scope */

static const struct conf_field key_fields[] = {
    CONF_F(struct api_key_setting, name, conf_string, .min = "1", .max = "64", .reload = true,
           .doc = "Name of the key in logs; never the key itself."),
    CONF_F(struct api_key_setting, sha256, conf_key_hash, .reload = true,
           .doc = "SHA-256 of the key: the key itself is not kept here."),
    CONF_F(struct api_key_setting, scope, conf_enum, .def = "viewer", .choices = scopes,
           .reload = true,
           .doc = "What the key allows: `viewer` reads, `operator` also changes grants, `admin` "
                  "everything."),
    CONF_END,
};

const struct conf_field api_fields[] = {
    CONF_SECTIONS(struct api_settings, keys, struct api_key_setting, key_fields, .optional = true,
                  .reload = true,
                  .doc = "Keys of the API. Without any, only the bare /health answers."),
    CONF_END,
};

const struct conf_field js_whitelist_fields[] = {
    CONF_SECRET_FIELD(struct js_whitelist_settings, secret, .min = "16", .optional = true,
                      .reload = true,
                      .doc = "Signs what browsers ask of /api/js-whitelist; not one of "
                             "`token.secrets`. Without it only back ends' keys are good there."),
    CONF_F(struct js_whitelist_settings, ttl, conf_duration, .def = "1h", .min = "1s", .max = "30d",
           .reload = true,
           .doc = "Life of a grant for static files that is stored there; each call renews it."),
    CONF_END,
};
