/*
 * The cases of RFC 9111, one table for each question. Every answer came at NOW and was asked for
 * two seconds before, unless a case says otherwise.
 */
#include "http/freshness.h"

#include <stdio.h>

#include "base/test.h"

#define NOW 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DELAY 2
#define AT_NOW "Sun, 06 Nov 1994 08:49:37 GMT"
#define A_MINUTE_BEFORE "Sun, 06 Nov 1994 08:48:37 GMT"
#define AN_HOUR_AFTER "Sun, 06 Nov 1994 09:49:37 GMT"
#define MAX_AGE HTTP_FRESHNESS_MAX

#define CC(directives) "Cache-Control: " directives "\r\n"
#define DATE(date) "Date: " date "\r\n"
#define EXPIRES(date) "Expires: " date "\r\n"

static struct http_freshness freshness_at(const char *status, const char *fields, unix_t asked,
                                          unix_t now)
{
    static struct http_answer answer;
    struct http_freshness f;
    char head[512];

    snprintf(head, sizeof head, "HTTP/1.1 %s\r\n%s", status, fields);
    if (http_answer_parse(str_of(head), now, &answer) != 0)
        fail_msg("malformed: %s", head);
    http_freshness_of(&answer, asked, now, &f);
    return f;
}

static struct http_freshness freshness(const char *fields)
{
    return freshness_at("200 OK", fields, NOW - DELAY, NOW);
}

static void storing(void **state)
{
    static const struct {
        const char *fields;
        bool may_store;
    } cases[] = {
        {"", true},
        {CC("public"), true},
        {CC("max-age=0"), true},
        {CC("no-cache"), true},
        {CC("must-revalidate"), true},
        {CC("no-store"), false},
        {CC("No-Store"), false},
        {CC("max-age=60, no-store"), false},
        {CC("max-age=60") CC("no-store"), false},
        {CC("public,,no-store,"), false},
        {CC("no-store=1"), false},
        {CC("no-store =\"x\""), false},
        {CC("must-understand, no-store"), false},
        {CC("private"), false},
        {CC("private, s-maxage=60"), false},
        {CC("private=\"set-cookie\""), false},
        {CC("private=\"\""), false},
        {CC("private=x"), false},
        {CC("no-cache=\"set-cookie\""), true},
        {CC("xno-store, no-storex, no store"), true},
        {CC("x=\"no-store, private\""), true},
        {CC("x=\"\\\", no-store\""), true},
        {CC("x=\"\\\"\", no-store"), false},
        {CC("x=\"y, no-store"), false}, /* what follows an open quote cannot be known */
        {CC("x=\"y, max-age=60"), false},
        {CC("x=y\"z\", max-age=60"), false},
        {CC("\""), false},
        {"Pragma: no-cache\r\n", true}, /* 5.4: means nothing in a response */
        {"Set-Cookie: a=b\r\n", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (freshness(cases[i].fields).may_store != cases[i].may_store)
            fail_msg("'%s'", cases[i].fields);
}

static void varying(void **state)
{
    static const struct {
        const char *vary;
        bool may_store;
    } cases[] = {
        {"", true},
        {"Accept-Encoding", true},
        {"Accept-Encoding, Cookie, Origin,Authorization", true},
        {"*", false},
        {"Accept-Encoding, *", false},
        {"User-Agent", false},
        {"accept-encoding,USER-AGENT", false},
        {"X-Forwarded-For", false},
        {"X-User-Agent", true},
        {"User Agent", false},
        {"\"User-Agent\"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char fields[128];

        snprintf(fields, sizeof fields, "Vary: %s\r\n", cases[i].vary);
        assert_int_equal(freshness(fields).may_store, cases[i].may_store);
        snprintf(fields, sizeof fields, "Vary: Origin\r\nVary: %s\r\n", cases[i].vary);
        assert_int_equal(freshness(fields).may_store, cases[i].may_store);
    }
}

static void lifetimes(void **state)
{
    enum { NOT_SAID = -1 };
    static const struct {
        const char *fields;
        int64_t want;
    } cases[] = {
        {"", NOT_SAID},
        {CC("public, immutable, x=1"), NOT_SAID},
        {DATE(AT_NOW), NOT_SAID},
        {"Last-Modified: " A_MINUTE_BEFORE "\r\n", NOT_SAID},
        {"Pragma: no-cache\r\n", NOT_SAID},

        /* 4.2.1: s-maxage, then max-age, then Expires */
        {CC("max-age=60"), 60},
        {CC("s-maxage=60"), 60},
        {CC("max-age=60, s-maxage=5"), 5},
        {CC("max-age=5, s-maxage=60"), 60},
        {CC("s-maxage=60") CC("max-age=5"), 60},
        {CC("max-age=60") DATE(AT_NOW) EXPIRES(AN_HOUR_AFTER), 60},
        {CC("max-age=60") EXPIRES("0"), 60},
        {DATE(AT_NOW) EXPIRES(AN_HOUR_AFTER), 3600},

        /* 5.3, from the origin's Date on, without one from ours */
        {EXPIRES(AN_HOUR_AFTER), 3600},
        {DATE(A_MINUTE_BEFORE) EXPIRES(AN_HOUR_AFTER), 3660},
        {DATE("yesterday") EXPIRES(AN_HOUR_AFTER), 3600},
        {DATE(AT_NOW) EXPIRES(AT_NOW), 0},
        {DATE(AT_NOW) EXPIRES(A_MINUTE_BEFORE), 0},
        {DATE(AN_HOUR_AFTER) EXPIRES(AT_NOW), 0},
        {EXPIRES("0"), 0},
        {EXPIRES("-1"), 0},
        {EXPIRES(""), 0},
        {EXPIRES("Sunday, 06-Nov-94 09:49:37 GMT"), 3600},
        {EXPIRES("Fri, 31 Dec 9999 23:59:59 GMT"), MAX_AGE},
        {EXPIRES("Thu, 01 Jan 0001 00:00:00 GMT"), 0},

        /* said more than once: the stricter */
        {CC("max-age=60, max-age=5"), 5},
        {CC("max-age=5") CC("max-age=60"), 5},
        {CC("s-maxage=9, s-maxage=8"), 8},
        {CC("max-age=60, max-age=x"), 0},
        {EXPIRES(AN_HOUR_AFTER) EXPIRES(AT_NOW), 0},
        {EXPIRES(AN_HOUR_AFTER) EXPIRES("0"), 0},
        {EXPIRES("0") EXPIRES(AN_HOUR_AFTER), 0},
        {CC("max-age=60, no-cache"), 0},
        {CC("no-cache, s-maxage=60"), 0},

        /* unreadable: stale */
        {CC("max-age"), 0},
        {CC("max-age="), 0},
        {CC("max-age=-1"), 0},
        {CC("max-age=+1"), 0},
        {CC("max-age=1.5"), 0},
        {CC("max-age=1s"), 0},
        {CC("max-age=0x10"), 0},
        {CC("max-age= 60"), 0},
        {CC("max-age =60"), 60},
        {CC("max-age=60;s-maxage=5"), 0},
        {CC("s-maxage=x, max-age=60"), 0},

        /* 5.2: the same in quotes; 1.2.2: no overflow */
        {CC("max-age=\"60\""), 60},
        {CC("max-age=\"60, s-maxage=5\""), 0},
        {CC("max-age=\" 60\""), 0},
        {CC("max-age=\"6\\0\""), 0},
        {CC("MAX-AGE=60"), 60},
        {CC("max-age=060"), 60},
        {CC("max-age=2147483647"), MAX_AGE},
        {CC("max-age=2147483648"), MAX_AGE},
        {CC("max-age=18446744073709551617"), MAX_AGE},
        {CC("max-age=99999999999999999999999999"), MAX_AGE},
        {CC("xmax-age=60, max-agex=60"), NOT_SAID},
        {CC("x=\"max-age=60\""), NOT_SAID},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_freshness f = freshness(cases[i].fields);

        if (f.is_explicit != (cases[i].want != NOT_SAID) ||
            f.lifetime != MAX(cases[i].want, INT64_C(0)))
            fail_msg("'%s': %s %ld", cases[i].fields, f.is_explicit ? "explicit" : "not said",
                     (long)f.lifetime);
    }
}

/* 4.2.3 */
static void ages(void **state)
{
    static const struct {
        const char *fields;
        unix_t asked;
        int64_t want;
    } cases[] = {
        {"", NOW, 0},
        {"", NOW - DELAY, DELAY},
        {DATE(AT_NOW), NOW - DELAY, DELAY},
        {DATE(A_MINUTE_BEFORE), NOW - DELAY, 60},
        {DATE(AN_HOUR_AFTER), NOW - DELAY, DELAY}, /* a clock that is ahead makes nothing younger */
        {DATE("yesterday"), NOW - DELAY, DELAY},
        {"Age: 0\r\n", NOW - DELAY, DELAY},
        {"Age: 100\r\n", NOW - DELAY, 100 + DELAY},
        {"Age: 100\r\n" DATE(A_MINUTE_BEFORE), NOW - DELAY, 100 + DELAY},
        {"Age: 5\r\n" DATE(A_MINUTE_BEFORE), NOW - DELAY, 60},
        {"Age: 100\r\n", NOW + 50, 100}, /* our clock was set back meanwhile */

        /* 5.1 */
        {"Age: 100, 5\r\n", NOW, 100},
        {"Age: 5\r\nAge: 100\r\n", NOW, 5},
        {"Age: -1\r\n", NOW, 0},
        {"Age: 1.5\r\n", NOW, 0},
        {"Age: \"100\"\r\n", NOW, 0},
        {"Age:\r\n", NOW, 0},
        {"Age: x, 100\r\n", NOW, 0},

        {"Age: 2147483647\r\n", NOW - DELAY, MAX_AGE},
        {"Age: 99999999999999999999999\r\n", NOW - DELAY, MAX_AGE},
        {"", NOW - 3 * INT64_C(2147483647), MAX_AGE},
        {DATE("Thu, 01 Jan 0001 00:00:00 GMT"), NOW, MAX_AGE},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_freshness f = freshness_at("200 OK", cases[i].fields, cases[i].asked, NOW);

        if (f.age != cases[i].want)
            fail_msg("'%s': %ld", cases[i].fields, (long)f.age);
    }
}

static void staleness(void **state)
{
    static const struct {
        const char *fields;
        bool must_revalidate;
        int64_t while_revalidate, if_error;
    } cases[] = {
        {"", false, -1, -1},
        {CC("max-age=60"), false, -1, -1},
        {CC("public, immutable"), false, -1, -1},
        {CC("must-revalidate"), true, 0, 0},
        {CC("Proxy-Revalidate"), true, 0, 0},
        {CC("s-maxage=60"), true, 0, 0},
        {CC("s-maxage=x"), true, 0, 0},
        {CC("no-cache"), true, 0, 0},
        {CC("no-cache=\"set-cookie, x\""), true, 0, 0},
        {CC("max-age=60") CC("must-revalidate"), true, 0, 0},
        {CC("stale-while-revalidate=30"), false, 30, -1},
        {CC("stale-if-error=\"600\""), false, -1, 600},
        {CC("stale-while-revalidate=30, stale-if-error=600"), false, 30, 600},
        {CC("stale-if-error=0"), false, -1, 0},
        {CC("stale-if-error=5, stale-if-error=600"), false, -1, 5},
        {CC("stale-if-error"), false, -1, 0},
        {CC("stale-while-revalidate=-5"), false, 0, -1},
        {CC("stale-if-error=99999999999999999999"), false, -1, MAX_AGE},
        {CC("stale-if-error=600, must-revalidate"), true, 0, 0},
        {CC("stale-while-revalidate=30, s-maxage=60"), true, 0, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_freshness f = freshness(cases[i].fields);

        if (f.must_revalidate != cases[i].must_revalidate ||
            f.stale_while_revalidate != cases[i].while_revalidate ||
            f.stale_if_error != cases[i].if_error)
            fail_msg("'%s': %d %ld %ld", cases[i].fields, f.must_revalidate,
                     (long)f.stale_while_revalidate, (long)f.stale_if_error);
    }
}

static void no_status_makes_a_difference(void **state)
{
    static const char *const statuses[] = {"200 OK", "304 Not Modified", "404 Not Found",
                                           "503 Service Unavailable"};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct http_freshness f =
            freshness_at(statuses[i], CC("max-age=60, stale-if-error=5"), NOW, NOW);

        assert_true(f.may_store && f.is_explicit && !f.must_revalidate);
        assert_int_equal(f.lifetime, 60);
        assert_int_equal(f.stale_if_error, 5);
    }
}

TEST_MAIN(cmocka_unit_test(storing), cmocka_unit_test(varying), cmocka_unit_test(lifetimes),
          cmocka_unit_test(ages), cmocka_unit_test(staleness),
          cmocka_unit_test(no_status_makes_a_difference))
