/* The description of the API, as it stands in openapi.json. */
#include "admin/endpoints.h"

#include "gate/compress.h"

extern const unsigned char openapi_json[];
extern const size_t openapi_json_len;

const struct step *run_openapi(struct req *r)
{
    struct str text = {(const char *)openapi_json, openapi_json_len};

    req_add_field(r, STR("Cache-Control"), STR("no-store"));
    return compress_reply(r, OUT_OK, STR("application/json"), text);
}
