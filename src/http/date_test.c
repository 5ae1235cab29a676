#include "http/date.h"

#include <time.h>

#include "base/mem.h"
#include "base/test.h"

#define NOV_1994 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define NOW 1763856000     /* in November 2025 */

static void formats_like_libc(void **state)
{
    char got[HTTP_DATE_LEN + 1] = {0}, want[64];

    for (unix_t t = 0; t < INT64_C(253402300800); t += 86400 * 37 + 12345) {
        time_t libc_t = (time_t)t;
        struct tm tm;

        http_date_format(t, got);
        strftime(want, sizeof want, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&libc_t, &tm));
        assert_string_equal(got, want);
    }
}

static void dates_out_of_reach_are_clamped(void **state)
{
    char got[HTTP_DATE_LEN];

    http_date_format(-1, got);
    assert_memory_equal(got, "Thu, 01 Jan 1970 00:00:00 GMT", HTTP_DATE_LEN);
    http_date_format(INT64_MAX, got);
    assert_memory_equal(got, "Fri, 31 Dec 9999 23:59:59 GMT", HTTP_DATE_LEN);
}

static void every_day_comes_back(void **state)
{
    for (unix_t t = 0; t < INT64_C(86400) * 366 * 500; t += 86399) {
        char text[HTTP_DATE_LEN];
        unix_t back;

        http_date_format(t, text);
        assert_int_equal(http_date_parse((struct str){text, HTTP_DATE_LEN}, NOW, &back), 0);
        assert_int_equal(back, t);
    }
}

static void accepted_forms(void **state)
{
    static const struct {
        const char *text;
        unix_t want;
    } cases[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", NOV_1994},
        {"Sunday, 06-Nov-94 08:49:37 GMT", NOV_1994},
        {"Sun Nov  6 08:49:37 1994", NOV_1994},
        {"Wed Nov 16 08:49:37 1994", NOV_1994 + 10 * 86400},
        {"Thursday, 01-Jan-70 00:00:00 GMT", INT64_C(3155760000)}, /* 2070: 45 years ahead */
        {"Friday, 01-Jan-76 00:00:00 GMT", 189302400},             /* 2076 would be 51 ahead */
        {"Thu, 29 Feb 2024 00:00:00 GMT", 1709164800},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unix_t got;

        assert_int_equal(http_date_parse(str_of(cases[i].text), NOW, &got), 0);
        assert_int_equal(got, cases[i].want);
    }
}

static void refused_forms(void **state)
{
    static const char *const cases[] = {
        "",
        "Sun",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 GMT ",
        " Sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Wed, 29 Feb 2023 00:00:00 GMT",
        "Thu, 29 Feb 1900 00:00:00 GMT",
        "Sun, +6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "784111777",
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unix_t got = 42;

        assert_int_equal(http_date_parse(str_of(cases[i]), NOW, &got), -1);
        assert_int_equal(got, 42);
    }
}

TEST_MAIN(cmocka_unit_test(formats_like_libc), cmocka_unit_test(dates_out_of_reach_are_clamped),
          cmocka_unit_test(every_day_comes_back), cmocka_unit_test(accepted_forms),
          cmocka_unit_test(refused_forms))
