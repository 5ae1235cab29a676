#include "traffic/settings.h"

#include "base/test.h"

static struct arena arena, report_arena;
static struct traffic_settings settings;

/* "": all is well; else the first mistake. */
static struct str load(const char *text)
{
    struct conf_report report = {.arena = &report_arena};
    struct conf_source *source = NULL;

    settings = (struct traffic_settings){0};
    if (conf_load_text(str_of(text), "t.yaml", traffic_fields, &settings, &arena, &report,
                       &source) < 0 ||
        traffic_settings_check(&settings, &report, source) < 0)
        return ((struct conf_error *)report.errors.items)[0].key;
    return STR("");
}

static void test_defaults(void **state)
{
    assert_str(load("{}"), "");
    assert_str(settings.report_url, "");
    assert_int_equal(settings.interval, 300 * USEC_PER_SEC);
    assert_int_equal(settings.threshold, 1 << 20);
    assert_str(load("report_url: \"\"\nreport_key: { env: \"\" }\n"), "");
}

static void test_urls(void **state)
{
    static const struct {
        const char *url, *wrong;
    } cases[] = {
        {"https://api.example.com/traffic", ""},
        {"http://[::1]:8080/a/b?c=d", ""},
        {"http://127.0.0.1:8080/", ""},
        {"http://127.0.0.1:8080", "report_url"},
        {"ftp://a/b", "report_url"},
        {"/a/b", "report_url"},
        {"http:///b", "report_url"},
        {"http://user@a/b", "report_url"},
        {"http://a/b#c", "report_url"},
        {"http://a/b c", "report_url"},
        {"http://a:0/b", "report_url"},
    };
    struct str base, target;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str text = arena_printf(&arena, "report_url: \"%s\"\n", cases[i].url);

        assert_str(load(text.p), cases[i].wrong);
    }
    assert_true(traffic_split_url(STR("http://[::1]:8080/a/b?c=d"), &base, &target));
    assert_str(base, "http://[::1]:8080");
    assert_str(target, "/a/b?c=d");
}

static void test_keys(void **state)
{
    assert_str(load("report_key: { key: abc }\n"), "traffic.report_key");
    assert_str(load("report_url: http://a/b\nreport_key: { key: abc }\n"), "");
    assert_str(load("report_url: http://a/b\nreport_key: { key: \"a b\" }\n"),
               "traffic.report_key");
    assert_str(load("report_url: http://a/b\nreport_key: { key: \"a\\r\\nX: y\" }\n"),
               "traffic.report_key");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_keys),
    };
    int failed;

    arena_init(&arena, 1 << 20);
    arena_init(&report_arena, 1 << 20);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_done(&arena);
    arena_done(&report_arena);
    return failed;
}
