#include "http/cors.h"

#include <stdio.h>

#include "base/test.h"

static struct str any[] = {{"*", 1}};
static struct str two[] = {{"https://a.example", 17}, {"http://b.example:8080", 21}};

struct cors_case {
    struct str *origins;
    unsigned count;
    bool credentials;
    const char *origin;
    const char *want; /* the fields, "Name: value|" each */
};

#define EXPOSED \
    "Access-Control-Expose-Headers: Content-Length, Content-Range, Accept-Ranges, Content-Type|"
#define ALLOWED(origin) "Access-Control-Allow-Origin: " origin "|"
#define CREDENTIALS "Access-Control-Allow-Credentials: true|"

static const struct cors_case cases[] = {
    {any, 1, false, "https://x.example", ALLOWED("*") EXPOSED},
    {any, 1, true, "https://x.example",
     "Vary: Origin|" ALLOWED("https://x.example") CREDENTIALS EXPOSED},
    {any, 1, true, NULL, "Vary: Origin|"},
    {any, 1, false, NULL, ""},
    {two, 2, false, "https://a.example", "Vary: Origin|" ALLOWED("https://a.example") EXPOSED},
    {two, 2, false, "HTTP://B.example:8080",
     "Vary: Origin|" ALLOWED("HTTP://B.example:8080") EXPOSED},
    {two, 2, true, "https://a.example:444", "Vary: Origin|"},
    {two, 2, true, "https://a.example.evil", "Vary: Origin|"},
    {two, 2, true, "null", "Vary: Origin|"},
    {two, 2, true, "", "Vary: Origin|"},
    {NULL, 0, true, "https://a.example", ""},
};

static void check_fields(const struct http_response *r, const char *want)
{
    char got[1024] = "";

    for (unsigned i = 0; i < r->field_count; i++) {
        size_t n = strlen(got);

        snprintf(got + n, sizeof got - n, "%.*s: %.*s|", STR_FMT(r->fields[i].name),
                 STR_FMT(r->fields[i].value));
    }
    assert_string_equal(got, want);
}

static void plain_requests(void **state)
{
    struct arena a;

    arena_init(&a, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cors_policy p = {cases[i].origins, cases[i].count, cases[i].credentials, 600};
        struct http_head h = {.method = HTTP_GET};
        struct http_response r = {.status = 200};

        h.known[FIELD_ORIGIN] = str_of(cases[i].origin);
        cors_apply(&p, &a, &h, false, &r);
        check_fields(&r, cases[i].want);
    }
    arena_done(&a);
}

static void check_preflight(const char *names, bool is_api, unsigned max_age, const char *want)
{
    struct cors_policy p = {any, 1, false, max_age};
    struct http_head h = {.method = HTTP_OPTIONS};
    struct http_response r = {.status = 204};
    struct arena a;

    arena_init(&a, 4096);
    h.known[FIELD_ORIGIN] = STR("https://x.example");
    h.known[FIELD_ACCESS_CONTROL_REQUEST_METHOD] = STR("GET");
    h.known[FIELD_ACCESS_CONTROL_REQUEST_HEADERS] = str_of(names);
    assert_true(cors_is_preflight(&h));
    cors_apply(&p, &a, &h, is_api, &r);
    check_fields(&r, want);
    arena_done(&a);
}

static void preflights(void **state)
{
#define METHODS "Access-Control-Allow-Methods: GET, HEAD, OPTIONS"
    check_preflight("range, x-session-id", false, 600,
                    ALLOWED("*") METHODS "|Access-Control-Allow-Headers: range, x-session-id|"
                                         "Access-Control-Max-Age: 600|");
#define CMCD "CMCD-Object,CMCD-Request,CMCD-Session,CMCD-Status" /* CTA-5004 */
    check_preflight(CMCD, false, 600,
                    ALLOWED("*") METHODS "|Access-Control-Allow-Headers: " CMCD "|"
                                         "Access-Control-Max-Age: 600|");
    check_preflight(NULL, true, 0, ALLOWED("*") METHODS ", POST, DELETE|");
    check_preflight("range, b@d", false, 0, ALLOWED("*") METHODS "|");
    check_preflight("", false, 0, ALLOWED("*") METHODS "|");
}

static void what_is_no_preflight(void **state)
{
    struct http_head h = {.method = HTTP_OPTIONS};

    assert_false(cors_is_preflight(&h));
    h.known[FIELD_ORIGIN] = STR("https://x.example");
    assert_false(cors_is_preflight(&h));
    h.known[FIELD_ACCESS_CONTROL_REQUEST_METHOD] = STR("GET");
    assert_true(cors_is_preflight(&h));
    h.method = HTTP_GET;
    assert_false(cors_is_preflight(&h));
}

TEST_MAIN(cmocka_unit_test(plain_requests), cmocka_unit_test(preflights),
          cmocka_unit_test(what_is_no_preflight))
