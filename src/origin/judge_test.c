/* Which heads are answers to what was asked. */
#include "origin/judge.h"

#include <stdio.h>

#include "base/test.h"

static struct str judge(const struct origin_request *r, const char *status, const char *fields)
{
    char head[1024];
    struct http_answer a;
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s X\r\n%s", status, fields);

    assert_int_equal(http_answer_parse((struct str){head, (size_t)n}, 1700000000, &a), 0);
    return judge_answer(r, &a, 1700000000);
}

static void answers(void **state)
{
#define RANGE(text)                         \
    {                                       \
        .range = { text, sizeof(text) - 1 } \
    }
#define BYTES(text) "Content-Range: bytes " text "\r\n"
    static const char no_206[] = "a 206 nobody asked for",
                      bounds[] = "a 206 with other bounds than asked for",
                      no_304[] = "a 304 nobody asked for", status_[] = "a status nobody asked for",
                      coding[] = "a Content-Encoding nobody asked for";
    static const struct {
        struct origin_request asked;
        const char *status, *fields, *why; /* NULL: an answer */
    } cases[] = {
        {{0}, "200", "", NULL},
        {{0}, "404", "", NULL},
        {{0}, "416", "", NULL},
        {{0}, "429", "", NULL},
        {{0}, "500", "", NULL},
        {{0}, "503", "", NULL},
        {{0}, "200", "Content-Encoding: identity\r\n", NULL},
        {{0}, "200", "Content-Encoding: gzip\r\n", coding},
        {{0}, "200", "Content-Encoding: identity, br\r\n", coding},
        {{0}, "404", "Content-Encoding: gzip\r\n", coding},
        {{.is_head = true}, "200", "Content-Encoding: gzip\r\n", coding},
        {{0}, "100", "", status_},
        {{0}, "101", "", status_},
        {{0}, "103", "", status_},
        {{0}, "201", "", status_},
        {{0}, "203", "", status_},
        {{0}, "204", "", status_},
        {{0}, "226", "", status_},
        {{0}, "300", "", status_},
        {{0}, "302", "", status_},
        {{0}, "305", "", status_},
        {{0}, "304", "", no_304},
        {{.if_none_match = {"\"a\"", 3}}, "304", "", NULL},
        {{.if_modified_since = {"x", 1}}, "304", "", NULL},
        {{.if_range = {"\"a\"", 3}}, "304", "", no_304},
        {RANGE("bytes=0-9"), "304", "", no_304},

        {{0}, "206", BYTES("0-9/10"), no_206},
        {RANGE("bytes=0-9"), "200", "", NULL},
        {RANGE("bytes=0-9"), "416", "Content-Range: bytes */5\r\n", NULL},
        {RANGE("bytes=0-9"), "206", BYTES("0-9/10"), NULL},
        {RANGE("bytes=0-9"), "206", BYTES("0-9/1000"), NULL},
        {RANGE("bytes=0-9"), "206", BYTES("0-9/*"), NULL},
        {RANGE("bytes=0-9"), "206", BYTES("0-4/5"), NULL},
        {RANGE("bytes=0-9"), "206", BYTES("0-4/6"), bounds},
        {RANGE("bytes=0-9"), "206", BYTES("0-8/1000"), bounds},
        {RANGE("bytes=0-9"), "206", BYTES("0-10/1000"), bounds},
        {RANGE("bytes=0-9"), "206", BYTES("1-9/1000"), bounds},
        {RANGE("bytes=5-"), "206", BYTES("5-9/10"), NULL},
        {RANGE("bytes=5-"), "206", BYTES("5-9/*"), NULL},
        {RANGE("bytes=5-"), "206", BYTES("5-8/10"), bounds},
        {RANGE("bytes=5-"), "206", BYTES("0-9/10"), bounds},
        {RANGE("bytes=-3"), "206", BYTES("7-9/10"), NULL},
        {RANGE("bytes=-3"), "206", BYTES("6-9/10"), bounds},
        {RANGE("bytes=-30"), "206", BYTES("0-9/10"), NULL},
        {RANGE("bytes=20-30"), "206", BYTES("0-9/10"), bounds},
        {RANGE("bytes=0-1,4-5"), "206", BYTES("0-1/10"), bounds},
        {RANGE("lines=0-1"), "206", BYTES("0-1/10"), bounds},
        {RANGE("bytes=0-9"), "206", BYTES("0-9/10") "Content-Encoding: gzip\r\n", coding},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str why = judge(&cases[i].asked, cases[i].status, cases[i].fields);

        if (!str_eq(why, str_of(cases[i].why)))
            fail_msg("case %zu (%s): %.*s", i, cases[i].status, STR_FMT(why));
    }
}

static void redirects(void **state)
{
    for (unsigned status = 100; status < 600; status++)
        assert_int_equal(status_is_redirect(status), status == 301 || status == 302 ||
                                                         status == 303 || status == 307 ||
                                                         status == 308);
}

TEST_MAIN(cmocka_unit_test(answers), cmocka_unit_test(redirects))
